"""Interrupting code at every place where Python may run the handlers of signals."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from reactor.testing import VirtualReactor


@contextmanager
def calling_at(
    point: int, function: Callable[[], object], is_wanted: Callable[[], bool] = lambda: True
) -> Iterator[None]:
    """Within the block, call ``function`` once: at the ``point``-th place, counted from 1, where
    ``is_wanted()``. These are the places where a Python function begins, and where a C function has
    returned.

    No place counts while virtual time passes: no signal wakes that poller."""
    places = 0

    def profiler(frame: FrameType, event: str, arg: object) -> None:
        nonlocal places
        if event in ("call", "c_return") and is_wanted() and not _waits(frame):
            places += 1
            if places == point:
                function()

    previous = sys.getprofile()
    sys.setprofile(profiler)
    try:
        yield
    finally:
        sys.setprofile(previous)


def _waits(frame: FrameType | None) -> bool:
    """Whether ``frame`` belongs to the poller of virtual time."""
    while frame is not None and frame.f_code is not VirtualReactor._wait.__code__:
        frame = frame.f_back
    return frame is not None
