"""Sending a file without copying it through Python: the part of a write queue that stands for a
file, or for a range of its bytes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, Final

# Bytes per call: enough to fill any socket's buffer, and a limit on one connection's share of a
# turn.
_CHUNK: Final = 1 << 20
_COPIED_CHUNK: Final = 65536


class FileSegment:
    """``count`` bytes of ``file`` from ``offset``, and the callback to call when they are sent.

    ``file`` is an open binary file with a descriptor. ``count`` None means up to the end of the
    file. Raises ``ValueError`` if a number is negative.

    ``left`` is the number of bytes still to be sent."""

    __slots__ = ("_callback", "_fd", "_offset", "left")

    def __init__(
        self,
        file: Any,
        offset: int,
        count: int | None,
        callback: Callable[[Exception | None], object] | None,
    ) -> None:
        if offset < 0 or (count is not None and count < 0):
            raise ValueError(f"offset and count must not be negative, not {offset} and {count}")
        self._fd: int = file.fileno()
        self._offset = offset
        self._callback = callback
        self.left = max(os.fstat(self._fd).st_size - offset, 0) if count is None else count

    def send(self, sock: Any) -> int:
        """Send as much as one system call accepts. Returns the number of bytes sent.

        Raises ``BlockingIOError`` if the socket accepts nothing now, ``EOFError`` if the file has
        become shorter."""
        if not self.left:
            return 0
        if type(sock) is socket.socket:
            sent = os.sendfile(sock.fileno(), self._fd, self._offset, min(self.left, _CHUNK))
            ended = sent == 0
        else:  # TLS has to encrypt the bytes, and a connection in memory has no descriptor
            chunk = os.pread(self._fd, min(self.left, _COPIED_CHUNK), self._offset)
            ended = not chunk
            sent = sock.send(chunk) if chunk else 0
        if ended:
            raise EOFError(f"the file ended {self.left} bytes before its announced length")
        self._offset += sent
        self.left -= sent
        return sent

    def finish(self, exc: Exception | None) -> None:
        """Call the callback: with None when everything is sent, otherwise with the error. A second
        call does nothing."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(exc)
