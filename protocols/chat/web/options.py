"""Options of the way in for browsers, and serving it.

The page needs ``httptools`` and ``websockets``. Without them, the chat starts without the page.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Final

from reactor import KeepAlive, Reactor
from reactor.command import (
    CANNOT_START,
    CommandError,
    listen_tcp,
    port_number,
    refuse_unused,
    server_option,
    tcp_urls,
)

from ..hub import Hub

DEFAULT_PORT: Final = 8580

# Connections for more than the members: of those who load the page, or come back before their old
# connection is gone, and of those who are told that the chat is full.
VISITORS: Final = 1000

_MISSING: Final = "the page in the browser needs two libraries: pip install httptools websockets"


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options."""
    server_option(
        parser,
        "--web-port",
        metavar="N",
        type=port_number,
        default=DEFAULT_PORT,
        help="port for the page in a browser, 0 for any (%(default)d)",
    )
    server_option(parser, "--no-web", action="store_true", help="serve no page")
    with suppress(ImportError):  # without the libraries, these options would have no effect
        from protocols.websocket.options import add_page_options

        add_page_options(parser)


def serve(hub: Hub, reactor: Reactor, options: argparse.Namespace) -> list[str]:
    """Serve the page, unless there is ``--no-web``. Return the URLs. Raises ``CommandError``."""
    if options.no_web:
        refuse_unused(
            options,
            ("--web-port", "--allow-origin", "--allow-host"),
            "cannot be combined with --no-web",
        )
        return []
    try:
        from .server import WebServer
    except ModuleNotFoundError as exc:
        if exc.name not in ("httptools", "websockets"):
            raise
        if "--web-port" in options.given:
            raise CommandError(_MISSING, CANNOT_START) from exc
        print(f"reactor: {_MISSING}", file=sys.stderr)
        return []
    server = WebServer(hub, reactor, origins=options.allow_origin, hosts=options.allow_host)
    place = argparse.Namespace(host=options.host, port=options.web_port, tls=options.tls)
    try:
        listener = listen_tcp(
            reactor,
            server.http,
            place,
            max_connections=options.max_members + VISITORS,
            keepalive=KeepAlive(),
        )
    except CommandError as exc:
        raise CommandError(f"{exc} (--web-port N takes another one, --no-web none)") from exc
    return [
        f"{url.replace('tcp:', 'http:').replace('tls:', 'https:')}/"
        for url in tcp_urls(listener, options.tls)
    ]
