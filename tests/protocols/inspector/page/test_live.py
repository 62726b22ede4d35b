"""What a user does with the inspector: real processes, sockets, and members of a chat."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from ....tools.tabs import Netcat, Tab, wait_until
from .live_chat import Inspected, LiveChat
from .pages import PageTab

SHOP = """
import pathlib
import time

from reactor import LineProtocol


class Shop(LineProtocol):
    def line_received(self, line):
        self.make_report()
        self.send_line("done")

    def make_report(self):
        while not pathlib.Path("data").exists():
            time.sleep(0.05)  # somebody else makes it
"""


class LiveTab(PageTab):
    """The page, as its user reads it."""

    def pause(self) -> None:
        self.click("#pause")
        wait_until(lambda: self.mode == "paused")

    def resume(self) -> None:
        self.click("#pause")
        wait_until(lambda: self.mode == "running")

    def place(self) -> tuple[str, str | None]:
        """The turn, and the step before which the loop stands."""
        return self.text("#steps-hint"), self.attribute('[aria-current="step"]', "data-step")

    def go_on_to(self, step: int) -> None:
        """Press the button until the loop stands before this step."""
        while (place := self.place())[1] != str(step):
            self.click("#step")
            wait_until(lambda place=place: self.place() != place)

    def turn(self) -> list[str]:
        """What the list shows of each step, without how long it took."""
        script = (
            "return [...document.querySelectorAll('.step .step-substance')].map((shown) => {"
            "  const copy = shown.cloneNode(true);"
            "  for (const took of copy.querySelectorAll('.item-took')) took.remove();"
            "  return copy.textContent.replace(/\\s+/g, ' ').trim();"
            "})"
        )
        return self.run(script)

    def cell(self, peer: str, column: str) -> str | None:
        """The text of a cell in the row of ``peer``; None if there is no such row."""
        script = (
            "return [...document.querySelectorAll('.row:not(.unknown)')]"
            ".find((row) => row.querySelector('.peer')?.textContent === arguments[0])"
            "?.querySelector(`.c-${arguments[1]}`).innerText ?? null"
        )
        return self.run(script, peer, column)

    def table(self) -> list[list[str]]:
        """The rows on screen, without ages."""
        script = (
            "return [...document.querySelectorAll('.row:not(.unknown)')].map((row) =>"
            " [...row.querySelectorAll('td:not(.c-age, .c-silence)')].map((e) => e.innerText))"
        )
        return self.run(script)


@pytest.fixture
def chat() -> Iterator[LiveChat]:
    chat = LiveChat()
    yield chat
    chat.close()


@pytest.fixture
def tab(browser: webdriver.Chrome, chat: LiveChat) -> Iterator[LiveTab]:
    tab = LiveTab(browser, chat.url)
    yield tab
    tab.close()


def test_a_line_becomes_a_delivery_step_by_step(browser, chat, tab):
    """A line that nc sends waits in step 2, is handled in step 4, and is sent in step 7 to all who
    are in the room, whichever way they came in."""
    wendy = Tab(browser, chat.web_url, "wendy")
    chat.ada.sees("wendy")
    browser.switch_to.window(tab.handle)
    ada = chat.ada_address

    tab.pause()
    chat.ada.types("Hello, everyone!")
    tab.sees(".step[data-step='2']", f"{ada} readable")
    tab.go_on_to(4)
    assert re.search(rf"will call.*line_received {ada}", tab.turn()[3])
    tab.go_on_to(5)
    assert f"line_received {ada}, 17 B read" in tab.turn()[3]
    tab.go_on_to(7)
    to_send = tab.texts(".step[data-step='7'] .fd")
    assert tab.turn()[6].startswith("will send")
    assert wendy.log() == []
    browser.switch_to.window(tab.handle)
    tab.go_on_to(8)
    sent = tab.texts(".step[data-step='7'] .fd")
    assert set(to_send) <= set(sent)
    assert len(sent) == 5

    wendy.sees("Hello, everyone!")
    for member in chat.members:
        if member is not chat.ada:
            member.sees("Hello, everyone!")
    wendy.close()
    browser.switch_to.window(tab.handle)
    tab.resume()


def test_the_queue_of_a_slow_reader_grows_to_its_limit(chat, tab):
    """The page shows how it grows, that the writer is told to pause, and that the reader goes."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", chat.port))
    slow.sendall(b"/nick snail\r\n")
    chat.ada.sees("is now snail")
    snail = "{}:{}".format(*slow.getsockname())
    talker = Netcat(chat.port, "talker")
    talks = "{}:{}".format(*talker.socket.getsockname())
    tab.click("th.c-queued button")
    wait_until(lambda: tab.cell(snail, "queued") == "0")

    shown = []
    while (queue := tab.cell(snail, "queued")) is not None:
        shown.append(queue)
        before = tab.cell(talks, "received")
        talker.types(*["x" * 420] * 260, f"part {len(shown)}")
        talker.sees(f"part {len(shown)}")
        wait_until(lambda before=before: tab.cell(talks, "received") != before)

    sizes = [int(text.split()[0]) for text in shown if "KiB" in text]
    assert sizes == sorted(sizes)  # the system's buffers are full: nothing leaves
    assert sizes[-1] > 600  # the limit is 1 MiB
    assert "writing paused" in shown[-1]
    tab.click("#tab-counters")
    tab.sees("#counters", "Writes dropped")
    talker.close()
    slow.close()


