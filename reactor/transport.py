"""StreamTransport: one connected socket, its buffers, and flow control.

Reading is simple: the poller says that there may be something, one ``recv`` takes at most
``READ_SIZE`` bytes, the protocol gets them. One read per event, however much more there is, so that
a busy peer cannot starve the others; what remains is reported again in the next turn.

Writing is where the work is. ``write`` never touches the socket: it queues. At the end of the turn
the loop calls ``flush``, and everything written to this connection during the turn leaves in one
system call: a chat server that relays twenty lines to a thousand members makes a thousand calls,
not twenty thousand. What the system does not take (its buffer for the socket is full, because the
peer does not read) stays in the queue, and only then the poller is asked to tell when there is
room.

The queue is bounded. Past the *high-water mark* the protocol is told to pause; at the *low-water
mark*, to resume. A protocol that does not listen meets the hard cap, ``max_write_buffer`` bytes
further on: the connection is aborted, and ``connection_lost`` gets ``WriteBufferOverflow``."""

from __future__ import annotations

import errno
import itertools
import os
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from .linger import linger
from .pollers import ERROR, HANGUP, READ, WRITE
from .protocol import AnyProtocol, WriteBufferOverflow
from .sendfile import FileSegment

if TYPE_CHECKING:
    from .loop import Loop
    from .timers import Timer

READ_SIZE: Final = 65536  # bytes per recv; asyncio's 256 KiB cost more to allocate than they save
IOV_MAX: Final = 1024  # pieces that sendmsg takes at once: EMSGSIZE beyond
HIGH_WATER: Final = 65536
MAX_WRITE_BUFFER: Final = 1 << 20  # beyond the high-water mark
_JOIN_LIMIT: Final = (
    65536  # up to here, joining small pieces costs less than handing them over one by one
)

# StreamTransport._state. While it is 0, write() queues and nothing else.
_EOF_WRITTEN = 1
_CLOSING = 2
_LOST = 4

# StreamTransport._pending: what flush() has to mind. While it is 0, the queue holds bytes that were
# written in this turn.
_ARMED = 1  # the system took no more: the poller tells when there is room
_PAUSED = 2  # the protocol was told to pause writing
_EOF = 4  # half-close once the queue is empty
_CLOSE = 8  # close once the queue is empty
_FILE = 16  # there is a FileSegment in the queue

# A head, a file and a tail go out in one flush; more waits for the next turn, for the sake of the
# other connections.
_SENDS_PER_FLUSH: Final = 4

_MSG_MORE: Final = getattr(socket, "MSG_MORE", 0)

_PARKED = 1 << 8  # in StreamTransport._interest: not registered at all


