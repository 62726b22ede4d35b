"""The answering half of an HTTP connection: how a response is framed, sent, and ended."""

from __future__ import annotations

import logging
import math
import socket
import struct
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from reactor import Protocol, Reactor

from .errors import HTTPError, error_page
from .head import NO_FIELDS, RequestHead
from .limits import LOGGED_LINE, UNREAD_BODY
from .request import Request
from .response import Header, Response
from .writer import CHUNKED, LENGTH, NOTHING, UNTIL_CLOSE, BodyWriter

if TYPE_CHECKING:
    from .decoding import BodyDecoder
    from .server import HTTPServer

logger = logging.getLogger(__name__)

# Bits of _state. While it is 0, the connection waits for a request, and nothing else.
BUSY: Final = 1  # with a request, or with the rest of its body
PARTIAL: Final = 2  # the start of a head has come
PAUSED: Final = 4  # the client does not take what is sent
LAST: Final = 8  # the connection closes after this response
EOF: Final = 16  # the client sends no more
ADVANCING: Final = 32  # _advance() is running
OVER: Final = 64  # lost, or another protocol's
MORE: Final = 256  # it waits for a turn to go on with what has come
ASKED: Final = 128  # the handler asked for the body, or to be told of a loss

_BODILESS: Final = (101, 204, 304)  # RFC 9110 section 6.4.1
_LARGE: Final = 65536  # a body from this size on is not copied behind its head


def _length(size: int) -> bytes:
    """The last field of a head, and its end."""
    return b"Content-Length: %d\r\n\r\n" % size


_LENGTHS: Final = tuple(map(_length, range(1024)))  # looked up in half the time
_USE_HTTPS: Final = (
    "This port is for HTTPS, and the request came without encryption.\n"
    "Use an address that begins with https://\n"
)
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds


