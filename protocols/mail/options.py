"""The options of ``--protocol smtp`` and ``--protocol mail``, and what they mean together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from protocols.passwords import PasswordHash, Passwords, PasswordsError, account_lines
from reactor.command import (
    WRONG_USAGE,
    CommandError,
    LimitOptions,
    Repeatable,
    add_limit_options,
    count,
    duration,
    limits_given,
    number,
    port_number,
    positive,
    positive_size,
    refuse_without_tls,
    seconds,
)
from reactor.sockets.addresses import LOOPBACK, Networks

from .pop3.settings import POP3Limits, POP3Settings
from .smtp.addresses import is_domain
from .smtp.limits import Limits
from .smtp.settings import Settings, own_name

HASH_COMMAND: Final = "python -m reactor --hash-password"

POP3_PORT: Final = 1100  # the standard port, 110, requires root

_DEFAULTS: Final = Limits()
LIMIT_OPTIONS: Final[LimitOptions] = (
    ("--max-size", "SIZE", positive_size, "size", "largest message; else 552"),
    (
        "--max-memory",
        "SIZE",
        positive_size,
        "memory",
        "of all messages that are arriving; else 452 for the one that began first",
    ),
    ("--max-line", "SIZE", positive_size, "line", "longest line of a message; else 550"),
    ("--max-recipients", "N", positive, "recipients", "most recipients of a message; else 452"),
    ("--max-messages", "N", positive, "messages", "most messages on one connection; else 421"),
    ("--max-errors", "N", count, "errors", "failed commands on one connection; else 421"),
    ("--max-commands", "N", positive, "commands", "commands between two messages; else 421"),
    ("--max-connections", "N", positive, "connections", "connections at a time; else 421"),
    (
        "--max-connections-per-address",
        "N",
        count,
        "connections_per_address",
        "connections at a time from one address other than this machine's; else 421; 0: no limit",
    ),
    ("--command-timeout", "S", duration, "command_timeout", "seconds for a command; else 421"),
    ("--data-timeout", "S", duration, "data_timeout", "window of --min-data-rate, in seconds"),
    ("--min-data-rate", "R", number, "data_rate", "bytes/s of a message; else 421"),
)

_POP3_DEFAULTS: Final = POP3Limits()
POP3_LIMIT_OPTIONS: Final[LimitOptions] = (
    (
        "--pop3-login-timeout",
        "S",
        duration,
        "login_timeout",
        "seconds that a POP3 client has to log in",
    ),
    (
        "--pop3-idle-timeout",
        "S",
        duration,
        "idle_timeout",
        "seconds that POP3 waits for a command; RFC 1939 asks for at least 600",
    ),
)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add them to ``parser``."""
    parser.add_argument(
        "--maildir", metavar="DIR", default="mail", help="store mail in this folder (%(default)s)"
    )
    parser.add_argument(
        "--domain",
        metavar="NAME",
        action=Repeatable,
        type=_domain,
        dest="domains",
        help="accept mail for this domain; repeatable; on a loopback address the default is any",
    )
    parser.add_argument(
        "--hostname",
        metavar="NAME",
        type=_host_name,
        default=own_name(),
        help="what the server calls itself (the name of this machine)",
    )
    parser.add_argument("--lmtp", action="store_true", help="speak LMTP instead of SMTP")
    parser.add_argument(
        "--implicit-tls",
        action="store_true",
        help="with --tls-cert: TLS from the first byte, instead of STARTTLS",
    )
    parser.add_argument(
        "--greeting-delay",
        metavar="S",
        type=seconds,
        default=0.0,
        help="seconds before the greeting; programs for spam often talk first, and are refused"
        " (%(default)g)",
    )
    _add_auth_options(parser)
    add_limit_options(parser, LIMIT_OPTIONS, _DEFAULTS)


def _add_auth_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--user",
        metavar="NAME:HASH",
        action=Repeatable,
        type=_user,
        dest="users",
        help=f"who may authenticate, repeatable; '{HASH_COMMAND}' prints hashes",
    )
    parser.add_argument(
        "--users", metavar="FILE", dest="users_file", help="more users: a line NAME:HASH for each"
    )
    parser.add_argument(
        "--auth-any", action="store_true", help="accept any name and password, to try clients"
    )
    parser.add_argument(
        "--auth-insecure", action="store_true", help="offer authentication without TLS too"
    )
    parser.add_argument(
        "--auth-required", action="store_true", help="accept mail only after authentication"
    )


