"""StreamTransport: one connected socket, how it is read and written, and how it ends.

*Reading.* The poller reports that there may be data, one ``recv`` takes at most ``READ_SIZE``
bytes, and the protocol gets them. There is one read per event, however much more has arrived, so
that a busy peer cannot starve the others; the rest is reported again in the next turn.

*Writing.* ``write`` only queues. At the end of the turn the loop calls ``flush``, and all that was
written to this connection during the turn leaves in one system call: a chat server that relays
twenty lines to a thousand members makes a thousand calls, not twenty thousand. When the peer does
not read, the system's buffer fills up. The rest stays queued, and only then does the poller watch
for room.

*Flow control.* The queue is bounded. Above the *high-water mark*, ``pause_writing`` is called; at
the *low-water mark*, ``resume_writing``. If the protocol continues writing up to the hard cap,
``max_write_buffer`` bytes above the high-water mark, the connection is aborted, and
``connection_lost`` gets ``WriteBufferOverflow``.

*Ending.* ``close`` sends what is queued first, ``abort`` does not. Both call ``_lose`` in the end,
as every error does, and ``_lose`` schedules ``connection_lost``.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL, as_exception
from ..pollers import ERROR, HANGUP, READ, WRITE
from ..timers import Deadline
from .base import BaseTransport
from .callbacks import AnyProtocol
from .sendfile import FileSegment
from .sending import send_pieces, send_with_files
from .write_queue import WriteBufferOverflow, WriteQueue

if TYPE_CHECKING:
    from ..loop import Loop

READ_SIZE: Final = 65536  # bytes per recv; asyncio's 256 KiB cost more to allocate than they save
# Bytes: a peer that sends this much at once has more to send. A TLS record holds no more, and one
# read takes at most one record (RFC 8446 section 5.1).
BULK_READ: Final = 16384

HIGH_WATER: Final = 65536  # bytes
MAX_WRITE_BUFFER: Final = 1 << 20  # bytes, above the high-water mark
MAX_FILES: Final = 64  # file segments in one write queue

# The states of a connection. It goes from one to a later one, never back.
OPEN: Final = 0
EOF_WRITTEN: Final = 1  # by write_eof(): nothing more may be written, reading continues
CLOSING: Final = 2  # by close(): reading has stopped, what is queued is still sent
LOST: Final = 3  # connection_lost is called in this turn or the next


class StreamTransport(BaseTransport):
    """A connection, as its protocol sees it: ``asyncio.Transport``'s interface. Reactors create
    these, not users.

    ``sock`` is a non-blocking socket, or anything with a socket's ``recv``, ``send``, ``sendmsg``,
    ``shutdown``, ``fileno`` and ``close``: pipes, TLS and the in-memory connections of
    ``reactor.testing`` have these methods."""

    # Besides _state, five attributes describe the connection:
    #
    # _waiting       what is to be sent. None: nothing. bytes: one piece, written in this turn; it
    #                is nearly always the only one, and a queue would cost as much as the rest of
    #                the write. WriteQueue: more pieces, files, or what the system did not take.
    # _interest      what the poller watches for. READ: data is being delivered. WRITE: the system
    #                took no more, and flush() is called again when the poller reports room.
    # _hung_up       the poller reported the peer's end while reading was paused. It watches again
    #                from resume_reading().
    # _paused        pause_writing was called, and resume_writing not yet.
    # _eof_received  the peer has finished sending.
    __slots__ = (
        "_close_timer",
        "_eof_received",
        "_high_water",
        "_hung_up",
        "_low_water",
        "_paused",
        "_state",
        "_stats",
        "_waiting",
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
        super().__init__(reactor, sock, protocol, peername, on_lost)
        self._state = OPEN
        self._waiting: bytes | WriteQueue | None = None
        self._paused = False
        self._hung_up = False
        self._eof_received = False
        self._close_timer: Deadline | None = None
        self._high_water = HIGH_WATER
        self._low_water = HIGH_WATER // 4
        self.max_write_buffer = MAX_WRITE_BUFFER
        self._written = reactor.written
        self._stats = reactor.stats

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        """Watch the socket and call ``connection_made``.

        ``on_result(None)`` is called once that is done. With a handshake before it, that is later,
        and if the handshake fails ``on_result`` gets the exception. Raises ``ValueError`` if the
        poller cannot watch the descriptor."""
        self._register()
        self._call_protocol("connection_made", self)
        if on_result is not None:
            on_result(None)

    def _register(self) -> None:
        self._reactor.register(self._fd, READ, self._on_ready)
        self._interest = READ
        self._reactor.attach(self)
        self._stats.connections += 1

    # -- reading -----------------------------------------------------------------------------------

    def _on_ready(self, mask: int) -> None:
        # The second condition: a handler earlier in this batch of events may have paused or closed
        # this connection.
        if (mask != READ or self._interest != READ) and not self._on_write_or_hangup(mask):
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

    def _on_write_or_hangup(self, mask: int) -> bool:
        """Handle an event that is not just readability. Returns whether to read as well."""
        if mask != READ and self._interest & WRITE:
            sent = self.flush()
            # Not "+= self.flush()": a callback within flush() may add to the counter too.
            self._stats.bytes_sent += sent
            self._reactor.answered = True
        if self._interest & READ:
            return mask != WRITE  # on ERROR and HANGUP too: recv tells what they mean
        if mask & (ERROR | HANGUP) and self._state != LOST:
            self._on_hangup(mask)
        return False

    def _on_hangup(self, mask: int) -> None:
        """The peer has left, and we do not read. Ignoring the report would make the loop spin."""
        if self._eof_received or mask & ERROR:
            self._lose(self._socket_error())
        else:
            # Reading is paused, and there may be data left: resume_reading() watches again.
            self._hung_up = True
            self._reactor.unregister(self._fd)

    def _socket_error(self) -> OSError:
        try:
            code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except (OSError, AttributeError):
            code = 0
        code = code or errno.ECONNRESET
        return OSError(code, os.strerror(code))

    def _on_eof(self) -> None:
        self._eof_received = True
        # At its end a socket is always readable: watching for that would make the loop spin.
        self._watch(self._interest & ~READ)
        keep_open = self._call_protocol("eof_received")
        all_sent = self._state == EOF_WRITTEN and self._waiting is None
        if not keep_open or all_sent:
            self.close()

    def pause_reading(self) -> None:
        """Deliver no data until ``resume_reading()``. What the peer sends waits in the system's
        buffers, and when they are full, at the peer.

        While reading is paused we cannot notice that the peer has left: set an ``IdleTimer`` where
        that matters."""
        self._watch(self._interest & ~READ)

    def resume_reading(self) -> None:
        """Deliver data again. Has no effect on a connection that is closing, or whose peer has
        finished sending."""
        if self._state < CLOSING and not self._eof_received:
            self._watch(self._interest | READ)

    def is_reading(self) -> bool:
        """Whether data is being delivered."""
        return bool(self._interest & READ)

    def _watch(self, interest: int) -> None:
        """Set ``_interest``, and update the poller if it changed."""
        if interest == self._interest:
            return
        if not self._hung_up:
            self._reactor.modify(self._fd, interest)
        elif interest & READ:
            self._hung_up = False
            self._reactor.register(self._fd, interest, self._on_ready)
        self._interest = interest

    # -- writing -----------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue ``data``; it is sent at the end of this turn of the loop.

        If more than ``max_write_buffer`` bytes would wait above the high-water mark, the connection
        is aborted. After ``close()``, or when the connection is lost, ``data`` is dropped and the
        call is counted (``Stats.writes_dropped``). Raises ``RuntimeError`` after ``write_eof()``,
        ``TypeError`` if ``data`` is not bytes-like."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()  # a copy, as it could change before it is sent
        if self._state:  # not OPEN
            self._refuse_write()
        elif data:
            waiting = self._waiting
            if waiting is None:
                self._waiting = data
                self._written.append(self)
                size = len(data)
            else:
                if not isinstance(waiting, WriteQueue):
                    self._waiting = waiting = WriteQueue(waiting)
                size = waiting.append(data)
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
        """Queue ``count`` bytes (None: all) of ``file`` from ``offset``. The system copies them
        without passing them through Python.

        ``file`` is an open binary file with a descriptor. It must stay open until
        ``callback(exc)``, which is called once, with None when all is sent, else with the error;
        always from the loop, never from inside this call. A file that ends early closes the
        connection, because the announced length cannot be kept. File bytes do not count for flow
        control, but with more than 64 files in the queue the connection is aborted. After
        ``close()`` and ``write_eof()`` the same rules hold as for ``write()``. Raises
        ``ValueError`` if a number is negative."""
        segment = FileSegment(file, offset, count, callback)
        if self._state:
            self._refuse_write()
            self._end_file(segment, ConnectionAbortedError("the connection is closing"))
            return
        waiting = self._waiting
        if waiting is None:
            self._written.append(self)
        if not isinstance(waiting, WriteQueue):
            self._waiting = waiting = WriteQueue(waiting)
        waiting.append_file(segment)
        if waiting.files > MAX_FILES:
            self._lose(WriteBufferOverflow(f"more than {MAX_FILES} files wait to be sent"))

    def write_eof(self) -> None:
        """Half-close: send what is queued, then the end of data. Reading continues."""
        if self._state == OPEN:
            self._state = EOF_WRITTEN
            if self._waiting is None:
                self._all_sent()

    def can_write_eof(self) -> bool:
        """Whether ``write_eof()`` works here."""
        return True

    def _refuse_write(self) -> None:
        if self._state == EOF_WRITTEN:
            raise RuntimeError("cannot write after write_eof()")
        self._stats.writes_dropped += 1

    def _over_high_water(self) -> None:
        if not self._interest & WRITE:
            self._stats.bytes_sent += self.flush()  # too much to keep until the turn's end
        size = self.get_write_buffer_size()
        if self._state == LOST or size <= self._high_water:
            return
        if size > self._high_water + self.max_write_buffer:
            self._lose(
                WriteBufferOverflow(
                    f"{size} bytes wait to be sent to a peer that does not read them"
                )
            )
        elif not self._paused:
            self._paused = True
            self._call_protocol("pause_writing")

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
        if self.get_write_buffer_size() > high:
            self._over_high_water()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """The water marks, low and high."""
        return self._low_water, self._high_water

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent, without those of files."""
        waiting = self._waiting
        if waiting is None:
            return 0
        return waiting.size if isinstance(waiting, WriteQueue) else len(waiting)

    def get_unsent_size(self) -> int:
        """Bytes that wait to be sent, with those of files."""
        waiting = self._waiting
        if isinstance(waiting, WriteQueue):
            return waiting.unsent_size()
        return self.get_write_buffer_size()

    # -- sending -----------------------------------------------------------------------------------

    def flush(self) -> int:
        """Send what is queued, in one system call unless there are files. The loop calls this at
        the end of each turn with a ``write()`` in it. Returns the number of bytes sent, for the
        caller to count."""
        waiting = self._waiting
        if type(waiting) is not bytes:
            # None if it was sent early, above the high-water mark, or if the connection is lost.
            return self._flush_queue(waiting) if isinstance(waiting, WriteQueue) else 0
        try:
            sent: int = self._sock.send(waiting)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._lose(exc)
            return 0
        if sent == len(waiting):
            self._waiting = None
            if self._state:  # close() or write_eof() was called
                self._all_sent()
        else:
            self._waiting = queue = WriteQueue(waiting)
            queue.discard(sent)
            self._wait_for_room()
        return sent

    def _flush_queue(self, queue: WriteQueue) -> int:
        total = 0
        try:
            if queue.files:
                for sent in send_with_files(queue, self._sock, self._end_file):
                    total += sent
            else:
                total = send_pieces(queue, self._sock)
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, EOFError) as exc:
            self._lose(exc)
            return total
        if queue:
            self._wait_for_room()
        else:
            self._waiting = None
            self._all_sent()
        if self._paused and queue.size <= self._low_water:
            self._paused = False
            if self._state == OPEN:
                self._call_protocol("resume_writing")
        return total

    def _end_file(self, segment: FileSegment, exc: Exception | None = None) -> None:
        # From the loop, never from inside a call by the protocol: the callback may do anything.
        self._reactor.call_soon(segment.finish, exc)

    def _wait_for_room(self) -> None:
        """The system accepts no more at the moment: have the poller report when it does."""
        self._watch(self._interest | WRITE)
        if self._state == CLOSING and self._close_timer is None:
            self._close_timer = Deadline(self._reactor, self.close_timeout, self._close_timed_out)

    def _all_sent(self) -> None:
        """Nothing is queued any more: continue what close() or write_eof() began."""
        self._watch(self._interest & ~WRITE)
        if self._state == CLOSING:
            self._lose(None, lingering=True)
        elif self._state == EOF_WRITTEN:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as exc:
                self._lose(exc)
                return
            if self._eof_received:  # now both directions have ended
                self.close()

    # -- ending ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Stop reading, send what is queued, and close. ``connection_lost(None)`` follows."""
        if self._state >= CLOSING:
            return
        self._state = CLOSING
        if self._waiting is None:
            self._lose(None, lingering=True)
            return
        self._watch(self._interest & ~READ)
        if self._interest & WRITE:
            self._wait_for_room()  # from now on, for no longer than close_timeout

    def _close_timed_out(self) -> None:
        self._lose(
            TimeoutError(
                f"the peer did not take what was queued within {self.close_timeout:g} s of closing"
            )
        )

    def abort(self) -> None:
        """Close without sending what is queued. ``connection_lost(None)`` follows."""
        self._lose(None)

    def is_closing(self) -> bool:
        """Whether the connection is closing or closed."""
        return self._state >= CLOSING

    def _protocol_failed(self, exc: BaseException, method: str) -> None:
        self._report(exc, method)
        self._lose(as_exception(exc, method))

    def _lose(self, exc: Exception | None, lingering: bool = False) -> None:
        """The connection is over. ``connection_lost`` is called later in this turn or in the next,
        never from inside a call by the protocol."""
        if self._state == LOST:
            return
        self._state = LOST
        self._reactor.unregister(self._fd)
        self._interest = 0
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        waiting, self._waiting = self._waiting, None
        if isinstance(waiting, WriteQueue):
            for segment in waiting.file_segments():
                self._end_file(segment, exc or ConnectionAbortedError("the connection was closed"))
        self._reactor.call_soon(self._connection_lost, exc, lingering and not self._eof_received)

    def _connection_lost(self, exc: Exception | None, lingering: bool = False) -> None:
        try:
            super()._connection_lost(exc, lingering)
        finally:
            self._stats.connections -= 1

    # -- the rest ----------------------------------------------------------------------------------

    def set_protocol(self, protocol: AnyProtocol) -> None:
        """Let another protocol take over: it gets the data that arrives from now on. Its
        ``connection_made`` is not called."""
        self._protocol = protocol

    def __repr__(self) -> str:
        state = "lost" if self._state == LOST else "closing" if self.is_closing() else "open"
        name, peer, queued = type(self).__name__, self._peername, self.get_write_buffer_size()
        return f"<{name} fd={self._fd} {state} peer={peer!r} queued={queued}>"
