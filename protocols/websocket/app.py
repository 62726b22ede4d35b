"""``--protocol module:Class`` for a ``WebSocket`` class: serves it at ``/``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from protocols.http import HTTPError, HTTPServer, Request
from protocols.http import Limits as HTTPLimits
from reactor import KeepAlive, Reactor
from reactor.command import (
    Application,
    LimitOptions,
    add_connection_limits,
    add_limit_options,
    duration,
    limits_given,
    listen_tcp,
    positive,
    positive_size,
    seconds,
    tcp_urls,
)

from .handshake import accept
from .limits import Limits
from .options import add_page_options

if TYPE_CHECKING:
    from .websocket import WebSocket

# Connections of a process, and seconds from connecting to the end of the handshake's request.
MAX_CONNECTIONS: Final = 20_000
HANDSHAKE_TIMEOUT: Final = 10.0

_LIMITS: Final = Limits()
_LIMIT_OPTIONS: Final[LimitOptions] = (
    ("--max-message", "SIZE", positive_size, "message_size", "of a message; else close code 1009"),
    (
        "--max-inflated",
        "SIZE",
        positive_size,
        "inflated_size",
        "of a compressed message; else 1009",
    ),
    ("--max-fragments", "N", positive, "fragments", "frames of a message; else 1008"),
    ("--frames-per-turn", "N", positive, "frames_per_turn", "of one client in a turn of the loop"),
    (
        "--max-unread",
        "SIZE",
        positive_size,
        "write_buffer",
        "queued for a client that does not read",
    ),
    ("--ping-interval", "S", seconds, "ping_interval", "seconds between pings; 0: none"),
    ("--ping-timeout", "S", duration, "ping_timeout", "seconds to answer a ping"),
    ("--close-timeout", "S", duration, "close_timeout", "seconds for the closing handshake"),
)


class WebSocketApplication(Application):
    """Serves a subclass of ``WebSocket``."""

    default_port = 8080
    connections_option = "--max-connections"

    def __init__(self, websocket_class: type[WebSocket]) -> None:
        self._class = websocket_class
        self.description = (websocket_class.__doc__ or "").strip().partition("\n")[0]
        self.default_port = getattr(websocket_class, "default_port", self.default_port)

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_page_options(parser)
        parser.add_argument("--no-deflate", action="store_true", help="no compression")
        add_connection_limits(parser, MAX_CONNECTIONS)
        add_limit_options(parser, _LIMIT_OPTIONS, _LIMITS)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        limits = Limits(**limits_given(options, _LIMIT_OPTIONS))

        def handler(request: Request) -> None:
            if request.path != "/":
                raise HTTPError(404)
            accept(
                request,
                self._class,
                subprotocols=self._class.subprotocols,
                origins=options.allow_origin,
                hosts=options.allow_host,
                limits=limits,
                deflate=not options.no_deflate,
            )

        server = HTTPServer(handler, limits=HTTPLimits(head_timeout=HANDSHAKE_TIMEOUT))
        listener = listen_tcp(
            reactor,
            server,
            options,
            max_connections=options.max_connections,
            keepalive=KeepAlive(),
        )
        return [f"{url}/" for url in tcp_urls(listener, options.tls, "ws")]
