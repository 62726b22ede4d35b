"""A reactor in virtual time for WebSockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from selenium import webdriver

from reactor.testing import VirtualReactor

from ...tools.chromium import start_chromium
from .browser import Browser


@pytest.fixture
def reactor() -> Iterator[VirtualReactor]:
    with VirtualReactor() as reactor:
        yield reactor


@pytest.fixture
def connect(reactor: VirtualReactor) -> Callable[..., Browser]:
    """``connect(factory, **options)`` gives a client whose handshake is done; the options are
    those of ``accept``."""
    return partial(Browser, reactor)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    browser = start_chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.quit()
