"""BodyWriter: a response's body, written bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .answering import AnsweringHalf

# From this size on, a chunk is not copied to have its frame around it.
_COPY_LIMIT: Final = 16384

# How a body is framed.
LENGTH: Final = 0  # so many bytes were announced
CHUNKED: Final = 1
UNTIL_CLOSE: Final = 2  # to an HTTP/1.0 client
NOTHING: Final = 3  # the answer to HEAD, 204, 304: what is written is not sent


class BodyWriter:
    """What ``Request.start`` returns.

    Write while ``paused`` is false; then wait for ``on_writable``, which is called when the client
    has taken most of what waits. Who goes on regardless loses the connection at the transport's
    hard cap. End with ``end()``; or with ``abort()``, which sends what was written and closes the
    connection, so that the client sees that something is missing. When the client goes,
    ``Request.on_lost``'s callback is called; what is written afterwards is dropped."""

    __slots__ = ("_connection", "_framing", "_left", "on_writable", "size")

    def __init__(self, connection: AnsweringHalf, framing: int, content_length: int) -> None:
        self._connection: AnsweringHalf | None = connection
        self._framing = framing
        self._left = content_length
        self.size = 0  #: bytes of the body written so far
        self.on_writable: Callable[[], object] | None = None

    @property
    def paused(self) -> bool:
        """Whether enough waits to be sent."""
        return self._connection is not None and self._connection.is_write_paused

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection is what ends the body."""
        return self._framing == UNTIL_CLOSE

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, or the client has gone."""
        return self._connection is None or self._connection.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write a piece of the body. Raises ``ValueError`` for more than was announced."""
        size = len(data)
        if not size or not self._count(size):
            return
        connection = self._connection
        assert connection is not None
        if self._framing != CHUNKED:
            connection.send(data)
        elif size < _COPY_LIMIT:
            connection.send(b"%x\r\n%b\r\n" % (size, data))
        else:
            connection.send(b"%x\r\n" % size)
            connection.send(data)
            connection.send(b"\r\n")

    def sendfile(
        self,
        file: Any,
        offset: int,
        count: int,
        callback: Callable[[Exception | None], object] | None = None,
    ) -> None:
        """Write ``count`` bytes of a file, as ``StreamTransport.sendfile`` does: the file must stay
        open until ``callback(exc)``. A file that has become shorter cuts the connection. Raises
        ``ValueError`` for more than was announced."""
        if not count or not self._count(count):
            if callback is not None:
                reactor = self._connection.reactor if self._connection else None
                if reactor is None:
                    callback(None)
                else:
                    reactor.call_soon(callback, None)
            return
        connection = self._connection
        assert connection is not None
        if self._framing == CHUNKED:
            connection.send(b"%x\r\n" % count)
        connection.send_file(file, offset, count, callback)
        if self._framing == CHUNKED:
            connection.send(b"\r\n")

    def end(self) -> None:
        """The body is complete. If less was written than announced, this is ``abort()``. A second
        time, this does nothing."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._framing == LENGTH and self._left:
            connection.cut(f"the response's body lacks {self._left} bytes of those announced")
            return
        if self._framing == CHUNKED:
            connection.send(b"0\r\n\r\n")
        connection.response_ended(self.size, close=self._framing == UNTIL_CLOSE)

    def abort(self) -> None:
        """Give up. The client gets what was written, and then the end of the connection. An
        HTTP/1.0 client that could take that for the end of the body gets a reset instead."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cut("the response was given up")

    def detach(self) -> None:
        """The connection is lost: nothing more can be written."""
        self._connection = None
        self.on_writable = None

    def _count(self, size: int) -> bool:
        """Note that ``size`` bytes are written. Returns whether they are to be sent."""
        if self._connection is None:
            return False
        if self._framing == LENGTH:
            if size > self._left:
                raise ValueError(f"{size} bytes to write, but only {self._left} were announced")
            self._left -= size
        self.size += size
        return self._framing != NOTHING