class AnsweringHalf(Protocol):
    """What ``HTTPConnection`` has for answering. The methods at the end are the other half's."""

    __slots__ = (
        "_body",
        "_buffer",
        "_deadline",
        "_decoder",
        "_expects_continue",
        "_on_lost",
        "_requests_left",
        "_state",
        "_status",
        "_writer",
        "_written",
        "current",
        "reactor",
        "server",
    )

    reactor: Reactor

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.current: Request | None = None  # the request that is being answered
        self._state = 0
        self._status = 0  # of the response, once it is begun
        self._writer: BodyWriter | None = None
        self._buffer = b""  # what came and was not read yet
        self._decoder: BodyDecoder | None = None  # while there is something left of a body
        self._body: Any = None  # who reads it
        self._expects_continue = False
        self._deadline = 0.0
        self._on_lost: Callable[[], object] | None = None
        self._requests_left = server.limits.requests
        self._written = 0  # bytes given to the transport since the connection began

    @property
    def is_write_paused(self) -> bool:
        """Whether enough waits to be sent."""
        return bool(self._state & PAUSED)

    @property
    def is_half_closed(self) -> bool:
        """Whether the client has finished sending."""
        return bool(self._state & EOF)

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.transport.get_extra_info("ssl_object") is not None

    def plaintext_reply(self, transport: Any) -> bytes:
        """What a client gets that speaks plain HTTP where HTTPS is spoken."""
        self.transport = transport
        response = Response.text(_USE_HTTPS, 400)
        size = len(response.body)
        if self.server.access_log is not None:
            request = Request(_unreadable(b""), self)  # type: ignore[arg-type]
            self.server.access_log.write(request, 400, size)
        head = self.server.render(400, response.headers, transport.reactor.now)
        return b"".join((head, b"Connection: close\r\n", _length(size), response.body))

    # -- a whole response --------------------------------------------------------------------------

    def respond(self, request: Request, response: Response) -> None:
        """See ``Request.respond``."""
        if request is not self.current or self._status:
            self._refuse_answer(request)
            return
        body = response.body
        status = response.status
        size = len(body)
        server = self.server
        now = self.reactor.now
        rendered = server.render(status, response.headers, now)
        if (
            request.head.plain
            and size < _LARGE
            and not self._state & LAST
            and (status == 200 or status not in _BODILESS)
        ):
            length = _LENGTHS[size] if size < len(_LENGTHS) else _length(size)
            data = b"".join((rendered, length, body))
        else:
            data = self._unusual(request.head, rendered, status, body)
        self._written += len(data)
        self.transport.write(data)
        if server.access_log is not None:
            server.access_log.write(request, status, size)
        self.current = None
        if self._state != BUSY or self._decoder is not None or self._buffer:
            self._next()
        else:  # what _next() comes to, for nearly all requests
            self._state = 0
            self._deadline = now + server.keepalive_timeout

    def _unusual(self, head: RequestHead, rendered: bytes, status: int, body: bytes) -> bytes:
        """A response to which there is something to mind. Returns what is left to be sent."""
        field = self._connection_field(head)
        length = b"\r\n" if status in _BODILESS else _length(len(body))
        data = b"".join((rendered, field, length))
        if status == 101:
            raise ValueError("101 is Request.take_over's")
        if head.method == "HEAD" or status in _BODILESS:
            return data
        if type(body) is not bytes:
            body = memoryview(body).tobytes()
        if len(body) < _LARGE:
            return data + body
        self.send(data)
        # It is in memory anyway, and the bound is for those who produce more and more.
        self.transport.max_write_buffer = max(self.transport.max_write_buffer, len(body))
        return body

    def _connection_field(self, head: RequestHead) -> bytes:
        """What the response says about the connection; decides whether it is the last."""
        if self._decoder is not None and not self._can_be_discarded():
            self._state |= LAST
        if self._state & LAST:
            return b"Connection: close\r\n"
        return b"" if head.minor else b"Connection: keep-alive\r\n"

    def _can_be_discarded(self) -> bool:
        """Whether the rest of the body, which nobody reads, is small enough to get past it."""
        if self._expects_continue and not self._buffer:
            return False  # the client may send it, or not: who knows what comes next?
        return getattr(self._decoder, "left", 0) <= UNREAD_BODY

    # -- a response bit by bit ---------------------------------------------------------------------

    def start(
        self,
        request: Request,
        status: int,
        headers: Iterable[Header],
        content_length: int | None,
    ) -> BodyWriter:
        """See ``Request.start``."""
        if content_length is not None and content_length < 0:
            raise ValueError(f"a length is not negative: {content_length}")
        writer = BodyWriter(self, NOTHING, 0)
        if request is not self.current or self._status:
            self._refuse_answer(request)
            writer.detach()
            return writer
        head = request.head
        rendered = self.server.render(status, tuple(headers), self.reactor.now)
        framing, field = _framing(head, status, content_length)
        if framing == UNTIL_CLOSE:
            self._state |= LAST
        writer = BodyWriter(self, framing, content_length or 0)
        self._status = status
        self._writer = writer
        self.send(b"%b%b%b\r\n" % (rendered, field, self._connection_field(head)))
        return writer

    def send(self, data: bytes) -> None:
        """Write to the transport, and keep count for the watch on slow readers."""
        self._written += len(data)
        self.transport.write(data)

    def send_file(
        self,
        file: Any,
        offset: int,
        count: int,
        callback: Callable[[Exception | None], object] | None,
    ) -> None:
        """The same for a file."""
        self._written += count
        self.transport.sendfile(file, offset, count, callback)

    def response_ended(self, size: int, close: bool) -> None:
        """The ``BodyWriter`` has written all of the body."""
        if close:
            self._state |= LAST
        self._completed(size)

    def cut(self, why: str) -> None:
        """End a response that cannot be completed, so that the client sees that it is not complete.

        Where its length or its chunks show that something is missing (RFC 9112 section 8), what was
        written is still sent. An end would look like the end of one that ends with the connection:
        there the connection is reset."""
        writer = self._writer
        if writer is None or writer.ends_with_connection:
            self.reset(why)
            return
        logger.info("%s: %s", self.transport, why)
        writer.detach()
        self._deadline = math.inf
        self.transport.close()
        # The client may take a while to read what was written: do not wait for it.
        self.reactor.call_soon(self._tell_lost)

    def reset(self, why: str) -> None:
        """End the connection at once, and throw away what was not sent."""
        logger.info("%s: %s", self.transport, why)
        self._reset_on_close()
        self.transport.abort()

    def _reset_on_close(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if hasattr(sock, "setsockopt"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def take_over(
        self, request: Request, protocol: Any, status: int, headers: Iterable[Header]
    ) -> None:
        """See ``Request.take_over``."""
        if request is not self.current or self._status:
            self._refuse_answer(request)
            return
        if self._decoder is not None:
            raise RuntimeError("the request's body was not read to its end")
        self.send(self.server.render(status, tuple(headers), self.reactor.now) + b"\r\n")
        if self.server.access_log is not None:
            self.server.access_log.write(request, status, 0)
        rest, self._buffer = self._buffer, b""
        ended = bool(self._state & EOF)
        transport = self.transport
        self._let_go()
        transport.set_protocol(protocol)
        transport.resume_reading()
        protocol.connection_made(transport)
        # The next turn reads before it delivers: nothing may get ahead of the rest.
        paused = bool(rest) and transport.is_reading()
        if paused:
            transport.pause_reading()
        self.reactor.call_soon(_deliver, transport, protocol, rest, paused, ended)

    # -- after a response --------------------------------------------------------------------------

    def _completed(self, size: int) -> None:
        """The response is sent, as far as we are concerned."""
        request = self.current
        assert request is not None
        if self.server.access_log is not None:
            self.server.access_log.write(request, self._status, size)
        self.current = None
        self._status = 0
        self._writer = None
        self._next()

    def _next(self) -> None:
        """Close, or go on to the next request."""
        self._on_lost = None
        if self._state & LAST:
            self.transport.close()
        elif self._decoder is not None:
            self._discard_body()
        else:
            self._idle()

    def _idle(self) -> None:
        """Wait for the next request, or go on with it if it is there."""
        self._state &= ~(BUSY | ASKED)
        self._body = None
        self._deadline = self.reactor.now + self.server.keepalive_timeout
        if self._buffer or self._state & EOF:
            self._advance()

    # -- when something is wrong -------------------------------------------------------------------

    def _refuse_answer(self, request: Request) -> None:
        if not self.transport.is_closing():
            raise RuntimeError(f"{request!r} was answered already")
        # The client has gone, or was refused because of what it sent later: nobody listens.

    def call_when_lost(self, request: Request, callback: Callable[[], object]) -> None:
        """See ``Request.on_lost``."""
        if request is self.current:
            self._on_lost = callback
            self._state |= ASKED

    def _tell_lost(self) -> None:
        callback, self._on_lost = self._on_lost, None
        if callback is not None:
            callback()

    def _refuse(self, error: HTTPError, data: bytes = b"") -> None:
        """What came cannot be understood, or is too much or too slow: say so, and close. ``data``:
        what there is of the head, if there is no request yet."""
        request = self.current
        if request is None and self._state & BUSY:  # it was answered, and what is left is discarded
            self.transport.close()
            return
        self._state |= LAST
        if request is None:
            self.current = request = Request(_unreadable(data), self)  # type: ignore[arg-type]
        if self._status:
            self.cut(f"{error.status}, when the response had begun: {error}")
            return
        callback, self._on_lost = self._on_lost, None
        self.respond(request, error_page(error.status, error.detail, error.headers))
        if callback is not None:
            callback()

    def _handler_failed(self, request: Request, exc: BaseException) -> None:
        """The handler raised, or gave back what is no response."""
        if not isinstance(exc, HTTPError):
            self.reactor.call_exception_handler(
                {
                    "message": f"{request.method} {request.target}: the handler failed:",
                    "exception": exc,
                    "protocol": self,
                    "transport": self.transport,
                }
            )
        if request is not self.current:
            return
        if self._status:
            self.cut("the handler failed when the response had begun")
        elif isinstance(exc, HTTPError):
            page = error_page(exc.status, exc.detail, exc.headers)
            try:
                self.respond(request, page)
            except (TypeError, ValueError) as invalid:
                self._handler_failed(request, invalid)
        else:
            shown = "".join(traceback.format_exception(exc)) if self.server.debug else ""
            self.respond(request, error_page(500, traceback=shown))

    # -- the other half's --------------------------------------------------------------------------

    def _advance(self) -> None:
        raise NotImplementedError

    def _discard_body(self) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        raise NotImplementedError


def _unreadable(data: bytes) -> RequestHead:
    """Stands in the log for a head that was refused: it has no method, and what came of the request
    line as its target."""
    line = data[: LOGGED_LINE + 1].splitlines()[0] if data else b""
    text = line[:LOGGED_LINE].decode("latin-1")
    return RequestHead("", f"{text}..." if len(line) > LOGGED_LINE else text, NO_FIELDS)


def _framing(head: RequestHead, status: int, content_length: int | None) -> tuple[int, bytes]:
    """How the body is framed (RFC 9112 section 6), and the field that says so."""
    if status == 101:
        raise ValueError("101 is Request.take_over's")
    field = b"" if content_length is None else b"Content-Length: %d\r\n" % content_length
    if status in _BODILESS:
        return NOTHING, b""
    if head.method == "HEAD":
        return NOTHING, field
    if content_length is not None:
        return LENGTH, field
    if head.minor == 0:
        return UNTIL_CLOSE, b""
    return CHUNKED, b"Transfer-Encoding: chunked\r\n"


def _deliver(transport: Any, protocol: Any, rest: bytes, paused: bool, ended: bool) -> None:
    """What came after the request, to the protocol that took over."""
    try:
        if paused:
            transport.resume_reading()
        if rest and not transport.is_closing():
            protocol.data_received(rest)
        if ended and not transport.is_closing() and not protocol.eof_received():
            transport.close()
    except BaseException:
        transport.abort()
        raise
