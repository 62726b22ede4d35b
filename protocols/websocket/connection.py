"""WebSocketConnection: connects a transport and a ``WebSocket``.

The core parses bytes into frames; frames are assembled into messages; the ``WebSocket`` gets the
messages. The most frequent kind of frame has a fast path: a small, uncompressed message in one
frame, whole and alone in what was read.

A connection is open until either side starts the closing handshake. From then on no message is
delivered or sent, and the handshake must finish within ``Limits.close_timeout``.

Frames cost time: inflating a frame of one kilobyte can take several milliseconds. A connection with
more frames than a turn of the loop has time for waits for the next turn (``Turns``), and is not
read until then. The fast path is not counted: it is one message for each read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN

from protocols.http.turns import ARRIVALS, CONNECTION
from reactor import Loop, Protocol, StreamTransport, Timer
from reactor.errors import FATAL

from .core import Core, TooManyFragments, apply_mask
from .frames import BINARY, DEFLATE_FROM, TEXT, Message, render_deflated, render_frame

if TYPE_CHECKING:
    from protocols.http.interfaces import Queue

    from .interfaces import Callbacks
    from .limits import Limits

logger = logging.getLogger(__name__)

_MESSAGES: Final = (Opcode.TEXT, Opcode.BINARY, Opcode.CONT)
_FIN_TEXT: Final = 0x80 | TEXT
_FIN_BINARY: Final = 0x80 | BINARY
_FIN_PONG: Final = 0x80 | Opcode.PONG
_MASKED: Final = 0x80
_SMALL: Final = 125  # bytes of a payload whose length is in the second byte of its frame
_HEADER: Final = 6  # bytes of a small masked frame, before its payload


class WebSocketConnection(Protocol):
    """One connection, from the end of the opening handshake on."""

    __slots__ = (
        "_close_called",
        "_core",
        "_has_ended",
        "_heard",
        "_is_open",
        "_is_reading_paused",
        "_is_waiting",
        "_is_write_paused",
        "_limits",
        "_pong",
        "_small",
        "_timer",
        "_turns",
        "_websocket",
        "_window_bits",
    )

    def __init__(self, core: Core, websocket: Callbacks, limits: Limits, turns: Queue) -> None:
        self._core = core
        self._websocket = websocket
        self._limits = limits
        self._turns = turns
        self._window_bits = core.window_bits
        self._small = min(_SMALL, limits.message_size)
        self._is_open = True  # neither side has begun to close
        self._is_waiting = False  # a later turn of the loop handles the waiting input
        self._is_reading_paused = False  # by the WebSocket
        self._is_write_paused = False  # by the transport
        self._has_ended = False  # the peer has finished sending, and its input still waits
        self._pong = b""  # the last one, not sent because output is paused
        self._heard = 0.0  # when something last arrived
        self._close_called = False  # by the WebSocket
        self._timer: Timer | None = None

    # -- reading -----------------------------------------------------------------------------------

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        transport.max_write_buffer = self._limits.write_buffer
        self._heard = transport.reactor.now
        if self._limits.ping_interval:
            self._timer = transport.reactor.call_later(self._limits.ping_interval, self._ping)
        self._call(self._websocket.opened)
        if transport.reactor.is_stopping():  # which was told to the HTTP connection
            self.shutdown_requested()

    def data_received(self, data: bytes) -> None:
        self._heard = self.transport.reactor.now
        core = self._core
        size = len(data) - _HEADER
        if (
            0 <= size <= self._small
            and data[1] == size | _MASKED
            and ((first := data[0]) == _FIN_TEXT or first == _FIN_BINARY)
            and core.is_between_messages
            and self._is_open
            and not self._is_reading_paused
        ):
            payload = apply_mask(data[6:], data[2:6])
            try:
                message = payload.decode() if first == _FIN_TEXT else payload
            except UnicodeDecodeError:
                pass  # the core closes with the right code
            else:
                self._call(self._websocket.message_received, message)
                return
        core.reader.feed_data(data)
        if not self._is_waiting:
            reactor = self.transport.reactor
            self._handle_frames(min(reactor.time() + CONNECTION, reactor.now + ARRIVALS))

    def go_on(self) -> None:
        """Continue in this turn, after ``Turns.wait``."""
        self._is_waiting = False
        self._handle_frames(self.transport.reactor.time() + CONNECTION)

    def _handle_frames(self, until: float) -> None:
        """Handle the input, but begin no frame after the time ``until``."""
        clock = self.transport.reactor.time
        for _ in range(self._limits.frames_per_turn):
            if self.transport.is_closing():
                return
            if self._is_reading_paused or clock() >= until:
                break
            frame = self._core.next_frame()
            if self._core.writes:
                self._send_of_core()
            if frame is None:
                if self._has_ended:
                    self._end_of_data()
                    self.transport.close()
                else:
                    self.transport.resume_reading()
                return
            self._frame_received(frame)
        self.transport.pause_reading()
        if not self._is_reading_paused:
            self._wait()

    def _wait(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._turns.wait(self)

    @property
    def reactor(self) -> Loop:
        """The loop that serves it."""
        return self.transport.reactor

    def _frame_received(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._call(self._websocket.pong_received, bytes(frame.data))
        elif frame.opcode in _MESSAGES and not self._close_called:
            try:
                message = self._core.assembler.add(frame)
            except UnicodeDecodeError as exc:
                self._fail(CloseCode.INVALID_DATA, f"{exc.reason} at position {exc.start}")
            except TooManyFragments:
                fragments = self._limits.fragments
                self._fail(CloseCode.POLICY_VIOLATION, f"more than {fragments} fragments")
            else:
                if message is not None:
                    self._call(self._websocket.message_received, message)

    def pause_reading(self) -> None:
        """See ``WebSocket.pause_reading``."""
        if not self._close_called:
            self._is_reading_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """See ``WebSocket.resume_reading``."""
        if self._is_reading_paused:
            self._is_reading_paused = False
            self._wait()

    # -- writing -----------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent: neither side has begun to close."""
        return self._is_open and not self.transport.is_closing()

    def send(self, message: str | bytes | bytearray | memoryview | Message) -> None:
        """See ``WebSocket.send``."""
        if isinstance(message, Message):  # first, and without calls: a room has many members
            frame = message.frames.get(self._window_bits)
            if frame is None:
                frame = message.render(self._window_bits)
        else:
            if isinstance(message, str):
                opcode, payload = TEXT, message.encode()
            else:
                opcode, payload = BINARY, memoryview(message).tobytes()
            if self._window_bits and len(payload) >= DEFLATE_FROM:
                frame = render_deflated(opcode, payload, self._window_bits)
            else:
                frame = render_frame(opcode, payload)
        if self._is_open:
            self.transport.write(frame)
        else:
            self.transport.reactor.stats.writes_dropped += 1

    def ping(self, data: bytes) -> None:
        """See ``WebSocket.ping``."""
        if len(data) > 125:
            raise ValueError(f"a ping carries at most 125 bytes, not {len(data)}")
        if self._is_open:
            self._core.send_ping(data)
            self._send_of_core()

    def close(self, code: int, reason: str) -> None:
        """See ``WebSocket.close``."""
        if not self._is_open:
            return
        try:
            self._core.send_close(code, reason)
        except ProtocolError as exc:
            raise ValueError(f"cannot close with {code} {reason!r}: {exc}") from exc
        self._close_called = True
        self._send_of_core()
        self.resume_reading()  # for the answer; no message is delivered any more

    def _fail(self, code: CloseCode, reason: str) -> None:
        """Close without waiting for the peer: it violated the protocol, or we have to give up."""
        self._core.fail(code, reason)
        self._send_of_core()

    def _send_of_core(self) -> None:
        """Write the core's output: control frames, and the end of data.

        To be called after everything that may have changed the core's state."""
        if self._is_open and self._core.state is not OPEN:
            self._is_open = False  # before a write, as it may call the WebSocket, which may send
            self._limit_closing()
        for data in self._core.data_to_send():
            if not data:
                self.transport.close()
            elif self._is_write_paused and data[0] == _FIN_PONG:
                # Only the last ping must be answered (RFC 6455 section 5.5.3), so pings of a peer
                # that does not read cannot fill the queue.
                self._pong = data
            else:
                self.transport.write(data)

    def pause_writing(self) -> None:
        self._is_write_paused = True
        self._call(self._websocket.pause_writing)

    def resume_writing(self) -> None:
        self._heard = self.transport.reactor.now  # the peer reads
        self._is_write_paused = False
        if self._pong:
            pong, self._pong = self._pong, b""
            self.transport.write(pong)
        self._call(self._websocket.resume_writing)

    # -- time --------------------------------------------------------------------------------------

    def _ping(self) -> None:
        """Check that the peer is still there."""
        limits = self._limits
        self.ping(b"")
        reactor = self.transport.reactor
        unsent = self.transport.get_write_buffer_size() if self._is_write_paused else 0
        self._timer = reactor.call_later(
            limits.ping_timeout, self._expect_answer, reactor.now, unsent
        )

    def _expect_answer(self, asked: float, unsent: int) -> None:
        # Nothing can arrive while the WebSocket has paused reading. A peer that is still reading
        # what was sent before the ping has not seen the ping yet.
        is_taking = self.transport.get_write_buffer_size() < unsent
        if self._heard < asked and self.transport.is_reading() and not is_taking:
            self._lose("no answer to a ping")
            return
        rest = max(self._limits.ping_interval - self._limits.ping_timeout, 0)
        self._timer = self.transport.reactor.call_later(rest, self._ping)

    def _limit_closing(self) -> None:
        """The closing handshake has begun: it must finish within ``Limits.close_timeout`` from now,
        even if the peer sends more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.transport.reactor.call_later(
            self._limits.close_timeout, self._lose, "no answer to a close"
        )

    def _lose(self, why: str) -> None:
        logger.info("%s: %s", self.transport, why)
        self.transport.abort()

    # -- the end -----------------------------------------------------------------------------------

    def eof_received(self) -> bool:
        # Input may wait: it arrived with the handshake, and the end right behind it.
        self._has_ended = bool(self._core.reader.buffer) and (
            self._is_waiting or self._is_reading_paused
        )
        if not self._has_ended:
            self._end_of_data()
        return self._has_ended

    def _end_of_data(self) -> None:
        self._core.receive_eof()
        self._send_of_core()

    def shutdown_requested(self) -> None:
        if self._is_open:
            self.close(CloseCode.GOING_AWAY, "the server stops")

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        close = self._core.close_rcvd or self._core.close_sent
        if close is None:
            self._websocket.closed(int(CloseCode.ABNORMAL_CLOSURE), "")
        else:
            self._websocket.closed(int(close.code), close.reason)

    def _call(self, method: Callable[..., object], *args: object) -> None:
        try:
            method(*args)
        except FATAL:
            raise
        except BaseException as exc:
            self.transport.reactor.call_exception_handler(
                {
                    "message": f"{method.__qualname__} failed:",
                    "exception": exc,
                    "protocol": self,
                    "transport": self.transport,
                }
            )
            if not self.transport.is_closing():
                self._fail(CloseCode.INTERNAL_ERROR, "")
