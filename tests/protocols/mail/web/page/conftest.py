"""A browser for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from .....tools.chromium import page_browser


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    yield from page_browser(tmp_path_factory.mktemp("profile"))