def add_pop3_options(parser: argparse._ActionsContainer) -> None:
    """Add the options for POP3."""
    parser.add_argument(
        "--pop3-port",
        metavar="N",
        type=port_number,
        default=POP3_PORT,
        help="port for POP3, 0 for any (%(default)d)",
    )
    parser.add_argument("--no-pop3", action="store_true", help="serve no POP3")
    parser.add_argument(
        "--pop3-lock",
        action="store_true",
        help="only one POP3 client at a time can open the mailbox; others get [IN-USE]",
    )
    add_limit_options(parser, POP3_LIMIT_OPTIONS, _POP3_DEFAULTS)


def check_options(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` if the options contradict each other."""
    if not options.domains and not _is_loopback(options.host):
        raise CommandError(
            "--domain is required: only on a loopback address is mail for any domain accepted",
            WRONG_USAGE,
        )
    if options.max_memory < options.max_size:
        raise CommandError(
            "--max-memory is below --max-size: the largest messages would never be accepted",
            WRONG_USAGE,
        )
    refuse_without_tls(options, ("--implicit-tls",))
    has_auth = options.users or options.users_file or options.auth_any
    if options.auth_required and not has_auth:
        raise CommandError("--auth-required requires --user, --users or --auth-any", WRONG_USAGE)
    if has_auth and options.tls is None and not options.auth_insecure:
        raise CommandError(
            "users cannot authenticate without --tls-cert or --auth-insecure", WRONG_USAGE
        )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of the SMTP server. Raises ``CommandError``."""
    return Settings(
        hostname=options.hostname,
        domains=tuple(options.domains) or None,
        limits=Limits(**limits_given(options, LIMIT_OPTIONS)),
        lmtp=options.lmtp,
        tls=None if options.implicit_tls else options.tls,
        passwords=passwords_of(options),
        auth_any=options.auth_any,
        auth_insecure=options.auth_insecure,
        auth_required=options.auth_required,
        greeting_delay=options.greeting_delay,
    )


def pop3_settings_of(options: argparse.Namespace) -> POP3Settings:
    """The settings of the POP3 server. Without users, on a loopback address, everyone may read the
    mail. Raises ``CommandError``."""
    passwords = passwords_of(options)
    is_open = not passwords and _is_loopback(options.host)
    if not passwords and not is_open and not options.auth_any:
        raise CommandError(
            "POP3 requires --user or --users, except on a loopback address; --no-pop3 serves none",
            WRONG_USAGE,
        )
    return POP3Settings(
        hostname=options.hostname,
        limits=POP3Limits(
            connections=options.max_connections,
            connections_per_address=options.max_connections_per_address,
            **limits_given(options, POP3_LIMIT_OPTIONS),
        ),
        tls=None if options.implicit_tls else options.tls,
        passwords=passwords,
        auth_any=is_open or options.auth_any,
        auth_insecure=is_open or options.auth_insecure,
        exclusive=options.pop3_lock,
    )


def passwords_of(options: argparse.Namespace) -> Passwords:
    """Who may authenticate. Raises ``CommandError``."""
    users: list[tuple[str, PasswordHash]] = list(options.users)
    try:
        if options.users_file:
            users += _read_users(Path(options.users_file))
    except OSError as exc:
        raise CommandError(f"cannot read {options.users_file}: {exc.strerror}") from exc
    except PasswordsError as exc:
        raise CommandError(str(exc), WRONG_USAGE) from exc
    hashes: dict[str, PasswordHash] = {}
    for name, hashed in users:
        if name in hashes:
            raise CommandError(f"the user {name} is there twice", WRONG_USAGE)
        hashes[name] = hashed
    return Passwords(hashes)


def _read_users(path: Path) -> list[tuple[str, PasswordHash]]:
    users = []
    for row, line in account_lines(path):
        try:
            users.append(_user(line))
        except argparse.ArgumentTypeError as exc:
            raise PasswordsError(f"{path}, line {row}: {exc}") from None
    return users


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host in Networks(LOOPBACK)


def _domain(text: str) -> str:
    if not is_domain(text):
        raise argparse.ArgumentTypeError(f"expected a domain such as example.org, not {text!r}")
    return text


def _host_name(text: str) -> str:
    try:
        return Settings(hostname=text).hostname
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


def _user(text: str) -> tuple[str, PasswordHash]:
    name, colon, hashed = text.partition(":")
    try:
        if not name or not colon:
            raise ValueError
        return name, PasswordHash.parse(hashed)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected NAME:HASH, with a hash that '{HASH_COMMAND}' prints"
        ) from None
