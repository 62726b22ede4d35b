"""A reactor in virtual time, and the test's ends of its connections."""

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
_MAX_TURNS: Final = 100_000  # of settle(); more mean an endless loop


class VirtualReactor(Reactor):
    """A reactor whose time and connections the test controls. ``run()`` works too, and raises
    ``RuntimeError`` where a real reactor would wait forever. Opening a real socket or pipe raises
    ``ValueError``, because it would never be reported as ready.

    *Errors.* A real reactor logs what a protocol or a callback raises. This one logs it too, and
    then raises it from the next ``settle()``, ``advance()``, ``run()`` or ``close()``; several are
    raised as an ``ExceptionGroup``. A test that causes an error on purpose expects it there
    (``pytest.raises``), or takes all errors with ``set_exception_handler()``.

    *Threads.* While calls of ``run_in_thread`` are running, the same methods really wait for them,
    and virtual time stands still.

    Attributes: ``max_events``, the number of descriptors reported in one turn, None for all (the
    limit of epoll is 1,023). ``thread_timeout``, 10 by default: seconds of real time to wait for a
    call in a thread, before ``RuntimeError`` names it; with 0, threads are not waited for."""

    io_collect_interval = 0.0  # setting it has no effect: there are no pauses in virtual time

    def __init__(self, start: float = 1000.0, **options: Any) -> None:
        """``start``: what ``time()`` returns at first, in seconds. ``options`` as for ``Reactor``,
        without ``clock`` and ``poller``."""
        self._virtual_now = start
        self._limit: float | None = None  # where advance() ends
        self._oversleep = 0.0  # seconds by which the next wait is too long
        self._errors: list[BaseException] = []
        self._memory = MemoryPoller(self._wait, self._poll_all)
        self.max_events: int | None = None
        self.thread_timeout = THREAD_TIMEOUT
        super().__init__(clock=lambda: self._virtual_now, poller=self._memory, **options)

    def connect(
        self, protocol_factory: ProtocolFactory, peername: Any = ("192.0.2.1", 50000)
    ) -> StreamPeer:
        """Make a connection between the protocol that ``protocol_factory()`` returns and the test.

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
        """Connect two protocols to each other, for example a client's and a server's. Returns their
        transports.

        In each direction, ``capacity`` bytes can be on the way; more than that waits in the
        sender's transport."""
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
        """Make a datagram socket for the protocol that ``protocol_factory()`` returns. The test
        plays the whole network."""
        sock = DatagramSocket(self._memory, sockname)
        transport = DatagramTransport(self, sock, protocol_factory())
        transport.start()
        return DatagramPeers(sock, transport)

    def settle(self) -> None:
        """Run turns until there is nothing more to do at this instant. Time stands still.

        Raises ``RuntimeError`` if something keeps the loop busy forever, or if a call in a thread
        does not end. Raises what a protocol or a callback has raised."""
        for _ in range(_MAX_TURNS):
            if self._busy():
                self.run_once(0)
            elif not self._wait_for_thread():
                break
        else:
            raise RuntimeError(f"the loop is still busy after {_MAX_TURNS} turns")
        self._raise_errors()

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, and run everything that becomes due, each at its own time.

        Raises what ``settle()`` raises. Time then stands still where that happened."""
        self._limit = limit = self._virtual_now + seconds
        try:
            self.settle()
            while self._virtual_now < limit:
                self.run_once(limit - self._virtual_now)
                self.settle()
        finally:
            self._limit = None

    def stall(self, seconds: float, *, waiting: bool = False) -> None:
        """Let ``seconds`` pass while the loop does nothing, as if a callback took that long.

        With ``waiting``, as if the process was stopped while it waits, or the machine suspended:
        the loop's next wait takes ``seconds`` too long, and reports nothing."""
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
        if exc_info[0] is None:  # otherwise the test has failed already
            self._raise_errors()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        super().call_exception_handler(context)
        exc = context.get("exception")
        if exc is not None and self._exception_handler is None:
            self._errors.append(exc)

    def _connect_for_real(self, *_: Any, **__: Any) -> NoReturn:
        """Not possible in virtual time. Raises ``ValueError``: use ``connect_pair()``."""
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
            or self.written
            or self._released
            or self._oversleep
            or self._catching_up
            or (deadline is not None and deadline <= self._virtual_now)
            or self._memory.ready()
        )

    def _wait(self, timeout: float | None) -> list[tuple[int, int]]:
        """The poller's ``poll``. It does not wait: time jumps to the next deadline."""
        if self._oversleep:
            self._virtual_now += self._oversleep
            self._oversleep = 0.0
            return []
        events = self._memory.ready(self.max_events)
        if events or timeout == 0 or self._ready:  # a signal handler has queued a callback just now
            return events
        self._raise_errors()
        if self._wait_for_thread():
            return []
        if timeout is None:
            raise RuntimeError(
                "nothing is left to wait for: no timer is set and no peer has sent anything"
            )
        # Jump exactly to the deadline. Adding the timeout, which was computed from it, could round
        # to just before it.
        now = self._virtual_now
        ends = [
            when
            for when in (self.timers.next_deadline(), self._limit)
            if when is not None and when - now <= timeout
        ]
        self._virtual_now = max(now, min(ends, default=now + timeout))
        return []

    def _poll_all(self) -> list[tuple[int, int]]:
        """The poller's ``poll_all``."""
        return self._wait(0) if self._oversleep else self._memory.ready()

    def _wait_for_thread(self) -> bool:
        """Wait, in real time, until a call in a thread ends. Returns False if there is none."""
        pools = [resource for resource in self._open if isinstance(resource, ThreadPool)]
        if not pools or not self.thread_timeout:
            return False
        end = time.monotonic() + self.thread_timeout
        while not self._ready:
            left = end - time.monotonic()
            if left <= 0:
                calls = ", ".join(repr(call) for pool in pools for call in pool.pending)
                raise RuntimeError(
                    f"a call in a thread has not ended in {self.thread_timeout:g} s: {calls}"
                )
            self._wakeup.wait(left)
            self._wakeup.drain(READ)
        return True


