"""A real browser: headless Chromium (Debian: chromium, chromium-driver).

Without it a test fails: only a browser can show that a page works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException

from .waiting import TIMEOUT

_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip


def start_chromium(profile: Path, window: str = "400,900") -> webdriver.Chrome:
    """A browser whose console is kept: see ``get_log("browser")``. To be ended with ``quit()``."""
    options = webdriver.ChromeOptions()
    options.binary_location = _path("chromium")
    for flag in (*_FLAGS, f"--window-size={window}", f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = _start(options)
    browser.set_page_load_timeout(TIMEOUT)
    browser.set_script_timeout(TIMEOUT)
    return browser


def _start(options: webdriver.ChromeOptions) -> webdriver.Chrome:
    for attempts_left in (2, 1, 0):
        service = webdriver.ChromeService(
            _path("chromedriver")
        )  # or it would look for one to fetch
        try:
            return webdriver.Chrome(options, service)
        except WebDriverException as error:
            # Selenium looks for a free port and passes it on. Another program may have taken it.
            if attempts_left == 0 or "unexpectedly exited" not in str(error):
                raise
    raise AssertionError("not reached")


def page_browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """The body of a fixture: a browser for the chat's page. Skips where there is none, and where
    the variable ``WITHOUT_PAGE_TESTS`` says why there need not be one: see tox.ini."""
    if reason := os.environ.get("WITHOUT_PAGE_TESTS"):
        pytest.skip(reason)
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("the page needs a browser: apt-get install chromium chromium-driver")
    browser = start_chromium(profile, "1280,800")
    yield browser
    browser.quit()


def _path(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"there is no {name}: apt-get install chromium chromium-driver"
    return found
