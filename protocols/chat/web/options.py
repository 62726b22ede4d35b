"""Options of the way in for browsers, and serving it.

The page needs ``httptools`` and ``websockets``. Without them, the chat starts without the page.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Final

from reactor import Reactor
from reactor.command import CANNOT_START, CommandError, refuse_unused

from ..hub import Hub
from ..listening import add_port_options, listen

DEFAULT_PORT: Final = 8580

_MISSING: Final = "the page in the browser needs two libraries: pip install httptools websockets"


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options."""
    add_port_options(parser, "web", DEFAULT_PORT, "the page in a browser", "serve no page")
    with suppress(ImportError):  # without the libraries, there is no page
        from protocols.websocket.options import add_page_options

        add_page_options(parser)


def check(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` if the options contradict each other."""
    if options.no_web:
        unused = ("--web-port", "--allow-origin", "--allow-host")
        refuse_unused(options, unused, "cannot be combined with --no-web")


def serve(hub: Hub, reactor: Reactor, options: argparse.Namespace) -> list[str]:
    """Serve the page, unless there is ``--no-web``. Return the URLs. Raises ``CommandError``."""
    if options.no_web:
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
    return [f"{url}/" for url in listen(reactor, server.http, options, "web", "http")]
