"""HTTPConnection: reads requests one after another, and watches the clock.

A connection is in one of these phases, each with its deadline (``_deadline``, see ``Limits``):

* waiting for a request, nothing has come yet: ``keepalive_timeout``, then it is closed;
* a head has begun: ``head_timeout``, then 408;
* the handler reads the body: at ``body_rate``, or 408;
* the handler takes its time: none. The client may leave in the meantime, and is noticed;
* and in all of them: what was sent must be taken at ``write_rate``, or the connection is cut.

When the server stops, an idle connection is closed at once. One on which a head, or the first one,
is on its way gets ``LAST_HEAD``.

One timer serves all. It is not set anew at each request, which would cost more than the request: it
fires, looks at the deadline, and sets itself for what is left.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from reactor import StreamTransport, Timer
from reactor.errors import FATAL

from .answering import ADVANCING, ASKED, BUSY, EOF, LAST, MORE, OVER, PARTIAL, PAUSED, AnsweringHalf
from .body import BodyReader
from .decoding import ChunkedDecoder, FixedLengthDecoder
from .errors import HTTPError, body_too_large
from .limits import LAST_HEAD, READ_AHEAD, UNREAD_BODY
from .partial import END_OF_HEAD, PartialHead
from .request import Request
from .response import Response
from .turns import ARRIVALS, BODIES, CONNECTION, REQUESTS

if TYPE_CHECKING:
    from .decoding import BodyDecoder
    from .head import RequestHead
    from .server import Handler, HTTPServer

_new_request: Final = object.__new__
_EMPTY_LINES: Final = re.compile(rb"\A(?:\r\n)+")


class HTTPConnection(AnsweringHalf):
    """One connection of an ``HTTPServer``."""

    __slots__ = ("_mark", "_partial", "_timer")

    def __init__(self, server: HTTPServer) -> None:
        super().__init__(server)
        self._body: BodyReader | None
        # When, how much had been taken by then, and Stats.stalled_time.
        self._mark: tuple[float, int, float] | None = None
        self._partial: PartialHead | None = None  # while a head has come in part

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        self.reactor = transport.reactor  # type: ignore[assignment]
        timeout = self.server.limits.head_timeout
        self._deadline = self.reactor.now + timeout
        self._timer: Timer = self.reactor.call_later(timeout, self._on_timer)

    def data_received(self, data: bytes) -> None:
        reactor = self.reactor
        server = self.server
        clock = reactor.time  # looked up apart, see Loop._turn; why it is read: see turns.py
        if not self._state and clock() < reactor.now + ARRIVALS and len(data) <= server.limits.head:
            try:  # mostly it is one whole head, and nothing else
                head = server.parser.parse_whole(data)
                if head is not None:
                    self._begin(head)
                    return
            except HTTPError as error:
                self._refuse(error, data)
                return
        reactor.update_now()
        self._buffer += data
        self._advance()

    # -- reading -----------------------------------------------------------------------------------

    def _advance(self, *, has_waited: bool = False) -> None:
        """Go as far as possible with what has come."""
        if self._state & (ADVANCING | MORE | OVER):
            if self._state & MORE:
                self._watch_input()
            return
        self._state |= ADVANCING
        more = False
        try:
            more = self._read_buffer(has_waited)
        except HTTPError as error:
            data, self._buffer = self._buffer, b""
            self._refuse(error, data)
        finally:
            self._state &= ~ADVANCING
        if self.transport.is_closing() or self._state & OVER:
            return
        if more:
            self._state |= MORE  # nothing that comes meanwhile may get ahead of it
            self._watch_input()
            self.server.turns.wait(self)
        elif self._state & EOF and self._waits_for_more():
            if self._status:
                self.cut("the client ended in the middle of the body")
            else:
                self.transport.close()
        else:
            self._watch_input()

    def go_on(self) -> None:
        """Its turn has come, after ``Turns.wait``."""
        self._state &= ~MORE
        self._advance(has_waited=True)
        if self._state & LAST and self.current is None:  # the server is stopping
            self.transport.close()

    def _read_buffer(self, has_waited: bool) -> bool:
        """Read heads and bodies. Returns whether there is more than this turn has time for."""
        reactor = self.reactor
        left = REQUESTS
        until = reactor.time() + CONNECTION
        if not has_waited:
            until = min(until, reactor.now + (BODIES if self._state & BUSY else ARRIVALS))
        while self._buffer and not self.transport.is_closing():
            body, decoder = self._body, self._decoder
            if not self._state & BUSY:
                if self._state & PAUSED:
                    break
            elif body is None or body.paused or decoder is None:
                break
            # One that has waited may begin in any case.
            if not left or (not has_waited and reactor.time() >= until):
                return True
            has_waited = False
            left -= 1
            if not self._state & BUSY:
                if not self._read_head():
                    break
            elif body is not None and decoder is not None:
                self._read_body(body, decoder)
        return False

    def _watch_input(self) -> None:
        """Read on while there is room for what is read ahead."""
        # What waits for nothing but its rest is a head, and has a bound of its own.
        room = len(self._buffer) < READ_AHEAD or not self._state & (BUSY | PAUSED | MORE)
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
        partial = self._partial
        end = buffer.find(END_OF_HEAD) + 4 if partial is None else partial.find_end(buffer)
        limits = self.server.limits
        if end > limits.head or (end < 4 and len(buffer) > limits.head):
            self.server.parser.check_line(buffer)
            raise HTTPError(431, f"The head is longer than {limits.head} bytes (--max-head).")
        if end < 4:
            if partial is None:
                parser = self.server.parser
                self._partial = partial = PartialHead(parser.check_line, limits.request_line)
            partial.check(buffer)
            return self._wait_for_head()
        head = self.server.parser.parse(buffer[:end])
        self._buffer = buffer[end:]
        self._state &= ~PARTIAL
        self._partial = None
        self._begin(head)
        return True

    def _wait_for_head(self) -> bool:
        """Only a part of a head has come."""
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
        except FATAL:
            raise
        except BaseException as exc:
            self._handler_failed(request, exc)
        if self.current is request and self._body is None:
            self._deadline = math.inf

    def _prepare(self, head: RequestHead) -> Handler | None:
        """A request with something to mind. Returns the handler, if it is not for the server's.
        Raises ``HTTPError`` if it is refused."""
        if not head.fields.keep_alive or self._requests_left <= 0:
            self._state |= LAST
        if head.fields.chunked:
            self._decoder = ChunkedDecoder(self.server.limits)
        elif head.fields.content_length > self.server.limits.body:
            raise body_too_large(self.server.limits.body, "--max-body")
        elif head.fields.content_length:
            self._decoder = FixedLengthDecoder(head.fields.content_length)
        self._expects_continue = head.fields.expects_continue
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
        limits = self.server.limits
        self._body = BodyReader(self.reactor.now, limits, limits.body, data_received, eof_received)
        self._body.stalled_before = self.reactor.stats.stalled_time
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
            body.pause(self.reactor.now)
            self._deadline = math.inf

    def resume_body(self, request: Request) -> None:
        """See ``Request.resume_reading``."""
        body = self._body
        if request is self.current and body is not None and body.paused:
            body.resume(self.reactor.now)
            self._set_deadline(body.deadline - self.reactor.now)
            if self._decoder is None:
                self.reactor.call_soon(self._body_ended, body)
            else:
                self.reactor.call_soon(self._advance)

    def _read_body(self, body: BodyReader, decoder: BodyDecoder) -> None:
        data, self._buffer = decoder.decode(self._buffer)
        if data:
            body.count(len(data), self.reactor.now)
        if body.size > body.max_size:
            if not body.discarding:
                raise body_too_large(body.max_size, "--max-body")
            self.transport.close()
            return
        if decoder.complete:
            self._decoder = None
        try:
            if data:
                body.data_received(data)
        except FATAL:
            raise
        except BaseException as exc:
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
        except FATAL:
            raise
        except BaseException as exc:
            self._handler_failed(request, exc)

    def _discard_body(self) -> None:
        """The response is sent, and something of the body is still to come: get past it."""
        if not self._can_be_discarded():
            self.transport.close()
            return
        limits = self.server.limits
        self._body = BodyReader(self.reactor.now, limits, UNREAD_BODY, _nothing, _nothing)
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

    def _on_timer(self) -> None:
        now = self.reactor.now
        unsent = self.transport.get_unsent_size()
        if unsent and self._is_read_too_slowly(now, unsent):
            self.reset("the client did not read the response")
            return
        if not unsent:
            self._mark = None
        sending = unsent and not self._state & (BUSY | PARTIAL)
        # A connection that waits for a turn waits for us.
        if self._deadline <= now and not sending and not self._state & MORE:
            body = self._body
            if body is None or body.is_late(now):
                self._expire()
                return
            self._deadline = body.deadline
        limits = self.server.limits
        due = now + limits.write_timeout / 4
        if not sending and self._deadline > now:
            due = min(due, self._deadline)
        if self._mark is not None:
            due = min(due, self._mark[0] + limits.write_timeout)
        self._timer.reschedule(max(due - now, 0.001))

    def _is_read_too_slowly(self, now: float, unsent: int) -> bool:
        limits = self.server.limits
        taken = self._written - unsent
        stalled_time = self.reactor.stats.stalled_time
        if self._mark is not None:
            since, taken_then, stalled_before = self._mark
            if now - since < limits.write_timeout:
                return False
            if taken - taken_then < max(1.0, limits.write_rate * (now - since)):
                if stalled_time <= stalled_before:
                    return True
                stalled_time = math.inf  # we stood still: measure again, but only once
        self._mark = (now, taken, stalled_time)
        return False

    def _expire(self) -> None:
        body = self._body
        if body is not None and not body.discarding:
            stalled = self.reactor.stats.stalled_time - body.stalled_before
            if stalled > 0:
                # The client may have waited for us: for "100 Continue", or for room in the system's
                # buffer. That is taken into account once.
                body.stalled_before = math.inf
                body.postpone(stalled)
                self._deadline = body.deadline
                self._timer.reschedule(self._deadline - self.reactor.now)
                return
            self._refuse(HTTPError(408, "The body came too slowly."))
        elif self._state & PARTIAL and self._buffer and not self._state & LAST:
            data, self._buffer = self._buffer, b""
            self._refuse(HTTPError(408, "The head came too slowly."), data)
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
            except FATAL:
                raise
            except BaseException as exc:
                assert request is not None
                self._handler_failed(request, exc)

    def shutdown_requested(self) -> None:
        self._state |= LAST
        if self.current is not None or self._state & MORE:
            return
        left = 0.0
        if self._state & PARTIAL or not self._written:  # then the deadline is a head's
            left = self._deadline - self.server.limits.head_timeout + LAST_HEAD - self.reactor.now
        if left > 0:
            self._set_deadline(min(left, self._deadline - self.reactor.now))
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._status:  # in the middle of a response
            self._lost_midway()
        self._let_go()
        self._tell_lost()

    def _lost_midway(self) -> None:
        writer, request = self._writer, self.current
        assert writer is not None
        assert request is not None
        if writer.ends_with_connection:
            self._reset_on_close()
        if self.server.access_log is not None:
            self.server.access_log.write(request, self._status, writer.size)

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
