"""Timers: callbacks for a later time, run in the order of their times.

The queue is one heap of ``(when, sequence, timer)`` tuples, which Python compares in C. The unique
sequence number keeps timers with equal times in the order in which they were set, and means that
timers themselves are never compared.

The key of an entry inside a heap must never change: that would break the heap's order, and
*unrelated* timers would fire late (pyftpdlib's reset did that). So no method here changes an entry:

* *Cancelling* clears the sequence number in the timer, which makes the entry stale. Stale entries
  are dropped when they reach the top of the heap, or all at once when they are the majority.
* *Postponing* stores the new time in the timer only. When the entry reaches the top, too early, it
  is replaced by one with the new time.
* *Advancing* makes the entry stale and adds a new one.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from .errors import shown
from .stats import Stats

_Entry = tuple[float, int, "Timer"]

# Smaller heaps keep their stale entries: they take little memory.
_SWEEP_FROM = 64


class TimedLoop(Protocol):
    """What timers need of a loop: its queue, the time of the turn, and where turns were late."""

    now: float
    timers: TimerQueue
    stats: Stats
    long_turns: dict[float, float]

    def time(self) -> float: ...


class Handle:
    """A callback that the loop will run, unless it is cancelled. ``Reactor.call_soon`` returns
    one."""

    __slots__ = ("_args", "_callback", "_cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        """Do not run the callback. Has no effect if it has run or was cancelled before."""
        self._cancelled = True
        self._callback = None  # frees what it refers to now, not when the entry is dropped
        self._args = ()

    def cancelled(self) -> bool:
        """Whether ``cancel()`` was called."""
        return self._cancelled

    def run(self) -> None:
        """Run the callback. The loop calls this."""
        if self._callback is not None:
            self._callback(*self._args)

    def __repr__(self) -> str:
        state = "cancelled" if self._cancelled else shown(self._callback, repr)
        return f"<{type(self).__name__} {state}>"


class Timer(Handle):
    """A callback for a certain time. ``Reactor.call_later`` and ``call_at`` return one. It runs
    once, unless it is cancelled or rescheduled before."""

    __slots__ = ("_queue", "_sequence", "_when")

    def __init__(
        self, queue: TimerQueue, when: float, callback: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        # Not super().__init__(): programs make millions of timers, and the call would cost time.
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._queue = queue
        self._when = when
        self._sequence = 0  # the number of this timer's entry in the heap; 0 while it has none
        queue.add(self)

    def when(self) -> float:
        """When it is due, in seconds of ``Reactor.time()``."""
        return self._when

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = None
        self._args = ()
        if self._sequence:
            self._queue.discard(self)

    def reschedule(self, delay: float) -> None:
        """Make it due ``delay`` seconds from now instead. A timer that has fired is set again.

        Raises ``ValueError`` if the timer was cancelled.
        """
        if self._cancelled:
            raise ValueError("a cancelled timer cannot be rescheduled")
        self._queue.move(self, self._queue.time() + delay)

    def run(self) -> None:
        # If it has an entry again, another timer of the same batch has rescheduled it.
        if self._callback is not None and not self._sequence:
            self._callback(*self._args)


class IdleTimer(Timer):
    """Calls ``callback(*args)`` after ``timeout`` seconds in which ``touch()`` was not called. That
    begins when it is made, and it calls once, unless it is cancelled before. ``reactor``: the loop,
    for a transport ``transport.reactor``.

    ``touch()`` only stores the time of the turn. When the timer fires, it compares that time with
    its timeout, and either expires or sets itself for the seconds that are left ("Be smart about
    timeouts" in libev's manual). So a heartbeat costs one assignment. Cancelling a timer and
    setting a new one would cost about fifty times as much. The callback runs when it is due, not
    in some later sweep."""

    __slots__ = ("_last_activity", "_reactor", "timeout")

    def __init__(
        self, reactor: TimedLoop, timeout: float, callback: Callable[..., object], *args: Any
    ) -> None:
        self._reactor = reactor
        self.timeout = timeout
        self._last_activity = reactor.time()
        super().__init__(reactor.timers, self._last_activity + timeout, callback, args)

    def touch(self) -> None:
        """The peer sent something in this turn: count the timeout from here."""
        self._last_activity = self._reactor.now

    def run(self) -> None:
        if self._cancelled or self._sequence:  # cancelled or rescheduled in this batch
            return
        # What was read in a long turn may have arrived as late as the end of that turn.
        due = self._reactor.long_turns.get(self._last_activity, self._last_activity) + self.timeout
        if due <= self._reactor.now:
            super().run()
        else:
            self._queue.move(self, due)


class Deadline(Timer):
    """Calls ``callback(*args)`` after ``delay`` seconds, not counting stalls of the loop.
    ``reactor``: the loop, for a transport ``transport.reactor``.

    Use it for what a peer cannot finish without our answers, such as a handshake or a dialogue of
    commands and replies. While the loop is stalled (``Stats.stalled_time``) it sends no answers, so
    the callback is postponed by that time. For what a peer sends without waiting for us a plain
    timer is enough: after a stall, that is read before any timer runs.

    The callback is postponed only once, which at most doubles the time, so a peer that slows us
    down cannot keep the deadline from passing. After ``reschedule`` it can be postponed once
    more."""

    __slots__ = ("_stalled_before", "_stats")

    def __init__(
        self, reactor: TimedLoop, delay: float, callback: Callable[..., object], *args: Any
    ) -> None:
        self._stats = reactor.stats
        self._stalled_before = self._stats.stalled_time
        super().__init__(reactor.timers, reactor.time() + delay, callback, args)

    def reschedule(self, delay: float) -> None:
        self._stalled_before = self._stats.stalled_time
        super().reschedule(delay)

    def run(self) -> None:
        if self._cancelled or self._sequence:  # cancelled or rescheduled in this batch
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
        """``clock`` returns monotonic seconds: ``time.monotonic`` or a virtual clock."""
        self.time = clock
        self._heap: list[_Entry] = []
        self._sequence = 0
        self._stale = 0

    def __len__(self) -> int:
        """The number of timers that have not fired yet."""
        return len(self._heap) - self._stale

    def add(self, timer: Timer) -> None:
        """Add an entry for the timer. Raises ``ValueError`` if its time is NaN."""
        if timer._when != timer._when:  # NaN: comparing with it would break the heap's order
            raise ValueError("a timer's time must be a number")
        self._sequence = sequence = self._sequence + 1
        timer._sequence = sequence
        heapq.heappush(self._heap, (timer._when, sequence, timer))

    def discard(self, timer: Timer) -> None:
        """Discard the timer's entry, if it has one."""
        if timer._sequence:
            timer._sequence = 0
            self._stale = stale = self._stale + 1
            entries = len(self._heap)
            if entries > _SWEEP_FROM and stale + stale > entries:
                self._sweep()

    def move(self, timer: Timer, when: float) -> None:
        """Make the timer due at ``when`` instead."""
        if timer._sequence and when >= timer._when:
            timer._when = when  # postponed: its entry is replaced when it reaches the top
        else:
            self.discard(timer)
            timer._when = when
            self.add(timer)

    def next_deadline(self) -> float | None:
        """When the next timer is due, in seconds of the clock; None without timers."""
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
        """Move the timers that are due at ``now`` to the end of ``due``, in order.

        All are collected before the first one runs. So a timer that a timer sets, even without
        delay, waits for the next turn and cannot keep the loop from reading (libuv's timer.c and
        redis's ae.c do the same)."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, sequence, timer = heapq.heappop(heap)
            if timer._sequence != sequence:
                self._stale -= 1
            elif timer._when > when:
                self.add(timer)  # postponed; if that time is due too, it is popped in its order
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
