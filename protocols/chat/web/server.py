"""The web server of the chat: the page's files, and at ``/`` the WebSockets."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from typing import Final

from protocols.http import HTTPServer, Request, Response
from protocols.http import Limits as HTTPLimits
from protocols.http.origins import check_host
from protocols.page import PageFiles
from protocols.websocket import Limits, WebSocket, accept
from reactor import Reactor

from ..hub import Hub
from .connection import EventSocket
from .events import SUBPROTOCOL
from .lines import LineSocket
from .session import Sessions

# A line of 4,096 characters has up to 49,152 bytes in JSON, if each is escaped.
# Snapshots of twenty rooms with a thousand members each have 2 MB; kept frames have up to 1 MB.
WEBSOCKET_LIMITS: Final = Limits(
    message_size=65_536, inflated_size=65_536, fragments=64, write_buffer=4 << 20
)
HTTP_LIMITS: Final = HTTPLimits(body=65_536)


class WebServer:
    """Serves the chat to browsers. To serve: ``reactor.listen_tcp(server.http, ...)``.

    ``origins``: other origins whose pages may connect. ``hosts``: other names of this machine on a
    loopback address. ``page``: the files; None for those of the package.
    """

    def __init__(
        self,
        hub: Hub,
        reactor: Reactor,
        *,
        origins: Collection[str] = (),
        hosts: Collection[str] = (),
        page: PageFiles | None = None,
        limits: Limits = WEBSOCKET_LIMITS,
    ) -> None:
        self.http = HTTPServer(self._handle, limits=HTTP_LIMITS)
        self._hub = hub
        self._sessions = Sessions(hub, reactor)
        self._origins = origins
        self._hosts = hosts
        self._page = page or PageFiles(files(__package__) / "page")
        self._limits = limits

    def _handle(self, request: Request) -> Response | None:
        if request.path == "/" and _wants_websocket(request):
            accept(
                request,
                self._event_socket if _offers_events(request) else self._line_socket,
                subprotocols=(SUBPROTOCOL,),
                origins=self._origins,
                hosts=self._hosts,
                limits=self._limits,
            )
            return None
        check_host(request, self._hosts)
        return self._page.answer(request)

    def _event_socket(self) -> WebSocket:
        return EventSocket(self._sessions)

    def _line_socket(self) -> WebSocket:
        return LineSocket(self._hub)


def _wants_websocket(request: Request) -> bool:
    """Whether the client asks for a WebSocket, and not, as curl does, for HTTP/2."""
    offered = (request.upgrade or "").split(",")
    return any(protocol.strip().lower() == "websocket" for protocol in offered)


def _offers_events(request: Request) -> bool:
    offered = request.headers.get_all("sec-websocket-protocol")
    return any(name.strip() == SUBPROTOCOL for field in offered for name in field.split(","))
