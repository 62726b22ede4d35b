"""How long to wait before the next attempt: exponential backoff with jitter."""

from __future__ import annotations

import random


class Backoff:
    """Delays that double with each attempt, with jitter.

    Without jitter, all clients of a restarted server would come back at the same moment (M.
    Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015). ``first`` and
    ``longest`` are in seconds. ``attempts``, read-only, counts the delays since the last
    ``reset()``.
    """

    def __init__(self, first: float = 0.5, longest: float = 30.0) -> None:
        self.attempts = 0
        self._first = first
        self._longest = longest

    def next_delay(self) -> float:
        """Return the number of seconds to wait now."""
        delay = min(self._longest, self._first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return delay * random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """The attempt succeeded: start again with the first delay."""
        self.attempts = 0
