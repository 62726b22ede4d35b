"""The options of ``--protocol ftp``."""

from __future__ import annotations

import argparse
import ipaddress
import re
from pathlib import Path
from typing import Final

from reactor.command import (
    WRONG_USAGE,
    CommandError,
    LimitOptions,
    Repeatable,
    add_connection_limits,
    add_limit_options,
    duration,
    limits_given,
    positive,
    positive_size,
    reason,
    refuse_unused,
    refuse_without_tls,
    size,
)

from ..passwords import PasswordsError
from .accounts import AccountLine, Accounts, open_accounts, parse_account, read_accounts
from .limits import FTPLimits
from .shared import BANNER

MAX_CONNECTIONS: Final = 1000
MAX_CONNECTIONS_PER_ADDRESS: Final = 50

_DEFAULTS: Final = FTPLimits()
LIMIT_OPTIONS: Final[LimitOptions] = (
    ("--upload-limit", "SIZE", size, "upload", "largest file after an upload, else 552; 0: any"),
    ("--quota", "SIZE", size, "quota", "of all files in a user's folder, else 552; 0: any size"),
    ("--max-command", "SIZE", positive_size, "command", "longest command; else 500"),
    ("--max-errors", "N", positive, "errors", "lines in a row that are no commands; then 421"),
    ("--max-passive-ports", "N", positive, "passive_ports", "that wait for clients; else 425"),
    (
        "--max-wrong-passwords",
        "N",
        positive,
        "wrong_passwords",
        "from one address in ten minutes; then 421",
    ),
    ("--login-timeout", "S", duration, "login_timeout", "seconds to log in; then 421"),
    ("--idle-timeout", "S", duration, "idle_timeout", "seconds without a command; then 421"),
    (
        "--data-timeout",
        "S",
        duration,
        "data_timeout",
        "seconds until a data connection is open, else 425, and without progress on it, then 426",
    ),
    (
        "--max-ascii-size",
        "SIZE",
        size,
        "ascii_size",
        "largest file whose size in ASCII is computed, as that reads it; else 550",
    ),
)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add them to ``parser``."""
    parser.add_argument("--root", metavar="DIR", help="serve the files in this folder")
    _add_user_options(parser)
    _add_connection_options(parser)
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="append a line for each transfer, in xferlog format; '-' is standard output; SIGUSR1 "
        "reopens the file",
    )
    parser.add_argument(
        "--banner", metavar="TEXT", default=BANNER, help="what the greeting says (%(default)s)"
    )
    add_limit_options(parser, LIMIT_OPTIONS, _DEFAULTS)


def _add_user_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--user",
        metavar="NAME:HASH[:DIR][:rw]",
        action=Repeatable,
        type=_account,
        help="who may log in: the hash of the password, as --hash-password prints it; the folder, "
        "in --root or absolute; whether to allow writing; repeatable",
    )
    parser.add_argument(
        "--users", metavar="FILE", help="more users: a line NAME:HASH[:DIR][:rw] for each"
    )
    parser.add_argument(
        "--anonymous",
        action="store_true",
        help="let anonymous users in too (they are, if there are no users)",
    )
    parser.add_argument(
        "--writable", action="store_true", help="all users may write, anonymous ones too"
    )


def _add_connection_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--implicit-tls",
        action="store_true",
        help="with --tls-cert: connections begin with TLS, without AUTH TLS",
    )
    parser.add_argument(
        "--require-tls",
        action="store_true",
        help="with --tls-cert: no logins and no data connections without TLS",
    )
    parser.add_argument(
        "--require-close-notify",
        action="store_true",
        help="with --tls-cert: an upload that ends without TLS's close_notify gets 426, as an "
        "attacker could have cut it; not all clients send that",
    )
    parser.add_argument(
        "--passive-ports",
        metavar="A-B",
        type=_ports,
        default=(),
        help="ports for passive data connections (any that are free)",
    )
    parser.add_argument(
        "--public-address",
        metavar="ADDRESS",
        type=_ipv4,
        help="the IPv4 address that PASV tells clients, behind NAT (the one that they used)",
    )
    add_connection_limits(
        parser,
        MAX_CONNECTIONS,
        MAX_CONNECTIONS_PER_ADDRESS,
        meaning="control connections at a time; others get 421",
    )


def limits_of(options: argparse.Namespace) -> FTPLimits:
    """The limits that ``options`` set."""
    return FTPLimits(**limits_given(options, LIMIT_OPTIONS))


def accounts_of(options: argparse.Namespace) -> Accounts:
    """Open the folders of all users. Raises ``CommandError``."""
    lines: list[AccountLine] = list(options.user)
    try:
        if options.users is not None:
            lines += read_accounts(Path(options.users))
        if options.root is None and not lines:
            raise CommandError("--root DIR is required: the folder to serve", WRONG_USAGE)
        return open_accounts(
            lines,
            options.root,
            anonymous=options.anonymous or not lines,
            writable=options.writable,
            quota=options.quota,
        )
    except PasswordsError as exc:
        raise CommandError(str(exc), WRONG_USAGE) from exc
    except OSError as exc:
        raise CommandError(f"cannot use {exc.filename}: {reason(exc)}") from exc


def check_options(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` for options that exclude each other."""
    if options.require_tls and options.tls is None:  # also if the environment requires it
        raise CommandError("--require-tls requires --tls-cert", WRONG_USAGE)
    refuse_without_tls(options, ("--implicit-tls", "--require-close-notify"))
    if options.passive_ports:
        refuse_unused(options, ("--max-passive-ports",), "cannot be combined with --passive-ports")


def _account(text: str) -> AccountLine:
    """The type of ``--user``."""
    try:
        return parse_account(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _ports(text: str) -> range:
    """The type of ``--passive-ports``."""
    match = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= 65535:
        raise argparse.ArgumentTypeError(f"expected two ports such as 50000-50100, not {text!r}")
    return range(int(match[1]), int(match[2]) + 1)


def _ipv4(text: str) -> str:
    """The type of ``--public-address``."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an IPv4 address, not {text!r}") from None
