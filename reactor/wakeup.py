"""Waking a loop that waits in its poller: from another thread, and by signals.

A poller can only wait for descriptors. So the loop watches one end of a socket pair, and whoever
wants to wake it writes a byte to the other (the "self-pipe trick", D. J. Bernstein). The byte says
nothing but "look": what to do stands in the loop's queue of callbacks."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from .pollers import READ, PollPoller

if TYPE_CHECKING:
    from .loop import Loop

_Handler = Any  # what signal.getsignal returns: a function, a number, or None


class Wakeup:
    """The socket pair. Both ends are non-blocking, as a full pair is normal: a byte that is already
    there wakes as well."""

    def __init__(self, reactor: Loop) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._woken = False
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
        with suppress(BlockingIOError):
            while len(self._receiver.recv(4096)) == 4096:
                pass
        # Cleared last: cleared before, a byte written meanwhile would be taken with the others, and
        # the flag would say for ever that it is still there. Who calls before this line has its
        # callback in the queue, which the loop runs later in this same turn.
        self._woken = False


class Signals:
    """Runs callbacks in the loop when signals arrive.

    Python runs a signal's handler in the main thread between two of its instructions; ours queues
    the callback, which is one atomic append. That alone would not end a wait in the poller, as
    Python goes on waiting after a handler (PEP 475): the byte that ``signal.set_wakeup_fd`` writes
    does. The byte's value, the signal's number, is not used, since bytes are lost when the pair is
    full (cpython gh-74224)."""

    def __init__(self, reactor: Loop, wakeup: Wakeup) -> None:
        self._reactor = reactor
        self._wakeup = wakeup
        self._previous: dict[int, _Handler] = {}
        self._previous_fd = -1
        self._defaults: set[int] = set()

    @contextmanager
    def defaults(self, callback: Callable[[], object]) -> Iterator[None]:
        """Run ``callback`` for SIGINT and SIGTERM within the block, unless somebody has a handler
        for them or sets one meanwhile. Outside the main thread, which alone can do that, nothing
        happens."""
        if threading.current_thread() is threading.main_thread():
            ours = [n for n in (signal.SIGINT, signal.SIGTERM) if n not in self._previous]
            for number in ours:
                self.add(number, callback, ())
            self._defaults.update(ours)
        try:
            yield
        finally:
            for signum in tuple(self._defaults):
                self.remove(signum)

    def add(self, signum: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("signal handlers can only be set in the main thread")

        def handler(_signum: int, _frame: object) -> None:
            self._reactor.call_soon(callback, *args)

        previous = signal.signal(signum, handler)  # first, as it refuses SIGKILL and the like
        if not self._previous:
            self._previous_fd = signal.set_wakeup_fd(
                self._wakeup.fileno(), warn_on_full_buffer=False
            )
        self._previous.setdefault(signum, previous)
        self._defaults.discard(signum)

    def remove(self, signum: int) -> bool:
        if signum not in self._previous:
            return False
        self._defaults.discard(signum)
        previous = self._previous.pop(signum)
        signal.signal(signum, signal.SIG_DFL if previous is None else previous)
        if not self._previous:
            signal.set_wakeup_fd(self._previous_fd)
        return True

    def clear(self) -> None:
        for signum in list(self._previous):
            self.remove(signum)
