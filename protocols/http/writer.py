"""BodyWriter: a response's body, written in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from .framing import CHUNKED, LENGTH, NOTHING, UNTIL_CLOSE
from .states import WRITING_PAUSED

if TYPE_CHECKING:
    from .interfaces import Output, WrittenResponse

# A chunk of this size or more is not copied to frame it.
_COPY_LIMIT: Final = 16384


class BodyWriter:
    """What ``Request.start`` returns.

    Write while ``paused`` is false. Then wait for ``on_writable``, which is called when the client
    has read most of the queued data. A handler that keeps writing loses the connection at the
    transport's hard cap. End with ``end()``; or with ``abort()``, which sends what was written and
    closes the connection, so that the client notices that something is missing. When the client
    leaves, the callback of ``Request.on_lost`` is called; what is written afterwards is dropped."""

    __slots__ = ("_framing", "_left", "_output", "_response", "on_writable", "size", "status")

    def __init__(
        self,
        output: Output,
        response: WrittenResponse,
        status: int,
        framing: int,
        content_length: int,
    ) -> None:
        self._output = output
        self._response: WrittenResponse | None = response  # until the body has ended
        self._framing = framing
        self._left = content_length
        self.status = status
        self.size = 0  #: bytes of the body written so far
        self.on_writable: Callable[[], object] | None = None

    @property
    def paused(self) -> bool:
        """Whether so much is queued that the handler should wait."""
        return self._response is not None and bool(self._output.facts & WRITING_PAUSED)

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection ends the body."""
        return self._framing == UNTIL_CLOSE

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, or the client has left."""
        return self._response is None or self._output.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write a piece of the body. Raises ``ValueError`` for more bytes than were announced."""
        size = len(data)
        if not size or not self._count(size):
            return
        output = self._output
        if self._framing != CHUNKED:
            output.send(data)
        elif size < _COPY_LIMIT:
            output.send(b"%x\r\n%b\r\n" % (size, data))
        else:
            output.send(b"%x\r\n" % size)
            output.send(data)
            output.send(b"\r\n")

    def sendfile(
        self,
        file: Any,
        offset: int,
        count: int,
        callback: Callable[[Exception | None], object] | None = None,
    ) -> None:
        """Write ``count`` bytes of a file from ``offset``, as ``StreamTransport.sendfile`` does:
        the file must stay open until ``callback(exc)``. If the file has become shorter, the
        connection is cut. Raises ``ValueError`` for more bytes than were announced."""
        output = self._output
        if not count or not self._count(count):
            if callback is not None:
                if self._response is None:
                    callback(None)
                else:
                    output.reactor.call_soon(callback, None)
            return
        if self._framing == CHUNKED:
            output.send(b"%x\r\n" % count)
        output.send_file(file, offset, count, callback)
        if self._framing == CHUNKED:
            output.send(b"\r\n")

    def end(self) -> None:
        """The body is complete. If fewer bytes were written than announced, this is ``abort()``. A
        second call does nothing."""
        response, self._response = self._response, None
        if response is None:
            return
        if self._framing == LENGTH and self._left:
            response.cut(f"the response's body lacks {self._left} bytes of those announced")
            return
        if self._framing == CHUNKED:
            self._output.send(b"0\r\n\r\n")
        response.body_written()

    def abort(self) -> None:
        """Give up. The client gets what was written, and then the end of the connection; or a
        reset, if that would look like the end of the body."""
        response, self._response = self._response, None
        if response is not None:
            response.cut("the handler gave up the response")

    def detach(self) -> None:
        """Write nothing more: the connection is lost, or the response was cut."""
        self._response = None
        self.on_writable = None

    def _count(self, size: int) -> bool:
        """Count ``size`` bytes. Returns whether they are to be sent."""
        if self._response is None:
            return False
        if self._framing == LENGTH:
            if size > self._left:
                raise ValueError(f"{size} bytes to write, but only {self._left} were announced")
            self._left -= size
        self.size += size
        return self._framing != NOTHING
