"""The options of the page for the mail, and serving it.

The page needs ``httptools``. Without it, the mail server starts without the page."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from protocols.tokens import check_token, make_token
from reactor import KeepAlive, Reactor
from reactor.command import (
    CANNOT_START,
    CommandError,
    listen_tcp,
    port_number,
    refuse_unused,
    tcp_urls,
)
from reactor.sockets.addresses import LOOPBACK, Networks

from ..store import MailStore

PORT: Final = 8025
_CONNECTIONS: Final = 256
_CONNECTIONS_PER_ADDRESS: Final = 192
_MISSING: Final = "the page for the mail needs a library: pip install httptools"


def add_web_options(parser: argparse._ActionsContainer) -> None:
    """Add them to ``parser``."""
    parser.add_argument(
        "--web-port",
        metavar="N",
        type=port_number,
        default=PORT,
        help="port for the page in a browser and its API, 0 for any (%(default)d)",
    )
    parser.add_argument(
        "--web-token",
        metavar="T",
        type=_token,
        help="who reads the page needs this token, except on a loopback address (random); the"
        " environment is safer, as other users can read command lines",
    )
    parser.add_argument("--no-web", action="store_true", help="serve no page")


def serve_web(reactor: Reactor, options: argparse.Namespace, store: MailStore) -> list[str]:
    """Serve the page, unless there is ``--no-web``; returns the URLs. Raises ``CommandError``."""
    if options.no_web:
        unused = ("--web-port", "--web-token")
        refuse_unused(options, unused, "cannot be combined with --no-web")
        return []
    try:
        from protocols.page.access import Access

        from .server import MailWeb
    except ModuleNotFoundError as exc:
        if exc.name != "httptools":
            raise
        if "--web-port" in options.given:
            raise CommandError(_MISSING, CANNOT_START) from exc
        print(f"reactor: {_MISSING}", file=sys.stderr)
        return []
    access = Access(options.web_token or make_token(), needs_token=True, what="the mail server")
    place = argparse.Namespace(host=options.host, port=options.web_port, tls=options.tls)
    listener = listen_tcp(
        reactor,
        MailWeb(reactor, store, access),
        place,
        remedy="--web-port N takes another one, --no-web none",
        max_connections=_CONNECTIONS,
        max_connections_per_address=_CONNECTIONS_PER_ADDRESS,
        keepalive=KeepAlive(),
    )
    loopback = Networks(LOOPBACK)
    access.needs_token = not all(address[0] in loopback for address in listener.addresses)
    query = f"?token={access.token}" if access.needs_token else ""
    return [f"{url}/{query}" for url in tcp_urls(listener, options.tls, "http")]


def _token(text: str) -> str:
    try:
        return check_token(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
