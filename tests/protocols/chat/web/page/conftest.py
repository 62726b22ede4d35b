"""A browser and chats for the tests of the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from selenium import webdriver

from .....tools.chromium import start_chromium
from .....tools.commands import Command
from .site import Site, start


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("the page needs a browser: apt-get install chromium chromium-driver")
    browser = start_chromium(tmp_path_factory.mktemp("profile"), "1280,800")
    yield browser
    browser.quit()


@pytest.fixture(scope="package")
def servers() -> Iterator[Iterator[Command]]:
    """Servers without end. The next one starts while a test uses this one, which saves much."""
    waiting = [start()]

    def take() -> Iterator[Command]:
        while True:
            waiting.append(start())
            yield waiting.pop(0).wait_until_serving()

    yield take()
    for server in waiting:
        server.wait_until_serving().stop()


@pytest.fixture
def site(browser: webdriver.Chrome, servers: Iterator[Command]) -> Iterator[Site]:
    site = Site(browser, next(servers))
    yield site
    site.close()
