"""What a stream transport still has to send, when that is more than one piece of bytes.

The queue holds bytes and file segments in order. It does not use a socket, the loop or the
protocol: ``StreamTransport`` gathers from it what to send, and discards what was sent."""

from __future__ import annotations

from typing import Any, Final

from .sendfile import FileSegment

IOV_MAX: Final = 1024  # pieces that one sendmsg() accepts; with more it fails with EMSGSIZE

# Bytes. Up to this size, joining small pieces costs less than passing them one by one.
JOIN_LIMIT: Final = 65536


class WriteBufferOverflow(ConnectionAbortedError):
    """The peer reads too slowly: what waits to be sent exceeded the transport's hard cap, and the
    connection was aborted."""


class WriteQueue:
    """Pieces of bytes and file segments, in the order in which they were written.

    Attributes: ``size``, the bytes in the queue without those of files; ``files``, the number of
    file segments. A queue is false when it is empty."""

    __slots__ = ("_pieces", "files", "size")

    def __init__(self, first: bytes | None = None) -> None:
        """``first`` is the piece that was written before there was a queue, if any."""
        # bytes; a memoryview of what is left of bytes; FileSegment
        self._pieces: list[Any] = [] if first is None else [first]
        self.size = 0 if first is None else len(first)
        self.files = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def append(self, data: bytes) -> int:
        """Put ``data`` at the end. Returns the new ``size``."""
        self._pieces.append(data)
        # A running count: summing up the pieces each time would be quadratic (cpython gh-146507).
        self.size = size = self.size + len(data)
        return size

    def append_file(self, segment: FileSegment) -> None:
        """Put a file at the end."""
        self._pieces.append(segment)
        self.files += 1

    def file_at_front(self) -> FileSegment | None:
        """The file that is to be sent next; None if bytes are."""
        if not self.files:
            return None
        front = self._pieces[0]
        return front if isinstance(front, FileSegment) else None

    def gather(self) -> tuple[list[bytes | memoryview], bool]:
        """The bytes at the front, up to the first file, for one system call; and whether that file
        follows them and still has bytes.

        The bytes are one piece if they are few, otherwise up to ``IOV_MAX`` pieces."""
        pieces = self._pieces
        file_follows = False
        if self.files:
            pieces = []
            for piece in self._pieces:
                if isinstance(piece, FileSegment):
                    file_follows = piece.left > 0
                    break
                pieces.append(piece)
        if self.size <= JOIN_LIMIT and len(pieces) > 1:
            return [b"".join(pieces)], file_follows
        return pieces[:IOV_MAX], file_follows

    def discard(self, sent: int) -> None:
        """Remove the first ``sent`` bytes, which must not reach into a file."""
        pieces = self._pieces
        self.size -= sent
        if not self.size and not self.files:
            pieces.clear()
            return
        whole = 0  # pieces that were sent to their end
        while sent and sent >= len(pieces[whole]):
            sent -= len(pieces[whole])
            whole += 1
        del pieces[:whole]
        if sent:
            # A view: a slice of bytes would copy the rest each time.
            pieces[0] = memoryview(pieces[0])[sent:]

    def discard_file(self) -> None:
        """Remove the file at the front."""
        del self._pieces[0]
        self.files -= 1

    def file_segments(self) -> list[FileSegment]:
        """All files in the queue, in their order."""
        if not self.files:
            return []
        return [piece for piece in self._pieces if isinstance(piece, FileSegment)]

    def unsent_size(self) -> int:
        """The bytes in the queue, including the unsent ones of files."""
        return self.size + sum(segment.left for segment in self.file_segments())
