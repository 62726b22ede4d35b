"""The state document: everything that the inspector shows of a loop at one moment.

It is built in the inspector's thread, up to ten times a second, and contains only numbers, strings,
booleans, lists, dicts and None. Moments are seconds of the loop's clock, in milliseconds where
noise would change the document each time. What is not known is None. Keys of dicts are strings
(JSON)::

    loop         time, wall (seconds since 1970), running, stopping, catching_up, debug
    stats        the counters of ``reactor.Stats``
    control      see ``Control.document``: mode, turns_per_second, stepping, recording, recorded
    turn         the turn that the loop is in, if it is paused or in slow motion, if it is in it for
                 longer than 80 ms, or if none has ended since the last document; otherwise the
                 newest turn since then that had events or calls, else the last one. The fields of a
                 recording's line, with "step" (1 to 8) and "running" (the name of what runs); see
                 turns.py. None before the first turn.
    turns        in slow motion: the turns that have ended since the last document, at most 10
    pending      while the loop is paused or in slow motion: what is to come in this turn, see
                 ``reactor.pending``; otherwise None
    steps        seconds: what each of the eight steps took in the newest turns, which are at most
                 200 for each tenth of a second, and in a wait that goes on; of: the seconds that
                 they took; sampled: only if the loop is so busy that one turn of so many is
                 measured, see reactor/sampling.py
    strip        by the number of the interval (``hello``: "strip"): seconds waited, seconds worked,
                 turns, events, the longest work of one turn; intervals with nothing are left out
    descriptors  total, matching (the filter), kinds (how many of each), first, order (the numbers
                 on screen), rows (by number, the fields of ``reactor.describe_descriptor``)
    timers       next (at most 100 of the next ten seconds, each with name, kind, at, and
                 expires_at for an idle timer), total, idle, cancelled, fired (the newest 20, each
                 with name, kind, at, took)
    callbacks    next (names of those that are queued, at most 100), total
    slowest      by name, over the last minute, at most 20: name, calls, seconds, longest. Of calls
                 that are shorter than a millisecond, an estimate while turns are sampled
    blocked      see ``Watchdog.document``
    errors       total, recent (the newest first: at, text)
    closed       total, recent (descriptors, the newest first)"""

from __future__ import annotations

import bisect
import os
import platform
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

import reactor as package
from reactor import STEPS, Loop, Turn, current_turn, list_callbacks, list_timers, pending

from .control import Control
from .history import BUCKETS, INTERVAL
from .table import Table, View
from .turns import describe_turn, newest_interesting, time_of_steps
from .watchdog import Watchdog
from .watching import Watcher

VERSION: Final = 1  # of the document

_TICK: Final = 0.08  # seconds for which viewers share what does not depend on their view
_RARELY: Final = 1.0  # seconds between looks at what takes longer
_SHARE: Final = 30  # at least this many times as long as such a look took
_MOST_NEXT: Final = 100
_MOST_TURNS: Final = 10
_WAIT: Final = 2  # the step
_SAME: Final = 0.002  # seconds by which the same moment may differ when it is computed again


