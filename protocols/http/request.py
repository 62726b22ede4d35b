"""Request: one request, as a handler gets it, and the means to answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .errors import body_too_large
from .headers import Headers
from .response import Header, Response
from .writer import BodyWriter

if TYPE_CHECKING:
    from reactor import Reactor

    from .connection import HTTPConnection
    from .head import RequestHead
    from .proxies import Origin
    from .turns import Turns


class Request:
    """One request. Handlers get it, nobody else makes it.

    A handler returns a ``Response``, or returns None and answers later by one of ``respond``,
    ``start`` and ``take_over``: from a timer, from another connection's call, or, by way of
    ``reactor.call_soon_threadsafe``, from a thread. All methods belong to the loop's thread. If it
    raises, the client gets status 500, or that of the ``HTTPError`` which it raised.

    The body is there for those who ask for it, with ``read`` or ``stream``; what nobody asked for
    is discarded after the answer."""

    __slots__ = ("_connection", "head")

    def __init__(self, head: RequestHead, connection: HTTPConnection) -> None:
        self.head = head
        self._connection = connection

    # -- what was asked ----------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """The method, in capitals as it came."""
        return self.head.method

    @property
    def target(self) -> str:
        """The request target as it came: mostly a path with a query."""
        return self.head.target

    @property
    def path(self) -> str:
        """The path, still percent-encoded; ``*`` for ``OPTIONS *``, "" for CONNECT."""
        return self.head.path

    @property
    def query(self) -> str:
        """What follows the ``?``, still encoded; "" if there is none."""
        return self.head.query

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self.head.fields.headers

    @property
    def http_version(self) -> str:
        """``"1.1"`` or ``"1.0"``."""
        return f"1.{self.head.minor}"

    @property
    def content_length(self) -> int | None:
        """Bytes of the body; None for a chunked one, whose length nobody knows yet."""
        return None if self.head.fields.chunked else self.head.fields.content_length

    @property
    def has_body(self) -> bool:
        """Whether there is a body, or may be."""
        return self.head.fields.has_body

    @property
    def upgrade(self) -> str | None:
        """The protocols that the client would change to (RFC 9110 section 7.8); mostly None."""
        return self.head.fields.upgrade

    # -- where it came from ------------------------------------------------------------------------

    @property
    def origin(self) -> Origin:
        """The client, scheme and host, as trusted proxies tell them."""
        return self._connection.server.proxies.origin(self)

    @property
    def client(self) -> str:
        """The client's address; "" over a Unix socket."""
        return self.origin.client

    @property
    def scheme(self) -> str:
        """``http``, or ``https`` over TLS."""
        return self.origin.scheme

    @property
    def host(self) -> str:
        """Host and port that the client asked, as it named them; "" if an HTTP/1.0 client did
        not."""
        return self.origin.host

    @property
    def peername(self) -> Any:
        """The address of the connection's other end, a proxy perhaps; None over a Unix socket."""
        return self._connection.transport.get_extra_info("peername")

    @property
    def sockname(self) -> Any:
        """The address of our end of the connection."""
        return self._connection.transport.get_extra_info("sockname")

    @property
    def is_tls(self) -> bool:
        """Whether this connection is encrypted (a proxy's other side may be)."""
        return self._connection.is_tls

    @property
    def date(self) -> int:
        """The time of day that the response's ``Date`` says, in seconds since the epoch."""
        return self._connection.server.date(self._connection.reactor.now)

    @property
    def reactor(self) -> Reactor:
        """The loop that serves it."""
        return self._connection.reactor

    @property
    def turns(self) -> Turns:
        """The server's connections that wait for the next turn of the loop. A protocol that takes
        over waits among them when it has a lot to do."""
        return self._connection.server.turns

    # -- its body ----------------------------------------------------------------------------------

    def read(
        self, callback: Callable[[bytes], Response | None], max_size: int | None = None
    ) -> None:
        """Collect the body, and call ``callback(body)`` with all of it, which may return a
        ``Response`` as a handler may.

        A body of more than ``max_size`` bytes (None: the server's limit) is answered with 413. If
        the client goes before its end, ``callback`` is never called; see ``on_lost``. Raises
        ``RuntimeError`` if the body was asked for already."""
        announced = self.content_length
        if max_size is not None and announced is not None and announced > max_size:
            raise body_too_large(max_size)
        collector = _Collector(callback, max_size)
        self.stream(collector.data_received, collector.eof_received)

    def stream(
        self,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        """Deliver the body as it comes: ``data_received(data)`` any number of times, then
        ``eof_received()`` once, which may return a ``Response`` as a handler may. Never from inside
        this call.

        ``pause_reading`` holds it up. If the client goes before its end, ``eof_received`` is never
        called; see ``on_lost``. Raises ``RuntimeError`` if the body was asked for already."""
        self._connection.stream_body(self, data_received, eof_received)

    def pause_reading(self) -> None:
        """Deliver no more of the body until ``resume_reading()``; the client has to wait."""
        self._connection.pause_body(self)

    def resume_reading(self) -> None:
        """Go on delivering."""
        self._connection.resume_body(self)

    # -- the answer --------------------------------------------------------------------------------

    def respond(self, response: Response) -> None:
        """Answer with ``response``. Once the client has gone, this does nothing.

        Raises ``RuntimeError`` if the request was answered already, ``ValueError`` or ``TypeError``
        if the response is not valid."""
        self._connection.respond(self, response)

    def start(
        self,
        status: int = 200,
        headers: Iterable[Header] = (),
        content_length: int | None = None,
    ) -> BodyWriter:
        """Send the head of a response, and write the body bit by bit to what is returned.

        ``content_length``: bytes, if known; else the body is sent in chunks, and to an HTTP/1.0
        client until the connection is closed. Raises as ``respond`` does."""
        return self._connection.start(self, status, headers, content_length)

    def take_over(self, protocol: Any, status: int = 101, headers: Iterable[Header] = ()) -> None:
        """Answer with ``status`` and hand the connection over to ``protocol``, from the first byte
        after the request: its ``connection_made`` is called now, data follows.

        With 101, ``headers`` must have ``Upgrade`` and ``Connection`` (RFC 9110 section 7.8); a
        CONNECT is answered with 200. The server's limits no longer hold for this connection. Raises
        ``RuntimeError`` if the request was answered, or has a body that was not read to its
        end."""
        self._connection.take_over(self, protocol, status, headers)

    def on_lost(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` if the connection is lost before the response is complete, whether
        or not it has begun. Replaces the one before."""
        self._connection.call_when_lost(self, callback)

    @property
    def is_lost(self) -> bool:
        """Whether nobody is there any more to answer to."""
        return self._connection.current is not self or self._connection.transport.is_closing()

    @property
    def is_half_closed(self) -> bool:
        """Whether the client has finished sending: it waits for the answer, or has gone."""
        return self._connection.is_half_closed

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


class _Collector:
    """Collects a body for ``Request.read``."""

    def __init__(self, callback: Callable[[bytes], Response | None], max_size: int | None) -> None:
        self._callback = callback
        self._max_size = max_size
        self._pieces: list[bytes] = []
        self._size = 0

    def data_received(self, data: bytes) -> None:
        self._size += len(data)
        if self._max_size is not None and self._size > self._max_size:
            raise body_too_large(self._max_size)
        self._pieces.append(data)
        if len(self._pieces) > 1000:  # tiny chunks would cost more than their bytes
            self._pieces = [b"".join(self._pieces)]

    def eof_received(self) -> Response | None:
        body = b"".join(self._pieces)
        self._pieces.clear()
        return self._callback(body)
