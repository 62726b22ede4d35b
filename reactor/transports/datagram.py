"""DatagramTransport: one UDP or Unix datagram socket.

Each datagram needs its own system call, so it is sent at once. When the system accepts no more,
datagrams wait in a queue. The queue is bounded in bytes; beyond its limit datagrams are dropped and
counted. The network may drop them too, so protocols over datagrams expect that."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL, as_exception
from ..pollers import READ, WRITE
from .base import BaseTransport
from .callbacks import AnyDatagramProtocol

if TYPE_CHECKING:
    from ..loop import Loop

Address = Any  # (host, port), (host, port, flow, scope), a path, or None for an unnamed peer

MAX_SIZE: Final = 65536  # bytes: no datagram is larger
READS_PER_EVENT: Final = 64  # a flood of datagrams must not starve the connections
SENDS_PER_EVENT: Final = 256
HIGH_WATER: Final = 65536  # bytes queued at which pause_writing is called
MAX_WRITE_BUFFER: Final = 1 << 18  # bytes queued, above which datagrams are dropped

# The system has no buffer at the moment, although the poller reports the socket as writable:
# waiting for writability would make the loop spin (libuv#5194). The datagram is dropped.
_NO_BUFFERS: Final = frozenset({errno.ENOBUFS, errno.ENOMEM})


class DatagramTransport(BaseTransport):
    """A datagram socket, as its protocol sees it: ``asyncio.DatagramTransport``'s interface.
    Reactors create these, not users.

    ``sock`` is bound or connected, and non-blocking.

    A subclass may override ``_received``, ``_send`` and ``_error_received``, and call
    ``_use_socket``."""

    def __init__(
        self,
        reactor: Loop,
        sock: Any,
        protocol: AnyDatagramProtocol,
        peername: Address = None,
        on_lost: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(reactor, sock, protocol, peername, on_lost)
        self.max_write_buffer = MAX_WRITE_BUFFER
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._size = 0
        self._closing = False
        self._lost = False
        self._paused = False

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        """Watch the socket, call ``connection_made``, and call ``on_result(None)``. Raises
        ``ValueError`` if the poller cannot watch the descriptor."""
        self._reactor.register(self._fd, READ, self._on_ready)
        self._interest = READ
        self._reactor.attach(self)
        self._call_protocol("connection_made", self)
        if on_result is not None:
            on_result(None)

    def sendto(self, data: bytes | bytearray | memoryview, addr: Address = None) -> None:
        """Send one datagram to ``addr``, or to the peer of a connected socket.

        Errors of the network are reported by ``error_received``. After ``close()`` the datagram is
        dropped and counted (``Stats.datagrams_dropped``). Raises ``TypeError`` if ``data`` is not
        bytes-like or ``addr`` is not an address, ``ValueError`` if the socket is connected and
        ``addr`` is not its peer."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()
        if addr is not None and self._peername is not None:
            if addr != self._peername:
                raise ValueError(
                    f"the socket is connected to {self._peername!r} and cannot send to {addr!r}"
                )
            addr = None
        if self._closing:
            self._reactor.stats.datagrams_dropped += 1
        elif self._queue:
            self._enqueue(data, addr)
        elif not self._send(data, addr):
            self._watch(self._interest | WRITE)
            self._enqueue(data, addr)  # last, as pause_writing() may close this transport

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._size

    def close(self) -> None:
        """Stop receiving, send as much of the queue as the system accepts at once, and close."""
        if not self._closing:
            self._closing = True
            while self._queue and self._send_queued():
                pass
            self._lose(None)

    def abort(self) -> None:
        """Close without sending what is queued."""
        self._closing = True
        self._lose(None)

    def is_closing(self) -> bool:
        """Whether this transport is closing or closed."""
        return self._closing

    # -- events ------------------------------------------------------------------------------------

    def _on_ready(self, mask: int) -> None:
        if mask & WRITE:
            self._flush()
        stats = self._reactor.stats
        for _ in range(READS_PER_EVENT):
            if self._closing:
                return
            try:
                data, addr = self._sock.recvfrom(MAX_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                # The error concerns a datagram sent earlier: continue (cpython gh-127057).
                self._error_received(exc, self._sock)
                continue
            stats.datagrams_received += 1
            self._received(data, addr)
        self._reactor.overrun()

    def _received(self, data: bytes, addr: Address) -> None:
        """Pass a datagram on to the protocol."""
        try:
            self._protocol.datagram_received(data, addr)
        except FATAL:
            raise
        except BaseException as exc:
            self._protocol_failed(exc, "datagram_received")

    def _flush(self) -> None:
        for _ in range(SENDS_PER_EVENT):
            if not self._queue or not self._send_queued():
                break
        self._watch(self._interest | WRITE if self._queue else self._interest & ~WRITE)
        if self._paused and self._size <= HIGH_WATER // 4:
            self._paused = False
            self._call_protocol("resume_writing")

    def _send(self, data: bytes, addr: Address) -> bool:
        """Send a datagram. Returns False if the system accepts nothing at the moment; True if it
        was sent or dropped."""
        stats = self._reactor.stats
        try:
            if addr is None:
                self._sock.send(data)
            else:
                self._sock.sendto(data, addr)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as exc:
            stats.datagrams_dropped += 1
            if exc.errno not in _NO_BUFFERS:
                self._reactor.call_soon(self._error_received, exc, self._sock)
        else:
            stats.datagrams_sent += 1
            self._reactor.answered = True
        return True

    def _send_queued(self) -> bool:
        """Send the first datagram of the queue. Returns False if the system accepts nothing at the
        moment."""
        try:
            if not self._send(*self._queue[0]):
                return False
        except (TypeError, ValueError, OverflowError) as exc:
            # Not a valid address. Our sendto(), which would have raised this, has returned already.
            self._reactor.stats.datagrams_dropped += 1
            self._reactor.call_soon(self._report, exc, "sendto")
        self._size -= len(self._queue.popleft()[0])
        return True

    def _enqueue(self, data: bytes, addr: Address) -> None:
        # Empty datagrams take memory too, so their number is limited as well.
        if (
            self._size + len(data) > self.max_write_buffer
            or len(self._queue) >= self.max_write_buffer // 64
        ):
            self._reactor.stats.datagrams_dropped += 1
            return
        self._queue.append((data, addr))
        self._size += len(data)
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            self._call_protocol("pause_writing")

    # -- the end -----------------------------------------------------------------------------------

    def _lose(self, exc: Exception | None) -> None:
        if self._lost:
            return
        self._closing = self._lost = True
        self._reactor.stats.datagrams_dropped += len(self._queue)
        self._queue.clear()
        self._size = 0
        self._reactor.unregister(self._fd)
        self._reactor.call_soon(self._connection_lost, exc)

    def _error_received(self, exc: OSError, sock: Any) -> None:
        """The network has reported ``exc``, on ``sock``."""
        if not self._lost:
            self._call_protocol("error_received", exc)

    def _use_socket(self, sock: Any, datagrams: Iterable[bytes]) -> None:
        """Go on with ``sock``, which is connected, and send ``datagrams`` there, before those that
        are queued. Raises ``OSError`` or ``ValueError`` if that is not possible; then nothing has
        changed."""
        peername = sock.getpeername()
        self._reactor.register(sock.fileno(), READ, self._on_ready)
        self._reactor.unregister(self._fd)
        self._reactor.release(self._sock)
        self._sock, self._fd, self._peername = sock, sock.fileno(), peername
        self._interest = READ
        pairs = [(data, None) for data in datagrams]
        self._queue.extendleft(reversed(pairs))
        self._size += sum(len(data) for data, _ in pairs)
        self._flush()

    def _watch(self, interest: int) -> None:
        if interest != self._interest:
            self._reactor.modify(self._fd, interest)
            self._interest = interest

    def _protocol_failed(self, exc: BaseException, method: str) -> None:
        """A protocol that raises on a datagram keeps its socket: it serves other peers too."""
        self._report(exc, method)
        if method == "connection_made":
            self._lose(as_exception(exc, method))

    def __repr__(self) -> str:
        state = "closing" if self._closing else "open"
        return f"<DatagramTransport fd={self._fd} {state} queued={self._size}>"
