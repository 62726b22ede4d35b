"""Sending a file: its header fields, and its content, whole or in parts."""

from __future__ import annotations

import os
import secrets
import stat
import time
from typing import TYPE_CHECKING, Final

from ..errors import HTTPError, error_page
from ..response import Header, Response
from .conditions import Validators
from .ranges import Range, parse_ranges

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...rooted import OpenFile
    from ..request import Request
    from ..writer import BodyWriter

# Files up to this size are read and sent together with their head; for larger ones, sendfile costs
# less.
SMALL: Final = 65536


class Representation:
    """A file in one content coding, as it was when ``status`` was taken.

    ``coding``: None for the file itself. ``varies``: whether the file has compressed neighbours.
    ``date``: of the response, in seconds since the epoch."""

    __slots__ = ("fields", "inode", "is_fresh", "media_type", "modified_ns", "size", "validators")

    def __init__(
        self,
        status: os.stat_result,
        media_type: str,
        coding: str | None,
        varies: bool,
        date: int,
    ) -> None:
        self.modified_ns = status.st_mtime_ns
        self.inode = status.st_ino
        self.size = status.st_size
        self.media_type = media_type
        # The file could change again within a tick of the clock and look the same. So the validator
        # is weak for now (RFC 9110 section 8.8.1), and the next request makes another one.
        self.is_fresh = time.time() - status.st_mtime < 1.0 or status.st_mtime > date
        tag = f'"{self.modified_ns:x}-{self.size:x}-{self.inode:x}{"-" + coding if coding else ""}"'
        # Last-Modified must not be later than the response's date (RFC 9110 section 8.8.2.1).
        modified = min(int(status.st_mtime), date)
        self.validators = Validators(f"W/{tag}" if self.is_fresh else tag, modified)
        fields: list[Header] = [
            ("Content-Type", media_type),
            ("Last-Modified", self.validators.last_modified),
            ("ETag", self.validators.etag),
            ("Accept-Ranges", "bytes"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if coding is not None:
            fields.append(("Content-Encoding", coding))
        if varies:
            fields.append(("Vary", "Accept-Encoding"))
        self.fields = tuple(fields)

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file is unchanged, so that this can be used again."""
        return (
            self.modified_ns == status.st_mtime_ns
            and self.size == status.st_size
            and self.inode == status.st_ino
            and not self.is_fresh
        )

    def answer(self, request: Request, file: OpenFile) -> Response | None:
        """Answer GET or HEAD. The file is closed when it has been sent. Raises ``HTTPError``."""
        head = request.head
        ranges: list[Range] | None = None
        if head.fields.conditional:
            failed = self.validators.failed(head.method, head.headers)
            if failed is not None:
                file.close()
                return self._failed(failed)
            field = head.headers.get("range")
            if field and head.method == "GET" and self.validators.ranges_apply(head.headers):
                ranges = parse_ranges(field, self.size)
        if ranges is not None:
            return self._partial(request, file, ranges)
        if self.size <= SMALL and head.method == "GET":
            return self._small(file)
        writer = request.start(200, self.fields, self.size)
        writer.sendfile(file, 0, self.size, _finisher(writer, file))
        return None

    def _small(self, file: OpenFile) -> Response:
        fd = file.fd
        try:
            data = os.read(fd, self.size + 1)
        finally:
            file.close()
        if len(data) != self.size:  # it has just changed
            raise HTTPError(503, "The file is being written.", (("Retry-After", "1"),))
        return Response(data, 200, self.fields)

    def _failed(self, status: int) -> Response:
        if status == 412:
            return error_page(412)
        # The fields that a cache needs (RFC 9110 section 15.4.5).
        names = ("ETag", "Last-Modified", "Vary")
        return Response(b"", 304, tuple(field for field in self.fields if field[0] in names))

    def _partial(self, request: Request, file: OpenFile, ranges: list[Range]) -> Response | None:
        if not ranges:
            file.close()
            return error_page(416, headers=(("Content-Range", f"bytes */{self.size}"),))
        if len(ranges) > 1:
            self._parts(request, file, ranges)
            return None
        first, end = ranges[0]
        fields = (*self.fields, ("Content-Range", f"bytes {first}-{end - 1}/{self.size}"))
        writer = request.start(206, fields, end - first)
        writer.sendfile(file, first, end - first, _finisher(writer, file))
        return None

    def _parts(self, request: Request, file: OpenFile, ranges: list[Range]) -> None:
        """Send several ranges, as ``multipart/byteranges`` (RFC 9110 section 14.6)."""
        boundary = secrets.token_hex(16)
        heads = [
            f"\r\n--{boundary}\r\nContent-Type: {self.media_type}\r\n"
            f"Content-Range: bytes {first}-{end - 1}/{self.size}\r\n\r\n".encode()
            for first, end in ranges
        ]
        tail = f"\r\n--{boundary}--\r\n".encode()
        length = sum(map(len, heads)) + sum(end - first for first, end in ranges) + len(tail)
        content_type = ("Content-Type", f"multipart/byteranges; boundary={boundary}")
        writer = request.start(206, (content_type, *self.fields[1:]), length)
        last = len(ranges) - 1
        finish = _finisher(writer, file, tail)
        for index, (head, (first, end)) in enumerate(zip(heads, ranges, strict=True)):
            writer.write(head)
            writer.sendfile(file, first, end - first, finish if index == last else None)


def _finisher(
    writer: BodyWriter, file: OpenFile, tail: bytes = b""
) -> Callable[[Exception | None], None]:
    """A callback for when the file has been sent. Only then does the response end and the next
    request begin, so a client that pipelines many requests and reads nothing keeps one file open,
    not many."""

    def finish(exc: Exception | None) -> None:
        file.close()
        if exc is None:
            writer.write(tail)
            writer.end()

    return finish


def is_regular(status: os.stat_result) -> bool:
    """Whether it is a regular file."""
    return stat.S_ISREG(status.st_mode)
