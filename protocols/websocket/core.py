"""The sans-I/O core of ``websockets``, set up for a connection whose handshake HTTP has done.

The core parses frames and knows the closing handshake. This module adds an early check of text:
invalid UTF-8 ends the connection (RFC 6455 section 8.1) as soon as it arrives, not when the rest of
its frame has arrived.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final

from websockets.exceptions import PayloadTooBig
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import (
    PerMessageDeflate,
    ServerPerMessageDeflateFactory,
)
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.streams import StreamReader
from websockets.typing import ExtensionParameter

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

from .limits import Limits

__all__ = ["Core", "TooManyFragments", "apply_mask"]

# The core logs each connection at INFO: show that only on request.
_logger: Final = logging.getLogger(f"{__name__}.frames")
_logger.setLevel(logging.WARNING)

_new_decoder: Final = codecs.getincrementaldecoder("utf-8")

# Bits of the server's compression window. More than 12 costs more memory than it saves bytes in
# messages of a few KiB.
_WINDOW_BITS: Final = 12


class TooManyFragments(Exception):
    """A message has more frames than ``Limits.fragments``."""


class _BoundedDeflate(PerMessageDeflate):
    """Inflates no more than ``inflated_size`` bytes of a message."""

    def __init__(self, negotiated: PerMessageDeflate, inflated_size: int) -> None:
        super().__init__(
            negotiated.remote_no_context_takeover,
            negotiated.local_no_context_takeover,
            negotiated.remote_max_window_bits,
            negotiated.local_max_window_bits,
        )
        self._inflated_size = inflated_size
        self._inflated = 0  # bytes of the incomplete message

    def decode(self, frame: Frame, *, max_size: int | None = None) -> Frame:
        if frame.opcode is not Opcode.CONT:
            if not frame.rsv1:
                return super().decode(frame)
            self._inflated = 0
        elif not self.decode_cont_data:
            return frame
        left = self._inflated_size - self._inflated
        if max_size is not None:
            left = min(left, max_size)
        # Not 0, which means "no limit" to zlib: one byte too many is detected below.
        inflated = super().decode(frame, max_size=max(left, 1))
        size = len(inflated.data)
        if size > left:
            raise PayloadTooBig(None, left)
        self._inflated += size
        return inflated


class _DeflateFactory(ServerPerMessageDeflateFactory):
    """Negotiates no context takeover in either direction: an idle connection holds no window, and a
    frame for many connections is the same for all of them."""

    def __init__(self, inflated_size: int) -> None:
        super().__init__(
            server_no_context_takeover=True,
            client_no_context_takeover=True,
            server_max_window_bits=_WINDOW_BITS,
        )
        self._inflated_size = inflated_size

    def process_request_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> tuple[list[ExtensionParameter], PerMessageDeflate]:
        answer, negotiated = super().process_request_params(params, accepted_extensions)
        return answer, _BoundedDeflate(negotiated, self._inflated_size)


class Core(ServerProtocol):
    """One connection's frames, after its handshake. ``accept`` of the base class negotiates."""

    def __init__(self, limits: Limits, subprotocols: Sequence[str], deflate: bool) -> None:
        super().__init__(
            state=OPEN,
            max_size=limits.message_size,
            extensions=[_DeflateFactory(limits.inflated_size)] if deflate else None,
            subprotocols=subprotocols,  # type: ignore[arg-type]
            select_subprotocol=_select_subprotocol,  # type: ignore[arg-type]
            logger=_logger,
        )
        self.assembler = Assembler(limits.fragments)
        self.reader: _FrameReader = _FrameReader(self.assembler.partial_decoder)
        self.parser = self.parse()
        next(self.parser)

    @property
    def window_bits(self) -> int:
        """Of the negotiated compression; 0 if there is none."""
        for extension in self.extensions:
            assert isinstance(extension, PerMessageDeflate)
            return extension.local_max_window_bits
        return 0

    @property
    def is_between_messages(self) -> bool:
        """Whether no part of the next message has arrived."""
        reader = self.reader
        return reader.between_frames and not reader.buffer and self.assembler.opcode is None

    def next_frame(self) -> Frame | None:
        """The next frame of what was fed to ``reader``, if it is complete. An invalid frame closes
        the connection: see ``state`` and ``data_to_send``."""
        if not self.reader.buffer:
            return None
        next(self.parser)
        for frame in self.events_received():
            assert isinstance(frame, Frame)
            return frame
        return None

    def recv_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            # Control frames may come in the middle of a message (RFC 6455 section 5.4), including
            # this one. The core treats it as an error.
            self.current_size = None
        super().recv_frame(frame)


