"""What has arrived while the loop stood still, and must be read before any deadline is judged.

A process can be stopped (SIGSTOP, Ctrl+Z), a machine suspended, a callback too slow. Afterwards
many deadlines have passed at once, although the peers have kept to them: what they sent lies unread
in the system's buffers. One poll and one read of each descriptor do not get all of it: epoll
reports 1,023 descriptors at a time, and after an interrupted wait none; a handler reads a bounded
amount for each event. So after a *late* turn the loop is *catching up*: its turns go on without
waiting and without running timers, until every descriptor has once been found with nothing to read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from .stats import Stats

#: Seconds. A turn is late if the one before it worked for longer, or if its own wait took so much
#: longer than it was asked to.
LATE: Final = 0.05

#: Seconds. No backlog holds timers back for longer, however long the stall was: what the system
#: keeps for us is bounded, and each descriptor is read in each turn.
LONGEST: Final = 5.0

# A round of catching up can itself take longer than LATE. It counts as a new stall, from which to
# catch up again, only when it took more than so many times what the one before took: so the rounds
# of an overloaded server do not hold timers back for ever.
_NEW_STALL: Final = 2
# Where each takes so many times longer, as when threads queue callbacks faster than they can be
# run, timers run after so many nevertheless: by then each descriptor has been read once at least.
_MOST_STALLS: Final = 2
# A wait that was late itself may tell of nothing that came meanwhile, and that is unread then. So
# each of these is a new stall, up to more of them.
_MOST_LATE_WAITS: Final = 5
_MOST_LONG_TURNS: Final = 1000  # that are remembered


class Backlog:
    """Decides for a loop when it is catching up.

    ``handlers`` has the descriptors that are watched, ``ready`` the callbacks that are queued;
    ``stats`` is where stalls are counted.

    ``long_turns``: of late turns, when each began and when it ended. What was read in one of them
    was heard at some time from the one to the other.
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
        self._handlers = handlers
        self._ready = ready
        self._stats = stats
        self._stall = 0.0  # seconds that the stall lasted; 0 while there is no backlog
        self._stalls = 0  # since timers last ran
        self._unread: set[int] = set()  # descriptors that may have been ready ever since
        self._end = 0.0  # when catching up ends in any case
        self.long_turns: dict[float, float] = {}

    def update(
        self, began: float, ended: float, timeout: float | None, events: list[tuple[int, int]]
    ) -> bool:
        """Take note of a turn whose wait has just ended. Returns whether timers are held back in
        it.

        The loop calls this for turns that may be late, and for each turn while it returns True.
        ``began`` and ``ended``: when the work of the turn before did; ``timeout``: how long the
        wait since then should have been; ``events``: what it reported.
        """
        late = self._work(began, ended)
        # With no timeout nothing was due, so nothing can be judged too early.
        overslept = 0.0 if timeout is None else self._stats.last_wake - ended - max(timeout, 0.0)
        if overslept > LATE:
            late += overslept
        elif not (self._stall or events or self._ready):
            # This wait began after the late work and found nothing: nothing has arrived. After
            # a wait that was late itself that is not known, as a signal can have cut it short.
            self._stats.stalled_time += late
            return False
        if late:
            self._stats.stalled_time += late
        if (late > _NEW_STALL * self._stall and self._stalls < _MOST_STALLS) or (
            overslept > LATE and self._stalls < _MOST_LATE_WAITS
        ):
            self._begin(late)
        elif self._stall:
            # A descriptor that a poll of all of them does not report has been read to its end.
            self._unread.intersection_update([fd for fd, _ in events])
            # Reading can go on in callbacks (TLS, HTTP), which have their turn as well. What takes
            # d seconds to arrive, and that we can keep up with, takes less to be read: what is
            # still ready after that, a peer that floods us or a regular file, is ready always.
            if not (self._unread or self._ready) or self._stats.last_wake >= self._end:
                self.end()
        return self._stall > 0

    def end(self) -> None:
        """There is nothing more to catch up with, or it does not matter any more."""
        self._stall = 0.0
        self._stalls = 0

    def pause(self, began: float, ended: float) -> bool:
        """Take note that the loop was not run since the turn that ``began`` then. Returns whether
        that is a stall."""
        late = self._work(began, ended)
        if late:
            self._stats.stalled_time += late
            self._begin(late)
        return self._stall > 0

    def _work(self, began: float, ended: float) -> float:
        if ended - began <= LATE:
            return 0.0
        self.long_turns[began] = ended
        if len(self.long_turns) > _MOST_LONG_TURNS:
            del self.long_turns[next(iter(self.long_turns))]
        return ended - began

    def _begin(self, stall: float) -> None:
        self._stall = stall
        self._stalls += 1
        self._unread = set(self._handlers)
        self._end = self._stats.last_wake + min(stall, LONGEST)
