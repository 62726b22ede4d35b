"""Waking a loop that waits in its poller, from another thread or from a signal handler.

A poller can only wait for descriptors. So the loop watches one end of a socket pair, and writing a
byte to the other end wakes it (the "self-pipe trick", D. J. Bernstein). The byte carries no
information: the loop finds the callbacks in its queue."""

from __future__ import annotations

import socket
from collections.abc import Callable

from .interfaces import Handler
from .pollers import READ, PollPoller


class Wakeup:
    """The socket pair. Both ends are non-blocking, because a full pair is normal: the bytes in it
    wake the loop, and one more would change nothing.

    ``forward``: called with the bytes that ``signal.set_wakeup_fd`` has written, if not None."""

    def __init__(self, register: Callable[[int, int, Handler], object]) -> None:
        """``register(fd, mask, handler)`` lets the loop watch one end. Raises ``ValueError`` if its
        poller cannot."""
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._woken = False
        self.forward: Callable[[bytes], object] | None = None
        self._alone = PollPoller()  # for waiting without the loop's poller
        self._alone.register(self._receiver.fileno(), READ)
        try:
            register(self._receiver.fileno(), READ, self.drain)
        except ValueError:  # the number is too high for select
            self.close()
            raise

    def fileno(self) -> int:
        """The end to write to."""
        return self._sender.fileno()

    def wake(self) -> None:
        """End the poller's wait, this one or the next. May be called from any thread."""
        # The flag saves nearly all writes when many threads call at once (dask distributed#3223).
        if self._woken:
            return
        self._woken = True
        try:
            self._sender.send(b"\0")
        except OSError:  # full: the loop wakes anyway; closed: there is nothing to wake
            pass
        except BaseException:  # interrupted by a signal, perhaps before the byte was sent
            self._woken = False
            raise

    def wait(self, timeout: float) -> None:
        """Wait for at most ``timeout`` seconds, or until something wakes the loop."""
        self._alone.poll(timeout)

    def drain(self, mask: int) -> None:
        """Read all bytes that have arrived."""
        signals = b""
        try:
            while True:
                data = self._receiver.recv(4096)
                if self.forward is not None:
                    signals += data.replace(b"\0", b"")  # the zeros are ours
                if len(data) < 4096:
                    break
        except BlockingIOError:
            pass
        finally:  # even if a signal interrupts this
            # Clear the flag only now. If we cleared it before reading, we could read the byte of a
            # later call too, and the flag would stay set without a byte in the pair. A call that
            # comes before this line writes no byte, but its callback is queued already, and the
            # loop runs it later in this turn.
            self._woken = False
        if signals and self.forward is not None:
            self.forward(signals)

    def close(self) -> None:
        """Close both ends."""
        self._receiver.close()
        self._sender.close()
