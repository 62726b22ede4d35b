"""A mail as RETR and TOP send it: read from its file piece by piece, with dots added.

So a client that reads slowly, or not at all, holds one piece in memory and not the mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

_PIECE: Final = 65536  # bytes that are read at a time
_FEW: Final = 4096  # bytes


class MailContent:
    """``open_file``: opens the mail's file. ``lines``: how many lines of the body are sent; None:
    all. ``done``: whether there is nothing more.

    ``next_piece`` waits for the disk: call it in threads, and not in two at a time."""

    def __init__(self, open_file: Callable[[], BinaryIO], lines: int | None = None) -> None:
        self.done = False
        self._open_file = open_file
        self._file: BinaryIO | None = None
        self._lines = lines
        self._in_header = lines is not None  # the end of the header matters for TOP only
        self._tail = b"\r\n"  # the last bytes of the header: an empty line may be in two pieces
        self._partial_end = b""  # a CR whose LF may be the next byte
        self._at_line_start = True

    def next_piece(self) -> bytes:
        """The next bytes to send; after the last, ``done`` is true. Raises ``OSError``."""
        if self._file is None:
            self._file = self._open_file()
        data = self._file.read(_PIECE)
        ended = not data
        data = self._partial_end + data
        self._partial_end = b""
        if data.endswith(b"\r") and not ended:
            data, self._partial_end = data[:-1], b"\r"
        # Lines in the file end with LF, or with CR LF if another program has stored it so.
        data = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if self._lines is not None:
            data = self._top(data)
            ended = ended or (not self._in_header and self._lines == 0)
        data = self._stuffed(data)
        if ended:
            data += b".\r\n" if self._at_line_start else b"\r\n.\r\n"
            self.close()
        return data

    def close(self) -> None:
        """Close the file. Nothing more is sent."""
        self.done = True
        if self._file is not None:
            self._file.close()

    def _top(self, data: bytes) -> bytes:
        """As much of ``data`` as TOP sends."""
        begin = 0
        if self._in_header:
            joined = self._tail + data
            end = joined.find(b"\r\n\r\n")
            if end < 0:
                self._tail = joined[-3:]
                return data
            self._in_header = False
            begin = end + 4 - len(self._tail)
        assert self._lines is not None
        count = data.count(b"\n", begin)
        if count < self._lines:
            self._lines -= count
            return data
        end, self._lines = end_of_line(data, begin, self._lines), 0
        return data[:end]

    def _stuffed(self, data: bytes) -> bytes:
        """With a dot in front of each line that begins with one (RFC 1939 section 3)."""
        if not data:
            return data
        first = b"." if self._at_line_start and data[:1] == b"." else b""
        self._at_line_start = data.endswith(b"\r\n")
        return first + data.replace(b"\r\n.", b"\r\n..")


def end_of_line(data: bytes, begin: int, lines: int) -> int:
    """Where the last one of ``lines`` lines ends that begin at ``begin``. There are so many."""
    # Halves are counted, because finding many lines one by one takes long.
    end = len(data)
    while end - begin > _FEW:
        middle = (begin + end) // 2
        count = data.count(b"\n", begin, middle)
        if count >= lines:
            end = middle
        else:
            begin, lines = middle, lines - count
    for _ in range(lines):
        begin = data.index(b"\n", begin) + 1
    return begin
