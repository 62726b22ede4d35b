"""How soon a worker that died is replaced, and when to give up."""

from __future__ import annotations

import time
from typing import Final

LIVED: Final = 5.0  # seconds: a worker that lived this long does not count as a failure
FIRST_DELAY: Final = 0.1  # seconds before the second replacement in a row; each next one doubles it
LONGEST_DELAY: Final = 10.0  # seconds
MOST_FAILURES: Final = 6  # in a row, of workers that never served
_MOST_DOUBLINGS: Final = 30  # more would change nothing, and 2**n would grow without bound


class Backoff:
    """Delays replacements while workers keep dying. The first replacement starts at once."""

    def __init__(self) -> None:
        self.start_at = 0.0  #: ``time.monotonic()`` from which a worker may be started
        self._failures = 0  # workers in a row that died young
        self._never_served = 0  # those in a row that never served

    def worker_serves(self) -> None:
        self._never_served = 0

    def worker_died(self, *, started: float, served: bool) -> None:
        """``started``: its ``time.monotonic()``; ``served``: whether it ever served."""
        self._never_served = 0 if served else self._never_served + 1
        if time.monotonic() - started >= LIVED:
            self._failures = 0
        self.delay()

    def is_hopeless(self) -> bool:
        """Whether so many workers in a row never served that another would not either."""
        return self._never_served >= MOST_FAILURES

    def delay(self) -> None:
        """Count a failure, and set ``start_at``."""
        delay = min(FIRST_DELAY * 2 ** (self._failures - 1), LONGEST_DELAY) if self._failures else 0
        self.start_at = time.monotonic() + delay
        self._failures = min(self._failures + 1, _MOST_DOUBLINGS)

    def clear(self) -> None:
        """Let a worker start now."""
        self.start_at = 0.0
