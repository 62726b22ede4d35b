"""A recording in the page, in Chromium: chosen and dropped, also when the server has gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.keys import Keys

from protocols.inspector import inspect
from reactor import Reactor

from ....tools.chromium import page_browser
from ....tools.tabs import wait_until
from .scenes import Watched, chat

DROP = """
const [name, text] = arguments;
const transfer = new DataTransfer();
transfer.items.add(new File([text], name));
dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    yield from page_browser(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    watched = Watched(tmp_path_factory.mktemp("recording") / "turns")
    chat(watched)
    watched.end()
    return watched.path


@pytest.fixture
def page(browser: webdriver.Chrome) -> webdriver.Chrome:
    """The page of an inspector that has gone since."""
    with Reactor() as reactor:
        inspector = inspect(reactor, port=0)
        browser.get(inspector.url)
        wait_until(lambda: text(browser, "#title") == "reactor")
        inspector.close()
    return browser


def text(browser: webdriver.Chrome, selector: str) -> str:
    script = "return document.querySelector(arguments[0])?.textContent ?? ''"
    return str(browser.execute_script(script, selector))


def opened(browser: webdriver.Chrome, recording: Path) -> int:
    """Choose the file, and wait until it is shown. Returns the number of its turns."""
    browser.find_element("id", "file").send_keys(str(recording))
    wait_until(lambda: text(browser, "#banner-text") == "Replaying the recording turns.")
    wait_until(lambda: text(browser, "#where"))
    return int(text(browser, "#where").split()[-1])


def test_the_slider_goes_through_the_recording(page, recording):
    turns = opened(page, recording)
    slider = page.find_element("id", "scrubber")

    def value() -> tuple[int, str]:
        now, words = (slider.get_attribute(f"aria-value{name}") for name in ("now", "text"))
        return int(now or 0), (words or "").split(", ")[1]

    slider.send_keys(Keys.END)
    wait_until(lambda: value()[0] == turns)
    slider.send_keys(Keys.HOME)
    wait_until(lambda: value() == (1, "before step 1"))
    slider.send_keys(Keys.ARROW_RIGHT * 9)
    wait_until(lambda: value() == (2, "before step 2"))
    slider.send_keys(Keys.ARROW_LEFT * 2)
    wait_until(lambda: value() == (1, "before step 8"))
    slider.send_keys(Keys.PAGE_UP)
    wait_until(lambda: value()[0] == 1 + round(turns / 20))
    slider.click()  # in the middle of the time
    wait_until(lambda: value()[0] > turns * 0.3)
    assert slider.get_attribute("role") == "slider"
    assert slider.get_attribute("aria-valuemax") == str(turns)


def test_steps_and_searches_show_what_was(page, recording):
    opened(page, recording)
    page.find_element("css selector", "[aria-label='Find the next one']").click()
    wait_until(lambda: "VirtualReactor.stall" in text(page, "#steps"))
    wait_until(lambda: "VirtualReactor.stall" in text(page, "#blocked"))
    assert "192.0.2.1:50002" in text(page, "#descriptors")


def test_a_recording_is_dropped_without_a_server(page, recording):
    page.execute_script(DROP, "other", recording.read_text())
    wait_until(lambda: text(page, "#banner-text") == "Replaying the recording other.")


def test_another_file_is_refused_in_one_line(page):
    page.execute_script(DROP, "letter.txt", "Dear loop,\n")
    wait_until(lambda: text(page, "#toast") == "letter.txt is not a recording of a loop.")


def test_a_recording_stays_when_another_file_is_refused(page, recording):
    turns = opened(page, recording)
    page.execute_script(DROP, "letter.txt", "Dear loop,\n")
    wait_until(lambda: text(page, "#toast") == "letter.txt is not a recording of a loop.")
    assert text(page, "#banner-text") == "Replaying the recording turns."
    assert page.find_element("id", "banner-back").is_displayed()
    slider = page.switch_to.active_element  # from the beginning
    slider.send_keys(Keys.END)
    wait_until(lambda: slider.get_attribute("aria-valuenow") == str(turns))
