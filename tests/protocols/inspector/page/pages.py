"""The inspector's page in a tab of a real browser."""

from __future__ import annotations

from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ....tools.tabs import wait_until
from .canned import CannedInspector
from .documents import document


class PageTab:
    """A tab with the page of the inspector at ``url``."""

    def __init__(self, browser: webdriver.Chrome, url: str) -> None:
        self.browser = browser
        self.expected: list[str] = []  # parts of what the browser may complain about
        browser.switch_to.new_window("tab")
        self.handle = browser.current_window_handle
        self.command("Emulation.setFocusEmulationEnabled", enabled=True)
        self.emulate(1280, 800)
        browser.get(url)
        wait_until(lambda: self.mode != "connecting")

    def close(self) -> None:
        """Check that the browser had nothing to complain about."""
        self.browser.switch_to.window(self.handle)
        complaints = [entry["message"] for entry in self.browser.get_log("browser")]
        self.browser.close()
        self.browser.switch_to.window(self.browser.window_handles[0])
        unexpected = [c for c in complaints if not any(part in c for part in self.expected)]
        assert unexpected == []

    # -- looking -----------------------------------------------------------------------------------

    def run(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(script, *arguments)

    def command(self, name: str, **arguments: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.browser.execute_cdp_cmd(name, arguments)

    def find(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The text of each element that is shown."""
        return self.run(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility()).map((e) => e.innerText.trim())",
            selector,
        )

    def text(self, selector: str) -> str:
        return " ".join(self.texts(selector))

    def sees(self, selector: str, part: str) -> None:
        """Wait until ``part`` is in the text of an element."""
        wait_until(lambda: part in self.text(selector))

    def attribute(self, selector: str, name: str) -> str | None:
        return self.run(
            "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null",
            selector,
            name,
        )

    @property
    def mode(self) -> str:
        return self.run("return document.body.dataset.mode")

    @property
    def focused(self) -> str:
        return self.run("return document.activeElement.id")

    def stands_before(self, step: int) -> None:
        """Wait until the page shows a loop that is paused before ``step``."""
        current = '[aria-current="step"]'
        wait_until(lambda: self.attribute(current, "data-step") == str(step))
        assert self.text("#rate") == str(step)

    def step(self, number: int) -> str:
        """What the list shows of a step, on one line."""
        return " ".join(self.text(f'.step[data-step="{number}"]').split())

    def shown_fds(self) -> list[int]:
        """The descriptors in the table's rows that are on screen."""
        return self.run(
            "const box = document.querySelector('#scroller').getBoundingClientRect();"
            "return [...document.querySelectorAll('.row:not(.unknown)')].filter((row) => {"
            "  const { top, bottom } = row.getBoundingClientRect();"
            "  return bottom > box.top + 32 && top < box.bottom;"
            "}).map((row) => Number(row.querySelector('.c-fd').textContent))"
        )

    # -- doing -------------------------------------------------------------------------------------

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def press(self, *keys: str) -> None:
        """Press keys one after another, wherever the focus is."""
        ActionChains(self.browser).send_keys(*keys).perform()

    def fill(self, selector: str, text: str) -> None:
        """Replace what is in a field."""
        self.run("arguments[0].select()", self.find(selector))
        self.find(selector).send_keys(text or Keys.DELETE)

    def emulate(self, width: int, height: int, **features: str) -> None:
        """``features``: of media queries; "color_scheme" for "prefers-color-scheme"."""
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        values = {"prefers_color_scheme": "light"} | features
        self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": n.replace("_", "-"), "value": v} for n, v in values.items()],
        )


class InspectorPage(PageTab):
    """The page with states that the test sends. ``server``: what it shows."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.server = CannedInspector(document())
        super().__init__(browser, self.server.url)
        self.sees("#title", "chat")

    def close(self) -> None:
        """Check that neither the browser nor the server had anything to complain about."""
        super().close()
        assert self.server.stop() == ""

    def show(self, **changes: Any) -> None:
        """Send a document with these parts."""
        self.server.show(document(**changes))
