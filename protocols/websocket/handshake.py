"""The opening handshake (RFC 6455 section 4.2): from an HTTP request to a ``WebSocket``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Final

from websockets.datastructures import Headers
from websockets.http11 import Request as HandshakeRequest

from protocols.http import HTTPError, Request
from protocols.http.origins import check_host, check_origin

from .connection import WebSocketConnection
from .core import Core
from .limits import Limits
from .websocket import WebSocket

_LIMITS: Final = Limits()
# Our HTTP server writes these itself, or they describe the body of the core's error page.
_NOT_COPIED: Final = ("connection", "content-length", "content-type", "date")


def accept(
    request: Request,
    factory: Callable[[], WebSocket],
    *,
    subprotocols: Sequence[str] = (),
    origins: Collection[str] = (),
    hosts: Collection[str] = (),
    limits: Limits = _LIMITS,
    deflate: bool = True,
) -> None:
    """Answer ``request`` with 101, and turn its connection into a WebSocket. For an HTTP handler::

        def handler(request):
            if request.path == "/chat":
                return accept(request, Chat)

    ``factory()`` returns the ``WebSocket``, whose ``opened`` is called before this returns. If the
    client has left, nothing is called.
    ``subprotocols``: those that the server supports, in order of preference; with none in common
    the connection has none. ``origins``: other origins whose pages may connect, see
    ``check_origin``. ``hosts``: other names of this machine where the server listens on a loopback
    address, see ``check_host``. ``deflate``: accept permessage-deflate if the client offers it.

    Raises ``HTTPError`` for a request that is not a valid handshake (400, 405, 426, 505), or comes
    from a page that may not connect (403); ``TypeError`` for a str where several names are
    expected; ``RuntimeError`` if the request was answered already."""
    if any(isinstance(names, str) for names in (subprotocols, origins, hosts)):
        raise TypeError("subprotocols, origins and hosts are lists of names")
    check_host(request, hosts)
    check_origin(request, origins)
    core = Core(limits, subprotocols, deflate)
    response = core.accept(
        HandshakeRequest(
            request.target,
            Headers(request.headers.pairs),
            request.method,
            f"HTTP/{request.http_version}",
        )
    )
    headers = tuple(
        (name, value)
        for name, value in response.headers.raw_items()
        if name.lower() not in _NOT_COPIED
    )
    if response.status_code != 101:
        raise _refusal(request, response.status_code, bytes(response.body), headers)
    if request.has_body:
        raise HTTPError(400, "A handshake has no body.")
    if request.is_lost:
        request.take_over(None)  # raises unless it is because the client has left
        return
    websocket = factory()
    websocket.request = request
    websocket.subprotocol = core.subprotocol
    websocket._connection = connection = WebSocketConnection(core, websocket, limits, request.turns)
    request.take_over(connection, headers=[*headers, ("Connection", "Upgrade")])


def _refusal(
    request: Request, status: int, body: bytes, headers: tuple[tuple[str, str], ...]
) -> HTTPError:
    detail = body.decode().strip().splitlines()[0]
    if request.upgrade is None and status == 426:
        detail = "This is a WebSocket: connect to it with a program, or from a page's script."
    elif request.upgrade is not None and request.headers.get("sec-websocket-version", "13") != "13":
        status = 426
        headers = (("Upgrade", "websocket"),)
    if status == 426:  # the supported version: RFC 6455 section 4.4
        headers = (*headers, ("Sec-WebSocket-Version", "13"))
    return HTTPError(status, detail, headers)
