"""Gathering events, so that many heartbeats share one turn.

With thousands of peers, every turn would read one or two heartbeats, and a turn costs more than
reading a heartbeat. So after a turn that sent nothing the loop can pause before it polls again
(``Loop.io_collect_interval``; libev has an option of the same name). No answer is delayed, because
a turn that sends something is not followed by a pause. Timers, callbacks and calls from other
threads end the pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

BUSY_FOR: Final = 1.0  # seconds without pauses after more arrived than one event may read


class GatheringLoop(Protocol):
    """What gathering needs of a loop.

    ``now``: the time of the last turn. ``answered``: whether that turn sent something, or had no
    events that could need an answer."""

    now: float
    answered: bool


class Gatherer:
    """A poller's ``poll`` that may pause before it polls.

    ``interval``: the length of a pause, in seconds. ``busy_until``: the time before which there are
    no pauses, in seconds of the loop's clock."""

    __slots__ = ("_loop", "_pause", "_poll", "busy_until", "interval")

    def __init__(
        self,
        loop: GatheringLoop,
        poll: Callable[[float | None], list[tuple[int, int]]],
        pause: Callable[[float], object],
    ) -> None:
        """``poll`` is the poller's. ``pause(seconds)`` waits; a call from another thread, or a
        signal, ends it."""
        self._loop = loop
        self._poll = poll
        self._pause = pause
        self.interval = 0.0
        self.busy_until = loop.now

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait for events, for at most ``timeout`` seconds, the pause included."""
        loop = self._loop
        if not loop.answered and timeout != 0 and loop.now >= self.busy_until:
            pause = self.interval if timeout is None else min(self.interval, timeout)
            self._pause(pause)
            if timeout is not None:
                timeout -= pause
        return self._poll(timeout)