def test_the_line_that_blocks_is_named(browser, tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    shop = Inspected("--protocol=shop:Shop", "--port=0", cwd=tmp_path)
    tab = LiveTab(browser, shop.url)
    customer = Netcat(shop.port)
    customer.types("report")

    wait_until(lambda: tab.mode == "blocked")
    tab.sees(".block.now", "time.sleep(0.05) # somebody else makes it")
    assert "shop.py:15 in Shop.make_report" in tab.text(".block.now")
    assert tab.text("#running") == "in Shop.line_received"
    assert "Shop.line_received" in tab.step(4)

    (tmp_path / "data").touch()
    customer.sees("done")
    wait_until(lambda: tab.mode == "running")
    tab.sees(".block", "time.sleep(0.05)")
    customer.close()
    tab.close()
    assert shop.stop() == (0, "")


def test_a_recording_replays_what_was_shown_live(chat, tab):
    """The same descriptors, and each turn the same at each of its steps."""
    tab.click("#record")
    tab.click("dialog .primary")
    tab.sees("#record", "Stop")
    tab.pause()
    chat.ada.types("Hello, everyone!")
    tab.sees(".step[data-step='2']", chat.ada_address)
    number = tab.text("#steps-hint")
    live = {}
    for step in range(1, 9):
        tab.go_on_to(step)
        live[step] = tab.turn()[: step - 1]
    table = tab.table()
    tab.click("#turn")
    wait_until(lambda: tab.text("#steps-hint") != number)
    tab.click("#record")
    tab.sees("#toast", "The recording is ready")
    tab.resume()

    tab.click("#more")
    tab.run(
        "[...document.querySelectorAll('.menu button')]"
        ".find((e) => e.textContent === 'Replay the last recording').click()"
    )
    wait_until(lambda: tab.run("return document.body.dataset.source") == "replay")
    tab.sees("#steps-hint", "turn")
    tab.run("document.activeElement.blur()")
    tab.find("#scrubber").send_keys(Keys.END)
    tab.run("document.activeElement.blur()")
    tab.sees("#steps-hint", number)
    for step in range(8, 0, -1):
        tab.press(Keys.ARROW_LEFT)
        tab.stands_before(step)
        assert tab.turn()[: step - 1] == live[step]
        if step == 8:
            assert tab.table() == table
