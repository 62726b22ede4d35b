"""StreamTransport: one connected socket, how it is read, and how it ends.

Reading is simple: the poller says that there may be something, one ``recv`` takes at most
``READ_SIZE`` bytes, the protocol gets them. One read per event, however much more there is, so that
a busy peer cannot starve the others; what remains is reported again in the next turn. Writing is
where the work is, and has a file of its own: ``writing.py``.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL, as_exception
from ..pollers import ERROR, HANGUP, READ, WRITE
from ..protocol import AnyProtocol
from .writing import ARMED, CLOSE, CLOSING, EOF_WRITTEN, LOST, WritingHalf

if TYPE_CHECKING:
    from ..loop import Loop

READ_SIZE: Final = 65536  # bytes per recv; asyncio's 256 KiB cost more to allocate than they save
# Bytes: who sends so much at once is not done yet. It is what a TLS record holds, and one read
# takes one record at most (RFC 8446 section 5.1).
BULK_READ: Final = 16384

_PARKED: Final = 1 << 8  # in StreamTransport._interest: not registered at all


class StreamTransport(WritingHalf):
    """A connection, as its protocol sees it: ``asyncio.Transport``'s interface. Made by a reactor,
    not by users.

    ``sock`` is a non-blocking socket, or anything with a socket's ``recv``, ``send``, ``sendmsg``,
    ``shutdown``, ``fileno`` and ``close``: pipes, TLS and the in-memory connections of
    ``reactor.testing`` come in that shape."""

    __slots__ = ("_eof_received",)

    def __init__(
        self,
        reactor: Loop,
        sock: Any,
        protocol: AnyProtocol,
        peername: Any = None,
        on_lost: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(reactor, sock, protocol, peername, on_lost)
        self._eof_received = False

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
        size = len(data)
        self._stats.bytes_received += size
        if size >= BULK_READ:
            self._reactor.overrun()
        try:
            self._protocol.data_received(data)
        except FATAL:
            raise
        except BaseException as exc:
            self._protocol_failed(exc, "data_received")

    def _on_other(self, mask: int) -> bool:
        """An event that is not plain readability. Returns whether to read."""
        if mask != READ and self._interest & WRITE:
            sent = self.flush()
            self._stats.bytes_sent += sent  # apart, as a callback in flush() may have sent as well
            self._reactor.answered = True
        if self._interest & READ:
            return mask != WRITE  # ERROR and HANGUP as well: recv tells what they are
        if mask & (ERROR | HANGUP) and not self._state & LOST:
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
        half_closed = self._state & EOF_WRITTEN and self._queue is None
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
        if not self._state & (CLOSING | LOST) and not self._eof_received:
            self._watch(self._interest | READ)

    def is_reading(self) -> bool:
        """Whether data is being delivered."""
        return bool(self._interest & READ)

    # -- closing -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop reading, send what is queued, and close. ``connection_lost(None)`` follows."""
        if self._state & (CLOSING | LOST):
            return
        self._state |= CLOSING
        if self._queue is not None:
            self._pending |= CLOSE
            self._watch(self._interest & ~READ)
            if self._pending & ARMED:
                self._arm()
        else:
            self._lose(None, lingering=True)

    def _eof_sent(self) -> None:
        if self._eof_received:  # now both directions have ended
            self.close()

    def abort(self) -> None:
        """Close without sending what is queued. ``connection_lost(None)`` follows."""
        self._lose(None)

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._state > EOF_WRITTEN

    def _lose(self, exc: Exception | None, lingering: bool = False) -> None:
        """The connection is over. The protocol is told later in this turn or in the next, never
        from inside its own call."""
        if self._state & LOST:
            return
        self._state |= CLOSING | LOST
        if not self._interest & _PARKED:
            self._reactor.unregister(self._fd)
        self._interest = 0
        self._drop_queue(exc)
        self._reactor.call_soon(self._connection_lost, exc, lingering and not self._eof_received)

    def _connection_lost(self, exc: Exception | None, lingering: bool = False) -> None:
        try:
            super()._connection_lost(exc, lingering)
        finally:
            self._stats.connections -= 1

    # -- the rest ----------------------------------------------------------------------------------

    def set_protocol(self, protocol: AnyProtocol) -> None:
        """Let another protocol take over, from the next data on. Its ``connection_made`` is the
        caller's affair."""
        self._protocol = protocol

    def _watch(self, interest: int) -> None:
        if interest == self._interest:
            return
        if not self._interest & _PARKED:
            self._reactor.modify(self._fd, interest)
        elif interest & READ:
            interest &= ~_PARKED
            self._reactor.register(self._fd, interest, self._on_ready)
        self._interest = interest

    def _protocol_failed(self, exc: BaseException, method: str) -> None:
        self._report(exc, method)
        self._lose(as_exception(exc, method))

    def _socket_error(self) -> OSError:
        try:
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except (OSError, AttributeError):
            code = 0
        code = code or errno.ECONNRESET
        return OSError(code, os.strerror(code))

    def __repr__(self) -> str:
        state = "lost" if self._state & LOST else "closing" if self._state & CLOSING else "open"
        name, peer = type(self).__name__, self._peername
        return f"<{name} fd={self._fd} {state} peer={peer!r} queued={self._size}>"
