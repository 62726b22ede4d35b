"""Options of the way in for IRC clients, and serving it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from reactor import Reactor
from reactor.command import (
    WRONG_USAGE,
    CommandError,
    refuse_unused,
    server_option,
)

from ...passwords import Passwords, PasswordsError
from ..hub import Hub
from ..listening import add_port_options, listen
from .credentials import read_operators
from .server import IRCServer
from .shared import Shared

DEFAULT_PORT: Final = 6667
DEFAULT_NAME: Final = "chat.local"

MAX_MOTD: Final = 65_536  # bytes

_OPTIONS: Final = ("port", "name", "motd", "description", "admin", "operators")

# With a dot, a server's name is not taken for a nick (RFC 2812 section 2.3.1).
_NAME = re.compile(r"(?=.{1,63}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def add_arguments(parser: argparse._ActionsContainer) -> None:
    """Add the options."""
    add_port_options(parser, "irc", DEFAULT_PORT, "IRC clients", "serve no IRC")
    server_option(
        parser,
        "--irc-name",
        metavar="NAME",
        type=_server_name,
        default=DEFAULT_NAME,
        help="the server's name for IRC clients (%(default)s)",
    )
    server_option(
        parser,
        "--irc-motd",
        metavar="FILE",
        help="text that IRC clients show when they have connected",
    )
    server_option(
        parser,
        "--irc-description",
        metavar="TEXT",
        default=Shared.description,
        help="what /whois says about the server (%(default)s)",
    )
    server_option(
        parser,
        "--irc-admin",
        metavar="TEXT",
        default="",
        help="what /admin says: how to reach those who run the server",
    )
    server_option(
        parser,
        "--irc-operators",
        metavar="FILE",
        help="who may use /oper: a line with name and hash for each, as"
        " 'python -m protocols.chat.irc.credentials NAME' prints it",
    )


def check(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` if the options contradict each other."""
    if options.no_irc:
        unused = [f"--irc-{name}" for name in _OPTIONS]
        refuse_unused(options, unused, "cannot be combined with --no-irc")


def serve(hub: Hub, reactor: Reactor, options: argparse.Namespace) -> list[str]:
    """Serve IRC, unless there is ``--no-irc``. Return the URLs. Raises ``CommandError``."""
    if options.no_irc:
        return []
    motd = _read_motd(options.irc_motd) if options.irc_motd else ()
    server = IRCServer(
        hub,
        reactor,
        name=options.irc_name,
        motd=motd,
        description=options.irc_description,
        admin=options.irc_admin,
        credentials=_read_credentials(options.irc_operators),
    )
    return listen(reactor, server.connection, options, "irc", "irc")


def _read_motd(path: str) -> tuple[str, ...]:
    """Return the lines of the file at ``path``. Raises CommandError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_MOTD + 1)
    except OSError as exc:
        raise CommandError(f"cannot read {path}: {exc.strerror}") from exc
    if len(content) > MAX_MOTD:
        raise CommandError(f"{path} has more than {MAX_MOTD} bytes", WRONG_USAGE)
    return tuple(content.decode(errors="replace").splitlines())


def _read_credentials(path: str | None) -> Passwords:
    """Return who may become an operator. Raises CommandError."""
    if not path:
        return Passwords()
    try:
        return read_operators(Path(path))
    except OSError as exc:
        raise CommandError(f"cannot read {path}: {exc.strerror}") from exc
    except PasswordsError as exc:
        raise CommandError(str(exc), WRONG_USAGE) from exc


def _server_name(text: str) -> str:
    """Return ``text``. This is the type of ``--irc-name``."""
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(f"expected a name such as {DEFAULT_NAME}, not {text!r}")
    return text
