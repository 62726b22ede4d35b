"""Pausing a loop, running it step by step, and in slow motion, controlled from another thread.

A pause expires nobody. The loop's clock stands still, so no timer comes due. And the wait that
follows reports everything that has arrived meanwhile, which may be more than a poller reports at
once, so all of it is handled before any timer runs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import MethodType
from typing import Any, Final

from .descriptors import copied
from .errors import FATAL
from .loop import Loop
from .naming import unwrap
from .observed_loop import ObservedLoop
from .observer import STEPS, Observer, Turn
from .timers import Handle

# Seconds after which a paused loop looks whether a signal has asked it to stop.
_LOOK: Final = 0.1
_NEXT_TURN: Final = (-1, 1)  # where pause() stops: at the first step of any turn
_MAX_QUEUED: Final = 1000  # functions that wait for the loop


class StepClock:
    """A clock that can stand still. ``clock``: the one that it follows.

    ``read()``: the time. It is a plain function, because a loop that was paused once reads this
    clock for the rest of its life: a method would cost three times as much. ``stop()``: stand
    still. ``go_on()``: continue from where it stands."""

    def __init__(self, clock: Callable[[], float]) -> None:
        behind = 0.0  # seconds that it has stood still
        stopped_at: float | None = None

        def read() -> float:
            at = stopped_at  # one access: another thread may call this
            return clock() - behind if at is None else at

        def stop() -> None:
            nonlocal stopped_at
            stopped_at = read()

        def go_on() -> None:
            nonlocal behind, stopped_at
            if stopped_at is not None:
                behind = clock() - stopped_at
                stopped_at = None

        self.read, self.stop, self.go_on = read, stop, go_on

    @classmethod
    def of(cls, loop: Any) -> StepClock:
        """The clock of ``loop``. It stays for the life of the loop: without it, the clock would
        jump over the pauses."""
        clock: StepClock | None = getattr(loop, "_step_clock", None)
        if clock is None:
            loop._step_clock = clock = cls(loop.time)
            loop.time = loop.timers.time = clock.read
        return clock


class Stepper(Observer):
    """Pauses a loop before a step. Add it with ``Reactor.add_observer``.

    ``paused()``: called in the loop's thread when a pause has begun and when it has ended.

    The methods may be called from any thread. SIGINT and SIGTERM end a pause, and so does a
    ``stop`` that ``call_soon_threadsafe`` has queued; a loop that is stopping does not pause.
    Everything else that should happen during a pause, such as ``remove_observer``, is passed to
    ``run()``."""

    def __init__(self, paused: Callable[[], object] = lambda: None) -> None:
        self._notify = paused
        self._condition = threading.Condition()
        self._go_until: tuple[int, int] | None = None  # turn and step to pause at; None for never
        self._delay = 0.0  # seconds before each step
        self._commands = 0  # how often these two were set: a new command ends a pause
        self._queued: deque[Callable[[], object]] = deque()
        self._loop: Any = None
        self._reported_by: Any = None  # the same loop, also after the observation
        self._clock: StepClock | None = None
        self._position = (0, 1)  # turn and step that the loop is in
        self.is_paused = False  #: Whether the loop stands still now.
        self.turn: Turn | None = None  #: The turn that the loop is in.

    # -- control -----------------------------------------------------------------------------------

    def pause(self) -> None:
        """Pause before the next turn. A loop that waits is woken for that."""
        with self._condition:
            if not self.is_paused:
                self._command(_NEXT_TURN, 0.0)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_nothing)

    def resume(self) -> None:
        """Run at full speed."""
        self._go(None, 0.0)

    def step(self) -> None:
        """Run one step, then pause. Has an effect on a paused loop only."""
        turn, step = self._position
        self._go((turn, step + 1) if step < len(STEPS) else (turn + 1, 1), 0.0)

    def run_turn(self) -> None:
        """Run to the beginning of the next turn, then pause. Has an effect on a paused loop
        only."""
        self._go((self._position[0] + 1, 1), 0.0)

    def slow_motion(self, turns: float) -> None:
        """Run at most ``turns`` turns a second, with equal delays before their steps. Raises
        ``ValueError`` unless it is more than 0."""
        if not turns > 0:
            raise ValueError("the number of turns a second must be more than 0")
        self._go(None, 1.0 / (turns * len(STEPS)))

    def run(self, function: Callable[[], object]) -> None:
        """Call ``function()`` in the loop's thread, also while the loop is paused. It must not
        block. Raises ``RuntimeError`` if the stepper observes no loop, the loop is closed, or too
        many functions wait."""
        loop = self._loop
        if loop is None:
            raise RuntimeError("the stepper observes no loop")
        if len(self._queued) >= _MAX_QUEUED:
            raise RuntimeError("too many functions wait for the loop")
        with self._condition:
            self._queued.append(function)
            self._condition.notify_all()
            paused = self.is_paused
        if not paused:  # otherwise it runs before the pause ends
            loop.call_soon_threadsafe(self._run_queued)

    def _go(self, until: tuple[int, int] | None, delay: float) -> None:
        with self._condition:
            if self.is_paused or until is None:
                self._command(until, delay)

    def _command(self, until: tuple[int, int] | None, delay: float) -> None:
        """Do something else from now on. The caller has the lock."""
        self._go_until = until
        self._delay = delay
        self._commands += 1
        self._condition.notify_all()

    # -- in the loop's thread ----------------------------------------------------------------------

    def attached(self, loop: Loop) -> None:
        self._loop = self._reported_by = loop
        self._clock = StepClock.of(loop)

    def detached(self, loop: Loop) -> None:
        self._loop = None
        with self._condition:
            self._command(None, 0.0)

    def step_begins(self, turn: Turn) -> None:
        self.turn = turn
        self._position = position = (turn.number, turn.step)
        if self._delay or self._go_until is not None:
            with self._condition:
                delay, command = self._delay, self._commands
                stops = not delay and self._stops_at(position, self._go_until)
                # In the same moment as the look at the command: a later one must end this pause.
                self.is_paused = stops
            if delay or stops:
                self._pause(delay, command)

    @staticmethod
    def _stops_at(position: tuple[int, int], until: tuple[int, int] | None) -> bool:
        if until == _NEXT_TURN:
            return position[1] == 1
        return until is not None and position >= until

    def _pause(self, delay: float, command: int) -> None:
        """Stand still until there is another command than ``command``, or for the ``delay`` of slow
        motion."""
        loop, clock = self._loop, self._clock
        if clock is None or loop is None or loop._signals.stop_requested:
            self.is_paused = False
            return
        signals = loop._signals.arrived
        looked = 0  # at so many of the callbacks that are queued
        clock.stop()
        try:
            if not delay:
                self._notify()
            end = time.monotonic() + delay
            while not (
                loop._signals.stop_requested
                or loop._signals.arrived != signals
                or loop.is_stopping()
                or loop._stopped
            ):
                self._run_queued()
                queued = _queued(loop)
                if any(_stops(handle, loop) for handle in queued[looked:]):
                    self._go_on()
                    break
                looked = len(queued)
                left = end - time.monotonic() if delay else _LOOK
                with self._condition:
                    if left <= 0 or self._commands != command:
                        break
                    if not self._queued:
                        self._condition.wait(min(left, _LOOK))
            else:
                self._go_on()
        finally:
            clock.go_on()
            if isinstance(loop, ObservedLoop):  # otherwise the stepper was removed
                loop._observation.poll_all_next = True
            if not delay:
                with self._condition:
                    self.is_paused = False
                self._run_queued()
                self._notify()

    def _go_on(self) -> None:
        """The loop is asked to stop, so it does not pause any more."""
        with self._condition:
            self._go_until, self._delay = None, 0.0

    def _run_queued(self) -> None:
        while self._queued:
            function = self._queued.popleft()
            try:
                function()
            except FATAL:
                raise
            except BaseException as exc:
                self._reported_by.call_exception_handler(
                    {"message": "callback failed:", "exception": exc, "handle": function}
                )


def _queued(loop: Any) -> list[Handle]:
    """The callbacks that ``loop`` is going to run. They only become more during a pause."""
    queued: list[Handle] = copied(lambda: list(loop._ready))
    first = loop._observation.first_callback if isinstance(loop, ObservedLoop) else None
    return queued if first is None else [first, *queued]


def _stops(handle: Handle, loop: Any) -> bool:
    """Whether the callback is ``loop.stop``."""
    callback = unwrap(handle._callback)
    is_method = type(callback) is MethodType and callback.__self__ is loop
    return is_method and callback.__name__ == Loop.stop.__name__


def _nothing() -> None:
    """What a thread calls in the loop only to wake it."""
