"""The watchdog: a thread that notices a turn that works for too long, and which line it is in.

*Noticing.* The thread looks at the loop ten times a second, or once for each threshold but at most
200 times, and then when the threshold will have passed. It reads the turn that the loop is in, so
the loop does nothing for it. The wait (step 2) is no work, and in a pause the loop's clock stands
still.

*Sampling.* While a turn works for longer than the threshold, the thread looks every 15 ms at the
stack of the loop's thread, and counts the lines. The line that it sees most often is the one that
blocks.

*Not to blame the loop* for what stopped the whole process (SIGSTOP, a suspended machine, a starved
one): then this thread has slept too long as well. But a call in C that keeps the interpreter's lock
has the same effect on it, and differs in that the process has used the processor. Such a turn
cannot be sampled. It is listed when it has ended, with the name of its longest call."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from reactor import Loop, Turn, current_turn

from .places import Line, Stack, source, stack_of, where, where_and_source
from .watching import Watcher

_LONGEST_PAUSE: Final = 0.1  # seconds between two looks
_SHORTEST_PAUSE: Final = 0.005  # even if the threshold is shorter
_SAMPLE: Final = 0.015  # seconds between two samples
# An endless loop is sampled less and less often.
_FEWER: Final = ((200, 0.1), (1000, 1.0))  # after how many samples, and the seconds between them
_MOST_PLACES: Final = 100  # of one turn
_MOST_BLOCKED: Final = 20  # turns to list
_MOST_HOTTEST: Final = 5
_MOST_STOPS: Final = 100
_OVERSLEPT: Final = 0.02  # seconds by which a pause may be too long


class Watchdog:
    """Watches the turns of ``reactor``, of which ``watcher`` is an observer.

    ``threshold``: seconds; a turn that works for longer is listed. ``clock``: monotonic seconds;
    ``cpu``: seconds that the process has used the processor; ``frames``: the innermost frame of a
    thread, by its identifier. Raises ``ValueError`` unless ``threshold`` is more than 0."""

    def __init__(
        self,
        reactor: Loop,
        watcher: Watcher,
        threshold: float = 0.1,
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.process_time,
        frames: Callable[[], dict[int, FrameType]] = sys._current_frames,
    ) -> None:
        if not threshold > 0:
            raise ValueError("the watchdog's threshold must be more than 0 seconds")
        self.threshold = watcher.threshold = threshold
        self._loop = reactor
        self._watcher = watcher
        self._clock = clock
        self._cpu = cpu
        self._frames = frames
        self._pause = max(min(_LONGEST_PAUSE, threshold), _SHORTEST_PAUSE)
        self._looked: float | None = None  # when, by clock
        self._cpu_then = 0.0
        self._asked = 0.0  # seconds that this thread wanted to sleep
        self._loop_then: float | None = None  # the loop's clock at the last look
        self._stops: deque[tuple[float, float]] = deque(maxlen=_MOST_STOPS)  # by the loop's clock
        self._turn: int | None = None  # the number of the one that is being sampled
        self._blocked: _Blocked | None = None
        self._listed: deque[_Blocked] = deque(maxlen=_MOST_BLOCKED)
        self._total = 0
        self._judged = watcher.long_turns_total
        self._judged_number = -1  # of the newest turn
        self._thread: threading.Thread | None = None
        self._end = threading.Lock()

    # -- the thread --------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread. Raises ``RuntimeError`` if it was started before."""
        if self._thread is not None:
            raise RuntimeError("the watchdog was started before")
        self._end.acquire()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Has no effect if it was not started, or has ended."""
        thread = self._thread
        if thread is not None and self._end.locked():
            self._end.release()
            if thread is not threading.current_thread():
                thread.join()

    def _run(self) -> None:
        # A lock, because an Event takes several times as long, and this happens ten times a second.
        while not self._end.acquire(timeout=self.look()):
            pass

    def look(self) -> float:
        """Look at the loop once. Returns seconds to sleep until the next look."""
        loop = self._loop
        now = loop.time()
        stands_still = self._loop_then is not None and now <= self._loop_then
        self._notice_stop(now)
        self._loop_then = now
        turn = current_turn(loop)
        worked = 0.0 if turn is None else self._worked(turn, now)
        if self._blocked is not None and (turn is None or turn.number != self._turn):
            self._blocked.going_on = False
            self._turn = self._blocked = None
        if self._watcher.long_turns_total != self._judged:
            self._judge()
        if turn is None or worked <= 0 or stands_still:
            pause = self._pause
        elif worked >= self.threshold:
            self._sample(turn, worked, now)
            pause = self._sampling_pause()
        else:
            # A little more, so that the next look is not too early by the clock's resolution.
            pause = min(self._pause, max(self.threshold - worked + 0.001, _SHORTEST_PAUSE))
        self._asked = pause
        return pause

    def _notice_stop(self, now: float) -> None:
        """If this thread slept too long without the process using the processor, that time is
        nobody's work."""
        real, cpu = self._clock(), self._cpu()
        if self._looked is not None:
            slept = real - self._looked
            if slept > self._asked + _OVERSLEPT and cpu - self._cpu_then < slept / 2:
                self._stops.append((now - slept, now))
        self._looked, self._cpu_then = real, cpu

    def _worked(self, turn: Turn, now: float) -> float:
        """For how many seconds the loop has worked in this turn, since the wait."""
        times = turn.times.copy()
        if turn.step == 2 or len(times) > 8:
            return 0.0
        began = times[2] if len(times) > 2 else times[0]
        return now - began - self._stopped(began, now)

    def _stopped(self, began: float, ended: float) -> float:
        """For how much of this time the process was stopped."""
        return sum(max(min(ended, to) - max(began, since), 0.0) for since, to in self._stops)

    # -- sampling ----------------------------------------------------------------------------------

    def _sample(self, turn: Turn, worked: float, now: float) -> None:
        thread = self._loop._guard.thread
        stack = None if thread is None else stack_of(self._frames().get(thread))
        now_in = current_turn(self._loop)
        if now_in is None or now_in.number != turn.number:  # it has ended meanwhile
            return
        if self._turn != turn.number:
            self._turn = turn.number
            self._blocked = self._list(turn.number, now - worked)
        blocked = self._blocked
        if blocked is not None:
            blocked.took = worked
            blocked.name = turn.running
            if stack is not None:
                blocked.add(stack)

    def _sampling_pause(self) -> float:
        samples = 0 if self._blocked is None else self._blocked.samples
        return next((pause for most, pause in reversed(_FEWER) if samples >= most), _SAMPLE)

    def _list(self, number: int, at: float) -> _Blocked:
        self._total += 1
        blocked = _Blocked(self._total, number, at)
        self._listed.append(blocked)
        return blocked

    def _judge(self) -> None:
        """Long turns have ended: complete those that were sampled, and list the others."""
        self._judged = self._watcher.long_turns_total
        by_number = {blocked.turn: blocked for blocked in self._listed}
        for turn in self._watcher.long_turns.copy():
            if turn.number <= self._judged_number:
                continue
            self._judged_number = turn.number
            times = turn.times
            began, ended = (times[2] if len(times) > 2 else times[0]), times[-1]
            took = ended - began - self._stopped(began, ended)
            blocked = by_number.get(turn.number)
            if blocked is None:
                if took < self.threshold:  # the process was stopped
                    continue
                blocked = self._list(turn.number, began)
            calls = turn.calls
            if calls:
                blocked.name = max(calls, key=lambda call: call.took).name
            blocked.took = took
            blocked.going_on = False

    # -- what it has found -------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """ "blocked" in the state document: ``total``, and ``recent``, at most 20, newest first.

        Of each: ``id``, counts up. ``at``: when the work began. ``took``: seconds so far;
        ``going_on``: whether the turn has not ended. ``name``: what runs, or of a turn that has
        ended its longest call. ``where``, such as "app.py:12 in handler", and ``line``, its source:
        the line of the program that was seen most often, the innermost that is neither the
        library's nor the reactor's; None without samples. ``stack``: how the loop came there, the
        outermost call first, so that the last one is where it really was, such as
        "app.py:12 in handler: time.sleep(1)". ``samples``: how many. ``hottest``: at most 5 places
        and how often each was seen, as ["app.py:12 in handler", samples]."""
        listed = self._listed.copy()
        return {
            "total": self._total,
            "recent": [blocked.document() for blocked in reversed(listed)],
        }


class _Blocked:
    """A turn that has worked for too long."""

    def __init__(self, identifier: int, turn: int, at: float) -> None:
        self.identifier = identifier
        self.turn = turn
        self.at = at
        self.took = 0.0
        self.going_on = True
        self.name = ""
        self.samples = 0
        self._places: dict[Line, int] = {}  # how often each was seen
        self._stacks: dict[Line, Stack] = {}  # how the loop came there, the first time

    def add(self, stack: Stack) -> None:
        """A sample."""
        self.samples += 1
        if stack.place in self._places:
            self._places[stack.place] += 1
        elif len(self._places) < _MOST_PLACES:
            self._stacks[stack.place] = stack
            self._places[stack.place] = 1

    def document(self) -> dict[str, Any]:
        places = sorted(self._places.copy().items(), key=lambda item: -item[1])
        place = places[0][0] if places else None
        return {
            "id": self.identifier,
            "at": round(self.at, 3),
            "took": round(self.took, 3),
            "going_on": self.going_on,
            "name": self.name,
            "where": None if place is None else where(place),
            "line": None if place is None else source(place),
            "stack": []
            if place is None
            else [where_and_source(line) for line in self._stacks[place].lines],
            "samples": self.samples,
            "hottest": [[where(line), samples] for line, samples in places[:_MOST_HOTTEST]],
        }
