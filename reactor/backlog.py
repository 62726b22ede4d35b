"""The backlog after a stall: what has arrived meanwhile is read before any timer runs.

A process can be stopped (SIGSTOP, Ctrl+Z), a machine suspended, a callback too slow. Then many
deadlines pass at once, although the peers have met them: what they sent is still unread in the
system's buffers. One poll and one read per descriptor do not get all of it. epoll reports 1,023
descriptors at a time, and none after an interrupted wait; a handler reads a bounded amount per
event. So after a *late* turn the loop *catches up*: it takes turns without waiting and without
running timers, until every descriptor has once had nothing to read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from .stats import Stats

#: Seconds. A turn is late if the turn before it worked for longer than this, or if its own wait
#: took this much longer than its timeout.
LATE: Final = 0.05

#: Seconds. No backlog delays timers for longer, however long the stall was: the system's buffers
#: are bounded, and every turn reads from each descriptor.
LONGEST: Final = 5.0

# A turn of catching up can itself take longer than LATE. It counts as a new stall only if it took
# more than this many times as long as the last stall. Otherwise an overloaded server, whose every
# turn is late, would delay timers forever.
_NEW_STALL: Final = 2
# The turns of catching up can also become longer and longer, for example when threads queue
# callbacks faster than the loop runs them. Count no more stalls than this: by then each descriptor
# has been read at least once.
_MAX_STALLS: Final = 2
# A wait that ends late may report nothing of what arrived meanwhile. So count each late wait as a
# new stall, up to this many.
_MAX_LATE_WAITS: Final = 5
_MAX_LONG_TURNS: Final = 1000  # entries of long_turns


class Backlog:
    """Decides for a loop when to catch up.

    ``long_turns``: for each long turn, when it began and when it ended, in seconds of the loop's
    clock. What was read in such a turn arrived at some time between the two.
    """

    __slots__ = (
        "_end",
        "_handlers",
        "_ready",
        "_stall",
        "_stalls",
        "_stats",
        "_unread",
        "long_turns",
    )

    def __init__(self, handlers: Iterable[int], ready: Collection[object], stats: Stats) -> None:
        """``handlers``: the watched descriptors. ``ready``: the queued callbacks. ``stats``: where
        stalls are counted."""
        self._handlers = handlers
        self._ready = ready
        self._stats = stats
        self._stall = 0.0  # seconds that the stall lasted; 0 while there is no backlog
        self._stalls = 0  # stalls since timers last ran
        self._unread: set[int] = set()  # descriptors that have been ready in every poll since
        self._end = 0.0  # when to stop catching up in any case
        self.long_turns: dict[float, float] = {}

    def update(
        self, began: float, ended: float, timeout: float | None, events: list[tuple[int, int]]
    ) -> bool:
        """Judge a turn whose wait has just ended. Returns whether to catch up: then the turn must
        not run timers.

        The loop calls this for turns that may be late, and for every turn after one for which it
        returned True. ``began`` and ``ended``: when the work of the last turn began and ended.
        ``timeout``: the longest that the wait after it should have taken. ``events``: what the wait
        reported.
        """
        late = self._record_work(began, ended)
        # Without a timeout no timer was set, so none can run too early.
        overslept = 0.0 if timeout is None else self._stats.last_wake - ended - max(timeout, 0.0)
        if overslept > LATE:
            late += overslept
        elif not (self._stall or events or self._ready):
            # This wait began after the late work and found nothing, so nothing has arrived. A wait
            # that was itself late does not prove that: a signal may have interrupted it.
            self._stats.stalled_time += late
            return False
        if late:
            self._stats.stalled_time += late
        if (late > _NEW_STALL * self._stall and self._stalls < _MAX_STALLS) or (
            overslept > LATE and self._stalls < _MAX_LATE_WAITS
        ):
            self._begin(late)
        elif self._stall:
            # While catching up, polls report all that is ready: a descriptor that is missing has
            # nothing left to read.
            # A copy, because iterating over the events of an observed loop is measured.
            self._unread.intersection_update([fd for fd, _ in events.copy()])
            # Callbacks may continue reading (TLS, HTTP), so wait for these too. If we can keep up
            # with our peers at all, we read what arrived in d seconds in less than d seconds. So
            # what is still ready at _end is always ready: a peer that floods us, or a regular file.
            if not (self._unread or self._ready) or self._stats.last_wake >= self._end:
                self.end()
        return self._stall > 0

    def end(self) -> None:
        """Stop catching up."""
        self._stall = 0.0
        self._stalls = 0

    def pause(self, began: float, ended: float) -> bool:
        """Judge the time from ``began`` to ``ended``, in which the loop did not run, as if it were
        one turn. Returns whether to catch up."""
        late = self._record_work(began, ended)
        if late:
            self._stats.stalled_time += late
            self._begin(late)
        return self._stall > 0

    def _record_work(self, began: float, ended: float) -> float:
        """Record a turn that worked for too long. Returns its length in seconds; 0 if it was not
        late."""
        if ended - began <= LATE:
            return 0.0
        self.long_turns[began] = ended
        if len(self.long_turns) > _MAX_LONG_TURNS:
            del self.long_turns[next(iter(self.long_turns))]
        return ended - began

    def _begin(self, stall: float) -> None:
        self._stall = stall
        self._stalls += 1
        self._unread = set(self._handlers)
        self._end = self._stats.last_wake + min(stall, LONGEST)
