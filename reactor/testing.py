"""Testing protocols without sockets and without sleeping.

A ``VirtualReactor`` is a real ``Reactor`` with two things replaced. Its clock is *virtual*: it
stands still while anything is to be done, and then jumps to the next deadline, so an hour of
heartbeats passes in a millisecond, and passes alike each time. Its connections are in *memory*: the
protocol has a real ``StreamTransport``, with its buffers, water marks and deadlines, but what lies
under it is a queue whose other end the test holds.

    reactor = VirtualReactor()
    peer = reactor.connect(Echo)
    peer.send(b"hello", chunk=1)
    reactor.settle()
    assert peer.received == b"hello"
"""

from __future__ import annotations

import errno
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

from .datagram import DatagramTransport
from .endpoints import DatagramFactory, Reactor
from .listener import ProtocolFactory
from .pollers import ERROR, HANGUP, READ, WRITE
from .transport import StreamTransport

# Memory sockets are numbered from here on, where no process has real descriptors.
_FIRST_DESCRIPTOR: Final = 1 << 30
_MOST_TURNS: Final = 100_000


class VirtualReactor(Reactor):
    """A reactor whose time and connections belong to the test. ``run()`` works too, and raises
    ``RuntimeError`` where a real reactor would wait for ever. To open a real socket or pipe here
    raises ``ValueError``, as nothing would ever be heard of it."""

    def __init__(self, start: float = 1000.0, **options: Any) -> None:
        """``start``: what ``time()`` says at first. ``options`` as for ``Reactor``, without
        ``clock`` and ``poller``."""
        self._virtual_now = start
        self._limit: float | None = None
        self._sockets: dict[int, _MemorySocket] = {}
        self._next_descriptor = _FIRST_DESCRIPTOR
        super().__init__(clock=lambda: self._virtual_now, poller=_VirtualPoller(self), **options)

    def connect(
        self, protocol_factory: ProtocolFactory, peername: Any = ("192.0.2.1", 50000)
    ) -> StreamPeer:
        """A new connection: ``protocol_factory()`` gets one end and is told, the test gets the
        other.

        ``peername`` is what the protocol sees as the peer's address; 192.0.2.0/24 is for
        documentation (RFC 5737)."""
        sock = _StreamSocket(self)
        transport = StreamTransport(self, sock, protocol_factory(), peername)
        transport.start()
        return StreamPeer(sock, transport)

    def connect_pair(
        self,
        one_factory: ProtocolFactory,
        other_factory: ProtocolFactory,
        capacity: int = 65536,
    ) -> tuple[StreamTransport, StreamTransport]:
        """Two protocols, a client's and a server's for example, connected to each other.

        The system holds ``capacity`` bytes on the way to each of them; what goes beyond waits in
        the sender's transport."""
        one, other = _StreamSocket(self), _StreamSocket(self)
        one.other, other.other = other, one
        one.capacity = other.capacity = capacity
        first = StreamTransport(self, one, one_factory(), ("192.0.2.2", 8000))
        second = StreamTransport(self, other, other_factory(), ("192.0.2.1", 50000))
        second.start()
        first.start()
        return first, second

    def datagram_socket(
        self, protocol_factory: DatagramFactory, sockname: Any = ("192.0.2.2", 9000)
    ) -> DatagramPeers:
        """A datagram socket: ``protocol_factory()`` is told of it, and the test plays the whole
        network around it."""
        sock = _DatagramSocket(self, sockname)
        transport = DatagramTransport(self, sock, protocol_factory())
        transport.start()
        return DatagramPeers(sock, transport)

    def settle(self) -> None:
        """Run turns until there is nothing more to do at this instant. Time stands still.

        Raises ``RuntimeError`` if that never comes, as something keeps the loop busy.
        """
        for _ in range(_MOST_TURNS):
            if not self._busy():
                return
            self.run_once(0)
        raise RuntimeError(f"the loop has not come to rest in {_MOST_TURNS} turns")

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, from deadline to deadline, doing all that falls due on the way."""
        self._limit = limit = self._virtual_now + seconds
        try:
            self.settle()
            while self._virtual_now < limit:
                self.run_once(limit - self._virtual_now)
                self.settle()
        finally:
            self._limit = None

    def _busy(self) -> bool:
        deadline = self.timers.next_deadline()
        return bool(
            self._ready
            or self._due
            or self._written
            or self._released
            or (deadline is not None and deadline <= self._virtual_now)
            or self._events()
        )

    def _events(self) -> list[tuple[int, int]]:
        return [(fd, mask) for fd, sock in self._sockets.items() if (mask := sock.ready())]

    def _collect(self, timeout: float | None) -> float | None:
        return timeout  # nothing gathers while time stands still

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """What the poller does: nothing is waited for, time jumps to where something is due."""
        events = self._events()
        if events or timeout == 0:
            return events
        if timeout is None:
            raise RuntimeError(
                "nothing is left to wait for: no timer is set and no peer has sent anything"
            )
        # Exactly to the deadline that the timeout was made from: adding the timeout to the clock
        # could round to just before it.
        now = self._virtual_now
        ends = [
            when
            for when in (self.timers.next_deadline(), self._limit)
            if when is not None and when - now <= timeout
        ]
        self._virtual_now = max(now, min(ends, default=now + timeout))
        return []

    def _descriptor(self, sock: _MemorySocket) -> int:
        self._next_descriptor += 1
        return self._next_descriptor


class StreamPeer:
    """The test's end of a connection made by ``VirtualReactor.connect``.

    What these methods do shows once the loop has run: call ``reactor.settle()`` or ``advance()``.
    """

    def __init__(self, sock: _StreamSocket, transport: StreamTransport) -> None:
        self._sock = sock
        self.transport = transport

    @property
    def received(self) -> bytes:
        """All that the protocol has sent so far, and that has not been taken by ``read()``."""
        return bytes(self._sock.sent)

    @property
    def sends(self) -> int:
        """The number of system calls in which that was sent."""
        return self._sock.sends

    @property
    def eof_received(self) -> bool:
        """Whether the protocol's side has finished sending, by half-closing or closing."""
        return self._sock.eof_sent or self._sock.closed

    @property
    def closed(self) -> bool:
        """Whether the protocol's side has closed its socket."""
        return self._sock.closed

    @property
    def reset_received(self) -> bool:
        """Whether that broke the connection, as there was input left unread: over TCP, part of
        what was sent before may not have arrived."""
        return self._sock.reset_sent

    def read(self) -> bytes:
        """Take what has come. A stalled peer then has room again for as many bytes as before."""
        data = self.received
        self._sock.sent.clear()
        return data

    def send(self, data: bytes, chunk: int | None = None) -> None:
        """Send ``data``; with ``chunk``, in pieces of that many bytes, each of which arrives in a
        turn of its own."""
        size = chunk or len(data) or 1
        self._sock.inbox.extend(data[i : i + size] for i in range(0, len(data), size))

    def send_eof(self) -> None:
        """Finish sending, and go on reading."""
        self._sock.inbox.append(b"")

    def close(self) -> None:
        """Finish sending and reading. As with TCP, the next call that sends still succeeds, and
        only the one after that fails."""
        self._sock.inbox.append(b"")
        self._sock.sends_left = 1

    def reset(self, error: int = errno.ECONNRESET) -> None:
        """Break the connection: the protocol's side gets the error number ``error``, ahead of what
        it has not yet read."""
        self._sock.inbox.clear()
        self._sock.error = error

    def stall(self, room: int = 0) -> None:
        """Stop reading: after ``room`` more bytes the system takes no more from the protocol's
        side."""
        self._sock.capacity = len(self._sock.sent) + room

    def resume(self) -> None:
        """Go on reading."""
        self._sock.capacity = None


