"""Helpers for ways in that listen: the options ``--NAME-port N`` and ``--no-NAME``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

from reactor import KeepAlive, Protocol, Reactor
from reactor.command import listen_tcp, port_number, server_option, tcp_urls

# Connections in addition to those of members: of clients that have not joined yet, that come back
# before their old connection is gone, or that get the error that the chat is full.
VISITORS: Final = 1000


def add_port_options(
    parser: argparse._ActionsContainer, name: str, default: int, what: str, without: str
) -> None:
    """Add the two options for the way in called ``name``. ``what``: what its port is for;
    ``without``: what ``--no-NAME`` means."""
    server_option(
        parser,
        f"--{name}-port",
        metavar="N",
        type=port_number,
        default=default,
        help=f"port for {what}, 0 for any (%(default)d)",
    )
    server_option(parser, f"--no-{name}", action="store_true", help=without)


def listen(
    reactor: Reactor,
    factory: Callable[[], Protocol],
    options: argparse.Namespace,
    name: str,
    scheme: str,
) -> list[str]:
    """Listen where the options of the way in called ``name`` say, and return the URLs.

    ``scheme``: of the URLs without TLS; with TLS, an "s" follows. Raises ``CommandError``.
    """
    place = argparse.Namespace(
        host=options.host, port=getattr(options, f"{name}_port"), tls=options.tls
    )
    listener = listen_tcp(
        reactor,
        factory,
        place,
        remedy=f"--{name}-port N takes another one, --no-{name} none",
        max_connections=options.max_members + VISITORS,
        keepalive=KeepAlive(),
    )
    return tcp_urls(listener, options.tls, scheme)
