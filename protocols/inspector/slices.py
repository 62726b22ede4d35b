"""Cuts the work of the inspector's thread into short slices.

A thread that computes keeps the interpreter's lock (the GIL) until another one has waited for it
for 5 ms (``sys.getswitchinterval``), and a long call into C even longer. The watched loop would
wait as long after each of its own waits, although the inspector needs only a few percent of the
time. So the inspector's thread gives the lock away by itself, every fraction of a millisecond."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SLICE: Final = 0.0003  # seconds
# Seconds. Not 0: this thread would have the lock again before the other one has woken up.
REST: Final = 0.0001


class Slices:
    """``clock`` returns seconds, ``sleep`` sleeps."""

    def __init__(
        self,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._began = clock()

    def breathe(self) -> None:
        """Call this often: it lets other threads run, if this slice is over."""
        if self._clock() - self._began > SLICE:
            self._sleep(REST)
            self._began = self._clock()
