"""Waiting for what must happen, with one time limit for all tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from reactor import Loop

T = TypeVar("T")

TIMEOUT = 120.0  # seconds; a test waits that long only if something is broken


def until(reactor: Loop, condition: Callable[[], object]) -> None:
    """Run turns of ``reactor`` until ``condition()`` is true."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "the condition has not become true"
        reactor.run_once(0.1)


def wait_until(condition: Callable[[], T], pause: float = 0.005) -> T:
    """Wait until ``condition()`` is true, for what another thread or process does. Returns the
    condition's last value. ``pause``: seconds between two looks."""
    deadline = time.monotonic() + TIMEOUT
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition has not become true"
        time.sleep(pause)
    return value
