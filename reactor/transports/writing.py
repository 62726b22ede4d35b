"""The writing half of a stream transport: a queue, its bounds, and when it is sent.

``write`` never touches the socket: it queues. At the end of the turn the loop calls ``flush``, and
everything written to this connection during the turn leaves in one system call: a chat server that
relays twenty lines to a thousand members makes a thousand calls, not twenty thousand. What the
system does not take (its buffer for the socket is full, because the peer does not read) stays in
the queue, and only then the poller is asked to tell when there is room.

The queue is bounded. Past the *high-water mark* the protocol is told to pause; at the *low-water
mark*, to resume. A protocol that does not listen meets the hard cap, ``max_write_buffer`` bytes
further on: the connection is aborted, and ``connection_lost`` gets ``WriteBufferOverflow``.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..pollers import WRITE
from ..protocol import WriteBufferOverflow
from ..timers import Deadline
from .base import BaseTransport
from .sendfile import FileSegment

if TYPE_CHECKING:
    from ..loop import Loop

IOV_MAX: Final = 1024  # pieces that sendmsg takes at once: EMSGSIZE beyond
HIGH_WATER: Final = 65536
MAX_WRITE_BUFFER: Final = 1 << 20  # beyond the high-water mark
MAX_FILES: Final = 64  # that sendfile() queues for one connection

# Up to so many bytes, joining small pieces costs less than handing them over one by one.
_JOIN_LIMIT: Final = 65536

# A head, a file and a tail go out in one flush; more waits for the next turn, for the sake of the
# other connections.
_SENDS_PER_FLUSH: Final = 4

_MSG_MORE: Final = getattr(socket, "MSG_MORE", 0)

# Bits of _state. While it is 0, write() queues and nothing else.
EOF_WRITTEN: Final = 1
CLOSING: Final = 2
LOST: Final = 4

# Bits of _pending: what flush() has to mind. While it is 0, all that is queued was written in this
# turn, and nothing waits for it to be sent.
ARMED: Final = 1  # the system took no more: the poller tells when there is room
PAUSED: Final = 2  # the protocol was told to pause writing
SEND_EOF: Final = 4  # half-close once the queue is empty
CLOSE: Final = 8  # close once the queue is empty
FILE: Final = 16  # there is a FileSegment in the queue


class WritingHalf(BaseTransport):
    """What ``StreamTransport`` has for writing. The methods at the end are the other half's.

    The queue is one of three things, as nearly always one piece is written and sent, and a list for
    it would cost as much as all the rest: None, empty; bytes, one piece; a list, everything else.
    """

    __slots__ = (
        "_close_timer",
        "_high_water",
        "_low_water",
        "_pending",
        "_queue",
        "_size",
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
        protocol: Any,
        peername: Any,
        on_lost: Callable[[], object] | None,
    ) -> None:
        super().__init__(reactor, sock, protocol, peername, on_lost)
        self._queue: bytes | list[Any] | None = None
        self._size = 0  # bytes in the queue
        self._written = reactor.written
        self._stats = reactor.stats
        self._state = 0
        self._pending = 0
        self._close_timer: Deadline | None = None
        self._high_water = HIGH_WATER
        self._low_water = HIGH_WATER // 4
        self.max_write_buffer = MAX_WRITE_BUFFER

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Queue ``data``; it is sent at the end of this turn of the loop.

        What would make more than ``max_write_buffer`` bytes wait beyond the high-water mark aborts
        the connection. After ``close()``, or when the connection is lost, it is dropped and counted
        (``Stats.writes_dropped``). Raises ``RuntimeError`` after ``write_eof()``, ``TypeError`` for
        what is not bytes-like."""
        if type(data) is not bytes:
            data = memoryview(data).tobytes()  # a copy, as it could change before it is sent
        if self._state:
            self._refuse_write()
        elif data:
            queue = self._queue
            if queue is None:
                self._queue = data
                self._written.append(self)
            elif type(queue) is list:
                queue.append(data)
            else:
                self._queue = [queue, data]
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
        connection, as the peer was promised more. File bytes do not count for flow control, but
        with more than 64 files in the queue the connection is aborted. The same rules as for
        ``write()`` hold; ``ValueError`` is raised for a negative number."""
        segment = FileSegment(file, offset, count, callback)
        if self._state:
            self._refuse_write()
            self._end_file(segment, ConnectionAbortedError("the connection is closing"))
            return
        if self._queue is None:
            self._written.append(self)
        self._queue = self._as_list()
        self._queue.append(segment)
        self._pending |= FILE
        queue = self._queue
        files = (isinstance(piece, FileSegment) for piece in queue)
        if len(queue) > MAX_FILES and sum(files) > MAX_FILES:
            self._lose(WriteBufferOverflow(f"more than {MAX_FILES} files wait to be sent"))

    def write_eof(self) -> None:
        """Half-close: send what is queued, then the end of data. Reading goes on."""
        if not self._state:
            self._state = EOF_WRITTEN
            self._pending |= SEND_EOF
            if self._queue is None:
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

    def get_unsent_size(self) -> int:
        """The same, and what is left of the files in the queue."""
        if not self._pending & FILE:
            return self._size
        files = (piece.left for piece in self._as_list() if isinstance(piece, FileSegment))
        return self._size + sum(files)

    def flush(self) -> int:
        """Send what is queued, in one system call. The loop calls this at the end of each turn with
        a ``write()`` in it. Returns the number of bytes sent, which the caller counts."""
        data = self._queue
        if self._pending or type(data) is list:
            return self._flush_list()
        if data is None:  # sent early, by passing the high-water mark; or lost
            return 0
        try:
            sent: int = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as exc:
            self._lose(exc)
            return 0
        if sent == self._size:
            self._queue = None
            self._size = 0
        else:
            self._queue = [data]
            self._take(sent)
            self._arm()
        return sent

    def _flush_list(self) -> int:
        """``flush()`` for several pieces, or when ``_pending`` says that something waits for it."""
        queue = self._queue = self._as_list()
        total = 0
        try:
            for _ in range(_SENDS_PER_FLUSH):
                if not queue:
                    break
                if isinstance(queue[0], FileSegment):
                    total += self._send_file(queue)
                else:
                    sent = self._send_many(queue)
                    total += sent
                    self._take(sent)
                    if queue and not isinstance(queue[0], FileSegment):
                        break  # the system takes no more
        except (BlockingIOError, InterruptedError):
            pass
        except (OSError, EOFError) as exc:
            self._lose(exc)
        if self._state & LOST:
            return total
        if queue:
            self._arm()
        else:
            self._drained()
        if self._pending & PAUSED and self._size <= self._low_water:
            self._pending &= ~PAUSED
            if not self._state:
                self._tell("resume_writing")
        return total

    def _as_list(self) -> list[Any]:
        queue = self._queue
        if type(queue) is list:
            return queue
        return [] if queue is None else [queue]

    def _send_many(self, queue: list[Any]) -> int:
        """Send several pieces, or what stands before the first file."""
        pieces = queue
        flags = 0
        if self._pending & FILE:
            pieces = list(
                itertools.takewhile(lambda piece: not isinstance(piece, FileSegment), pieces)
            )
            if len(pieces) < len(queue) and queue[len(pieces)].left:
                flags = _MSG_MORE  # do not send the head of a response in a packet of its own
        if self._size <= _JOIN_LIMIT:
            return self._sock.send(b"".join(pieces), flags)  # type: ignore[no-any-return]
        return self._sock.sendmsg(pieces[:IOV_MAX], (), flags)  # type: ignore[no-any-return]

    def _send_file(self, queue: list[Any]) -> int:
        segment: FileSegment = queue[0]
        sent = segment.send(self._sock)
        if segment.left == 0:
            del queue[0]
            self._end_file(segment, None)
        return sent

    def _end_file(self, segment: FileSegment, exc: Exception | None) -> None:
        # From the loop, never from inside a call of the protocol's: it may do anything, and raise.
        self._reactor.call_soon(segment.finish, exc)

    def _take(self, sent: int) -> None:
        """Remove ``sent`` bytes from the front of the queue, a list."""
        self._size -= sent
        queue = self._as_list()
        whole = 0
        while sent and sent >= len(queue[whole]):
            sent -= len(queue[whole])
            whole += 1
        del queue[:whole]
        if sent:
            queue[0] = memoryview(queue[0])[sent:]  # a slice of bytes would copy the rest each time

    def _arm(self) -> None:
        """The system takes no more at the moment: have the poller tell when it does."""
        if not self._pending & ARMED:
            self._pending |= ARMED
            self._watch(self._interest | WRITE)
        if self._state & CLOSING and self._close_timer is None:
            self._close_timer = Deadline(self._reactor, self.close_timeout, self._close_timed_out)

    def _drained(self) -> None:
        """The queue is empty: do what waited for that."""
        self._queue = None
        pending = self._pending
        self._pending &= PAUSED
        if pending & ARMED:
            self._watch(self._interest & ~WRITE)
        if pending & CLOSE:
            self._lose(None, lingering=True)
        elif pending & SEND_EOF:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as exc:
                self._lose(exc)
                return
            self._eof_sent()

    def _over_high_water(self) -> None:
        if not self._pending & ARMED:
            self._stats.bytes_sent += self.flush()  # so much need not wait for the end of the turn
        if self._state & LOST or self._size <= self._high_water:
            return
        if self._size > self._high_water + self.max_write_buffer:
            self._lose(
                WriteBufferOverflow(
                    f"{self._size} bytes wait to be sent to a peer that does not read them"
                )
            )
        elif not self._pending & PAUSED:
            self._pending |= PAUSED
            self._tell("pause_writing")

    def _refuse_write(self) -> None:
        if self._state == EOF_WRITTEN:
            raise RuntimeError("cannot write after write_eof()")
        self._stats.writes_dropped += 1

    def _close_timed_out(self) -> None:
        self._lose(
            TimeoutError(
                f"the peer did not take what was queued within {self.close_timeout:g} s of closing"
            )
        )

    def _drop_queue(self, exc: Exception | None) -> None:
        """The connection is lost: forget what is queued, and tell those who wait for a file."""
        files = [piece for piece in self._as_list() if isinstance(piece, FileSegment)]
        self._queue = None
        self._size = 0
        self._pending = 0
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        for segment in files:
            self._end_file(segment, exc or ConnectionAbortedError("the connection was closed"))

    # -- the other half's --------------------------------------------------------------------------

    def _watch(self, interest: int) -> None:
        raise NotImplementedError

    def _lose(self, exc: Exception | None, lingering: bool = False) -> None:
        raise NotImplementedError

    def _eof_sent(self) -> None:
        raise NotImplementedError