def _select_subprotocol(core: ServerProtocol, offered: Sequence[str]) -> str | None:
    """The server's first choice among what the client offers. None if they have none in common: the
    client decides whether to continue (RFC 6455 section 4.1)."""
    for subprotocol in core.available_subprotocols or ():
        if subprotocol in offered:
            return subprotocol
    return None


class Assembler:
    """Assembles the frames of a message."""

    __slots__ = ("_decoder", "_fragments", "_most_fragments", "_pieces", "opcode")

    def __init__(self, most_fragments: int) -> None:
        self.opcode: Opcode | None = None  # of the incomplete message
        self._most_fragments = most_fragments
        self._fragments = 0
        self._pieces: list[Any] = []
        self._decoder: codecs.IncrementalDecoder | None = None  # of a text message

    def add(self, frame: Frame) -> str | bytes | None:
        """Returns the message if ``frame`` is its last one. Raises ``UnicodeDecodeError`` and
        ``TooManyFragments``.

        Takes the data out of ``frame``: the core, which waits for the next one, holds this one."""
        data, frame.data = frame.data, b""
        if self.opcode is None:
            if frame.fin:
                return str(data, "utf-8") if frame.opcode is Opcode.TEXT else bytes(data)
            self.opcode = frame.opcode
            self._fragments = 0
            if frame.opcode is Opcode.TEXT:
                self._decoder = _new_decoder()
        self._fragments += 1
        if self._fragments > self._most_fragments:
            raise TooManyFragments
        if self._decoder is None:
            self._pieces.append(bytes(data))
        else:
            self._pieces.append(self._decoder.decode(data, frame.fin))
        if not frame.fin:
            return None
        message: str | bytes
        message = b"".join(self._pieces) if self._decoder is None else "".join(self._pieces)
        self.opcode = None
        self._decoder = None
        self._pieces = []
        return message

    def partial_decoder(self, opcode: int) -> Callable[[bytes], object] | None:
        """A function that checks a frame of text as it arrives; None for other frames."""
        decoder = _new_decoder()
        if opcode == Opcode.CONT and self._decoder is not None:
            decoder.setstate(self._decoder.getstate())
        elif opcode != Opcode.TEXT:
            return None
        return decoder.decode


class _FrameReader(StreamReader):
    """What the core reads frames from.

    The core calls ``at_eof`` between two frames, and then ``read_exact`` for the first two bytes of
    a frame, for its extended length if it has one, for the mask, and for the payload. It would
    continue with the next frame at once. This reader stops it there, so that a message can be
    answered before the next frame is parsed, which may end the connection."""

    def __init__(self, partial_decoder: Callable[[int], Callable[[bytes], object] | None]) -> None:
        super().__init__()
        self.between_frames = True
        self._partial_decoder = partial_decoder
        self._reads_left = 0  # reads left before this frame's payload
        self._opcode = 0
        self._is_compressed = False  # whether the frame's message is
        self._mask = b""

    def at_eof(self) -> Generator[None, None, bool]:
        self.between_frames = True
        yield
        while not self.buffer:
            if self.eof:
                return True
            yield
        self.between_frames = False
        self._reads_left = -1
        return False

    def read_exact(self, n: int) -> Generator[None, None, bytearray]:
        if self._reads_left == 0 and len(self.buffer) < n and not self._is_compressed:
            decode = self._partial_decoder(self._opcode)
            if decode is not None:
                yield from self._check_text(n, decode)
        data = yield from super().read_exact(n)
        if self._reads_left < 0:
            self._begin(data)
        elif self._reads_left:
            self._reads_left -= 1
            self._mask = bytes(data)  # the last one is the mask
        return data

    def _begin(self, header: bytearray) -> None:
        self._opcode = header[0] & 0x0F
        if self._opcode in (Opcode.TEXT, Opcode.BINARY):
            self._is_compressed = bool(header[0] & 0x40)
        self._reads_left = 2 if header[1] & 0x7F >= 126 else 1

    def _check_text(self, n: int, decode: Callable[[bytes], object]) -> Generator[None]:
        """Check the received part of the payload, until it is complete."""
        checked = 0
        while len(self.buffer) < n and not self.eof:
            turn = checked % 4
            data = self.buffer[checked:]
            decode(apply_mask(data, self._mask[turn:] + self._mask[:turn]))
            checked += len(data)
            yield
