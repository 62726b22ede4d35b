"""HTTPConnection: one client's connection, on which one exchange follows another.

A plain request takes the shortest path: ``data_received`` gets a whole head, ``_begin`` calls the
handler, and ``Exchange.respond`` writes the response and leaves the connection idle. Everything
else goes through a ``RequestReader``: heads in pieces, several requests at once, and bodies.
``read_on`` reads as far as the state of the connection (``states.py``), the handler and the time of
a turn (``turns.py``) allow.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from reactor import Protocol, Reactor
from reactor.errors import FATAL

from .deadlines import Deadlines
from .endings import hand_over, reset_on_close
from .errors import USE_HTTPS, HTTPError
from .exchange import Exchange
from .framing import length_field
from .head import RequestHead, unreadable_head
from .limits import LAST_HEAD, READ_AHEAD
from .reading import RequestReader
from .request import Handler, Request
from .response import Response
from .states import (
    CLIENT_FINISHED,
    CLOSED,
    CLOSING,
    DISCARDING,
    HANDLING,
    HEAD,
    IDLE,
    LAST_RESPONSE,
    QUEUED,
    READING,
    TAKEN_OVER,
    WRITING_PAUSED,
    State,
)
from .turns import ARRIVALS, BODIES, CONNECTION, REQUESTS

if TYPE_CHECKING:
    from reactor import StreamTransport

    from .interfaces import ConnectionServer

logger = logging.getLogger(__name__)

_NEVER: Final = math.inf
_OVER: Final = (TAKEN_OVER, CLOSED)
_new_exchange: Final = object.__new__


class HTTPConnection(Protocol):
    """One connection of an ``HTTPServer``."""

    __slots__ = (
        "_requests_left",
        "current",
        "deadlines",
        "facts",
        "reactor",
        "reader",
        "server",
        "state",
        "written",
    )

    reactor: Reactor
    deadlines: Deadlines
    state: State

    def __init__(self, server: ConnectionServer) -> None:
        self.server = server
        self.state = IDLE
        self.facts = 0  #: bits, see states.py
        self.current: Exchange | None = None  #: until its response is complete
        self.reader: RequestReader | None = None  #: while there is something to be read
        self.written = 0  #: bytes given to the transport since the connection began
        self._requests_left = server.max_requests

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        self.reactor = transport.reactor  # type: ignore[assignment]
        self.deadlines = Deadlines(self.reactor, self.server.limits, self._on_timer)

    def plaintext_reply(self, transport: Any) -> bytes:
        """The reply to plain HTTP on a port for HTTPS."""
        self.transport = transport
        response = USE_HTTPS
        size = len(response.body)
        if self.server.access_log is not None:
            self.server.access_log.write(Exchange(unreadable_head(b""), self), 400, size)
        head = self.server.render(400, response.headers, transport.reactor.now)
        return b"".join((head, b"Connection: close\r\n", length_field(size), response.body))

    # -- reading -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        reactor = self.reactor
        server = self.server
        clock = reactor.time  # in two steps, see Loop._turn; for the reason see turns.py
        if (
            self.state is IDLE
            and not self.facts
            and clock() < reactor.now + ARRIVALS
            and len(data) <= server.max_head
        ):
            try:  # usually it is exactly one whole head
                head = server.parser.parse_whole(data)
                if head is not None:
                    self._begin(head)
                    return
            except HTTPError as error:
                self._refuse(error, data)
                return
        reactor.update_now()
        if self.reader is None:
            self.reader = RequestReader(server.parser, data)
        else:
            self.reader.feed(data)
        self.read_on()

    def read_on(self, *, has_waited: bool = False) -> None:
        """Read heads and bodies, as far as the input and the time of this turn allow."""
        if self.facts & QUEUED:
            self._watch_input()
        if self.facts & (READING | QUEUED) or self.state in _OVER:
            return
        self.facts |= READING
        in_time = True
        try:
            in_time = self._read_input(has_waited)
        except HTTPError as error:
            self._refuse(error, self._drop_input())
        finally:
            self.facts &= ~READING
        if self.transport.is_closing() or self.state in _OVER:
            return
        if not in_time:
            self.facts |= QUEUED  # later input must not overtake it
            self.server.turns.wait(self)
        elif self.facts & CLIENT_FINISHED and self._wants_input():
            # It waits for input that will never come.
            if self.current is None:
                self.close()
            else:
                self.current.client_finished_early()
            return
        self._watch_input()

    def go_on(self) -> None:
        """Called after ``Turns.wait``, when it is this connection's turn: read on."""
        self.facts &= ~QUEUED
        self.read_on(has_waited=True)
        if self.facts & LAST_RESPONSE and self.current is None:  # the server is stopping
            self.close()

    def _wants_input(self) -> bool:
        """Whether the next head, or the next piece of the body, could be used now."""
        state = self.state
        if state is IDLE or state is HEAD:
            return not self.facts & WRITING_PAUSED
        if state is DISCARDING:
            return True
        exchange, reader = self.current, self.reader
        return (
            exchange is not None and exchange.wants_body and reader is not None and reader.in_body
        )

    def _read_input(self, has_waited: bool) -> bool:
        """Read heads and bodies. Returns False if this turn has no time left for the rest."""
        reactor = self.reactor
        left = REQUESTS
        until = reactor.time() + CONNECTION
        if not has_waited:
            begins = self.state is IDLE or self.state is HEAD
            until = min(until, reactor.now + (ARRIVALS if begins else BODIES))
        while (
            (reader := self.reader) is not None
            and reader.buffer
            and self._wants_input()
            and not self.transport.is_closing()
        ):
            # A connection that has waited may read at least one head or piece.
            if not left or (not has_waited and reactor.time() >= until):
                return False
            has_waited = False
            left -= 1
            if self.state is IDLE or self.state is HEAD:
                if not self._read_head(reader):
                    break
            else:
                self._read_body(reader)
        return True

    def _read_head(self, reader: RequestReader) -> bool:
        """Read a head, and begin with the request. Returns False if the head is not complete."""
        head = reader.read_head()
        if head is not None:
            self._begin(head)
            return True
        if self.state is IDLE:
            self.state = HEAD
            if self.written:  # the time for the first head began with the connection
                self.deadlines.set(self.server.limits.head_timeout)
        return False

    def _read_body(self, reader: RequestReader) -> None:
        data = reader.read_body()
        if data and self.deadlines.body is not None:
            self.deadlines.body.count(len(data), self.reactor.now)
        if self.current is not None:
            self.current.receive_body(data, is_complete=not reader.in_body)
        elif not reader.in_body:
            self._await_request()

    def _watch_input(self) -> None:
        """Pause reading while enough has been read ahead."""
        reader = self.reader
        is_waiting = self.state is IDLE or self.state is HEAD
        if (
            reader is None
            or len(reader.buffer) < READ_AHEAD
            # A connection that waits for the rest of a head needs it; heads have their own limit.
            or (is_waiting and not self.facts & (WRITING_PAUSED | QUEUED))
        ):
            if not self.transport.is_reading():
                self.transport.resume_reading()
        else:
            # From now on we cannot notice that the client leaves.
            self.transport.pause_reading()

    def _drop_input(self) -> bytes:
        """Discard the input that was not read yet, and return it."""
        return b"" if self.reader is None else self.reader.clear()

    # -- one exchange after another ----------------------------------------------------------------

    def _begin(self, head: RequestHead) -> None:
        """Give the request to the handler."""
        # The same as Exchange(head, self), at a third of the cost.
        self.current = exchange = _new_exchange(Exchange)
        exchange.head = head
        exchange._connection = self
        exchange._body = exchange._writer = exchange._on_lost = None
        self.state = HANDLING
        self._requests_left = requests_left = self._requests_left - 1
        handler = self.server.handler
        if not head.plain or requests_left <= 0:
            handler = self._check_head(head) or handler
        try:
            response = handler(exchange)
            if response is not None:
                exchange.respond(response)
            elif self.current is exchange and self.deadlines.body is None:
                self.deadlines.at = _NEVER  # the client has nothing to do
        except FATAL:
            raise
        except BaseException as exc:
            exchange.fail(exc)

    def _check_head(self, head: RequestHead) -> Handler | None:
        """Prepare for a request that is not ``plain``, or is the last one. Returns a handler if it
        replaces the server's. Raises ``HTTPError``."""
        fields = head.fields
        if not fields.keep_alive or self._requests_left <= 0:
            self.facts |= LAST_RESPONSE
        if fields.has_body:
            if self.reader is None:
                self.reader = RequestReader(self.server.parser)
            self.reader.expect_body(fields)
        if head.method == "TRACE":
            raise HTTPError(405, headers=(("Allow", "GET, HEAD, POST"),))
        if head.method == "CONNECT":
            self.facts |= LAST_RESPONSE  # unless it is taken over: what follows is not HTTP
            if not self.server.allow_connect:
                raise HTTPError(501, "This server is not a proxy.")
        return _answer_for_server if head.path == "*" else None

    def response_completed(self) -> None:
        """The current exchange has sent its whole response: close, or continue with the next
        request."""
        self.current = None
        if self.facts & LAST_RESPONSE:
            self.close()
        elif self.reader is None or not self.reader.in_body:
            self._await_request()
        elif self.reader.can_discard_body():
            self.state = DISCARDING
            self.reader.discard_body()
            self.deadlines.start_body(is_wanted=False)
            self.read_on()
        else:
            self.close()

    def _await_request(self) -> None:
        """Wait for the next request, or read it if it has arrived."""
        self.state = IDLE
        self.deadlines.body = None
        self.deadlines.at = self.reactor.now + self.server.keepalive_timeout
        if self.reader is not None and not self.reader.buffer:
            self.reader = None  # saves memory: the connection may be idle for long
        if self.reader is not None or self.facts & CLIENT_FINISHED:
            self.read_on()

    def _refuse(self, error: HTTPError, data: bytes = b"") -> None:
        """The client's input is not valid, too long, or too slow: answer with the error, and close.
        ``data``: the received part of the head, if no request has begun."""
        if self.state is DISCARDING:  # the request is answered already
            self.close()
            return
        if self.current is None:
            self.current = Exchange(unreadable_head(data), self)
            self.state = HANDLING
        self.current.refuse(error)

    # -- for exchanges and their BodyWriters -------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Write to the transport, and count the bytes for ``ReadingRate``."""
        self.written += len(data)
        self.transport.write(data)

    def send_file(
        self,
        file: Any,
        offset: int,
        count: int,
        callback: Callable[[Exception | None], object] | None,
    ) -> None:
        """The same for ``count`` bytes of a file from ``offset``."""
        self.written += count
        self.transport.sendfile(file, offset, count, callback)

    def hand_over(self, protocol: Any) -> None:
        """Give the transport to ``protocol``, from the first byte after the request."""
        rest = self._drop_input()
        self._end(TAKEN_OVER)
        hand_over(self.transport, protocol, rest, bool(self.facts & CLIENT_FINISHED))

    # -- ends --------------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is written, and close."""
        if self.state not in _OVER:
            self.state = CLOSING
            self.deadlines.clear()
        self.transport.close()

    def reset(self, why: str) -> None:
        """Reset the connection at once. Unsent data is dropped."""
        logger.info("%s: %s", self.transport, why)
        reset_on_close(self.transport)
        self.transport.abort()

    def _end(self, state: State) -> None:
        self.state = state
        self.deadlines.stop()
        self.current = None
        self.reader = None

    # -- the clock ---------------------------------------------------------------------------------

    def _on_timer(self) -> None:
        deadlines = self.deadlines
        unsent = self.transport.get_unsent_size()
        if unsent or deadlines.is_reading_measured:  # it was not all sent at the last look
            self._restart_keepalive()
        if deadlines.is_reading_too_slowly(unsent, self.written):
            self.reset("the client did not read the response")
            return
        # A queued connection waits for us.
        if not self.facts & QUEUED and deadlines.is_late():
            self._expire()
        else:
            deadlines.wait()

    def _restart_keepalive(self) -> None:
        """The time for the next request does not run while the last response is being sent."""
        if self.state is IDLE:
            self.deadlines.at = self.reactor.now + self.server.keepalive_timeout

    def _expire(self) -> None:
        """The client was too slow."""
        if self.current is not None:
            self._refuse(HTTPError(408, "The body came too slowly."))
        elif self.state is HEAD and not self.facts & LAST_RESPONSE and (data := self._drop_input()):
            self._refuse(HTTPError(408, "The head came too slowly."), data)
        else:
            self.close()

    # -- other calls of the transport --------------------------------------------------------------

    def eof_received(self) -> bool:
        # A client that has only finished sending, like `nc -N`, can still read responses.
        self.facts |= CLIENT_FINISHED
        self.read_on()
        return True

    def pause_writing(self) -> None:
        self.facts |= WRITING_PAUSED

    def resume_writing(self) -> None:
        self.facts &= ~WRITING_PAUSED
        if self.current is not None and self.current.has_begun:
            self.current.writing_resumed()
        else:
            self._restart_keepalive()
            self.read_on()

    def shutdown_requested(self) -> None:
        self.facts |= LAST_RESPONSE
        if self.current is not None or self.facts & QUEUED or self.state is CLOSING:
            return
        # A request may be on its way: the first one, or one that has partly arrived.
        begins = self.state is HEAD or not self.written
        if not (begins and self.deadlines.shorten_head(LAST_HEAD)):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        exchange = self.current
        self._end(CLOSED)
        if exchange is not None:
            exchange.lost()


def _answer_for_server(request: Request) -> Response:
    """``OPTIONS *`` asks the server, not an application (RFC 9110 section 9.3.7)."""
    return Response(b"", 204)
