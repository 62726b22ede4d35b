"""Options of the command line that say which pages may connect: for every server of WebSockets."""

from __future__ import annotations

import argparse
import re

from protocols.http.origins import ANY, is_origin
from reactor.command import Repeatable, server_option


def add_page_options(parser: argparse._ActionsContainer) -> None:
    """Add ``--allow-origin`` and ``--allow-host``: ``origins`` and ``hosts`` of ``accept``."""
    server_option(
        parser,
        "--allow-origin",
        metavar="ORIGIN",
        action=Repeatable,
        type=_origin,
        help="accept pages of this origin, too, such as https://example.com; '*': of any; "
        "repeatable (only those of the server's own)",
    )
    server_option(
        parser,
        "--allow-host",
        metavar="NAME",
        action=Repeatable,
        type=_host,
        help="on a loopback address: another name of this machine that clients use; '*': any; "
        "repeatable (localhost)",
    )


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