class State:
    """The state of ``reactor``, from what ``watcher`` has seen. ``title``: a name for it, such as
    that of the protocol. ``clock``: monotonic seconds. ``breathe``: see ``Slices``. The methods are
    called in one thread, which is not the loop's."""

    def __init__(
        self,
        reactor: Loop,
        watcher: Watcher,
        control: Control,
        watchdog: Watchdog,
        *,
        title: str = "",
        clock: Callable[[], float] = time.monotonic,
        breathe: Callable[[], object] = lambda: None,
    ) -> None:
        self._breathe = breathe
        self._loop = reactor
        self._watcher = watcher
        self._control = control
        self._watchdog = watchdog
        self._clock = clock
        self.title = title
        self._started = time.time()
        self._table = Table(reactor, watcher, clock, breathe=breathe)
        self._shared: dict[str, Any] = {}
        self._made = float("-inf")
        self._last_turn = -1  # the number of the newest turn that was shown
        self._turn: Turn | None = None
        self._samples: deque[tuple[float, list[float], float]] = deque(maxlen=15)
        self._counts: deque[tuple[float, int, int]] = deque(maxlen=15)  # turns, and measured ones
        self._counts.append((reactor.time(), watcher.turns, watcher.measured))
        self._at: list[float] = []  # moments of timers, sorted
        self._rare: dict[str, Any] = {}
        self._rare_until = float("-inf")

    def hello(self) -> dict[str, Any]:
        """What does not change, without the token: the server adds it."""
        return {
            "version": VERSION,
            "title": self.title,
            "pid": os.getpid(),
            "python": platform.python_version(),
            "reactor": package.__version__,
            "poller": type(self._loop._poller).__name__,
            "steps": list(STEPS),
            "started": round(self._started, 3),
            "watchdog": self._watchdog.threshold,
            "strip": {"interval": INTERVAL, "buckets": BUCKETS},
        }

    def document(self, view: View) -> dict[str, Any]:
        """The state now, for a viewer that looks at ``view``. The caller must not change it: parts
        of it may be shared by viewers."""
        now = self._clock()
        if now - self._made >= _TICK:
            self._shared = self._build(now)
            self._made = now
        return self._shared | {"descriptors": self._table.document(view)}

    def refresh(self) -> None:
        """An action has changed the loop: build the next document, whatever viewers share."""
        self._made = float("-inf")

    def _build(self, now: float) -> dict[str, Any]:
        loop, watcher, breathe = self._loop, self._watcher, self._breathe
        if now >= self._rare_until:
            self._look_rarely(now)
            breathe()
        control = self._control.document()
        turn = current_turn(loop)  # first, because the ring has the turns before it
        time_now = loop.time()
        ended = self._ended_since(list(watcher.recent.turns))
        self._sample(time_now, ended)
        stepping = control["mode"] != "running"
        shown = self._choose(turn, ended, stepping)
        describe = self._table.row_of
        document: dict[str, Any] = {
            "loop": {
                "time": round(time_now, 3),
                "wall": round(time.time(), 3),
                "running": loop.is_running(),
                "stopping": loop.is_stopping(),
                "catching_up": loop._catching_up,
                "debug": loop.get_debug(),
            },
            "stats": {name: round(value, 3) for name, value in loop.stats.as_dict().items()},
            "control": control,
            "turn": None if shown is None else describe_turn(shown, describe),
            "pending": self._pending(time_now) if stepping else None,
            "steps": self._steps(time_now, turn) | self._sampled(time_now),
        }
        breathe()
        turns: list[dict[str, Any]] = []
        for each in ended[-_MOST_TURNS:] if control["mode"] == "slow" else ():
            turns.append(describe_turn(each, describe))
            breathe()
        document["turns"] = turns
        document["strip"] = watcher.strip.document(time_now, turn)
        breathe()
        document["timers"] = self._timers(time_now)
        breathe()
        return document | {
            "callbacks": list_callbacks(loop, most=_MOST_NEXT),
            "slowest": self._rare["slowest"],
            "blocked": self._watchdog.document(),
            "errors": {
                "total": watcher.errors_total,
                "recent": [
                    {"at": round(at, 3), "text": text}
                    for at, text in reversed(watcher.errors.copy())
                ],
            },
            "closed": {"total": watcher.closed_total, "recent": [*reversed(watcher.closed.copy())]},
        }

    def _look_rarely(self, now: float) -> None:
        """What takes a pass over all timers, or all names."""
        self._rare = {
            "slowest": self._watcher.by_name.document(
                self._loop.time(), self._watcher.size, self._watcher.size_measured
            ),
            "idle": list_timers(self._loop, seconds=-1.0)["idle"],
        }
        self._rare_until = now + max(_RARELY, _SHARE * (self._clock() - now))

    # -- turns -------------------------------------------------------------------------------------

    def _ended_since(self, recent: Sequence[Turn]) -> list[Turn]:
        """The turns that have ended since the last call; of very many the newest ones."""
        ended = [turn for turn in recent if turn.number > self._last_turn]
        if ended:
            self._last_turn = ended[-1].number
        return ended

    def _choose(self, current: Turn | None, ended: list[Turn], stepping: bool) -> Turn | None:
        if current is not None and (stepping or self._loop.time() - current.times[0] > _TICK):
            self._turn = current
        elif ended:
            self._turn = newest_interesting(ended)
        elif current is not None:
            self._turn = current
        return self._turn

    def _sample(self, now: float, ended: Sequence[Turn]) -> None:
        if ended:
            span = sum(turn.times[-1] - turn.times[0] for turn in ended)
            self._samples.append((now, time_of_steps(ended), span))
        self._counts.append((now, self._watcher.turns, self._watcher.measured))

    def _steps(self, now: float, current: Turn | None) -> dict[str, Any]:
        """Over the last second, with the wait that goes on."""
        samples = [(seconds, of) for then, seconds, of in self._samples if then > now - 1.0]
        seconds = [sum(took) for took in zip([0.0] * 8, *(s for s, _ in samples), strict=True)]
        of = sum(of for _, of in samples)
        if current is not None and current.step == _WAIT:
            waited = min(max(now - current.times[-1], 0.0), 1.0)
            seconds[_WAIT - 1] += waited
            of += waited
        return {"seconds": [round(took, 6) for took in seconds], "of": round(of, 6)}

    def _sampled(self, now: float) -> dict[str, int]:
        """That only one turn of so many was measured in the last second, or since the last
        document, if that is so."""
        newest = self._counts[-1]
        before = [count for count in self._counts if count[0] <= now - 1.0]
        oldest = before[-1] if before else self._counts[0]
        turns, measured = (newest[i] - oldest[i] for i in (1, 2))
        each = round(turns / max(measured, 1))
        return {"sampled": each} if each > 1 else {}

    # -- timers ------------------------------------------------------------------------------------

    def _timers(self, now: float) -> dict[str, Any]:
        timers = list_timers(self._loop, most=_MOST_NEXT, count_idle=False)
        return {
            "next": self._moments(timers["next"], now),
            "total": timers["total"],
            "idle": self._rare["idle"],
            "cancelled": timers["cancelled"],
            "fired": [
                {"name": name, "kind": kind, "at": round(at, 3), "took": round(took, 6)}
                for name, kind, at, took in reversed(self._watcher.fired.copy())
            ],
        }

    def _moments(self, timers: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
        """The same with moments, which do not change, instead of seconds from now."""
        before, self._at = self._at, []
        shown = []
        for timer in timers:
            moments = {
                name: self._moment(now + timer[seconds], before)
                for name, seconds in (("at", "in"), ("expires_at", "expires_in"))
                if seconds in timer
            }
            shown.append({"name": timer["name"], "kind": timer["kind"], **moments})
        self._at.sort()
        return shown

    def _moment(self, at: float, before: list[float]) -> float:
        """``at``, or what the last document has said for it: it is computed from two readings of
        the clock that differ a little."""
        index = bisect.bisect_left(before, at - _SAME)
        known = index < len(before) and before[index] < at + _SAME
        moment = before[index] if known else round(at, 3)
        self._at.append(moment)
        return moment

    def _pending(self, now: float) -> dict[str, Any]:
        shown = pending(self._loop, most=_MOST_NEXT)
        return shown | {
            "timers": [{**timer, "in": round(timer["in"], 3)} for timer in shown["timers"]]
        }
