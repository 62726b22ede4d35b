"""HTTPConnection: reads requests one after another, and watches the clock.

A connection is in one of these phases, each with its deadline (``_deadline``, see ``Limits``):

* waiting for a request, nothing has come yet: ``keepalive_timeout``, then it is closed;
* a head has begun: ``head_timeout``, then 408;
* the handler reads the body: at ``body_rate``, or 408;
* the handler takes its time: none. The client may leave in the meantime, and is noticed;
* and in all of them: what was sent must be taken at ``write_rate``, or the connection is cut.

One timer serves all. It is not set anew at each request, which would cost more than the request: it
fires, looks at the deadline, and sets itself for what is left.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from reactor import Timer
from reactor.transport import StreamTransport

from .answering import ADVANCING, ASKED, BUSY, EOF, LAST, MORE, OVER, PARTIAL, PAUSED, AnsweringHalf
from .body import BodyReader
from .decoding import ChunkedDecoder, FixedLengthDecoder
from .errors import HTTPError
from .limits import READ_AHEAD, UNREAD_BODY
from .request import Request
from .response import Response

if TYPE_CHECKING:
    from .decoding import BodyDecoder
    from .head import RequestHead
    from .server import Handler, HTTPServer

_new_request: Final = object.__new__
_EMPTY_LINES: Final = re.compile(rb"\A(?:\r\n)+")
_END_OF_HEAD: Final = b"\r\n\r\n"
# Pipelined requests answered in one turn, for the sake of the other connections.
_REQUESTS_PER_TURN: Final = 32


class HTTPConnection(AnsweringHalf):
    """One connection of an ``HTTPServer``."""

    __slots__ = ("_mark", "_timer")

    def __init__(self, server: HTTPServer) -> None:
        super().__init__(server)
        self._body: BodyReader | None
        self._mark: tuple[float, int] | None = None  # when, and how much had been taken by then

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        self.reactor = transport.reactor  # type: ignore[assignment]
        timeout = self.server.limits.head_timeout
        self._deadline = self.reactor.now + timeout
        self._timer: Timer = self.reactor.call_later(timeout, self._on_timer)

    def data_received(self, data: bytes) -> None:
        if not self._state:
            head = self.server.heads.get(data)
            if head is not None:
                self._begin(head)
                return
            if self._read_whole(data):
                return
        self._buffer += data
        self._advance()

    # -- reading -----------------------------------------------------------------------------------

    def _read_whole(self, data: bytes) -> bool:
        """Begin with the request, if ``data`` is one whole head and nothing else, as it mostly is.
        Returns whether it was."""
        server = self.server
        if len(data) > server.limits.head:
            return False
        try:
            head = server.parser.parse_whole(data)
            if head is None:
                return False
            self._begin(head)
        except HTTPError as error:
            self._refuse(error)
        return True

    def _advance(self) -> None:
        """Go as far as possible with what has come."""
        if self._state & (ADVANCING | MORE | OVER):
            return
        self._state |= ADVANCING
        left = 0
        try:
            left = self._read_buffer()
        except HTTPError as error:
            self._buffer = b""
            self._refuse(error)
        finally:
            self._state &= ~ADVANCING
        if self.transport.is_closing() or self._state & OVER:
            return
        if not left and self._buffer:
            self._state |= MORE  # nothing that comes meanwhile may get ahead of it
            self.transport.pause_reading()
            self.reactor.call_soon(self._go_on)
        elif self._state & EOF and self._waits_for_more():
            self.transport.close()
        else:
            self._watch_input()

    def _go_on(self) -> None:
        self._state &= ~MORE
        self._advance()

    def _read_buffer(self) -> int:
        """Read heads and bodies. Returns how many requests more this turn may have begun."""
        left = _REQUESTS_PER_TURN
        while self._buffer and left and not self.transport.is_closing():
            if not self._state & BUSY:
                if self._state & PAUSED or not self._read_head():
                    break
                left -= 1
            elif self._body is None or self._body.paused or self._decoder is None:
                break
            else:
                self._read_body(self._body, self._decoder)
        return left

    def _watch_input(self) -> None:
        """Read on while there is room for what is read ahead."""
        # What waits for nothing but its rest is a head, and has a bound of its own.
        room = len(self._buffer) < READ_AHEAD or not self._state & (BUSY | PAUSED)
        if room and not self.transport.is_reading():
            self.transport.resume_reading()
        elif not room:
            # Whoever answers slowly does not learn then that the client has left: it must be told.
            self.transport.pause_reading()

    def _waits_for_more(self) -> bool:
        """Whether nothing can happen unless the client sends more."""
        if self._state & BUSY:
            body = self._body
            return not (self._decoder is None or self._buffer or body is None or body.paused)
        return not self._state & PAUSED

    def _read_head(self) -> bool:
        """Read one head, and begin with the request. Returns False if it is not complete."""
        buffer = self._buffer
        if buffer.startswith(
            b"\r\n"
        ):  # from a client that ends its requests so (RFC 9112 section 2.2)
            self._buffer = buffer = _EMPTY_LINES.sub(b"", buffer)
        if buffer in (b"", b"\r"):
            return self._wait_for_head()
        end = buffer.find(_END_OF_HEAD) + 4
        limits = self.server.limits
        if end > limits.head or (end < 4 and len(buffer) > limits.head):
            self.server.parser.check_line(buffer)
            raise HTTPError(431, "The head is too long.")
        if end < 4:
            return self._wait_for_head()
        data, self._buffer = buffer[:end], buffer[end:]
        self._state &= ~PARTIAL
        self._begin(self.server.parser.parse(data))
        return True

    def _wait_for_head(self) -> bool:
        """Only a part of a head has come. What can be refused already is."""
        if self._buffer not in (b"", b"\r"):
            self.server.parser.check_start(self._buffer)
        if not self._state & PARTIAL:
            self._state |= PARTIAL
            if self._written:  # the first one has the time since the connection began
                self._set_deadline(self.server.limits.head_timeout)
        return False

    def _begin(self, head: RequestHead) -> None:
        """Give the request to the handler."""
        # Request(head, self), at a third of its cost.
        self.current = request = _new_request(Request)
        request.head = head
        request._connection = self
        self._state |= BUSY
        self._requests_left = left = self._requests_left - 1
        handler = self.server.handler
        if not head.plain or left <= 0:
            handler = self._prepare(head) or handler
        try:
            response = handler(request)
            if response is not None:
                self.respond(request, response)
        except Exception as exc:
            self._handler_failed(request, exc)
        if self.current is request and self._body is None:
            self._deadline = math.inf

    def _prepare(self, head: RequestHead) -> Handler | None:
        """A request with something to mind. Returns the handler, if it is not for the server's.
        Raises ``HTTPError`` if it is refused."""
        if not head.keep_alive or self._requests_left <= 0:
            self._state |= LAST
        if head.chunked:
            self._decoder = ChunkedDecoder(self.server.limits)
        elif head.content_length > self.server.limits.body:
            raise HTTPError(413)
        elif head.content_length:
            self._decoder = FixedLengthDecoder(head.content_length)
        self._expects_continue = head.expects_continue
        if head.method == "TRACE":
            raise HTTPError(405, headers=(("Allow", "GET, HEAD, POST"),))
        if head.method == "CONNECT":
            self._state |= LAST  # unless it is taken over
            if not self.server.allow_connect:
                raise HTTPError(501, "This server is no proxy.")
        return _ping if head.path == "*" else None

    # -- the request's body ------------------------------------------------------------------------

    def stream_body(
        self,
        request: Request,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        """See ``Request.stream``."""
        if request is not self.current:
            self._refuse_answer(request)
            return
        if self._body is not None:
            raise RuntimeError("the body was asked for already")
        self._body = BodyReader(
            self.reactor.now, self.server.limits.body, data_received, eof_received
        )
        self._state |= ASKED
        if self._decoder is None:
            self.reactor.call_soon(self._body_ended, self._body)
            return
        if self._expects_continue and not self._buffer and not self._status:
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._expects_continue = False
        self._set_deadline(self.server.limits.body_timeout)
        self.reactor.call_soon(self._advance)

    def pause_body(self, request: Request) -> None:
        """See ``Request.pause_reading``."""
        body = self._body
        if request is self.current and body is not None and not body.paused:
            body.paused = True
            body.paused_at = self.reactor.now
            self._deadline = math.inf

    def resume_body(self, request: Request) -> None:
        """See ``Request.resume_reading``."""
        body = self._body
        if request is self.current and body is not None and body.paused:
            body.paused = False
            body.since += self.reactor.now - body.paused_at  # that was not the client's fault
            self._set_deadline(self._body_deadline(body) - self.reactor.now)
            if self._decoder is None:
                self.reactor.call_soon(self._body_ended, body)
            else:
                self.reactor.call_soon(self._advance)

    def _read_body(self, body: BodyReader, decoder: BodyDecoder) -> None:
        data, self._buffer = decoder.decode(self._buffer)
        body.size += len(data)
        self._deadline = self._body_deadline(body)
        if body.size > body.max_size:
            if not body.discarding:
                raise HTTPError(413)
            self.transport.close()
            return
        if decoder.complete:
            self._decoder = None
        try:
            if data:
                body.data_received(data)
        except Exception as exc:
            if self.current is not None:
                self._body = None
                self._handler_failed(self.current, exc)
            return
        if decoder.complete and self._body is body and not body.paused:
            self._body_ended(body)

    def _body_ended(self, body: BodyReader) -> None:
        if self._body is not body or body.paused or body.ended:
            return
        body.ended = True
        if body.discarding:
            self._body = None
            self._idle()
            return
        request = self.current
        if request is None:
            return
        self._deadline = math.inf
        try:
            response = body.eof_received()
            if response is not None:
                self.respond(request, response)
        except Exception as exc:
            self._handler_failed(request, exc)

    def _discard_body(self) -> None:
        """The response is sent, and something of the body is still to come: get past it."""
        if not self._can_be_discarded():
            self.transport.close()
            return
        self._body = BodyReader(self.reactor.now, UNREAD_BODY, _nothing, _nothing)
        self._body.discarding = True
        self._set_deadline(self.server.limits.body_timeout)
        self._advance()

    # -- the clock ---------------------------------------------------------------------------------

    def _set_deadline(self, timeout: float) -> None:
        """Be woken in ``timeout`` seconds, or a little later if that is later than planned."""
        now = self.reactor.now
        self._deadline = now + timeout
        if self._deadline < self._timer.when():
            self._timer.reschedule(timeout)

    def _body_deadline(self, body: BodyReader) -> float:
        """When the next of the body must have come for it to keep its rate."""
        limits = self.server.limits
        if not limits.body_rate:
            return self.reactor.now + limits.body_timeout
        return body.since + limits.body_timeout + body.size / limits.body_rate

    def _on_timer(self) -> None:
        now = self.reactor.now
        unsent = self.transport.get_unsent_size()
        if unsent and self._is_read_too_slowly(now, unsent):
            self.cut("the client did not read the response")
            return
        if not unsent:
            self._mark = None
        sending = unsent and not self._state & (BUSY | PARTIAL)
        if self._deadline <= now and not sending:
            self._expire()
            return
        limits = self.server.limits
        due = now + limits.write_timeout / 4
        if not sending:
            due = min(due, self._deadline)
        if self._mark is not None:
            due = min(due, self._mark[0] + limits.write_timeout)
        self._timer.reschedule(max(due - now, 0.001))

    def _is_read_too_slowly(self, now: float, unsent: int) -> bool:
        limits = self.server.limits
        taken = self._written - unsent
        if self._mark is not None:
            since, taken_then = self._mark
            if now - since < limits.write_timeout:
                return False
            if taken - taken_then < max(1.0, limits.write_rate * (now - since)):
                return True
        self._mark = (now, taken)
        return False

    def _expire(self) -> None:
        body = self._body
        if body is not None and not body.discarding:
            self._refuse(HTTPError(408, "The body came too slowly."))
        elif self._state & PARTIAL and self._buffer:
            self._refuse(HTTPError(408, "The head came too slowly."))
        else:
            self.transport.close()

    # -- what else the transport tells -------------------------------------------------------------

    def eof_received(self) -> bool:
        # Answers can still go to a client that has only finished sending, as `nc -N` does.
        self._state |= EOF
        self._advance()
        return True

    def pause_writing(self) -> None:
        self._state |= PAUSED

    def resume_writing(self) -> None:
        self._state &= ~PAUSED
        writer = self._writer
        if writer is None:
            self._advance()
        elif writer.on_writable is not None:
            request = self.current
            try:
                writer.on_writable()
            except Exception as exc:
                assert request is not None
                self._handler_failed(request, exc)

    def shutdown_requested(self) -> None:
        self._state |= LAST
        if self.current is None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._let_go()
        self._tell_lost()

    def _let_go(self) -> None:
        self._timer.cancel()
        if self._writer is not None:
            self._writer.detach()
        self._writer = None
        self._body = None
        self._decoder = None
        self._buffer = b""
        self._state |= BUSY | OVER
        self.current = None


def _ping(request: Request) -> Response:
    """``OPTIONS *`` asks the server, not an application (RFC 9110 section 9.3.7)."""
    return Response(b"", 204)


def _nothing(*_: object) -> None:
    return None
