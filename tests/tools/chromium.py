"""A real browser: headless Chromium (Debian: chromium, chromium-driver).

Without it a test fails: only a browser can show that a page works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

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
    service = webdriver.ChromeService(_path("chromedriver"))  # or it would look for one to fetch
    browser = webdriver.Chrome(options, service)
    browser.set_page_load_timeout(TIMEOUT)
    browser.set_script_timeout(TIMEOUT)
    return browser


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
