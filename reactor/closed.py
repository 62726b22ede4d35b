"""What takes the place of a closed loop's queues: nothing can be added any more.

``call_soon``, ``call_later`` and the timers themselves add to a queue, millions of times. They do
not ask whether the loop is closed: after ``close()`` the queue itself refuses."""

from __future__ import annotations

from collections import deque
from typing import Any, NoReturn

from .timers import Handle, TimerQueue


def refuse() -> NoReturn:
    """Raise what asyncio raises for a closed loop."""
    raise RuntimeError("the reactor is closed")


class ClosedQueue(deque[Handle]):
    """A queue of callbacks: empty, and it stays so."""

    def append(self, _: Any) -> NoReturn:
        refuse()


class ClosedTimerQueue(TimerQueue):
    """A queue of timers: the same. A ``TimerQueue`` becomes one by a change of class, as its timers
    hold it. They may still be cancelled."""

    __slots__ = ()

    def add(self, _: Any) -> NoReturn:
        refuse()
