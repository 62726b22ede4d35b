"""The chat's page in a tab of a real browser, and a member with ``nc`` in the same rooms."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any, TypeVar

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .waiting import TIMEOUT
from .waiting import wait_until as wait_closely

T = TypeVar("T")

# Before any script of the page: remembers its sockets, so that a test can break them.
_REMEMBER_SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(...args) { super(...args); sockets.push(this); }
};
"""


def wait_until(condition: Callable[[], T]) -> T:
    """The same as in ``waiting``. Each look into the browser costs it time, so there are fewer."""
    return wait_closely(condition, pause=0.03)


class Tab:
    """One tab with the page in it. Each has a member of its own.

    ``name``: the member's; None for the one that the page knows or is given. The dialog of the
    first visit asks for it. Later tabs of a test know an earlier one's, and are renamed.
    """

    def __init__(self, browser: webdriver.Chrome, url: str, name: str | None) -> None:
        self.browser = browser
        browser.switch_to.new_window("tab")
        self.handle = browser.current_window_handle
        # A tab behind another one has no frames and no focus. Here each is as if it were in front.
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_REMEMBER_SOCKETS)
        browser.get(url)
        wait_until(lambda: self.find_all('dialog.welcome, #me[data-state="connected"]'))
        if asks := self.find_all("dialog.welcome input"):
            asks[0].send_keys(name or "", Keys.ENTER)
            self.wait_until_connected()
        elif name is not None:
            self.types(f"/nick {name}")
            wait_until(lambda: self.name == name)

    def front(self) -> webdriver.Chrome:
        if self.browser.current_window_handle != self.handle:
            self.browser.switch_to.window(self.handle)
        return self.browser

    def close(self) -> None:
        self.front().close()
        self.browser.switch_to.window(self.browser.window_handles[0])

    # Looking

    def run(self, script: str, *arguments: Any) -> Any:
        return self.front().execute_script(script, *arguments)

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.front().execute_cdp_cmd(name, arguments)

    def find(self, selector: str) -> Any:
        return self.front().find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector: str) -> list[Any]:
        return self.front().find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The text of each element, also of those that are scrolled away."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)",
            selector,
        )

    def text(self, selector: str) -> str:
        return "".join(self.texts(selector))

    def log(self) -> list[str]:
        """What is said in the current room: the text of each line."""
        return self.texts("#log :is(.said, .action) .text")

    def events(self) -> list[str]:
        """What else has happened in it."""
        return self.texts("#log :is(.event, .passages) .text")

    def sees(self, *texts: str) -> None:
        """Wait until these are the last lines."""
        wait_until(lambda: self.log()[-len(texts) :] == list(texts))

    def wait_for(self, selector: str) -> Any:
        return wait_until(lambda: self.find_all(selector))[0]

    def wait_until_connected(self) -> None:
        wait_until(lambda: self.find_all('#me[data-state="connected"]'))

    @property
    def title(self) -> str:
        return self.front().title

    @property
    def room(self) -> str:
        return self.text("#title bdi")

    @property
    def name(self) -> str:
        return self.text("#me .name")

    @property
    def field(self) -> str:
        return self.run("return document.querySelector('#text').value")

    @property
    def focused(self) -> str:
        return self.run("return document.activeElement.id")

    def unread(self) -> dict[str, str]:
        """The badges in the list of rooms."""
        return self.run(
            "return Object.fromEntries([...document.querySelectorAll('.side-lists .badge')]"
            ".map((e) => [e.closest('li').querySelector('.name').textContent, e.textContent]))"
        )

    def members(self) -> list[str]:
        return self.texts("#members .name")

    # Doing

    def types(self, *lines: str) -> None:
        for line in lines:
            self.fill(line)
            self.find("#text").send_keys(Keys.ENTER)

    def press(self, *keys: str) -> None:
        """Press keys together, wherever the focus is."""
        self.front()
        chain = ActionChains(self.browser)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in reversed(keys[:-1]):
            chain.key_up(key)
        chain.perform()

    def fill(self, text: str) -> None:
        """Put ``text`` into the message field at once, as a paste does."""
        self.run(
            "const field = document.querySelector('#text'); field.focus(); field.value = '';"
            "document.execCommand('insertText', false, arguments[0])",
            text,
        )

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def open(self, name: str) -> None:
        """Open a room or a conversation from the list."""
        self.run(
            "[...document.querySelectorAll('.side-lists .place')]"
            ".find((e) => e.querySelector('.name').textContent === arguments[0]).click()",
            name,
        )
        wait_until(lambda: self.room == name)

    def emulate(self, width: int, height: int, *, scheme: str = "light") -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )


class Netcat:
    """A member that types lines over TCP."""

    def __init__(self, port: int, name: str | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.received = ""
        if name is not None:
            self.types(f"/nick {name}")
            self.sees(f"is now {name}")

    def types(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def sees(self, text: str) -> None:
        """Wait until a line with ``text`` comes, and forget all up to it."""
        while (match := re.search(f"{re.escape(text)}.*\r\n", self.received)) is None:
            data = self.socket.recv(65536)
            assert data, f"the server has closed the connection: {self.received}"
            self.received += data.decode()
        self.received = self.received[match.end() :]

    def close(self) -> None:
        self.socket.close()
