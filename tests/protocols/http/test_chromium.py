"""The demonstration page in a real browser: headless Chromium (Debian: chromium, chromium-driver).

Without Chromium these tests fail, on purpose: only a browser can show that the page works."""

from __future__ import annotations

import re
import signal
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from ...tools.chromium import start_chromium
from ...tools.waiting import TIMEOUT

PETROL, SAND = (0x0B, 0x6E, 0x69), (0xF6, 0xC6, 0x67)  # the picture's ground, and its arrows


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser = start_chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()


class Site:
    """The server and its log."""

    def __init__(self, serve, log: Path, *arguments: str) -> None:
        self.server = serve(
            "--protocol", "http", "--port", "0", "--access-log", str(log), *arguments
        )
        self._log = log
        self.url = self.server.printed[0].removeprefix("http: ")

    def stop(self) -> list[str]:
        """Returns the requests: method, target and status."""
        assert self.server.stop(signal.SIGTERM) == (0, "")
        return [
            "{} {} {}".format(*re.search(r'"(\S+) (\S+) HTTP/1\.1" (\d+) ', line).groups())
            for line in self._log.read_text().splitlines()
            if "Chrome" in line
        ]


@pytest.fixture
def site(serve, tmp_path) -> Site:
    return Site(serve, tmp_path / "log")


def assert_console_is_empty(browser: webdriver.Chrome) -> None:
    """The browser reports nothing: no policy was violated, nothing was missing."""
    assert browser.get_log("browser") == []


def test_the_browser_requests_the_page_and_then_its_picture(browser, site):
    browser.get(site.url)
    picture = browser.find_element(By.TAG_NAME, "img")
    assert browser.execute_script("return arguments[0].complete && arguments[0].naturalWidth",
                                  picture) == 640  # fmt: skip
    colours = set(pixels(picture.screenshot_as_png))
    assert {PETROL, SAND} <= colours
    assert_console_is_empty(browser)
    requests = site.stop()
    assert requests[:2] == ["GET / 200", "GET /picture.svg 200"]
    assert set(requests[2:]) <= {"GET /favicon.ico 204"}


SENT = {
    "name": "Grégoire <b>& co</b>",
    "message": '<script>document.title = "run"</script>\n🌍 "\'',
}


def test_the_answer_shows_what_the_form_sent_as_text(browser, site):
    browser.get(site.url)
    for name, text in SENT.items():
        # The driver cannot type characters beyond U+FFFF.
        browser.execute_script(
            "arguments[0].value = arguments[1]", browser.find_element(By.NAME, name), text
        )
    browser.find_element(By.TAG_NAME, "button").click()
    WebDriverWait(browser, TIMEOUT).until(lambda b: b.find_elements(By.ID, "answer"))
    shown = {
        name.text: value.get_property("textContent").replace("\r\n", "\n")
        for name, value in zip(
            browser.find_elements(By.TAG_NAME, "dt"), browser.find_elements(By.TAG_NAME, "dd"),
            strict=True,
        )
    }  # fmt: skip
    assert shown == SENT
    assert browser.find_elements(By.CSS_SELECTOR, "#answer script, #answer b") == []
    assert browser.title == "It works"
    assert_console_is_empty(browser)
    requests = site.stop()
    assert "POST / 200" in requests
    assert requests.index("POST / 200") > requests.index("GET /picture.svg 200")


def test_a_script_injected_into_the_page_does_not_run(browser, site):
    browser.get(site.url)
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'document.title = \"run\"';"
        "document.body.append(s)"
    )
    assert browser.title == "It works"
    [entry] = browser.get_log("browser")
    assert "Content Security Policy" in entry["message"]


def test_the_page_fits_a_phone_and_dark_mode(browser, site):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": True},
    )
    grounds = []
    for scheme in ("light", "dark"):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )
        browser.get(site.url)
        assert browser.execute_script("return document.documentElement.scrollWidth") == 320
        ground = browser.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
        grounds.append(sum(map(int, re.findall(r"\d+", ground)[:3])))
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert grounds[0] > 3 * 200
    assert grounds[1] < 3 * 60


def test_a_missing_page_shows_404(browser, site):
    browser.get(f"{site.url}nothing")
    assert browser.find_element(By.TAG_NAME, "h1").text == "404 Not Found"


def pixels(png: bytes) -> Iterator[tuple[int, int, int]]:
    """The colours in a PNG of 8 bits a channel, without interlace (RFC 2083)."""
    position, data, header = 8, b"", (0, 0, 0, 0)
    while position < len(png):
        size, kind = struct.unpack_from(">I4s", png, position)
        body = png[position + 8 : position + 8 + size]
        if kind == b"IHDR":
            header = struct.unpack(">IIBB", body[:10])
        elif kind == b"IDAT":
            data += body
        position += size + 12
    width, height, depth, colour = header
    assert depth == 8
    assert colour in (2, 6)
    channels = 3 if colour == 2 else 4
    raw = zlib.decompress(data)
    before = bytearray(width * channels)
    for row in range(height):
        start = row * (width * channels + 1)
        line = bytearray(raw[start + 1 : start + 1 + width * channels])
        for i in range(len(line)):
            left = line[i - channels] if i >= channels else 0
            corner = before[i - channels] if i >= channels else 0
            line[i] = (line[i] + _predicted(raw[start], left, before[i], corner)) & 255
        before = line
        for i in range(0, len(line), channels):
            yield line[i], line[i + 1], line[i + 2]


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    if kind < 4:
        return (0, left, up, (left + up) // 2)[kind]
    return min((left, up, corner), key=lambda value: abs(left + up - corner - value))
