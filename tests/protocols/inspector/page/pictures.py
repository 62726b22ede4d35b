"""The pictures of the inspector in the documentation, taken again with one call in the project's
folder (it takes a minute and a half)::

    python -c "from tests.protocols.inspector.page.pictures import take; take('docs/images')"

Each picture is then reduced to 256 colours, for example with ``pngquant``: at most 200 kB."""

from __future__ import annotations

import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ....tools.chromium import start_chromium
from ....tools.tabs import Netcat, Tab, wait_until
from .live_chat import LiveChat
from .pages import PageTab

MINUTE = 60  # seconds that the strip shows
PER_SECOND = 8  # lines that are said
SAID = (
    "Good morning!", "Has anyone tried the new build?", "Yes, it works here.", "Tea at four?",
    "I have sent you the notes from yesterday.", "Thanks!", "See you in #garden.", "Be right back.",
)  # fmt: skip


def take(folder: str) -> None:
    """Write ``inspector.png``, a chat that runs, and ``inspector-step.png``, a line on its way."""
    chat = LiveChat()
    with tempfile.TemporaryDirectory() as profile:
        browser = start_chromium(Path(profile), "1280,800")
        try:
            wendy = Tab(browser, chat.web_url, "wendy")
            page = PageTab(browser, chat.url)
            page.click("th.c-queued button")
            with _conversation(chat):
                time.sleep(MINUTE)
                with _slow_reader(chat, page):
                    wait_until(lambda: page.text("#steps-hint").endswith("sample"))
                    browser.save_screenshot(f"{folder}/inspector.png")
            page.emulate(1280, 800, prefers_color_scheme="dark")
            _stop_at_the_flush(chat, page)
            browser.save_screenshot(f"{folder}/inspector-step.png")
            page.click("#pause")
            page.close()
            wendy.close()
        finally:
            browser.quit()
    chat.close()


@contextmanager
def _conversation(chat: LiveChat) -> Iterator[None]:
    """All talk, and read what the others say."""
    over = threading.Event()
    readers: list[Callable[[], object]] = [
        chat.ada.process.stdout.readline,
        chat.bob.process.stdout.readline,
        lambda: chat.zed.socket.recv(65536),
        lambda: chat.iris.socket.recv(65536),
    ]

    def read(one: Callable[[], object]) -> None:
        try:
            while one():
                pass
        except (OSError, ValueError):  # it was closed
            pass

    def talk() -> None:
        chance = random.Random(1)
        while not over.wait(chance.expovariate(PER_SECOND)):
            chance.choice((chat.ada, chat.bob, chat.zed)).types(chance.choice(SAID))

    for reader in readers:
        threading.Thread(target=read, args=(reader,), daemon=True).start()
    thread = threading.Thread(target=talk)
    thread.start()
    yield
    over.set()
    thread.join()


@contextmanager
def _slow_reader(chat: LiveChat, page: PageTab) -> Iterator[None]:
    """A member who does not read, with a write queue that is half full."""
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(("127.0.0.1", chat.port))
        talker = Netcat(chat.port, "olaf")
        number = 0
        while "writing paused" not in page.text(".row .c-queued"):
            number += 1
            talker.types(*["x" * 420] * 40, f"part {number}")
            talker.sees(f"part {number}")
        talker.close()
        time.sleep(4)
        yield


def _stop_at_the_flush(chat: LiveChat, page: PageTab) -> None:
    """Pause, let ada say a line, and go on to step 7. Again, if another event comes meanwhile."""
    while True:
        time.sleep(2)
        page.click("#pause")
        wait_until(lambda: page.mode == "paused")
        chat.ada.types("Hello, everyone!")
        page.sees('.step[data-step="2"]', chat.ada_address)
        page.click("#step")
        page.stands_before(2)
        page.click("#step")
        page.stands_before(3)
        if page.step(2).startswith("2 Wait 1 event "):
            break
        page.click("#pause")
        wait_until(lambda: page.mode == "running")
    for step in range(4, 8):
        page.click("#step")
        page.stands_before(step)
    time.sleep(0.5)
