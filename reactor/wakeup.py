"""Waking a loop that waits in its poller: from another thread, and by signals.

A poller can only wait for descriptors. So the loop watches one end of a socket pair, and whoever
wants to wake it writes a byte to the other (the "self-pipe trick", D. J. Bernstein). The byte says
nothing but "look": what to do stands in the loop's queue of callbacks."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from .pollers import READ, PollPoller
from .where import calling_frame, line

if TYPE_CHECKING:
    from .loop import Loop

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

_Handler = Any  # what signal.getsignal returns: a function, a number, or None
_NO_FILE: Final = (-1, -1)


class Wakeup:
    """The socket pair. Both ends are non-blocking, as a full pair is normal: a byte that is already
    there wakes as well."""

    def __init__(self, reactor: Loop) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._woken = False
        self.forward: Callable[[bytes], object] | None = None  # gets the signals' bytes
        self._alone = PollPoller()
        self._alone.register(self._receiver.fileno(), READ)
        try:
            reactor.register(self._receiver.fileno(), READ, self._drain)
        except ValueError:  # too high a descriptor for select
            self._receiver.close()
            self._sender.close()
            raise

    def fileno(self) -> int:
        """The end to write to."""
        return self._sender.fileno()

    def wake(self) -> None:
        """Make the poller return, now or at its next wait. May be called from any thread."""
        # It saves nearly all writes when many threads call at once (dask distributed#3223).
        if self._woken:
            return
        self._woken = True
        with suppress(OSError):  # full: a byte is there already; closed: there is nobody to wake
            self._sender.send(b"\0")

    def wait(self, timeout: float) -> None:
        """Wait until something wakes the loop, for at most ``timeout`` seconds."""
        self._alone.poll(timeout)

    def close(self) -> None:
        """Close both ends."""
        self._receiver.close()
        self._sender.close()

    def _drain(self, mask: int) -> None:
        signals = b""
        with suppress(BlockingIOError):
            while True:
                data = self._receiver.recv(4096)
                if self.forward is not None:
                    signals += data.replace(b"\0", b"")  # those are ours
                if len(data) < 4096:
                    break
        # Cleared last: cleared before, a byte written meanwhile would be taken with the others, and
        # the flag would say for ever that it is still there. Who calls before this line has its
        # callback in the queue, which the loop runs later in this same turn.
        self._woken = False
        if signals and self.forward is not None:
            self.forward(signals)


class Signals:
    """Runs callbacks in the loop when signals arrive, and leaves alone what the program has set.

    Python runs a signal's handler in the main thread between two of its instructions; ours queues
    the callback, which is one atomic append. That alone would not end a wait in the poller, as
    Python goes on waiting after a handler (PEP 475): the byte that ``signal.set_wakeup_fd`` writes
    does, after handlers of the program's as well. The byte's value, the signal's number, is not
    used, since bytes are lost when the pair is full (cpython gh-74224); a program that had a
    wake-up descriptor of its own gets the bytes forwarded."""

    def __init__(self, reactor: Loop, wakeup: Wakeup) -> None:
        self._reactor = reactor
        self._wakeup = wakeup
        self._handlers: dict[int, tuple[_Handler, _Handler]] = {}  # ours, and the one before
        self._taken: dict[int, _Handler] = {}  # the one before, while the loop runs
        self._running = False
        self._asked = False  # whether a signal has asked the loop to stop
        self._has_fd = False  # whether ours is the process's wake-up descriptor
        self._fd_before = (-1, _NO_FILE)

    def run_begins(self) -> None:
        """From here to ``run_ends()``, SIGINT and SIGTERM stop the loop, each only if Python's
        default handles it: an ignored signal stays ignored (``nohup``, ``&`` in a script), a
        handler of the program's stays. What the program sets meanwhile stays as well. Outside the
        main thread, which alone can do that, nothing happens.

        No context manager: a generator's end could itself be interrupted by one more signal."""
        if threading.current_thread() is threading.main_thread():
            self._running = True
            self._take_fd()
            for signum in filter(is_default, STOP_SIGNALS):
                self._taken[signum] = signal.getsignal(signum)
                signal.signal(signum, self._on_stop_signal)

    def run_ends(self) -> None:
        """Give back what ``run_begins()`` has taken."""
        self._running = self._asked = False
        for signum, previous in self._taken.items():
            if signum in self._handlers:  # set meanwhile: removed later, it must not restore ours
                ours, before = self._handlers[signum]
                if before == self._on_stop_signal:
                    self._handlers[signum] = ours, previous
            elif signal.getsignal(signum) == self._on_stop_signal:
                signal.signal(signum, previous)
        self._taken.clear()
        self._give_back_fd()

    def add(self, signum: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        def handler(_signum: int, _frame: object) -> None:
            self._reactor.call_soon_threadsafe(callback, *args)

        self._add(signum, handler)

    def add_stop(self, signum: int) -> None:
        self._add(signum, self._on_stop_signal)

    def remove(self, signum: int) -> bool:
        if signum not in self._handlers:
            return False
        ours, previous = self._handlers.pop(signum)
        if signal.getsignal(signum) == ours:  # else the program has set another since
            signal.signal(signum, signal.SIG_DFL if previous is None else previous)
        self._give_back_fd()
        return True

    def clear(self) -> None:
        for signum in list(self._handlers):
            self.remove(signum)
        self.run_ends()  # again, as a third signal may have interrupted that

    def check_thread(self) -> None:
        """Raise ``RuntimeError`` if there are handlers that this thread cannot remove."""
        if self._handlers and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a reactor with signal handlers is closed in the main thread only")

    def _add(self, signum: int, handler: _Handler) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("signal handlers can only be set in the main thread")
        previous = signal.signal(signum, handler)  # first, as it refuses SIGKILL and the like
        if signum in self._handlers:
            ours, before = self._handlers[signum]
            if previous == ours:
                previous = before
        self._handlers[signum] = handler, previous
        self._take_fd()

    def _on_stop_signal(self, signum: int, frame: FrameType | None) -> None:
        if not self._asked and (self._running or signum in self._handlers):
            self._asked = True
            self._reactor.call_soon_threadsafe(self._reactor.stop, self._reactor.grace)
        else:
            # In the code that runs just now, as Python's own handler does for SIGINT: a callback in
            # an endless loop would never give the loop a turn.
            why = f"ended at once by a second signal, {signal.Signals(signum).name}"
            stuck = calling_frame(frame)
            raise KeyboardInterrupt(why if stuck is None else f"{why}, at {line(stuck)}")

    def _take_fd(self) -> None:
        self._has_fd = True
        before = signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        if before != self._wakeup.fileno():
            self._fd_before = before, _file(before)
            self._wakeup.forward = None if before == -1 else self._forward

    def _give_back_fd(self) -> None:
        if self._running or self._handlers or not self._has_fd:
            return
        self._has_fd = False
        current = signal.set_wakeup_fd(-1)
        before, file = self._fd_before
        if current != self._wakeup.fileno():
            with suppress(OSError, ValueError):  # closed already
                signal.set_wakeup_fd(current)  # the program has set another since
        elif before != -1 and _file(before) == file:
            # Else it is closed, and its number may be a connection's by now.
            signal.set_wakeup_fd(before)

    def _forward(self, signals: bytes) -> None:
        before, file = self._fd_before
        if _file(before) == file:
            with suppress(OSError):  # full
                os.write(before, signals)


def is_default(signum: int) -> bool:
    """Whether Python's default handles ``signum``: the program has set no handler, and does not
    ignore it."""
    default = signal.default_int_handler if signum == signal.SIGINT else signal.SIG_DFL
    return signal.getsignal(signum) == default


def _file(fd: int) -> tuple[int, int]:
    """What the descriptor stands for, whatever its number."""
    try:
        status = os.fstat(fd)
    except OSError:
        return _NO_FILE
    return status.st_dev, status.st_ino
