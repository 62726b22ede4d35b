"""Exchange: one request and its response, from the head to the last byte of the response's body.

A handler gets it as its ``Request``. It delivers the request's body to the handler, and frames and
sends the handler's response.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable
from typing import Any, Final

from reactor.errors import FATAL

from .body import BodyReceiver
from .endings import reset_on_close
from .errors import HTTPError, error_page
from .framing import (
    BODILESS,
    LENGTH_FIELDS,
    NOTHING,
    UNTIL_CLOSE,
    frame,
    length_field,
)
from .head import RequestHead
from .interfaces import ExchangeConnection
from .request import Request
from .response import Header, Response
from .states import HANDLING, IDLE, LAST_RESPONSE, READING, RESPONDING
from .writer import BodyWriter

logger = logging.getLogger(__name__)

_LARGE: Final = 65536  # from this size on, a body is not copied to join it with its head


class Exchange(Request):
    """A ``Request`` with the methods that need a connection.

    It is the connection's ``current`` exchange until its response is complete. Later calls raise
    ``RuntimeError``, or do nothing if the client has left. The methods that ``Request`` does not
    have are for the connection and the ``BodyWriter``."""

    __slots__ = ("_body", "_on_lost", "_writer")

    _connection: ExchangeConnection
    _body: BodyReceiver | None  # once the handler has asked for the body
    _writer: BodyWriter | None  # while a response is written in pieces
    _on_lost: Callable[[], object] | None

    def __init__(self, head: RequestHead, connection: ExchangeConnection) -> None:
        super().__init__(head, connection)
        self._body = None
        self._writer = None
        self._on_lost = None

    # -- a whole response --------------------------------------------------------------------------

    def respond(self, response: Response) -> None:
        connection = self._connection
        if connection.current is not self or connection.state is not HANDLING:
            self._check_is_lost()
            return
        body = response.body
        status = response.status
        size = len(body)
        server = connection.server
        now = connection.reactor.now
        rendered = server.render(status, response.headers, now)
        if (
            self.head.plain
            and size < _LARGE
            and not connection.facts & LAST_RESPONSE
            and (status == 200 or status not in BODILESS)
        ):
            length = LENGTH_FIELDS[size] if size < len(LENGTH_FIELDS) else length_field(size)
            data = b"".join((rendered, length, body))
        else:
            data = self._frame_whole(rendered, status, body)
        connection.written += len(data)
        connection.transport.write(data)
        if server.access_log is not None:
            server.access_log.write(self, status, size)
        self._body = self._on_lost = None  # avoid a cycle: their callbacks refer to this request
        if connection.facts or connection.reader is not None:
            connection.response_completed()
        else:  # nearly all requests: the same, without the cost of a call
            connection.current = None
            connection.state = IDLE
            connection.deadlines.at = now + server.keepalive_timeout

    def _frame_whole(self, rendered: bytes, status: int, body: bytes) -> bytes:
        """Frame a whole response of any kind; ``respond`` itself frames only the most frequent
        kind. Returns the data to be sent next; the head of a large body is sent already."""
        length = b"\r\n" if status in BODILESS else length_field(len(body))
        head = b"".join((rendered, self._connection_field(), length))
        if status == 101:
            raise ValueError("status 101 is for Request.take_over")
        if self.head.method == "HEAD" or status in BODILESS:
            return head
        if type(body) is not bytes:
            body = memoryview(body).tobytes()
        if len(body) < _LARGE:
            return head + body
        self._connection.send(head)
        # The body is in memory anyway; the transport's limit is for handlers that keep writing.
        transport = self._connection.transport
        transport.max_write_buffer = max(transport.max_write_buffer, len(body))
        return body

    def _connection_field(self) -> bytes:
        """The ``Connection`` field of the response. Decides whether the response is the last."""
        connection = self._connection
        if connection.reader is not None and not connection.reader.can_discard_body():
            connection.facts |= LAST_RESPONSE
        if connection.facts & LAST_RESPONSE:
            return b"Connection: close\r\n"
        return b"" if self.head.fields.minor else b"Connection: keep-alive\r\n"

    # -- a response in pieces ----------------------------------------------------------------------

    def start(
        self,
        status: int = 200,
        headers: Iterable[Header] = (),
        content_length: int | None = None,
    ) -> BodyWriter:
        if content_length is not None and content_length < 0:
            raise ValueError(f"a length is not negative: {content_length}")
        connection = self._connection
        if connection.current is not self or connection.state is not HANDLING:
            self._check_is_lost()
            writer = BodyWriter(connection, self, status, NOTHING, 0)
            writer.detach()
            return writer
        rendered = connection.server.render(status, tuple(headers), connection.reactor.now)
        if status == 101:
            raise ValueError("status 101 is for Request.take_over")
        framing, field = frame(self.head, status, content_length)
        if framing == UNTIL_CLOSE:
            connection.facts |= LAST_RESPONSE
        writer = BodyWriter(connection, self, status, framing, content_length or 0)
        self._writer = writer
        connection.state = RESPONDING
        connection.send(b"%b%b%b\r\n" % (rendered, field, self._connection_field()))
        return writer

    def body_written(self) -> None:
        """The ``BodyWriter`` has written all of the body."""
        self._log()
        self._writer = self._body = self._on_lost = None
        self._connection.response_completed()

    def cut(self, why: str) -> None:
        """End a response that cannot be completed, so that the client notices.

        If the body has a length or chunks, they show that something is missing (RFC 9112 section
        8), and what was written is still sent. If the body ends with the connection, an ordinary
        end would look like the body's, so the connection is reset."""
        connection = self._connection
        writer = self._writer
        if writer is None or writer.ends_with_connection:
            connection.reset(why)
            return
        logger.info("%s: %s", connection.transport, why)
        writer.detach()
        connection.close()
        # Log it now, because the client may take long to read what was written.
        connection.reactor.call_soon(self._tell_lost)

    @property
    def has_begun(self) -> bool:
        """Whether the response is being written in pieces."""
        return self._writer is not None

    def writing_resumed(self) -> None:
        """The client has read most of what was sent."""
        writer = self._writer
        if writer is not None and writer.on_writable is not None:
            try:
                writer.on_writable()
            except FATAL:
                raise
            except BaseException as exc:
                self.fail(exc)

    # -- another protocol --------------------------------------------------------------------------

    def take_over(self, protocol: Any, status: int = 101, headers: Iterable[Header] = ()) -> None:
        connection = self._connection
        if connection.current is not self or connection.state is not HANDLING:
            self._check_is_lost()
            return
        if connection.reader is not None and connection.reader.in_body:
            raise RuntimeError("the request's body was not read to its end")
        server = connection.server
        connection.send(server.render(status, tuple(headers), connection.reactor.now) + b"\r\n")
        if server.access_log is not None:
            server.access_log.write(self, status, 0)
        self._body = self._on_lost = None
        connection.hand_over(protocol)

    # -- the request's body ------------------------------------------------------------------------

    def stream(
        self,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        connection = self._connection
        if connection.current is not self:
            self._check_is_lost()
            return
        if self._body is not None:
            raise RuntimeError("the body was asked for already")
        self._body = BodyReceiver(data_received, eof_received)
        reader = connection.reader
        if reader is None or not reader.in_body:
            connection.reactor.call_soon(self._end_body)
            return
        if reader.expects_continue and not reader.buffer and self._writer is None:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        reader.expects_continue = False
        connection.deadlines.start_body(is_wanted=True)
        if not connection.facts & READING:  # otherwise it reads on when the handler returns
            connection.reactor.call_soon(connection.read_on)

    def pause_reading(self) -> None:
        body = self._body
        if self._connection.current is self and body is not None and not body.is_paused:
            body.is_paused = True
            self._connection.deadlines.pause_body()

    def resume_reading(self) -> None:
        connection = self._connection
        body = self._body
        if connection.current is self and body is not None and body.is_paused:
            body.is_paused = False
            connection.deadlines.resume_body()
            if connection.reader is not None and connection.reader.in_body:
                connection.reactor.call_soon(connection.read_on)
            else:
                connection.reactor.call_soon(self._end_body)

    @property
    def wants_body(self) -> bool:
        """Whether the handler has asked for the body, and has not paused it."""
        return self._body is not None and not self._body.is_paused

    def receive_body(self, data: bytes, *, is_complete: bool) -> None:
        """Deliver a piece of the body. ``is_complete``: it is the last one."""
        body = self._body
        assert body is not None, "the handler has not asked for it"
        try:
            if data:
                body.data_received(data)
        except FATAL:
            raise
        except BaseException as exc:
            if self._connection.current is self:
                self._body = None
                self.fail(exc)
            return
        if is_complete:
            self._end_body()

    def _end_body(self) -> None:
        body = self._body
        if self._connection.current is not self or body is None or body.is_paused or body.has_ended:
            return
        body.has_ended = True
        self._connection.deadlines.clear()
        try:
            response = body.eof_received()
            if response is not None:
                self.respond(response)
        except FATAL:
            raise
        except BaseException as exc:
            self.fail(exc)

    # -- when something is wrong -------------------------------------------------------------------

    def refuse(self, error: HTTPError) -> None:
        """Answer with ``error``, because the client's input is not valid, too long, or too slow.
        The connection closes after that."""
        self._connection.facts |= LAST_RESPONSE
        if self._writer is not None:
            self.cut(f"{error.status}, when the response had begun: {error}")
            return
        callback, self._on_lost = self._on_lost, None
        self.respond(error_page(error.status, error.detail, error.headers))
        if callback is not None:
            callback()

    def fail(self, exc: BaseException) -> None:
        """The handler raised ``exc``, or did not return a response."""
        connection = self._connection
        if not isinstance(exc, HTTPError):
            connection.reactor.call_exception_handler(
                {
                    "message": f"{self.method} {self.target}: the handler failed:",
                    "exception": exc,
                    "protocol": connection,
                    "transport": connection.transport,
                }
            )
        if connection.current is not self:
            return
        if self._writer is not None:
            self.cut("the handler failed when the response had begun")
        elif isinstance(exc, HTTPError):
            page = error_page(exc.status, exc.detail, exc.headers)
            try:
                self.respond(page)
            except (TypeError, ValueError) as invalid:
                self.fail(invalid)
        else:
            shown = "".join(traceback.format_exception(exc)) if connection.server.debug else ""
            self.respond(error_page(500, traceback=shown))

    def client_finished_early(self) -> None:
        """The client has finished sending before the end of the body."""
        if self._writer is None:
            self._connection.close()
        else:
            self.cut("the client ended in the middle of the body")

    def lost(self) -> None:
        """The connection is lost, and this was the current exchange."""
        writer = self._writer
        if writer is not None:
            if writer.ends_with_connection:
                reset_on_close(self._connection.transport)
            self._log()
            writer.detach()
        self._body = None
        self._tell_lost()

    def on_lost(self, callback: Callable[[], object]) -> None:
        if self._connection.current is self:
            self._on_lost = callback

    def _tell_lost(self) -> None:
        callback, self._on_lost = self._on_lost, None
        if callback is not None:
            callback()

    def _check_is_lost(self) -> None:
        """Called by methods that were called too late. Raises ``RuntimeError``, unless the client
        has left or was refused: then it is not the handler's fault."""
        if not self._connection.transport.is_closing():
            raise RuntimeError(f"{self!r} was answered already")

    def _log(self) -> None:
        """Log a response that was written in pieces."""
        writer = self._writer
        log = self._connection.server.access_log
        if log is not None and writer is not None:
            log.write(self, writer.status, writer.size)
