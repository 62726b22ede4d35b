"""Where a request's body ends: after its announced length, or its last chunk (RFC 9112 section
6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Protocol

import httptools

from .errors import HTTPError
from .limits import FRAMING, Limits

_TWO_LINE_ENDS: Final = b"\r\n\r\n"
_LINE_ENDS: Final = re.compile(rb"(?:\r\n)+").match


class BodyDecoder(Protocol):
    """Separates a body from the bytes of a connection."""

    complete: bool

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        """Returns the part of the body that ``data`` holds, and the bytes after the body's end.
        Raises ``HTTPError``."""


class FixedLengthDecoder:
    """A body of ``length`` bytes, at least one."""

    __slots__ = ("complete", "left")

    def __init__(self, length: int) -> None:
        self.left = length
        self.complete = False

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        size = len(data)
        if size < self.left:
            self.left -= size
            return data, b""
        left, self.left = self.left, 0
        self.complete = True
        return (data, b"") if size == left else (data[:left], data[left:])


class ChunkedDecoder:
    """A chunked body.

    httptools decodes it, but does not report where in its input the message ended, and would parse
    the next request as well. So it gets the input in parts that cannot extend beyond the end. A
    chunked message ends with two CRLF, after the line of the last chunk or after the last trailer
    field, and neither line is empty. The input is cut after each place where that occurs, and
    httptools reports whether it was the end.

    Chunk extensions are ignored. Trailer fields are checked and dropped: merged into the header
    they could forge any field (RFC 9110 section 6.5.1). Both together may have ``FRAMING`` bytes.
    """

    #: A head for httptools, which reads no body without one.
    HEAD: Final = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    # Bytes that each chunk may have for its size and line ends; more counts as extensions.
    _CHUNK: Final = 24

    __slots__ = ("_allowance", "_fields", "_limits", "_parser", "_pieces", "_tail", "complete")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._fields = 0
        self._pieces: list[bytes] = []
        self._allowance = FRAMING  # bytes other than data that are still allowed
        self._tail = b""  # the last decoded bytes: the end may begin in them
        self.complete = False
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(self.HEAD)
        self._fields = 0  # of the trailer, so far

    def decode(self, data: bytes) -> tuple[bytes, bytes]:
        start = 0
        for end in self._possible_ends(data):
            self._feed(data[start:end])
            start = end
            if self.complete:
                break
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces), data[start:]

    def _possible_ends(self, data: bytes) -> Iterator[int]:
        """Where in ``data`` the message may end; the last one is the end of ``data``."""
        tail = self._tail
        known = len(tail)
        seen = tail + data
        self._tail = seen[-4:]
        end = _find_end(seen, max(0, known - 3))
        while 0 <= end < len(seen):
            yield end - known
            end = _find_end(seen, end - 3)
        yield len(data)

    def _feed(self, data: bytes) -> None:
        self._allowance -= len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            raise HTTPError(400, f"{exc}.") from None
        if self._allowance < 0:
            raise HTTPError(431, "The chunk extensions and trailer fields are too long.")
        if self._fields > self._limits.fields:
            raise HTTPError(
                431, f"There are more than {self._limits.fields} trailer fields (--max-fields)."
            )

    # httptools calls these.

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)
        self._allowance += len(data)

    def on_chunk_header(self) -> None:
        self._allowance = min(self._allowance + self._CHUNK, FRAMING)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1

    def on_message_complete(self) -> None:
        self.complete = True


def _find_end(data: bytes, start: int) -> int:
    """Where, from ``start`` on, the next two CRLF after a non-empty line end; -1 if there are none.
    A regular expression would be one line, and take twenty times as long."""
    found = data.find(_TWO_LINE_ENDS, start)
    while found > 0 and data[found - 1] == 10:  # LF: the line before is empty
        run = _LINE_ENDS(data, found)
        assert run is not None
        found = data.find(_TWO_LINE_ENDS, run.end())
    return found + 4 if found >= 0 else -1
