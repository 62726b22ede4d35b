"""CachedDate: the time of day as text, made once a second."""

from __future__ import annotations

import math
from collections.abc import Callable


class CachedDate:
    """The time of day as text, good until ``expires``::

        if now >= date.expires:
            date.refresh(now)
        use(date.text)

    The caller compares, because a call for each request would cost more than the comparison.

    ``clock``: returns the time of day, in seconds since the epoch. ``format_``: turns that into
    text. ``now``, ``expires``: in seconds of the loop."""

    __slots__ = ("_clock", "_format", "expires", "seconds", "text")

    def __init__(self, clock: Callable[[], float], format_: Callable[[float], str]) -> None:
        self._clock = clock
        self._format = format_
        self.expires = -math.inf
        self.seconds = 0  #: since the epoch, when it was made
        self.text = ""

    def refresh(self, now: float) -> None:
        """Read the clock again. ``text`` is good until its next second."""
        date = self._clock()
        self.seconds = int(date)
        self.text = self._format(date)
        self.expires = now + 1.0 - date % 1.0
