"""BodyReader: who gets a request's body, and how fast it came."""

from __future__ import annotations

import math
from collections.abc import Callable

from .limits import Limits
from .response import Response


class BodyReader:
    """The callbacks of ``Request.stream``, and what the connection keeps beside them.

    ``max_size``: bytes that the body may have. ``deadline``: when to ask ``is_late``, in seconds of
    the loop. ``discarding``: nobody wants the body, it is only read to get past it.
    ``stalled_before``: ``Stats.stalled_time`` when the body was asked for.

    The rate is measured over windows of ``body_timeout``, and no byte may take longer than that: a
    fast start buys no time for a silence later."""

    __slots__ = (
        "_last",
        "_paused_at",
        "_quota",
        "_size_then",
        "_timeout",
        "_window_end",
        "data_received",
        "deadline",
        "discarding",
        "ended",
        "eof_received",
        "max_size",
        "paused",
        "size",
        "stalled_before",
    )

    def __init__(
        self,
        now: float,
        limits: Limits,
        max_size: int,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        self.data_received = data_received
        self.eof_received = eof_received
        self.max_size = max_size
        self.size = 0
        self._timeout = limits.body_timeout
        self._quota = max(1.0, limits.body_rate * limits.body_timeout)
        self._size_then = 0  # at the start of the window
        self._last = now  # when something came
        self.deadline = self._window_end = now + limits.body_timeout
        self.paused = False
        self._paused_at = now
        self.discarding = False
        self.ended = False
        self.stalled_before = math.inf

    def count(self, size: int, now: float) -> None:
        """``size`` bytes came."""
        self.size += size
        self._last = now

    def is_late(self, now: float) -> bool:
        """Whether too little has come by now. If not, there is a new ``deadline``."""
        silent_until = self._last + self._timeout
        if silent_until <= now:
            return True
        if self._window_end <= now:
            if self.size - self._size_then < self._quota:
                return True
            self._size_then = self.size
            self._window_end = now + self._timeout
        self.deadline = min(self._window_end, silent_until)
        return False

    def pause(self, now: float) -> None:
        """The handler holds the body up."""
        self.paused = True
        self._paused_at = now

    def resume(self, now: float) -> None:
        """Go on. The time in between was not the client's fault."""
        self.paused = False
        self.postpone(now - self._paused_at)

    def postpone(self, seconds: float) -> None:
        """The client could not go on for so long, through no fault of its own."""
        self._last += seconds
        self._window_end += seconds
        self.deadline += seconds
