"""Sending responses, in the loop's thread: whole ones, streamed ones, and files."""

from __future__ import annotations

import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from ..errors import error_page
from ..framing import BODILESS
from ..response import Response
from .call import Call
from .filewrapper import FileSpan
from .heads import Head

if TYPE_CHECKING:
    from ..request import Request
    from ..writer import BodyWriter

_SLICE: Final = 65536  # bytes of a large piece that are written at once


def whole_response(request: Request, head: Head, body: bytes) -> Response | None:
    """The response; None if it was sent already, in pieces: the answer to HEAD, and a body that is
    shorter than announced."""
    status, fields, length = head
    if request.head.method == "HEAD":
        if length is None and body:
            length = len(body)
        request.start(status, fields, length).end()
        return None
    if length is None or length == len(body) or status in BODILESS:
        return Response(body, status, fields)
    writer = request.start(status, fields, length)
    writer.write(body)
    writer.end()  # bytes are missing: this cuts the connection
    return None


class Outflow:
    """Writes the pieces of a body as fast as the client reads them."""

    __slots__ = ("_pieces", "writer")

    def __init__(self, writer: BodyWriter) -> None:
        self.writer = writer
        self._pieces: deque[bytes | memoryview] = deque()

    def add(self, pieces: Iterable[bytes]) -> None:
        """Queue ``pieces`` for ``flush``."""
        for piece in pieces:
            if len(piece) <= _SLICE:
                self._pieces.append(piece)
            else:
                view = memoryview(piece)
                starts = range(0, len(piece), _SLICE)
                self._pieces.extend(view[start : start + _SLICE] for start in starts)

    def flush(self) -> int:
        """Write until there is nothing left, or the client does not keep up. Returns the number of
        bytes written."""
        written = 0
        writer = self.writer
        while self._pieces and not writer.paused:
            piece = self._pieces.popleft()
            written += len(piece)
            writer.write(piece)  # type: ignore[arg-type]  # the transport copies it
        return written

    @property
    def is_empty(self) -> bool:
        """Whether all is written."""
        return not self._pieces


def send_file(request: Request, head: Head, span: FileSpan, callback: Callable[[], object]) -> None:
    """Answer with a part of a file. Calls ``callback()`` when the file is no longer needed."""
    file, offset, size = span
    try:
        writer = request.start(head.status, head.fields, size)
        if request.head.method == "HEAD" or head.status in BODILESS:
            size = 0
        writer.sendfile(file, offset, size, lambda _: callback())
        writer.end()
    except BaseException:
        callback()
        raise


def report(call: Call, exc: BaseException) -> None:
    """Log that the application failed."""
    call.request.reactor.call_exception_handler(
        {"message": f"{call!r}: the application failed:", "exception": exc}
    )


def fail(call: Call, exc: BaseException, writer: BodyWriter | None, debug: bool) -> None:
    """Log that the application failed, and answer with 500. If ``writer`` has already written
    something, cut the connection instead.

    ``debug``: show the traceback to the client."""
    report(call, exc)
    request = call.request
    if writer is None:
        if not request.is_lost:
            shown = "".join(traceback.format_exception(exc)) if debug else ""
            request.respond(error_page(500, traceback=shown))
    elif call.left == 0:  # the client has all that was announced
        writer.end()
    else:
        writer.abort()
