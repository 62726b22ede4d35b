"""``--protocol module:Class`` for a ``WebSocket`` class: serves it at ``/``."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Final

from protocols.http import HTTPError, HTTPServer, Request
from protocols.http import Limits as HTTPLimits
from reactor import KeepAlive, Reactor
from reactor.command import (
    Application,
    LimitOptions,
    Repeatable,
    add_limit_options,
    duration,
    limits_given,
    listen_tcp,
    positive,
    seconds,
    tcp_urls,
)

from .handshake import accept
from .limits import Limits
from .origins import ANY, is_origin

if TYPE_CHECKING:
    from .websocket import WebSocket

# Connections of a process, and seconds from connecting to the end of the handshake's request.
MAX_CONNECTIONS: Final = 20_000
HANDSHAKE_TIMEOUT: Final = 10.0

_LIMITS: Final = Limits()
_LIMIT_OPTIONS: Final[LimitOptions] = (
    ("--max-message", "BYTES", positive, "message_size", "of a message; else close code 1009"),
    ("--max-inflated", "BYTES", positive, "inflated_size", "of a compressed message; else 1009"),
    ("--max-fragments", "N", positive, "fragments", "frames of a message; else 1008"),
    ("--frames-per-turn", "N", positive, "frames_per_turn", "of one client in a turn of the loop"),
    ("--max-unread", "BYTES", positive, "write_buffer", "queued for a client that does not read"),
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
        parser.add_argument(
            "--allow-origin",
            metavar="ORIGIN",
            action=Repeatable,
            type=_origin,
            help="also accept pages of this origin, such as https://example.com; '*': of "
            "any; repeatable (pages of the same origin)",
        )
        parser.add_argument(
            "--allow-host",
            metavar="NAME",
            action=Repeatable,
            type=_host,
            help="on a loopback address: another name of this machine that clients use; '*': any; "
            "repeatable (localhost)",
        )
        parser.add_argument("--no-deflate", action="store_true", help="no compression")
        parser.add_argument(
            "--max-connections",
            metavar="N",
            type=positive,
            default=MAX_CONNECTIONS,
            help="at a time; more wait (%(default)d)",
        )
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
        return [
            f"{url.replace('tcp:', 'ws:').replace('tls:', 'wss:')}/"
            for url in tcp_urls(listener, options.tls)
        ]


def _origin(text: str) -> str:
    """The type of ``--allow-origin``. Anything else would never match. Browsers send ``null`` for
    files, among others."""
    if text not in (ANY, "null") and not is_origin(text):
        raise argparse.ArgumentTypeError(
            f"expected an origin, like https://example.com, with nothing behind it, not {text!r}"
        )
    return text


def _host(text: str) -> str:
    """The type of ``--allow-host``."""
    if not re.fullmatch(r"[^\s:/]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", text):
        raise argparse.ArgumentTypeError(f"expected a name, without a port, not {text!r}")
    return text