class StreamTransport:
    """A connection, as its protocol sees it: ``asyncio.Transport``'s interface. Made by a reactor,
    not by users.

    ``sock`` is a non-blocking socket, or anything with a socket's ``recv``, ``send``, ``sendmsg``,
    ``shutdown``, ``fileno`` and ``close``: pipes, TLS and the in-memory connections of
    ``reactor.testing`` come in that shape."""

    __slots__ = (
        "__weakref__",
        "_close_timer",
        "_eof_received",
        "_fd",
        "_high_water",
        "_interest",
        "_low_water",
        "_on_lost",
        "_peername",
        "_pending",
        "_protocol",
        "_queue",
        "_reactor",
        "_size",
        "_sock",
        "_state",
        "_stats",
        "_written",
        "max_write_buffer",
    )

    #: Seconds that ``close()`` gives the peer to take what is queued, before the connection is
    #: aborted.
    close_timeout = 30.0

    def __init__(
        self,
        reactor: Loop,
        sock: Any,
        protocol: AnyProtocol,
        peername: Any = None,
        on_lost: Callable[[], object] | None = None,
    ) -> None:
        self._reactor = reactor
        self._sock = sock
        self._fd: int = sock.fileno()
        self._protocol: AnyProtocol | None = protocol
        self._peername = peername
        self._on_lost = on_lost
        self._queue: list[Any] = []
        self._size = 0  # bytes in the queue
        self._written = reactor.written
        self._stats = reactor.stats
        self._state = 0
        self._pending = 0
        self._interest = 0
        self._eof_received = False
        self._close_timer: Timer | None = None
        self._high_water = HIGH_WATER
        self._low_water = HIGH_WATER // 4
        self.max_write_buffer = MAX_WRITE_BUFFER

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        """Watch the socket and tell the protocol that it is connected.

        ``on_result(None)`` is called once that is done; where there is a handshake before it,
        later, and with an exception if that fails. Raises ``ValueError`` if the poller cannot watch
        the descriptor."""
        self._register()
        self._tell("connection_made", self)
        if on_result is not None:
            on_result(None)

    def _register(self) -> None:
        self._reactor.register(self._fd, READ, self._on_ready)
        self._interest = READ
        self._reactor.attach(self)
        self._stats.connections += 1

    # -- reading -----------------------------------------------------------------------------------

    def _on_ready(self, mask: int) -> None:
        # Somebody earlier in this batch of events may have paused or closed this connection.
        if (mask != READ or self._interest != READ) and not self._on_other(mask):
            return
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._lose(exc)
            return
        if not data:
            self._on_eof()
            return
        self._stats.bytes_received += len(data)
        try:
            self._protocol.data_received(data)  # type: ignore[union-attr]  # there is one until the connection is lost
        except Exception as exc:
            self._protocol_failed(exc, "data_received")

    def _on_other(self, mask: int) -> bool:
        """An event that is not plain readability. Returns whether to read."""
        if mask != READ and self._interest & WRITE:
            self.flush()
        if self._interest & READ:
            return mask != WRITE  # ERROR and HANGUP as well: recv tells what they are
        if mask & (ERROR | HANGUP) and not self._state & _LOST:
            self._on_hangup(mask)
        return False

    def _on_hangup(self, mask: int) -> None:
        """Not reading, but told that the peer is gone. To ignore it would make the loop spin."""
        if self._eof_received or mask & ERROR:
            self._lose(self._socket_error())
        else:
            # Reading is paused, and there may be data left: look again when it is resumed.
            self._reactor.unregister(self._fd)
            self._interest |= _PARKED

    def _on_eof(self) -> None:
        self._eof_received = True
        # Readable for ever from now on: the interest goes, or the loop spins.
        self._watch(self._interest & ~READ)
        keep_open = self._tell("eof_received")
        half_closed = self._state & _EOF_WRITTEN and not self._queue
        if not keep_open or half_closed:
            self.close()

    def pause_reading(self) -> None:
        """Deliver nothing until ``resume_reading()``; the peer's bytes wait in the system's
        buffers, and then at the peer.

        A paused reader is not told that the peer has left: set an ``IdleTimer`` where that matters.
        """
        self._watch(self._interest & ~READ)

    def resume_reading(self) -> None:
        """Go on reading. Without effect on a connection that is closing or has had its end of
        data."""
        if not self._state & (_CLOSING | _LOST) and not self._eof_received:
            self._watch(self._interest | READ)

    def is_reading(self) -> bool:
        """Whether data is being delivered."""
        return bool(self._interest & READ)

    # -- writing -----------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue ``data``; it is sent at the end of this turn of the loop.

        After ``close()``, or when the connection is lost, it is dropped and counted
        (``Stats.writes_dropped``). Raises ``RuntimeError`` after ``write_eof()``, ``TypeError`` for
        what is not bytes-like."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()  # a copy, as it could change before it is sent
        if self._state:
            self._refuse_write()
        elif data:
            queue = self._queue
            if not queue:
                self._written.append(self)
            queue.append(data)
            self._size = size = self._size + len(data)
            if size > self._high_water:
                self._over_high_water()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """``write()`` all pieces, as one."""
        self.write(b"".join(list_of_data))

    def sendfile(
        self,
        file: Any,
        offset: int = 0,
        count: int | None = None,
        callback: Callable[[Exception | None], object] | None = None,
    ) -> None:
        """Queue ``count`` bytes (None: all) of ``file`` from ``offset``; the system copies them
        past Python's memory.

        ``file`` is an open binary file with a descriptor; it must stay open until
        ``callback(exc)``, which is called once: with None when all is sent, else with what went
        wrong; always from the loop, never from inside this call. A file that ends early closes the
        connection, as the peer was promised more. File bytes do not count for flow control. The
        same rules as for ``write()`` hold; ``ValueError`` is raised for a negative number."""
        segment = FileSegment(file, offset, count, callback)
        if self._state:
            self._refuse_write()
            self._end_file(segment, ConnectionAbortedError("the connection is closing"))
            return
        if not self._queue:
            self._written.append(self)
        self._queue.append(segment)
        self._pending |= _FILE

    def write_eof(self) -> None:
        """Half-close: send what is queued, then the end of data. Reading goes on."""
        if not self._state:
            self._state = _EOF_WRITTEN
            self._pending |= _EOF
            if not self._queue:
                self._drained()

    def can_write_eof(self) -> bool:
        """Whether ``write_eof()`` works here."""
        return True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the water marks, in bytes. Defaults: 65,536 and a quarter of ``high``. Raises
        ``ValueError`` unless 0 <= low <= high."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(
                f"water marks must satisfy 0 <= low <= high, not low={low!r}, high={high!r}"
            )
        self._high_water, self._low_water = high, low
        if self._size > high:
            self._over_high_water()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The water marks, low and high."""
        return self._low_water, self._high_water

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""
        return self._size

    def flush(self) -> None:
        """Send what is queued, in one system call. The loop calls this at the end of each turn with
        a ``write()`` in it."""
        if self._pending:
            self._flush_pending()
            return
        queue = self._queue
        try:
            if len(queue) == 1:
                sent = self._sock.send(queue[0])
            elif queue:
                sent = self._send_many()
            else:  # sent early, by passing the high-water mark; or lost
                return
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._lose(exc)
            return
        self._stats.bytes_sent += sent
        if sent == self._size:
            queue.clear()
            self._size = 0
        else:
            self._keep_rest(sent)

    def _send_many(self) -> int:
        """Send several pieces, or what stands before the first file."""
        pieces = self._queue
        flags = 0
        if self._pending & _FILE:
            pieces = list(
                itertools.takewhile(lambda piece: not isinstance(piece, FileSegment), pieces)
            )
            if len(pieces) < len(self._queue) and self._queue[len(pieces)].left:
                flags = _MSG_MORE  # do not send the head of a response in a packet of its own
        if self._size <= _JOIN_LIMIT:
            return self._sock.send(b"".join(pieces), flags)  # type: ignore[no-any-return]
        return self._sock.sendmsg(pieces[:IOV_MAX], (), flags)  # type: ignore[no-any-return]

    def _flush_pending(self) -> None:
        """``flush()`` when ``_pending`` says that something is to be minded."""
        queue = self._queue
        try:
            for _ in range(_SENDS_PER_FLUSH):
                if not queue:
                    break
                if isinstance(queue[0], FileSegment):
                    self._send_file(queue[0])
                else:
                    sent = self._send_many()
                    self._stats.bytes_sent += sent
                    self._take(sent)
                    if queue and not isinstance(queue[0], FileSegment):
                        break  # the system takes no more
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, EOFError) as exc:
            self._lose(exc)
        if self._state & _LOST:
            return
        if queue:
            self._arm()
        else:
            self._drained()
        if self._pending & _PAUSED and self._size <= self._low_water:
            self._pending &= ~_PAUSED
            if not self._state:
                self._tell("resume_writing")

    def _send_file(self, segment: FileSegment) -> None:
        self._stats.bytes_sent += segment.send(self._sock)
        if segment.left == 0:
            del self._queue[0]
            self._end_file(segment, None)

    def _end_file(self, segment: FileSegment, exc: Exception | None) -> None:
        # From the loop, never from inside a call of the protocol's: it may do anything, and raise.
        self._reactor.call_soon(segment.finish, exc)

    def _keep_rest(self, sent: int) -> None:
        self._take(sent)
        self._arm()

    def _take(self, sent: int) -> None:
        """Remove ``sent`` bytes from the front of the queue."""
        self._size -= sent
        queue = self._queue
        whole = 0
        while sent and sent >= len(queue[whole]):
            sent -= len(queue[whole])
            whole += 1
        del queue[:whole]
        if sent:
            queue[0] = memoryview(queue[0])[sent:]  # a slice of bytes would copy the rest each time

    def _arm(self) -> None:
        """The system takes no more at the moment: have the poller tell when it does."""
        if not self._pending & _ARMED:
            self._pending |= _ARMED
            self._watch(self._interest | WRITE)
        if self._state & _CLOSING and self._close_timer is None:
            self._close_timer = self._reactor.call_later(self.close_timeout, self._close_timed_out)

    def _drained(self) -> None:
        """The queue is empty: do what waited for that."""
        pending = self._pending
        self._pending &= _PAUSED
        if pending & _ARMED:
            self._watch(self._interest & ~WRITE)
        if pending & _CLOSE:
            self._lose(None, lingering=True)
        elif pending & _EOF:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as exc:
                self._lose(exc)
                return
            if self._eof_received:  # now both directions have ended
                self.close()

    def _over_high_water(self) -> None:
        if not self._pending & _ARMED:
            self.flush()  # so much need not wait for the end of the turn
        if self._state & _LOST or self._size <= self._high_water:
            return
        if self._size > self._high_water + self.max_write_buffer:
            self._lose(
                WriteBufferOverflow(
                    f"{self._size} bytes wait to be sent to a peer that does not read them"
                )
            )
        elif not self._pending & _PAUSED:
            self._pending |= _PAUSED
            self._tell("pause_writing")

    def _refuse_write(self) -> None:
        if self._state == _EOF_WRITTEN:
            raise RuntimeError("cannot write after write_eof()")
        self._stats.writes_dropped += 1

    # -- closing -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop reading, send what is queued, and close. ``connection_lost(None)`` follows."""
        if self._state & (_CLOSING | _LOST):
            return
        self._state |= _CLOSING
        if self._queue:
            self._pending |= _CLOSE
            self._watch(self._interest & ~READ)
            if self._pending & _ARMED:
                self._arm()
        else:
            self._lose(None, lingering=True)

    def abort(self) -> None:
        """Close without sending what is queued. ``connection_lost(None)`` follows."""
        self._lose(None)

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._state > _EOF_WRITTEN

    def request_shutdown(self) -> None:
        """The reactor is stopping: leave it to the protocol's ``shutdown_requested``, or else
        close."""
        if not self._state & (_CLOSING | _LOST):
            if hasattr(self._protocol, "shutdown_requested"):
                self._tell("shutdown_requested")
            else:
                self.close()

    def _close_timed_out(self) -> None:
        self._lose(
            TimeoutError(
                f"the peer did not take what was queued within {self.close_timeout:g} s of closing"
            )
        )

    def _lose(self, exc: Exception | None, lingering: bool = False) -> None:
        """The connection is over. The protocol is told later in this turn or in the next, never
        from inside its own call."""
        if self._state & _LOST:
            return
        self._state |= _CLOSING | _LOST
        if not self._interest & _PARKED:
            self._reactor.unregister(self._fd)
        self._interest = 0
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        files = (
            [piece for piece in self._queue if isinstance(piece, FileSegment)]
            if self._pending & _FILE
            else ()
        )
        self._queue.clear()
        self._size = 0
        self._pending = 0
        for segment in files:
            self._end_file(segment, exc or ConnectionAbortedError("the connection was closed"))
        self._reactor.call_soon(self._connection_lost, exc, lingering and not self._eof_received)

    def _connection_lost(self, exc: Exception | None, lingering: bool) -> None:
        try:
            if self._protocol is not None:  # as there is none before a TLS handshake
                self._protocol.connection_lost(exc)
        except Exception as error:
            self._report(error, "connection_lost")
        finally:
            self._protocol = (
                None  # the protocol holds the transport: a cycle would keep both until a collection
            )
            if lingering:
                linger(self._reactor, self._sock)
            else:
                self._reactor.release(self._sock)
            self._stats.connections -= 1
            self._reactor.detach(self)
            if self._on_lost is not None:
                self._on_lost()
                self._on_lost = None

    # -- the rest ----------------------------------------------------------------------------------

    def get_protocol(self) -> AnyProtocol | None:
        """The protocol; None after ``connection_lost``."""
        return self._protocol

    def set_protocol(self, protocol: AnyProtocol) -> None:
        """Let another protocol take over, from the next data on. Its ``connection_made`` is the
        caller's affair."""
        self._protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``"socket"``, ``"peername"`` (the peer's address), ``"sockname"`` (our own); anything
        else gives ``default``."""
        if name == "socket":
            return self._sock
        if name == "peername":
            return default if self._peername is None else self._peername
        if name == "sockname":
            try:
                return self._sock.getsockname()
            except (OSError, AttributeError):
                return default
        return default

    def _watch(self, interest: int) -> None:
        if interest == self._interest:
            return
        if not self._interest & _PARKED:
            self._reactor.modify(self._fd, interest)
        elif interest & READ:
            interest &= ~_PARKED
            self._reactor.register(self._fd, interest, self._on_ready)
        self._interest = interest

    def _tell(self, method: str, *args: object) -> object:
        try:
            return getattr(self._protocol, method)(*args)
        except Exception as exc:
            self._protocol_failed(exc, method)
            return None

    def _protocol_failed(self, exc: Exception, method: str) -> None:
        self._report(exc, method)
        self._lose(exc)

    def _report(self, exc: Exception, method: str) -> None:
        self._reactor.call_exception_handler(
            {
                "message": f"{method} failed:",
                "exception": exc,
                "protocol": self._protocol,
                "transport": self,
            }
        )

    def _socket_error(self) -> OSError:
        try:
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except (OSError, AttributeError):
            code = 0
        code = code or errno.ECONNRESET
        return OSError(code, os.strerror(code))

    def __repr__(self) -> str:
        state = "lost" if self._state & _LOST else "closing" if self._state & _CLOSING else "open"
        name, peer = type(self).__name__, self._peername
        return f"<{name} fd={self._fd} {state} peer={peer!r} queued={self._size}>"
