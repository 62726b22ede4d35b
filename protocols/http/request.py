"""Request: one request as a handler gets it, and the methods to answer it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .body import BodyCollector
from .errors import body_too_large
from .head import RequestHead
from .headers import Headers
from .response import Header, Response
from .states import CLIENT_FINISHED
from .writer import BodyWriter

if TYPE_CHECKING:
    from reactor import Reactor

    from .interfaces import Connection, Queue
    from .proxies import Origin

Handler = Callable[["Request"], Response | None]


class Request:
    """One request. The server makes it; handlers get an ``Exchange``, a subclass that implements
    the methods.

    A handler returns a ``Response``; or it returns None and answers later with ``respond``,
    ``start`` or ``take_over``: from a timer, from another connection, or from a thread through
    ``reactor.call_soon_threadsafe``. All methods must be called in the loop's thread. If the
    handler raises, the client gets status 500, or the status of the ``HTTPError`` that it raised.

    The body must be requested with ``read`` or ``stream``; otherwise it is discarded after the
    response."""

    __slots__ = ("_connection", "head")

    def __init__(self, head: RequestHead, connection: Connection) -> None:
        self.head = head
        self._connection = connection

    # -- the request line and the fields -----------------------------------------------------------

    @property
    def method(self) -> str:
        """The method, in capitals."""
        return self.head.method

    @property
    def target(self) -> str:
        """The request target as it was sent: usually a path with a query."""
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
        """Bytes of the body; None for a chunked one, whose length is not known yet."""
        return None if self.head.fields.chunked else self.head.fields.content_length

    @property
    def has_body(self) -> bool:
        """Whether there is a body, or may be."""
        return self.head.fields.has_body

    @property
    def upgrade(self) -> str | None:
        """The protocols to which the client offers to change (RFC 9110 section 7.8), or None."""
        return self.head.fields.upgrade

    # -- where it came from ------------------------------------------------------------------------

    @property
    def origin(self) -> Origin:
        """The client, scheme and host, taken from trusted proxies where there are any."""
        origin: Origin = self._connection.server.proxies.origin(self)
        return origin

    @property
    def is_origin_plain(self) -> bool:
        """Whether ``origin`` says no more than ``peername`` and ``head.authority``: there is
        neither TLS nor a trusted proxy, and the client named the host."""
        connection = self._connection
        return (
            bool(self.head.authority)
            and connection.transport.get_extra_info("ssl_object") is None
            and not connection.server.proxies.trusts_anyone
        )

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
        """Host and port as the client named them; "" if an HTTP/1.0 client did not."""
        return self.origin.host

    @property
    def peername(self) -> Any:
        """The address of the other end, which may be a proxy's; None over a Unix socket."""
        return self._connection.transport.get_extra_info("peername")

    @property
    def sockname(self) -> Any:
        """The address of our end of the connection."""
        return self._connection.transport.get_extra_info("sockname")

    @property
    def is_tls(self) -> bool:
        """Whether this connection is encrypted. A proxy's connection to its client may differ."""
        return self._connection.transport.get_extra_info("ssl_object") is not None

    @property
    def date(self) -> int:
        """The time in the ``Date`` field of the response, in seconds since the epoch."""
        return self._connection.server.date(self._connection.reactor.now)

    @property
    def reactor(self) -> Reactor:
        """The reactor that serves it."""
        return self._connection.reactor

    @property
    def turns(self) -> Queue:
        """The queue of the server's connections that wait for the next turn of the loop. A protocol
        that takes over the connection waits in it when it has more input than a turn has time
        for."""
        return self._connection.server.turns

    # -- its body ----------------------------------------------------------------------------------

    def read(
        self, callback: Callable[[bytes], Response | None], max_size: int | None = None
    ) -> None:
        """Collect the body, and call ``callback(body)`` with all of it. It may return a
        ``Response``, as a handler may.

        The response to a body of more than ``max_size`` bytes (None: the server's limit) is 413. If
        the client leaves before the end of the body, ``callback`` is never called; see ``on_lost``.
        Raises ``RuntimeError`` if the body was asked for already."""
        announced = self.content_length
        if max_size is not None and announced is not None and announced > max_size:
            raise body_too_large(max_size)
        collector = BodyCollector(callback, max_size)
        self.stream(collector.data_received, collector.eof_received)

    def stream(
        self,
        data_received: Callable[[bytes], object],
        eof_received: Callable[[], Response | None],
    ) -> None:
        """Deliver the body as it arrives: ``data_received(data)`` any number of times, then
        ``eof_received()`` once, which may return a ``Response``, as a handler may. They are never
        called from inside this call.

        ``pause_reading`` makes it wait. If the client leaves before the end of the body,
        ``eof_received`` is never called; see ``on_lost``. Raises ``RuntimeError`` if the body was
        asked for already."""
        raise NotImplementedError

    def pause_reading(self) -> None:
        """Deliver no more of the body until ``resume_reading()``; the client has to wait."""
        raise NotImplementedError

    def resume_reading(self) -> None:
        """Deliver the body again."""
        raise NotImplementedError

    # -- the response ------------------------------------------------------------------------------

    def respond(self, response: Response) -> None:
        """Answer with ``response``. If the client has left, this does nothing.

        Raises ``RuntimeError`` if the request was answered already, ``ValueError`` or ``TypeError``
        if the response is not valid."""
        raise NotImplementedError

    def start(
        self,
        status: int = 200,
        headers: Iterable[Header] = (),
        content_length: int | None = None,
    ) -> BodyWriter:
        """Send the head of a response. Returns a ``BodyWriter``, to write the body in pieces.

        ``content_length``: bytes, if known. If not, the body is sent in chunks; to an HTTP/1.0
        client, the end of the connection ends it. Raises as ``respond`` does."""
        raise NotImplementedError

    def take_over(self, protocol: Any, status: int = 101, headers: Iterable[Header] = ()) -> None:
        """Answer with ``status`` and pass the connection to ``protocol``, from the first byte after
        the request: its ``connection_made`` is called now, data follows later.

        With 101, ``headers`` must have ``Upgrade`` and ``Connection`` (RFC 9110 section 7.8). The
        response to CONNECT is 200. The server's limits no longer apply to this connection. Raises
        ``RuntimeError`` if the request was answered already, or its body was not read to the
        end."""
        raise NotImplementedError

    def on_lost(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` if the connection is lost before the response is complete, even if
        the response has not begun. It replaces an earlier callback."""
        raise NotImplementedError

    @property
    def is_lost(self) -> bool:
        """Whether no response can be sent any more: it is complete, or the client has left."""
        return self._connection.current is not self or self._connection.transport.is_closing()

    @property
    def is_half_closed(self) -> bool:
        """Whether the client has finished sending: it waits for the response, or has left."""
        return bool(self._connection.facts & CLIENT_FINISHED)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"
