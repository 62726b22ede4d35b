"""Frames that a server sends (RFC 6455 section 5.2, RFC 7692).

A server's frames are not masked, so a message's frame is the same for every connection, and is
rendered once for all. That is true of compressed frames too, because the server always negotiates
``server_no_context_takeover``: each message is deflated on its own, and refers to no earlier one.
"""

from __future__ import annotations

import zlib
from typing import Final

TEXT: Final = 0x1
BINARY: Final = 0x2

_FIN: Final = 0x80
_COMPRESSED: Final = 0x40  # RSV1 (RFC 7692 section 6)

# Bytes: below this, deflating saves less than the header of a packet, and costs 20 us.
DEFLATE_FROM: Final = 256
# memLevel 5 takes 20 KiB instead of 256 KiB while deflating a message, and is faster.
_MEMORY_LEVEL: Final = 5
# The end of Z_SYNC_FLUSH's output, which the peer adds again (RFC 7692 section 7.2.1).
_SYNC_FLUSH_TAIL: Final = b"\x00\x00\xff\xff"


def render_frame(opcode: int, payload: bytes) -> bytes:
    """A message in one frame."""
    return _header(_FIN | opcode, len(payload)) + payload


def render_deflated(opcode: int, payload: bytes, window_bits: int) -> bytes:
    """A message in one compressed frame, for a peer whose window has ``window_bits`` (9 to 15)."""
    compressor = zlib.compressobj(wbits=-window_bits, memLevel=_MEMORY_LEVEL)
    deflated = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
    deflated = deflated.removesuffix(_SYNC_FLUSH_TAIL)
    return _header(_FIN | _COMPRESSED | opcode, len(deflated)) + deflated


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return b"%c\x7e%b" % (first, size.to_bytes(2))
    return b"%c\x7f%b" % (first, size.to_bytes(8))


class Message:
    """A message for many connections, rendered once for each kind of connection::

        message = Message("to all of you")
        for websocket in members:
            websocket.send(message)

    ``content``: a str makes a text message, bytes-like a binary one."""

    __slots__ = ("_opcode", "_payload", "frames")

    def __init__(self, content: str | bytes | bytearray | memoryview) -> None:
        if isinstance(content, str):
            self._opcode = TEXT
            self._payload = content.encode()
        else:
            self._opcode = BINARY
            self._payload = memoryview(content).tobytes()
        #: The frames that were rendered, by the ``window_bits`` that ``render`` got.
        self.frames: dict[int, bytes] = {}

    def render(self, window_bits: int) -> bytes:
        """Return the frame for a peer with a window of ``window_bits``, 0 for one without
        compression, and keep it in ``frames``."""
        if window_bits and len(self._payload) >= DEFLATE_FROM:
            frame = render_deflated(self._opcode, self._payload, window_bits)
        else:
            frame = self.frames.get(0) or render_frame(self._opcode, self._payload)
            self.frames[0] = frame
        self.frames[window_bits] = frame
        return frame
