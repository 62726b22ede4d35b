"""Sockets and a poller in memory, for the connections of ``reactor.testing``."""

from __future__ import annotations

import errno
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ..pollers import ERROR, HANGUP, READ, WRITE

# Memory sockets are numbered from here on, where no process has real descriptors.
_FIRST_DESCRIPTOR: Final = 1 << 30


class MemoryPoller:
    """A poller of memory sockets, as strict as the real pollers. The loop registers its own wake-up
    pair too, before anything else; that is never reported.

    ``poll`` and ``poll_all`` are what a loop expects of a poller."""

    def __init__(
        self,
        poll: Callable[[float | None], list[tuple[int, int]]],
        poll_all: Callable[[], list[tuple[int, int]]],
    ) -> None:
        self.poll = poll
        self.poll_all = poll_all
        self._sockets: dict[int, MemorySocket] = {}
        self._last = _FIRST_DESCRIPTOR
        self._wakeup: int | None = None

    def add(self, sock: MemorySocket) -> int:
        """Give ``sock`` its number."""
        self._last += 1
        self._sockets[self._last] = sock
        return self._last

    def remove(self, sock: MemorySocket) -> None:
        """``sock`` is closed."""
        self._sockets.pop(sock.fileno(), None)

    def ready(self, most: int | None = None) -> list[tuple[int, int]]:
        """What is ready; at most ``most`` of it, if given. The others come first in the next call,
        as with epoll."""
        events = [(fd, mask) for fd, sock in self._sockets.items() if (mask := sock.ready())]
        if most is not None and most < len(events):
            events = events[:most]
            for fd, _ in events:
                self._sockets[fd] = self._sockets.pop(fd)
        return events

    def register(self, fd: int, mask: int) -> None:
        sock = self._sockets.get(fd)
        if sock is not None:
            if sock.watched:
                raise FileExistsError(errno.EEXIST, f"descriptor {fd} is already registered")
            sock.mask = mask
            sock.watched = True
        elif self._wakeup is None:
            self._wakeup = fd
        else:
            raise ValueError(f"a virtual reactor cannot watch the real descriptor {fd}")

    def modify(self, fd: int, mask: int) -> None:
        self._watched(fd).mask = mask

    def unregister(self, fd: int) -> None:
        self._watched(fd).watched = False

    def _watched(self, fd: int) -> MemorySocket:
        sock = self._sockets.get(fd)
        if sock is None or not sock.watched:
            raise FileNotFoundError(errno.ENOENT, f"descriptor {fd} is not registered")
        return sock

    def close(self) -> None:
        pass


class MemorySocket:
    """What all memory sockets have: a number, and a place in the poller."""

    def __init__(self, poller: MemoryPoller) -> None:
        self._poller = poller
        self._fd = poller.add(self)
        self.mask = 0
        self.watched = False
        self.closed = False

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        self.closed = True
        self._poller.remove(self)

    def ready(self) -> int:
        """The events that a level-triggered poller reports now."""
        return self.state() & (self.mask | ERROR | HANGUP) if self.watched else 0

    def state(self) -> int:
        raise NotImplementedError


class StreamSocket(MemorySocket):
    """A stream socket whose peer is the test, or another one of these (``other``)."""

    def __init__(self, poller: MemoryPoller) -> None:
        super().__init__(poller)
        self.other: StreamSocket | None = None
        self.inbox: deque[bytes] = deque()  # one piece per recv; b"" is the end
        self.sent = bytearray()  # to the test
        self.unread = 0  # bytes sent to ``other`` that it has not read yet
        self.capacity: int | None = None  # the maximum of bytes in ``sent``, or ``unread``
        self.sends = 0  # system calls that sent something
        self.sends_left: int | None = None  # until sending fails, because the peer has closed
        self.error = 0
        self.eof_sent = False
        self.reset_sent = False

    def state(self) -> int:
        mask = 0
        if self.inbox:
            mask |= READ
        if self._room():
            mask |= WRITE
        if self.error:
            mask |= READ | WRITE | ERROR | HANGUP
        elif self.eof_sent and self.inbox and self.inbox[0] == b"":
            mask |= HANGUP
        return mask

    def recv(self, size: int) -> bytes:
        self._raise_error()
        if not self.inbox:
            raise BlockingIOError
        data = self.inbox[0]
        if data:  # the end stays, and is read each time
            self.inbox.popleft()
            if len(data) > size:
                self.inbox.appendleft(data[size:])
                data = data[:size]
            if self.other is not None:
                self.other.unread -= len(data)
        return data

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        self._raise_error()
        if self.eof_sent or self.sends_left == 0 or (self.other is not None and self.other.closed):
            raise BrokenPipeError(errno.EPIPE, "the peer has closed")
        size = min(len(data), self._room())
        if not size:
            raise BlockingIOError
        self.sends += 1
        if self.sends_left:
            self.sends_left -= 1
        if self.other is not None:
            self.other.inbox.append(bytes(data[:size]))
            self.unread += size
        else:
            self.sent += data[:size]
        return size

    def _room(self) -> int:
        if self.capacity is None:
            return sys.maxsize
        return max(self.capacity - (self.unread if self.other is not None else len(self.sent)), 0)

    def sendmsg(
        self, pieces: Sequence[bytes], ancillary: Iterable[Any] = (), flags: int = 0
    ) -> int:
        return self.send(b"".join(pieces))

    def shutdown(self, how: int) -> None:
        self._raise_error()
        self._end()

    def close(self) -> None:
        super().close()
        if any(self.inbox):  # closing with unread input resets the connection
            self.reset_sent = True
            if self.other is not None:
                self.other.inbox.clear()
                self.other.error = errno.ECONNRESET
        self._end()

    def getsockopt(self, level: int, option: int) -> int:
        error, self.error = self.error, 0
        return error

    def getsockname(self) -> tuple[str, int]:
        return ("192.0.2.2", 8000)

    def _end(self) -> None:
        if self.other is not None and not self.eof_sent:
            self.other.inbox.append(b"")
        self.eof_sent = True

    def _raise_error(self) -> None:
        if self.error:
            raise OSError(self.error, "the connection was broken by the test")


class DatagramSocket(MemorySocket):
    """A datagram socket; the test plays the network."""

    def __init__(self, poller: MemoryPoller, sockname: Any) -> None:
        super().__init__(poller)
        self._sockname = sockname
        self.inbox: deque[tuple[bytes, Any]] = deque()
        self.sent: list[tuple[bytes, Any]] = []
        self.errors: deque[int] = deque()
        self.stalled = False

    def state(self) -> int:
        return (READ if self.inbox or self.errors else 0) | (0 if self.stalled else WRITE)

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        self._raise_error()
        if not self.inbox:
            raise BlockingIOError
        return self.inbox.popleft()

    def sendto(self, data: bytes, addr: Any) -> int:
        self._raise_error()
        if self.stalled:
            raise BlockingIOError
        self.sent.append((data, addr))
        return len(data)

    def send(self, data: bytes) -> int:
        return self.sendto(data, None)

    def getsockname(self) -> Any:
        return self._sockname

    def _raise_error(self) -> None:
        if self.errors:
            raise OSError(self.errors.popleft(), "made by the test")
