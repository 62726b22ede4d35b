"""Queues that replace those of a closed loop: nothing can be added to them.

``call_soon``, ``call_later`` and the timers add to a queue millions of times. Checking in each call
whether the loop is closed would cost time. Instead, ``close()`` replaces the queues."""

from __future__ import annotations

from collections import deque
from typing import Any, NoReturn

from .timers import Handle, TimerQueue


def refuse() -> NoReturn:
    """Raise ``RuntimeError``, as asyncio does for a closed loop."""
    raise RuntimeError("the reactor is closed")


class ClosedQueue(deque[Handle]):
    """A queue of callbacks that stays empty."""

    def append(self, _: Any) -> NoReturn:
        refuse()


class ClosedTimerQueue(TimerQueue):
    """A queue of timers that stays empty. ``close()`` assigns this class to the ``TimerQueue``,
    because timers hold a reference to it. Those timers can still be cancelled."""

    __slots__ = ()

    def add(self, _: Any) -> NoReturn:
        refuse()
