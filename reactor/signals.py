"""Signals: running callbacks in the loop when they arrive, and stopping the loop by SIGINT and
SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Final, Protocol

from .wakeup import Wakeup
from .where import calling_frame, line

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_Handler = Any  # what signal.getsignal returns: a function, a number, or None
_NO_FILE: Final = (-1, -1)


class SignalledLoop(Protocol):
    """What signal handlers need of a loop."""

    grace: float

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> object: ...
    def stop(self, grace: float | None = None) -> None: ...


class Signals:
    """The signal handlers of one loop. Handlers that the program has set stay as they are.

    ``stop_requested``: whether a signal has asked the loop to stop. ``arrived``: how many stop
    signals the program handles itself have arrived. ``ending``: set this when the
    run ends. Until ``run_ends()`` has returned, no stop signal interrupts what the loop does.

    Python runs a signal's handler in the main thread, between two of its instructions. Ours queues
    the callback, which is one atomic append. That alone would not end a wait in the poller, because
    Python resumes the wait after a handler (PEP 475). The byte that ``signal.set_wakeup_fd`` writes
    ends it, even after one of the program's handlers. We ignore the byte's value, which is the
    signal's number: bytes are lost when the pair is full (cpython gh-74224). A program that has set
    a wake-up descriptor of its own gets the bytes forwarded."""

    def __init__(self, loop: SignalledLoop, wakeup: Wakeup) -> None:
        self._loop = loop
        self._wakeup = wakeup
        self._handlers: dict[int, tuple[_Handler, _Handler]] = {}  # ours, and the one before
        self._replaced: dict[int, _Handler] = {}  # by ours while the loop runs
        self._running = False
        self.stop_requested = False
        self.arrived = 0
        self._interrupted = ""  # why a later signal has interrupted the run
        self.ending = False
        self._late: tuple[str, ...] | None = None  # what to raise for a signal while ``ending``
        self._has_fd = False  # our descriptor is the process's wake-up descriptor
        self._fd_before = (-1, _NO_FILE)

    def run_begins(self) -> None:
        """From here to ``run_ends()``, SIGINT and SIGTERM stop the loop, each only if Python's
        default handles it: an ignored signal stays ignored (``nohup``, ``&`` in a script), and the
        program's own handlers stay, even one that is set meanwhile. Has no effect outside the main
        thread, because only the main thread may set handlers.

        Not a context manager: another signal could interrupt the generator at its end."""
        if threading.current_thread() is threading.main_thread():
            self._running = True
            self._take_fd()
            for signum in filter(is_default, STOP_SIGNALS):
                self._replaced[signum] = signal.getsignal(signum)
                signal.signal(signum, self._on_stop_signal)

    def run_ends(self) -> None:
        """Restore what ``run_begins()`` has replaced. Raises ``KeyboardInterrupt`` if a signal has
        arrived since ``ending`` was set."""
        try:
            self._restore_handlers()
        finally:
            self.ending = self.stop_requested = False
            self._interrupted = ""
            late, self._late = self._late, None
        if late is not None:
            raise KeyboardInterrupt(*late)

    def _restore_handlers(self) -> None:
        self._running = False
        for signum, previous in self._replaced.items():
            if signum in self._handlers:  # added meanwhile: removing it must not restore ours
                ours, before = self._handlers[signum]
                if before == self._on_stop_signal:
                    self._handlers[signum] = ours, previous
            elif signal.getsignal(signum) == self._on_stop_signal:
                signal.signal(signum, previous)
        self._replaced.clear()
        self._restore_fd()

    def add(self, signum: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Run ``callback(*args)`` in the loop for each signal ``signum``."""

        def handler(_signum: int, _frame: object) -> None:
            self.arrived += signum in STOP_SIGNALS
            self._loop.call_soon_threadsafe(callback, *args)

        self._add(signum, handler)

    def add_stop(self, signum: int) -> None:
        """Let ``signum`` stop the loop."""
        self._add(signum, self._on_stop_signal)

    def remove(self, signum: int) -> bool:
        """Restore the handler that ours replaced. Returns False if ours is not set."""
        if signum not in self._handlers:
            return False
        ours, previous = self._handlers.pop(signum)
        if signal.getsignal(signum) == ours:  # otherwise the program has set another since
            signal.signal(signum, signal.SIG_DFL if previous is None else previous)
        self._restore_fd()
        return True

    def clear(self) -> None:
        """Remove all handlers."""
        for signum in list(self._handlers):
            self.remove(signum)
        self.run_ends()  # again, because a handler of the program may have interrupted that

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` if there are handlers that this thread cannot remove."""
        if self._handlers and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a reactor with signal handlers is closed in the main thread only")

    def _add(self, signum: int, handler: _Handler) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("signal handlers can only be set in the main thread")
        previous = signal.signal(signum, handler)  # first, because it refuses SIGKILL and SIGSTOP
        if signum in self._handlers:
            ours, before = self._handlers[signum]
            if previous == ours:
                previous = before
        self._handlers[signum] = handler, previous
        self._take_fd()

    def _on_stop_signal(self, signum: int, frame: FrameType | None) -> None:
        stops = signum in self._handlers or (self._running and not self.ending)
        if stops and not self.stop_requested:
            self.stop_requested = True
            self._loop.call_soon_threadsafe(self._loop.stop, self._loop.grace)
            return
        if self.ending and not self.stop_requested:
            self._late = ()  # it is the first one
            return
        why = f"ended at once by a second signal, {signal.Signals(signum).name}"
        stuck = calling_frame(frame)
        if stuck is not None:
            why = f"{why}, at {line(stuck)}"
        if self.ending:
            self._late = (why,)
            return
        if self._running and not self._interrupted:
            # The code that is running may not let the interrupt through. A finalizer, a callback of
            # weakref or gc, and C code that calls Python can only print it ("Exception ignored
            # in"). So the loop raises it too, if it takes another turn.
            self._loop.call_soon_threadsafe(self._raise_again)
            self._interrupted = why
        # Raise it in the code that is running, as Python's own handler does for SIGINT: a callback
        # in an endless loop would never let the loop take another turn.
        raise KeyboardInterrupt(why)

    def _raise_again(self) -> None:
        if self._interrupted:  # otherwise the interrupt has ended the run
            raise KeyboardInterrupt(self._interrupted)

    def _take_fd(self) -> None:
        """Let the bytes of signals wake our loop."""
        self._has_fd = True
        ours = self._wakeup.fileno()
        before = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        if before != ours:
            self._fd_before = before, _file(before)
            self._wakeup.forward = None if before == -1 else self._forward

    def _restore_fd(self) -> None:
        """Restore the process's wake-up descriptor, unless it is still needed."""
        if self._running or self._handlers or not self._has_fd:
            return
        self._has_fd = False
        current = signal.set_wakeup_fd(-1)
        before, file = self._fd_before
        if current != self._wakeup.fileno():
            with suppress(OSError, ValueError):  # closed already
                signal.set_wakeup_fd(current)  # the program has set another since
        elif before != -1 and _file(before) == file:
            # Otherwise it has been closed, and its number may belong to a connection now.
            signal.set_wakeup_fd(before)

    def _forward(self, signals: bytes) -> None:
        before, file = self._fd_before
        if _file(before) == file:
            with suppress(OSError):  # full
                os.write(before, signals)


def is_default(signum: int) -> bool:
    """Whether Python's default handles ``signum``: the program has set no handler and does not
    ignore it."""
    default = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
    return signal.getsignal(signum) == default


def _file(fd: int) -> tuple[int, int]:
    """What identifies the open file behind a descriptor, whatever its number."""
    try:
        status = os.fstat(fd)
    except OSError:
        return _NO_FILE
    return status.st_dev, status.st_ino
