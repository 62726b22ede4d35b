"""Timers: things that must happen later, in the order of their time.

The queue is one heap of ``(when, sequence, timer)`` tuples. Tuples compare in C, and the sequence
number keeps timers of the same instant in the order in which they were set, and keeps the
comparison from ever reaching the timer itself.

The key of an entry inside a heap must never change, or the heap's order is broken and *unrelated*
timers fire late (pyftpdlib's reset did that). So nothing here changes an entry:

* to *cancel* is to forget the entry's sequence number: the entry becomes stale and is thrown away
  when it surfaces, or when stale entries are the majority and all of them are swept out;
* to *postpone* is to note the new time in the timer alone; when the entry surfaces too early it is
  put back with the new time;
* to *advance* makes the entry stale and adds a new one.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .loop import Loop

_Entry = tuple[float, int, "Timer"]

# Below this many entries a sweep is not worth its while.
_SWEEP_FROM = 64


class Handle:
    """A callback that will be run by the loop, and the means to prevent that. ``Reactor.call_soon``
    returns one."""

    __slots__ = ("_args", "_callback", "_cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        """Do not run the callback. After it has run, or a second time, this does nothing."""
        self._cancelled = True
        self._callback = None  # whatever it holds need not live until the entry surfaces
        self._args = ()

    def cancelled(self) -> bool:
        """Whether ``cancel()`` was called."""
        return self._cancelled

    def run(self) -> None:
        """Called by the loop, when the time has come."""
        if self._callback is not None:
            self._callback(*self._args)

    def __repr__(self) -> str:
        state = "cancelled" if self._cancelled else repr(self._callback)
        return f"<{type(self).__name__} {state}>"


class Timer(Handle):
    """A callback for a certain time. ``Reactor.call_later`` and ``call_at`` return one."""

    __slots__ = ("_queue", "_sequence", "_when")

    def __init__(
        self, queue: TimerQueue, when: float, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        # Not super().__init__(): timers are made and cancelled by the million, and a call costs.
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._queue = queue
        self._when = when
        self._sequence = 0  # the number of this timer's entry in the heap; 0 while it has none
        queue.add(self)

    def when(self) -> float:
        """The time at which it is due, in seconds of ``Reactor.time()``."""
        return self._when

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = None
        self._args = ()
        if self._sequence:
            self._queue.discard(self)

    def reschedule(self, delay: float) -> None:
        """Be due ``delay`` seconds from now instead, whether or not the timer has already fired.

        Raises ``ValueError`` if the timer was cancelled.
        """
        if self._cancelled:
            raise ValueError("a cancelled timer cannot be rescheduled")
        self._queue.move(self, self._queue.time() + delay)

    def run(self) -> None:
        # With an entry in the heap again, it was rescheduled by another timer of the same batch.
        if self._callback is not None and not self._sequence:
            self._callback(*self._args)


class IdleTimer(Timer):
    """Calls ``callback(*args)`` once nothing has been heard for ``timeout`` seconds.

    ``touch()`` says that something was heard. It stores the loop's time and does nothing else; only
    when the timer fires does it look at that time, and either expires or sets itself for what is
    left ("Be smart about timeouts" in libev's manual). A message thus costs one assignment, where
    to cancel and set a timer anew would cost some fifty times that. The callback comes when it is
    due, not at some later sweep."""

    __slots__ = ("_heard", "_reactor", "timeout")

    def __init__(
        self, reactor: Loop, timeout: float, callback: Callable[..., object], *args: Any
    ) -> None:
        self._reactor = reactor
        self.timeout = timeout
        self._heard = reactor.time()
        super().__init__(reactor.timers, self._heard + timeout, callback, args)

    def touch(self) -> None:
        """Something was heard now, in this turn of the loop."""
        self._heard = self._reactor.now

    def run(self) -> None:
        if self._cancelled or self._sequence:  # by another timer of the same batch
            return
        # What was heard in a turn that took long may have come as late as at the turn's end.
        due = self._reactor.long_turns.get(self._heard, self._heard) + self.timeout
        if due <= self._reactor.now:
            super().run()
        else:
            self._queue.move(self, due)


class Deadline(Timer):
    """Calls ``callback(*args)`` after ``delay`` seconds, not counting stalls of the loop.

    This is for what a peer cannot do without our answers, a handshake for example: while the loop
    stood still (``Stats.stalled_time``) it sent no answer, so the callback is put off by that time.
    For what a peer sends in one go a timer is enough: after a stall, that is read before any timer
    runs. The callback is put off only once, which at most doubles the time: a peer that can slow us
    down cannot make it last for ever."""

    __slots__ = ("_stalled_before", "_stats")

    def __init__(
        self, reactor: Loop, delay: float, callback: Callable[..., object], *args: Any
    ) -> None:
        self._stats = reactor.stats
        self._stalled_before = self._stats.stalled_time
        super().__init__(reactor.timers, reactor.time() + delay, callback, args)

    def reschedule(self, delay: float) -> None:
        self._stalled_before = self._stats.stalled_time
        super().reschedule(delay)

    def run(self) -> None:
        if self._cancelled or self._sequence:  # by another timer of the same batch
            return
        stalled = self._stats.stalled_time - self._stalled_before
        if stalled > 0:
            self._stalled_before = math.inf
            self._queue.move(self, self._when + stalled)
        else:
            super().run()


class TimerQueue:
    """All timers of one loop."""

    __slots__ = ("_heap", "_sequence", "_stale", "time")

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives the time in seconds, monotonic; ``time.monotonic`` or a virtual one."""
        self.time = clock
        self._heap: list[_Entry] = []
        self._sequence = 0
        self._stale = 0

    def __len__(self) -> int:
        """The number of timers that are still to fire."""
        return len(self._heap) - self._stale

    def add(self, timer: Timer) -> None:
        if timer._when != timer._when:  # not a number: no order would be left in the heap
            raise ValueError("a timer's time must be a number")
        self._sequence = sequence = self._sequence + 1
        timer._sequence = sequence
        heapq.heappush(self._heap, (timer._when, sequence, timer))

    def discard(self, timer: Timer) -> None:
        """Forget the timer's entry, if it has one."""
        if timer._sequence:
            timer._sequence = 0
            self._stale = stale = self._stale + 1
            if stale + stale > len(self._heap) > _SWEEP_FROM:
                self._sweep()

    def move(self, timer: Timer, when: float) -> None:
        if timer._sequence and when >= timer._when:
            timer._when = when  # postponed: its entry surfaces too early, and is put back then
        else:
            self.discard(timer)
            timer._when = when
            self.add(timer)

    def next_deadline(self) -> float | None:
        """When the next timer is due, in seconds of the clock; None if there is none."""
        heap = self._heap
        while heap:
            when, sequence, timer = heap[0]
            if timer._sequence != sequence:
                heapq.heappop(heap)
                self._stale -= 1
            elif timer._when > when:
                heapq.heappop(heap)
                self.add(timer)
            else:
                return when
        return None

    def pop_due(self, now: float, due: deque[Timer]) -> None:
        """Move the timers that are due to the end of ``due``, in order.

        All are collected before the first is run: what a timer sets, even with no delay, waits for
        the next turn and cannot keep the loop from its descriptors (as in libuv's timer.c and
        redis's ae.c)."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, sequence, timer = heapq.heappop(heap)
            if timer._sequence != sequence:
                self._stale -= 1
            elif timer._when > when:
                self.add(timer)  # postponed; if that is due as well, it surfaces again in its order
            else:
                timer._sequence = 0
                due.append(timer)

    def clear(self) -> None:
        """Cancel every timer."""
        for _, sequence, timer in self._heap:
            if timer._sequence == sequence:
                timer._sequence = 0
                timer.cancel()
        self._heap.clear()
        self._stale = 0

    def _sweep(self) -> None:
        self._heap = [entry for entry in self._heap if entry[2]._sequence == entry[1]]
        heapq.heapify(self._heap)
        self._stale = 0