class DatagramPeers:
    """The network around a datagram socket made by ``VirtualReactor.datagram_socket``."""

    def __init__(self, sock: _DatagramSocket, transport: DatagramTransport) -> None:
        self._sock = sock
        self.transport = transport

    @property
    def sent(self) -> list[tuple[bytes, Any]]:
        """The datagrams that the protocol has sent and ``take()`` has not taken: ``(data,
        address)`` pairs."""
        return list(self._sock.sent)

    def take(self, addr: Any = None) -> list[bytes]:
        """Take the datagrams sent to ``addr``, or with None all of them."""
        taken = [data for data, to in self._sock.sent if addr is None or to == addr]
        self._sock.sent = [pair for pair in self._sock.sent if addr is not None and pair[1] != addr]
        return taken

    def send(self, data: bytes, addr: Any = ("192.0.2.1", 50000)) -> None:
        """A datagram arrives from ``addr``."""
        self._sock.inbox.append((data, addr))

    def fail(self, error: int = errno.ECONNREFUSED) -> None:
        """The next call that sends or receives gets the error number ``error``, as after an ICMP
        message."""
        self._sock.errors.append(error)

    def stall(self) -> None:
        """Let the system take no more datagrams."""
        self._sock.stalled = True

    def resume(self) -> None:
        """Let it take them again."""
        self._sock.stalled = False


class _VirtualPoller:
    """A poller of memory sockets, as strict as the real ones. The loop's own wake-up pair is
    registered too, before anything else, and never fires."""

    def __init__(self, reactor: VirtualReactor) -> None:
        self._reactor = reactor
        self._wakeup: int | None = None
        self.poll = reactor._wait

    def register(self, fd: int, mask: int) -> None:
        sock = self._reactor._sockets.get(fd)
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

    def _watched(self, fd: int) -> _MemorySocket:
        sock = self._reactor._sockets.get(fd)
        if sock is None or not sock.watched:
            raise FileNotFoundError(errno.ENOENT, f"descriptor {fd} is not registered")
        return sock

    def close(self) -> None:
        pass


class _MemorySocket:
    """What memory sockets have in common: a number, and a place in the poller."""

    def __init__(self, reactor: VirtualReactor) -> None:
        self._reactor = reactor
        self._fd = reactor._descriptor(self)
        reactor._sockets[self._fd] = self
        self.mask = 0
        self.watched = False
        self.closed = False

    def fileno(self) -> int:
        return self._fd

    def close(self) -> None:
        self.closed = True
        self._reactor._sockets.pop(self._fd, None)

    def ready(self) -> int:
        """The events that a level-triggered poller reports now."""
        return self.state() & (self.mask | ERROR | HANGUP) if self.watched else 0

    def state(self) -> int:
        raise NotImplementedError


class _StreamSocket(_MemorySocket):
    def __init__(self, reactor: VirtualReactor) -> None:
        super().__init__(reactor)
        self.other: _StreamSocket | None = (
            None  # the other protocol's; None where the test is the peer
        )
        self.inbox: deque[bytes] = deque()  # one piece per recv; b"" is the end
        self.sent = bytearray()  # to the test
        self.unread = 0  # bytes sent to the other protocol that it has not yet received
        self.capacity: int | None = None  # bytes in sent, or unread, beyond which no more is taken
        self.sends = 0
        self.sends_left: int | None = None  # before sending fails, as the peer has closed
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
        if data:  # the end stays: it is read again each time
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
        if any(self.inbox):  # closing with unread input breaks the connection
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


class _DatagramSocket(_MemorySocket):
    def __init__(self, reactor: VirtualReactor, sockname: Any) -> None:
        super().__init__(reactor)
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
