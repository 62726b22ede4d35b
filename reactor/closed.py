"""What replaces the queues of a closed loop: nothing can be added to these.

``call_soon``, ``call_later`` and the timers add to a queue millions of times. Checking there
whether the loop is closed would cost time in each call. Instead, after ``close()`` the queue itself
refuses."""

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
    """A queue of timers that stays empty. ``TimerQueue`` objects become one by a change of class,
    because their timers hold a reference to them. Those timers can still be cancelled."""

    __slots__ = ()

    def add(self, _: Any) -> NoReturn:
        refuse()
