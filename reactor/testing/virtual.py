"""Reactors in virtual time, and the test's ends of their connections."""

from __future__ import annotations

import errno
import time
from typing import Any, Final, NoReturn

from ..pollers import READ
from ..reactor import DatagramFactory, Reactor
from ..sockets.listener import ProtocolFactory
from ..threads import ThreadPool
from ..transports.datagram import DatagramTransport
from ..transports.stream import StreamTransport
from .memory import DatagramSocket, MemoryPoller, StreamSocket

THREAD_TIMEOUT: Final = 10.0  # seconds of real time that a call in a thread may take
_MOST_TURNS: Final = 100_000


class VirtualReactor(Reactor):
    """A reactor whose time and connections belong to the test. ``run()`` works too, and raises
    ``RuntimeError`` where a real reactor would wait for ever. To open a real socket or pipe here
    raises ``ValueError``, as nothing would ever be heard of it.

    *Errors.* What a protocol or a callback raises, a real reactor logs. This one logs it too, and
    raises it from ``settle()``, ``advance()``, ``run()`` or ``close()``, whichever comes first: as
    it is, or several as an ``ExceptionGroup``. A test that causes an error on purpose expects it
    there (``pytest.raises``), or takes all errors with ``set_exception_handler()``.

    *Threads.* While calls of ``run_in_thread`` are under way, the same methods really wait for
    them, and time stands still.

    Attributes: ``max_events``, how many descriptors one turn is told of, None for all; epoll's
    limit is 1,023. ``thread_timeout``, 10 by default: seconds of real time to wait for a call in a
    thread, before ``RuntimeError`` says which it is; 0 does not wait for threads."""

    def __init__(self, start: float = 1000.0, **options: Any) -> None:
        """``start``: what ``time()`` says at first. ``options`` as for ``Reactor``, without
        ``clock`` and ``poller``."""
        self._virtual_now = start
        self._limit: float | None = None
        self._oversleep = 0.0  # seconds that the next wait lasts too long
        self._errors: list[BaseException] = []
        self._memory = MemoryPoller(self._wait)
        self.max_events: int | None = None
        self.thread_timeout = THREAD_TIMEOUT
        super().__init__(clock=lambda: self._virtual_now, poller=self._memory, **options)

    def connect(
        self, protocol_factory: ProtocolFactory, peername: Any = ("192.0.2.1", 50000)
    ) -> StreamPeer:
        """A new connection: ``protocol_factory()`` gets one end and is told, the test gets the
        other.

        ``peername`` is what the protocol sees as the peer's address; 192.0.2.0/24 is for
        documentation (RFC 5737)."""
        sock = StreamSocket(self._memory)
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
        one, other = StreamSocket(self._memory), StreamSocket(self._memory)
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
        sock = DatagramSocket(self._memory, sockname)
        transport = DatagramTransport(self, sock, protocol_factory())
        transport.start()
        return DatagramPeers(sock, transport)

    def settle(self) -> None:
        """Run turns until there is nothing more to do at this instant. Time stands still.

        Raises ``RuntimeError`` if that never comes, as something keeps the loop busy, or a call in
        a thread does not end; and what a protocol or a callback has raised.
        """
        for _ in range(_MOST_TURNS):
            if self._busy():
                self.run_once(0)
            elif not self._wait_for_thread():
                break
        else:
            raise RuntimeError(f"the loop has not come to rest in {_MOST_TURNS} turns")
        self._raise_errors()

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, from deadline to deadline, doing all that falls due on the way.

        Raises what ``settle()`` raises; time then stands where that happened.
        """
        self._limit = limit = self._virtual_now + seconds
        try:
            self.settle()
            while self._virtual_now < limit:
                self.run_once(limit - self._virtual_now)
                self.settle()
        finally:
            self._limit = None

    def stall(self, seconds: float, *, waiting: bool = False) -> None:
        """Let ``seconds`` pass in which the loop stands still, as if a callback took that long.

        With ``waiting`` the process is stopped while it waits, or the machine suspended: the loop's
        next wait takes so much too long, and reports nothing, as it was interrupted."""
        if waiting:
            self._oversleep += seconds
        else:
            self._virtual_now += seconds

    def run(self) -> None:
        super().run()
        self._raise_errors()

    def close(self) -> None:
        super().close()
        self._raise_errors()

    def __exit__(self, *exc_info: object) -> None:
        super().close()
        if exc_info[0] is None:  # else the test has failed already
            self._raise_errors()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        super().call_exception_handler(context)
        exc = context.get("exception")
        if exc is not None and self._exception_handler is None:
            self._errors.append(exc)

    def _connect_for_real(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("a virtual reactor cannot open a real connection: use connect_pair()")

    connect_tcp = connect_unix = connect_udp = _connect_for_real

    def _raise_errors(self) -> None:
        errors, self._errors = self._errors, []
        if len(errors) == 1:
            raise errors.pop()
        if errors:
            raise BaseExceptionGroup("protocols or callbacks failed", errors)

    def _busy(self) -> bool:
        deadline = self.timers.next_deadline()
        return bool(
            self._ready
            or self._due
            or self._written
            or self._released
            or self._oversleep
            or self._catching_up
            or (deadline is not None and deadline <= self._virtual_now)
            or self._memory.poll_all()
        )

    def _collect(self, timeout: float | None) -> float | None:
        return timeout  # nothing gathers while time stands still

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """What the poller does: nothing is waited for, time jumps to where something is due."""
        if self._oversleep:
            self._virtual_now += self._oversleep
            self._oversleep = 0.0
            return []
        most = self.max_events
        events = self._memory.poll_all() if most is None else self._memory.poll_some(most)
        if events or timeout == 0:
            return events
        self._raise_errors()
        if self._wait_for_thread():
            return []
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

    def _poll_backlog(self, timeout: float | None) -> list[tuple[int, int]]:
        return self._wait(0) if self._oversleep else super()._poll_backlog(timeout)

    def _wait_for_thread(self) -> bool:
        """Wait, in real time, until a call in a thread ends. Returns False if there is none."""
        pools = [end for end in self._endpoints if isinstance(end, ThreadPool)]
        if not pools or not self.thread_timeout:
            return False
        end = time.monotonic() + self.thread_timeout
        while not self._ready:
            left = end - time.monotonic()
            if left <= 0:
                calls = ", ".join(repr(call) for pool in pools for call in pool._awaited)
                raise RuntimeError(
                    f"a call in a thread has not ended in {self.thread_timeout:g} s: {calls}"
                )
            self._wakeup.wait(left)
            self._wakeup._drain(READ)
        return True


class StreamPeer:
    """The test's end of a connection made by ``VirtualReactor.connect``.

    What these methods do shows once the loop has run: call ``reactor.settle()`` or ``advance()``.
    """

    def __init__(self, sock: StreamSocket, transport: StreamTransport) -> None:
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

    def __init__(self, sock: DatagramSocket, transport: DatagramTransport) -> None:
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
