"""The options of ``--protocol http``: what they mean, and which of them exclude each other."""

from __future__ import annotations

import argparse
import os
import re
from typing import Final

from reactor.command import (
    WRONG_USAGE,
    CommandError,
    LimitOptions,
    Repeatable,
    add_connection_limits,
    add_limit_options,
    count,
    duration,
    format_size,
    limits_given,
    number,
    positive,
    positive_size,
    reason,
    refuse_unused,
    seconds,
    size,
)
from reactor.sockets.addresses import parse_network

from .limits import Limits

# Connections of a process. Each takes a descriptor; accepting also pauses when there are none left.
MAX_CONNECTIONS: Final = 20_000
# Enough for an office behind one address, whose browsers open six each, and only about a hundredth
# of MAX_CONNECTIONS.
MAX_CONNECTIONS_PER_ADDRESS: Final = 256

# As with gunicorn, whose umask for it is 0: nginx and other proxies run as another user.
UNIX_MODE: Final = 0o777
# Defaults of WSGIHandler's parameters, repeated because its module is imported for --app only.
REQUEST_TIMEOUT: Final = 60.0  # seconds
MAX_BODIES: Final = 1 << 30  # bytes: 64 bodies of the largest size
MAX_SPOOL: Final = 1 << 30  # bytes: the default of nginx's proxy_max_temp_file_size

_DEFAULTS: Final = Limits()
LIMIT_OPTIONS: Final[LimitOptions] = (
    ("--max-request-line", "SIZE", positive_size, "request_line", "longest request line; else 414"),
    ("--max-head", "SIZE", positive_size, "head", "largest head of a request; else 431"),
    ("--max-fields", "N", positive, "fields", "most header fields; else 431"),
    ("--max-body", "SIZE", size, "body", "largest body of a request; else 413"),
    ("--max-requests", "N", positive, "requests", "most requests on one connection"),
    ("--head-timeout", "S", duration, "head_timeout", "seconds that a head may take; else 408"),
    ("--keepalive-timeout", "S", duration, "keepalive_timeout", "seconds between two requests"),
    ("--body-timeout", "S", duration, "body_timeout", "window of --min-body-rate, in seconds"),
    ("--min-body-rate", "R", number, "body_rate", "bytes/s of a body; else 408; 0: no limit"),
    ("--write-timeout", "S", duration, "write_timeout", "window of --min-write-rate, in seconds"),
    ("--min-write-rate", "R", number, "write_rate", "bytes/s that a client must read; 0: no limit"),
)


def add_options(parser: argparse._ActionsContainer) -> None:
    """Add them to ``parser``."""
    _add_content_options(parser)
    _add_server_options(parser)
    add_limit_options(parser, LIMIT_OPTIONS, _DEFAULTS)


def _add_content_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--root", metavar="DIR", help="serve the files in this folder")
    parser.add_argument(
        "--no-listing", action="store_true", help="with --root: no listings of folders"
    )
    parser.add_argument("--app", metavar="M:C", help="serve this WSGI application, module:callable")
    parser.add_argument(
        "--threads",
        metavar="N",
        type=count,
        default=4,
        help="with --app: threads that run it; 0 runs it in the loop (%(default)d)",
    )
    parser.add_argument(
        "--request-timeout",
        metavar="S",
        type=seconds,
        default=REQUEST_TIMEOUT,
        help="with --app: seconds without progress that a call may take in its thread; else 503, "
        "and the thread is replaced; 0: no limit; no effect with --threads 0 (%(default)g)",
    )
    parser.add_argument(
        "--max-bodies",
        metavar="SIZE",
        type=size,
        default=MAX_BODIES,
        help="with --app: of the bodies of all requests together, in memory and in temporary "
        f"files; else 503 ({format_size(MAX_BODIES)})",
    )
    parser.add_argument(
        "--max-spool",
        metavar="SIZE",
        type=size,
        default=MAX_SPOOL,
        help="with --app: of streamed responses that wait in temporary files for slow clients "
        f"({format_size(MAX_SPOOL)})",
    )


def _add_server_options(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--unix", metavar="PATH", help="listen on this Unix socket, not on --host and --port"
    )
    parser.add_argument(
        "--unix-mode",
        metavar="MODE",
        type=_mode,
        help=f"with --unix: the permissions of the socket, octal ({UNIX_MODE:o}, as with gunicorn: "
        "the permissions of the folder decide who may connect)",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=positive,
        help="worker processes, and one that supervises them: SIGHUP reloads "
        "(without this, a single process)",
    )
    parser.add_argument(
        "--access-log",
        metavar="FILE",
        help="append a line for each request; '-' is standard output; SIGUSR1 reopens the file",
    )
    parser.add_argument(
        "--trusted-proxy",
        metavar="ADDRESS",
        action=Repeatable,
        type=_proxy,
        help="trust its X-Forwarded-For, -Proto and -Host; an address, a network, or "
        "'unix'; repeatable",
    )
    parser.add_argument(
        "--forwarded",
        action="store_true",
        help="trusted proxies send Forwarded (RFC 7239), not X-Forwarded-*",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show tracebacks to clients; never use it in public"
    )
    add_connection_limits(
        parser,
        MAX_CONNECTIONS,
        MAX_CONNECTIONS_PER_ADDRESS,
        meaning="at a time in each process; more wait",
        exempt="this machine's and trusted proxies'",
    )


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that ``options`` set."""
    return Limits(**limits_given(options, LIMIT_OPTIONS))


def check_options(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` for options that exclude each other, and for a root that cannot be
    read. Opens nothing."""
    if options.root is not None and options.app is not None:
        raise CommandError("--root and --app cannot be combined", WRONG_USAGE)
    if options.no_listing and options.root is None:
        raise CommandError("--no-listing requires --root", WRONG_USAGE)
    if options.app is None:
        wsgi_options = ("--threads", "--request-timeout", "--max-bodies", "--max-spool")
        refuse_unused(options, wsgi_options, "requires --app")
    if options.unix is not None:
        refuse_unused(options, ("--host", "--port"), "cannot be combined with --unix")
    if options.unix_mode is not None and options.unix is None:
        raise CommandError("--unix-mode requires --unix", WRONG_USAGE)
    if options.forwarded and not options.trusted_proxy:
        raise CommandError("--forwarded requires --trusted-proxy", WRONG_USAGE)
    if options.root is not None:
        try:
            os.scandir(options.root).close()
        except OSError as exc:
            raise CommandError(f"cannot serve --root {options.root}: {reason(exc)}") from exc


def _mode(text: str) -> int:
    """The type of ``--unix-mode``."""
    if not re.fullmatch(r"(0o)?[0-7]{3,4}", text) or int(text, 8) > 0o777:
        raise argparse.ArgumentTypeError(f"not an octal mode from 000 to 777: {text!r}")
    return int(text, 8)


def _proxy(text: str) -> str:
    """The type of ``--trusted-proxy``."""
    if text != "unix":
        try:
            parse_network(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{exc}") from None
    return text