class StreamPeer:
    """The test's end of a connection made by ``VirtualReactor.connect``.

    These methods take effect when the loop runs: call ``reactor.settle()`` or ``advance()``."""

    def __init__(self, sock: StreamSocket, transport: StreamTransport) -> None:
        self._sock = sock
        self.transport = transport

    @property
    def received(self) -> bytes:
        """What the protocol has sent and ``read()`` has not returned yet."""
        return bytes(self._sock.sent)

    @property
    def sends(self) -> int:
        """The number of system calls in which the protocol has sent data."""
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
        """Whether the protocol's side has closed its socket with unread input. TCP then resets the
        connection, and what was sent before may be lost."""
        return self._sock.reset_sent

    def read(self) -> bytes:
        """Take what has been received. A stalled peer then has room for as many bytes again."""
        data = self.received
        self._sock.sent.clear()
        return data

    def send(self, data: bytes, chunk: int | None = None) -> None:
        """Send ``data``. With ``chunk``, send it in pieces of that many bytes, and each arrives in
        its own turn."""
        size = chunk or len(data) or 1
        self._sock.inbox.extend(data[i : i + size] for i in range(0, len(data), size))

    def send_eof(self) -> None:
        """Finish sending, and continue to read."""
        self._sock.inbox.append(b"")

    def close(self) -> None:
        """Finish sending and reading. As with TCP, the protocol's next send still succeeds, and
        the one after it fails."""
        self._sock.inbox.append(b"")
        self._sock.sends_left = 1

    def reset(self, error: int = errno.ECONNRESET) -> None:
        """Break the connection: the protocol's side gets the error number ``error``, and loses what
        it has not read yet."""
        self._sock.inbox.clear()
        self._sock.error = error

    def stall(self, room: int = 0) -> None:
        """Stop reading. The system accepts ``room`` more bytes from the protocol's side."""
        self._sock.capacity = len(self._sock.sent) + room

    def resume(self) -> None:
        """Read again."""
        self._sock.capacity = None


class DatagramPeers:
    """The network around a socket made by ``VirtualReactor.datagram_socket``."""

    def __init__(self, sock: DatagramSocket, transport: DatagramTransport) -> None:
        self._sock = sock
        self.transport = transport

    @property
    def sent(self) -> list[tuple[bytes, Any]]:
        """The datagrams that the protocol has sent and ``take()`` has not returned yet, as ``(data,
        address)`` pairs."""
        return list(self._sock.sent)

    def take(self, addr: Any = None) -> list[bytes]:
        """Take the datagrams sent to ``addr``; with None, all of them."""
        taken = [data for data, to in self._sock.sent if addr is None or to == addr]
        self._sock.sent = [pair for pair in self._sock.sent if addr is not None and pair[1] != addr]
        return taken

    def send(self, data: bytes, addr: Any = ("192.0.2.1", 50000)) -> None:
        """Let a datagram arrive from ``addr``."""
        self._sock.inbox.append((data, addr))

    def fail(self, error: int = errno.ECONNREFUSED) -> None:
        """Let the next call that sends or receives fail with the error number ``error``, as after
        an ICMP message."""
        self._sock.errors.append(error)

    def stall(self) -> None:
        """From now on, the system accepts no datagrams."""
        self._sock.stalled = True

    def resume(self) -> None:
        """The system accepts datagrams again."""
        self._sock.stalled = False
