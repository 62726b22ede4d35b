"""Deadlines: how long a connection waits for its client, by one timer.

The connection waits for one thing at a time, until ``Deadlines.at``:

====================================  ==================================================
state                                 deadline
====================================  ==================================================
IDLE                                  ``keepalive_timeout``; ``head_timeout`` for the
                                      first request of a connection
HEAD                                  ``head_timeout`` since its first byte, or since the
                                      connection was made
HANDLING, RESPONDING, a body is read  ``body_rate``, measured by ``BodyRate``
HANDLING, RESPONDING otherwise        none: it is the handler that is slow
DISCARDING                            ``body_rate``, as above
CLOSING                               none; the transport has its own
====================================  ==================================================

In all states the client must read what is sent to it, at ``write_rate``: see ``ReadingRate``.

The timer is not moved at each request, which would cost more than the request. It fires, looks at
``at``, and sets itself for the time that is left. While there is no deadline it fires often enough
not to be late for the next one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from reactor import Reactor

from .limits import Limits

_SHORTEST = 0.001  # seconds for which the timer is set, so that it cannot spin
_SHORTEST_INTERVAL = 1.0  # seconds between two looks; a shorter keepalive_timeout ends later


class Deadlines:
    """The deadlines of one connection. ``on_timer()`` is called when it is time to check them; it
    then calls ``wait``, unless the connection is over."""

    __slots__ = ("_interval", "_limits", "_reactor", "_reading", "_timer", "at", "body")

    def __init__(self, reactor: Reactor, limits: Limits, on_timer: Callable[[], object]) -> None:
        timeout = limits.head_timeout
        self._reactor = reactor
        self._limits = limits
        keepalive = max(limits.keepalive_timeout, _SHORTEST_INTERVAL)
        self._interval = min(keepalive, limits.write_timeout / 4)
        self._timer = reactor.call_later(min(timeout, self._interval), on_timer)
        self.body: BodyRate | None = None  #: while a body is read
        self._reading: ReadingRate | None = None  # while the client does not take what is sent
        #: Seconds of the loop. Only what is ``keepalive_timeout`` away, or more, may be assigned to
        #: it: the timer fires before that. Else use ``set``.
        self.at = reactor.now + timeout

    def set(self, timeout: float) -> None:
        """The client has ``timeout`` seconds."""
        self.at = self._reactor.now + timeout
        if self.at < self._timer.when():
            self._timer.reschedule(timeout)

    def shorten_head(self, timeout: float) -> bool:
        """A head has ``timeout`` seconds, not ``Limits.head_timeout``, since its time began.
        Returns False if they have passed."""
        now = self._reactor.now
        left = self.at - self._limits.head_timeout + timeout - now
        if left > 0:
            self.set(min(left, self.at - now))
        return left > 0

    def clear(self) -> None:
        """We wait for nothing from the client."""
        self.at = math.inf
        self.body = None

    def stop(self) -> None:
        """The connection is over."""
        self._timer.cancel()

    def wait(self) -> None:
        """Set the timer for the next check."""
        now = self._reactor.now
        due = now + self._interval
        if self.at > now:
            due = min(due, self.at)
        if self._reading is not None:
            due = min(due, self._reading.measured_until)
        self._timer.reschedule(max(due - now, _SHORTEST))

    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        now = self._reactor.now
        if self.at > now:
            return False
        body = self.body
        if body is None or body.is_late(now, self._reactor.stats.stalled_time):
            return True
        self.at = body.deadline
        return False

    # -- the client sends a body -------------------------------------------------------------------

    def start_body(self, *, is_wanted: bool) -> None:
        """A body is read from now on. ``is_wanted``: by the handler; otherwise it is discarded."""
        reactor = self._reactor
        stalled_before = reactor.stats.stalled_time if is_wanted else math.inf
        self.body = BodyRate(reactor.now, self._limits, stalled_before)
        self.set(self._limits.body_timeout)

    def pause_body(self) -> None:
        """The handler has paused the body."""
        if self.body is not None:
            self.body.pause(self._reactor.now)
            self.at = math.inf

    def resume_body(self) -> None:
        """It is read again."""
        if self.body is not None:
            now = self._reactor.now
            self.body.resume(now)
            self.set(self.body.deadline - now)

    # -- the client reads the response -------------------------------------------------------------

    @property
    def is_reading_measured(self) -> bool:
        """Whether something waited to be sent when ``is_reading_too_slowly`` was called last."""
        return self._reading is not None

    def is_reading_too_slowly(self, unsent: int, written: int) -> bool:
        """Whether the client reads too little of what is sent to it. ``unsent``: bytes that wait to
        be sent; ``written``: bytes given to the transport since the connection began."""
        if not unsent:
            self._reading = None
            return False
        now = self._reactor.now
        stalled_time = self._reactor.stats.stalled_time
        if self._reading is None:
            self._reading = ReadingRate(now, self._limits, written - unsent, stalled_time)
            return False
        return self._reading.is_late(now, written - unsent, stalled_time)


class BodyRate:
    """Whether a request's body arrives fast enough.

    The rate is measured over windows of ``body_timeout``, and no silence may be longer than that: a
    fast start does not allow a pause later. ``now``: seconds of the loop, like all times here.
    ``stalled_before``: ``Stats.stalled_time`` at the start; ``math.inf``: a stall gives no
    extension."""

    __slots__ = (
        "_last",
        "_paused_at",
        "_quota",
        "_size",
        "_size_before",
        "_stalled_before",
        "_timeout",
        "_window_end",
        "deadline",
    )

    def __init__(self, now: float, limits: Limits, stalled_before: float) -> None:
        self._timeout = limits.body_timeout
        self._quota = limits.body_rate * limits.body_timeout  # bytes in a window
        self._stalled_before = stalled_before
        self._size = 0
        self._size_before = 0  # at the start of the window
        self._last = now  # when something arrived
        self._paused_at = now
        self._window_end = now + limits.body_timeout
        self.deadline = self._window_end  #: when to ask ``is_late``

    def count(self, size: int, now: float) -> None:
        """``size`` bytes arrived."""
        self._size += size
        self._last = now

    def is_late(self, now: float, stalled_time: float) -> bool:
        """Whether too little has arrived. If not, there is a new ``deadline``."""
        if not self._is_slow(now):
            self.deadline = min(self._window_end, self._last + self._timeout)
            return False
        stalled = stalled_time - self._stalled_before
        if stalled <= 0:
            return True
        # During a stall the client may have waited for us: for "100 Continue", or for room in the
        # system's buffers. Postpone once for that.
        self._stalled_before = math.inf
        self._postpone(stalled)
        return False

    def _is_slow(self, now: float) -> bool:
        if self._last + self._timeout <= now:
            return True
        if self._window_end <= now:
            if self._size - self._size_before < self._quota:
                return True
            self._size_before = self._size
            self._window_end = now + self._timeout
        return False

    def pause(self, now: float) -> None:
        """Nothing is read until ``resume``."""
        self._paused_at = now

    def resume(self, now: float) -> None:
        """Something is read again. The time in between does not count for or against the client."""
        self._postpone(now - self._paused_at)

    def _postpone(self, seconds: float) -> None:
        self._last += seconds
        self._window_end += seconds
        self.deadline += seconds


class ReadingRate:
    """Whether a client reads what is sent to it fast enough.

    ``now``: seconds of the loop. ``taken``: bytes that the system has accepted from us since the
    connection began. ``stalled_time``: see ``Stats``."""

    __slots__ = ("_limits", "_since", "_stalled_before", "_taken_before")

    def __init__(self, now: float, limits: Limits, taken: int, stalled_time: float) -> None:
        self._limits = limits
        self._measure(now, taken, stalled_time)

    def _measure(self, now: float, taken: int, stalled_time: float) -> None:
        self._since = now
        self._taken_before = taken
        self._stalled_before = stalled_time

    @property
    def measured_until(self) -> float:
        """When to ask ``is_late``."""
        return self._since + self._limits.write_timeout

    def is_late(self, now: float, taken: int, stalled_time: float) -> bool:
        """Whether too little was accepted during ``write_timeout``."""
        elapsed = now - self._since
        if elapsed < self._limits.write_timeout:
            return False
        quota = max(1.0, self._limits.write_rate * elapsed)  # without a rate, any byte is enough
        if taken - self._taken_before >= quota:
            self._measure(now, taken, stalled_time)
            return False
        if stalled_time <= self._stalled_before:
            return True
        # The loop was stalled. Measure again, but only once.
        self._measure(now, taken, math.inf)
        return False
