"""Controlling the watched loop: pause, step, slow motion, resume, and recordings of it.

The loop costs nothing for this until the first action. That adds a ``Stepper``, which makes a call
of each step, and ``resume`` removes it. What must happen in the loop's thread is queued, and run
there also during a pause."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from reactor import Reactor, Stepper, Traffic

from .recordings import Recording, TemporaryFolder

logger = logging.getLogger(__name__)

LONELY: Final = 60.0  # seconds without a viewer until a paused loop resumes
MAX_PAYLOAD: Final = 1024  # bytes of each descriptor and turn
MOST_TURNS: Final = 50  # a second, in slow motion
_MOST_QUEUED: Final = 100  # functions that wait for the loop
# Quick keys: a step that is asked for so soon after the one before waits until that has ended. One
# that takes longer waits for events, or works, and steps that pile up meanwhile would surprise.
_QUICK: Final = 0.2  # seconds
_MOST_STEPS: Final = 20

_ACTIONS: Final = ("pause", "step", "turn", "slow", "resume", "record", "stop_recording")


class ControlError(Exception):
    """The loop is not in a state for this. The message is one line."""


class Cancelable(Protocol):
    """A timer."""

    def cancel(self) -> object:
        """Let it not fire."""


def _call_later(delay: float, function: Callable[[], object]) -> Cancelable:
    timer = threading.Timer(delay, function)
    timer.daemon = True
    timer.start()
    return timer


class Control:
    """Controls ``reactor``. The methods may be called from any thread, and do not wait for the
    loop.

    ``traffic``: an observer of it, whose counts a recording begins with.
    ``call_later``: ``call_later(seconds, function)``, which times the end of a pause that nobody
    sees, see ``viewers_changed``. It may call the function in any thread. ``clock``: monotonic
    seconds."""

    def __init__(
        self,
        reactor: Reactor,
        traffic: Traffic | None = None,
        *,
        call_later: Callable[[float, Callable[[], object]], Cancelable] = _call_later,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = reactor
        self._traffic = traffic
        self._call_later = call_later
        self._clock = clock
        self._lock = threading.RLock()
        self._queued: deque[Callable[[], object]] = deque()  # for the loop's thread
        self._stepper: Stepper | None = None
        self._mode = "running"
        self._turns_per_second: float | None = None
        self._pausing = False  # whether the loop was asked to pause before any turn
        self._left: tuple[int, int] | None = None  # turn and step that the last action has left
        self._left_at = 0.0  # when, by clock
        self._steps: deque[str] = deque()  # methods of the stepper, for when the loop stands still
        self._viewers = 0
        self._lonely: Cancelable | None = None
        self._recording: Recording | None = None  # the newest one
        self._recordings = 0
        self._folder: TemporaryFolder | None = None
        self._closed = False

    def perform(self, request: dict[str, Any]) -> None:
        """Do what ``request`` asks for. It returns at once: ``document()`` shows when the loop has
        stopped.

        * ``{"action": "pause"}``: before the next turn. Also if a step waits for an event.
        * ``{"action": "step"}`` and ``{"action": "turn"}``: run to the next step or turn; after the
          one before, if that was asked for just now and has not ended.
        * ``{"action": "slow", "turns_per_second": 1 to 50}``, also to change that.
        * ``{"action": "resume"}``: run at full speed.
        * ``{"action": "record", "payload": 0 to 1024}``: record to a temporary file, with that many
          bytes of what each descriptor receives and sends in a turn; 0 if it is left out.
        * ``{"action": "stop_recording"}``.

        Raises ``ValueError`` if that is not a request, ``ControlError`` if the loop is not in a
        state for it, both with one line."""
        action = request.get("action")
        if action not in _ACTIONS:
            raise ValueError(f"the action must be one of {', '.join(_ACTIONS)}")
        turns = payload = 0.0
        if action == "slow":
            turns = _number(request, "turns_per_second", 1, MOST_TURNS)
        elif action == "record":
            payload = _number({"payload": 0, **request}, "payload", 0, MAX_PAYLOAD)
        with self._lock:
            if self._closed:
                raise ControlError("the inspector is closed")
            if self._loop.is_closed():
                raise ControlError("the loop is closed")
            if len(self._queued) >= _MOST_QUEUED:
                raise ControlError("the loop works: too many actions wait for it")
            self._notice_end()
            if action == "slow":
                self._slow(turns)
            elif action == "record":
                self._record(int(payload))
            else:
                getattr(self, f"_{action}")()
            self._watch_viewers()

    def document(self) -> dict[str, Any]:
        """ "control" in the state document.

        ``mode``: "running", "paused" or "slow", as it was asked for. ``turns_per_second``: of slow
        motion. ``stepping``: whether a paused loop has not stopped yet, because the step waits for
        events, or works. ``recording``: None, or its ``turns``, ``size`` in bytes of the files, and
        ``seconds``. ``recorded``: whether there are files of a recording, see
        ``recording_files``."""
        with self._lock:
            self._notice_end()
            self._watch_viewers()
            recording = self._recording
            return {
                "mode": self._mode,
                "turns_per_second": self._turns_per_second,
                "stepping": self._mode == "paused" and (bool(self._steps) or not self._stands()),
                "recording": None if recording is None or recording.over else recording.document(),
                "recorded": bool(self.recording_files()),
            }

    def close(self) -> None:
        """Resume, end the recording and delete it. Has no effect if that was done."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._stepper is not None:
                self._end()
            self._watch_viewers()
            if self._recording is not None:
                self._end_recording(self._recording)
            folder, self._folder = self._folder, None
            if folder is not None:
                self._in_loop(folder.delete)  # after the recording
        if not self._loop.is_running():
            self._run_queued()

    # -- viewers -----------------------------------------------------------------------------------

    def viewers_changed(self, count: int) -> None:
        """There are ``count`` viewers now. A loop that is paused or in slow motion resumes when
        there was none for a minute."""
        with self._lock:
            self._viewers = count
            self._watch_viewers()

    def _watch_viewers(self) -> None:
        is_lonely = self._mode != "running" and not self._viewers and not self._closed
        if is_lonely and self._lonely is None:
            self._lonely = self._call_later(LONELY, self._left_alone)
        elif not is_lonely and self._lonely is not None:
            self._lonely.cancel()
            self._lonely = None

    def _left_alone(self) -> None:
        with self._lock:
            self._lonely = None
            if self._mode != "running" and not self._viewers:
                logger.info("no viewer for %.0f s: the loop resumes", LONELY)
                self._end()

    # -- pausing and stepping ----------------------------------------------------------------------

    def _pause(self) -> None:
        if self._mode == "paused" and (self._pausing or self._stands()):
            raise ControlError("the loop is paused already")
        self._begin().pause()
        self._mode, self._turns_per_second = "paused", None
        self._pausing, self._left, self._left_at = True, None, self._clock()
        self._steps.clear()

    def _step(self) -> None:
        self._go("step")

    def _turn(self) -> None:
        self._go("run_turn")

    def _go(self, method: str) -> None:
        """Run to the next step or turn, now or when the loop stands still."""
        if self._mode != "paused" or self._stepper is None:
            raise ControlError("the loop is not paused")
        if self._stands() and not self._steps:
            self._leave(method)
            return
        if self._clock() - self._left_at > _QUICK or len(self._steps) >= _MOST_STEPS:
            raise ControlError(
                "the loop has not stopped yet"
                if self._pausing
                else "the step has not ended: it waits for events, or works"
            )
        self._steps.append(method)

    def _leave(self, method: str) -> None:
        """Let the loop, which stands still, go on."""
        stepper = self._stepper
        if stepper is not None:
            self._pausing, self._left = False, _position(stepper)
            self._left_at = self._clock()
            getattr(stepper, method)()

    def _paused(self) -> None:
        """In the loop's thread: a pause has begun, or ended."""
        self._run_queued()
        with self._lock:
            if self._steps and self._stands():
                self._leave(self._steps.popleft())

    def _stands(self) -> bool:
        """Whether the loop stands still, in another place than the last action has left."""
        stepper = self._stepper
        return stepper is not None and stepper.is_paused and _position(stepper) != self._left

    def _slow(self, turns: float) -> None:
        self._begin().slow_motion(turns)
        self._mode, self._turns_per_second = "slow", turns
        self._pausing, self._left = False, None
        self._steps.clear()

    def _resume(self) -> None:
        if self._mode == "running":
            raise ControlError("the loop is not paused")
        self._end()

    def _begin(self) -> Stepper:
        """The stepper, which is added if there is none."""
        if self._loop.is_stopping():
            raise ControlError("the loop is stopping")
        if self._stepper is None:
            # What is queued while it is being added is run when the pause begins.
            self._stepper = stepper = Stepper(self._paused)
            self._in_loop(lambda: self._loop.add_observer(stepper))
        return self._stepper

    def _end(self) -> None:
        """Remove the stepper, which ends a pause."""
        stepper, self._stepper = self._stepper, None
        self._mode, self._turns_per_second = "running", None
        self._pausing, self._left = False, None
        self._steps.clear()
        self._watch_viewers()
        if stepper is not None:
            stepper.resume()
            self._in_loop(lambda: self._loop.remove_observer(stepper), stepper)

    def _notice_end(self) -> None:
        """A signal, or a stop of the loop, has ended the pause."""
        stepper = self._stepper
        if stepper is not None and stepper._go_until is None and not stepper._delay:
            self._end()

    # -- in the loop's thread ----------------------------------------------------------------------

    def _in_loop(self, function: Callable[[], object], stepper: Stepper | None = None) -> None:
        """Call ``function()`` in the loop's thread, after what was queued before, also while the
        loop is paused."""
        self._queued.append(function)
        stepper = stepper or self._stepper
        if stepper is not None:
            try:
                stepper.run(self._run_queued)
                return
            except RuntimeError:  # it was not added yet, or is removed
                pass
        try:
            self._loop.call_soon_threadsafe(self._run_queued)
        except RuntimeError:  # the loop is closed: no thread runs it
            self._run_queued()

    def _run_queued(self) -> None:
        while self._queued:
            function = self._queued.popleft()
            try:
                function()
            except Exception:
                logger.exception("the inspector failed in the watched loop")

    # -- recording ---------------------------------------------------------------------------------

    def recording_files(self) -> list[Path]:
        """The files of the newest recording, the older one first; their lines in this order are the
        recording. While it goes on, the turns of the last second may be missing."""
        with self._lock:
            return [] if self._recording is None or self._closed else self._recording.files()

    def is_writing(self) -> bool:
        """Whether the newest recording was stopped, and its last turns are not in the file yet:
        the loop does that, at its next turn."""
        with self._lock:
            recording = self._recording
            return (
                recording is not None
                and recording.over
                and not recording.is_complete
                and not self._loop.is_closed()
            )

    def _record(self, payload: int) -> None:
        before = self._recording
        if before is not None and not before.over:
            raise ControlError("a recording is going on already")
        try:
            if self._folder is None:
                self._folder = TemporaryFolder()
            self._recordings += 1
            path = self._folder.path / f"{self._recordings}.jsonl"
            self._recording = recording = Recording(path, payload, self._traffic)
            if before is not None:
                before.delete()
        except OSError as exc:
            raise ControlError(f"cannot record: {exc.strerror or exc}") from None
        self._in_loop(lambda: self._loop.add_observer(recording))

    def _stop_recording(self) -> None:
        if self._recording is None or self._recording.over:
            raise ControlError("no recording is going on")
        self._end_recording(self._recording)

    def _end_recording(self, recording: Recording) -> None:
        recording.over = True
        self._in_loop(lambda: self._loop.remove_observer(recording))


def _position(stepper: Stepper) -> tuple[int, int] | None:
    turn = stepper.turn
    return None if turn is None else (turn.number, turn.step)


def _number(request: dict[str, Any], name: str, least: int, most: int) -> float:
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least} to {most}")
    return value
