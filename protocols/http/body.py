"""BodyReader: who gets a request's body, and how fast it came."""

from __future__ import annotations

import math
from collections.abc import Callable

from .response import Response


class BodyReader:
    """The callbacks of ``Request.stream``, and what the connection keeps beside them.

    ``since``: when the body was asked for, in seconds of the loop, moved on by the time that the
    handler held it up. ``discarding``: nobody wants it, it is only read to get past it.
    ``stalled_before``: ``Stats.stalled_time`` at that time."""

    __slots__ = (
        "data_received",
        "discarding",
        "ended",
        "eof_received",
        "max_size",
        "paused",
        "paused_at",
        "since",
        "size",
        "stalled_before",
    )

    def __init__(
        self,
        now: float,
        max_size: int,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        self.data_received = data_received
        self.eof_received = eof_received
        self.max_size = max_size
        self.size = 0
        self.since = now
        self.paused = False
        self.paused_at = now
        self.discarding = False
        self.ended = False
        self.stalled_before = math.inf
