"""What the parts of the HTTP server need of the parts above them.

A part imports only parts below it, and uses parts above it through the interfaces in this file.
From the top down: ``server`` makes a ``connection`` for each client. The connection gets heads and
bodies from ``reading``, and runs one ``exchange`` after another. The handler gets the exchange as a
``request``, and may answer through a ``writer``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .states import State

if TYPE_CHECKING:
    from reactor import Loop, Reactor, StreamTransport

    from .deadlines import Deadlines
    from .head import HeadParser, RequestHead
    from .limits import Limits
    from .reading import RequestReader
    from .response import Header, Response


class RequestLog(Protocol):
    """What is called for each request that was answered."""

    def write(self, request: Any, status: int, size: int) -> object:
        """``request``: a ``Request``. ``size``: bytes of the response's body."""


class AskedRequest(Protocol):
    """What ``TrustedProxies`` need of a request."""

    @property
    def head(self) -> RequestHead: ...
    @property
    def peername(self) -> Any: ...
    @property
    def is_tls(self) -> bool: ...


class Proxies(Protocol):
    """What a request needs of ``TrustedProxies``."""

    trusts_anyone: bool

    def origin(self, request: Any) -> Any: ...


class Waiting(Protocol):
    """What waits for a turn (see ``Turns``): a connection."""

    @property
    def reactor(self) -> Loop: ...

    def go_on(self) -> None:
        """Called when it is the connection's turn."""


class Queue(Protocol):
    """What a connection needs of ``Turns``."""

    def wait(self, connection: Waiting) -> None: ...


class Server(Protocol):
    """What requests and exchanges need of the ``HTTPServer``."""

    limits: Limits
    keepalive_timeout: float
    access_log: RequestLog | None
    debug: bool

    @property
    def proxies(self) -> Proxies: ...
    @property
    def turns(self) -> Queue: ...
    def render(self, status: int, headers: tuple[Header, ...], now: float) -> bytes: ...
    def date(self, now: float) -> int: ...


class Connection(Protocol):
    """What a ``Request`` needs of its connection."""

    transport: StreamTransport
    reactor: Reactor
    facts: int

    @property
    def server(self) -> Server: ...

    current: Any


class Output(Protocol):
    """What a ``BodyWriter`` writes to: a connection. It counts what is sent."""

    transport: StreamTransport
    reactor: Reactor
    facts: int

    def send(self, data: bytes) -> None: ...
    def send_file(
        self,
        file: Any,
        offset: int,
        count: int,
        callback: Callable[[Exception | None], object] | None,
    ) -> None: ...


class ExchangeConnection(Connection, Output, Protocol):
    """What an ``Exchange`` needs of its connection."""

    state: State
    written: int
    deadlines: Deadlines
    reader: RequestReader | None

    def read_on(self) -> None: ...
    def response_completed(self) -> None: ...
    def hand_over(self, protocol: Any) -> None: ...
    def close(self) -> None: ...
    def reset(self, why: str) -> None: ...


class WrittenResponse(Protocol):
    """What a ``BodyWriter`` calls at its end: an exchange."""

    def body_written(self) -> None:
        """All of the body is written."""

    def cut(self, why: str) -> None:
        """The body cannot be completed."""


class ConnectionServer(Server, Protocol):
    """What a connection needs of the ``HTTPServer``."""

    allow_connect: bool
    max_head: int
    max_requests: int
    parser: HeadParser

    @property
    def handler(self) -> Callable[[Any], Response | None]: ...
