"""The command line: ``python -m reactor --protocol NAME``, installed as ``reactor``.

Exit status: 0 after a clean stop; 1 if the program could not start (the address is in use, a
certificate cannot be read), or if a client lost its connection or lines that its user typed; 2 for
wrong usage; 130 if a second signal ended it.

An option's value comes from the command line, or from the environment (``REACTOR_UDP_PORT`` for
``--udp-port``, and so on for every option), or it is the default.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from .. import __version__
from ..pollers import POLLERS
from ..reactor import Reactor
from .application import Application
from .descriptors import room_for
from .errors import CANNOT_START, INTERRUPTED, WRONG_USAGE, CommandError, reason
from .extension import Extension
from .logs import LogFormatter, complain, redirect_to_null
from .master import Master
from .options import (
    Parser,
    client_option,
    host_and_port,
    host_name,
    port_number,
    seconds,
    server_option,
)
from .recorded import add_record_options, check_record_options, recorded
from .registry import all_extensions, extensions_with, load_application, protocol_names
from .waiting import announce_waiting
from .worker import follow_master

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. ``arguments``: without the program's name; None:
    ``sys.argv``."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except CommandError as exc:
        complain(exc)
        return exc.status
    except KeyboardInterrupt as exc:
        if exc.args:  # a second signal while the loop ran; otherwise the user knows the reason
            complain(exc)
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    application = _application(arguments)
    parser = make_parser(application)
    extensions = _extensions(parser, arguments)
    for extension in extensions:
        extension.add_arguments(parser)
    parser.use_environment()
    options = parser.parse_args(arguments)
    for extension in extensions:
        extension.check(options)
        status = extension.run(options)
        if status is not None:
            return status
    if application is None:
        raise CommandError(
            f"choose with --protocol: {', '.join(protocol_names())}, or module:Class", WRONG_USAGE
        )
    is_client = options.connect is not None
    if _has_client(application) or not is_client:  # else connect() reports that there is none
        parser.refuse_wrong_side(options, client=is_client)
    check_record_options(options)
    _configure_logging(options.log_level)
    _set_tls(options)
    if options.port is None:
        options.port = application.default_port
    if is_client:
        return _connect(application, options)
    return _serve(application, extensions, options)


def _application(arguments: Sequence[str]) -> Application | None:
    """The application that ``--protocol`` names. It is looked up first, as it adds options."""
    first = Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--protocol", default=os.environ.get("REACTOR_PROTOCOL"))
    name = first.parse_known_args(arguments)[0].protocol
    return load_application(name) if name else None


def _extensions(parser: Parser, arguments: Sequence[str]) -> list[Extension]:
    """The extensions whose options are used, or all if the help is asked for."""
    if not {"-h", "--help"}.isdisjoint(arguments):
        return all_extensions()
    unknown = parser.unknown_options(arguments)
    return extensions_with(unknown) if unknown else []


def _has_client(application: Application) -> bool:
    return type(application).connect is not Application.connect


def _configure_logging(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])


# -- running ---------------------------------------------------------------------------------------


def _connect(application: Application, options: argparse.Namespace) -> int:
    with (
        recorded(options) as record,
        Reactor(poller=options.poller, grace=options.grace) as reactor,
    ):
        record(reactor)
        return application.connect(reactor, options)


def _serve(
    application: Application, extensions: Sequence[Extension], options: argparse.Namespace
) -> int:
    _raise_descriptor_limit(application, options)
    with application.opened(options) as sockets:
        serve = partial(_serve_in_this_process, application, extensions, options)
        workers = getattr(options, "workers", None)
        if workers is None:
            return serve(announce)
        master = Master(
            serve,
            workers,
            announce=announce,
            sockets=sockets,
            grace=options.grace,
            prepare=partial(_set_tls, options),  # a reload reads the certificate again
        )
        return master.run()


def _serve_in_this_process(
    application: Application,
    extensions: Sequence[Extension],
    options: argparse.Namespace,
    ready: Callable[[list[str]], object],
    channel: socket.socket | None = None,
) -> int:
    """Serve until stopped; returns the exit status. ``ready(lines)`` is called from the loop, with
    the lines to announce. ``channel``: in a worker, to its master."""
    try:
        with (
            recorded(options) as record,
            Reactor(poller=options.poller, grace=options.grace) as reactor,
            ExitStack() as attached,
        ):
            record(reactor)
            if channel is not None:
                follow_master(reactor, channel)
            else:
                announce_waiting(reactor)
            more = [
                line
                for extension in extensions
                for line in attached.enter_context(extension.attached(reactor, options))
            ]
            lines = [f"{application.name}: {url}" for url in application.serve(reactor, options)]
            # Called from the loop: a program that reads the lines may send a signal at once, and
            # signals are only handled while the loop runs.
            reactor.call_soon(ready, [*lines, *more, "Press Ctrl+C to stop"])
            reactor.run()
    finally:
        application.close()
    return 0


def _raise_descriptor_limit(application: Application, options: argparse.Namespace) -> None:
    """Called before there are workers: they inherit the limit."""
    option = application.connections_option
    if option is not None:
        wanted = getattr(options, option.removeprefix("--").replace("-", "_"))
        room = room_for(wanted, options.poller)
        if room < wanted:
            limit = "what select can watch" if options.poller == "select" else "ulimit -Hn"
            complain(f"not enough file descriptors for {option} {wanted}: {room} fit ({limit})")


def announce(lines: list[str]) -> None:
    """Print ``lines`` on standard output."""
    try:
        print("\n".join(lines), flush=True)
    except OSError:  # the reader has exited, as `head` does: serve anyway
        redirect_to_null(sys.stdout)


# -- options ---------------------------------------------------------------------------------------


def make_parser(application: Application | None) -> Parser:
    """The parser of all options: the command's, and those of ``application`` if there is one."""
    parser = Parser(
        prog="reactor",
        allow_abbrev=False,
        description="Serve a protocol on a single-threaded event loop, or run its client.",
        epilog="Each option can also be set in the environment: --log-level as REACTOR_LOG_LEVEL. "
        "SIZE is in bytes, or with a unit: 64K, 10M, 1G (powers of 1024). "
        "Exit status: 0 stopped; 1 could not start, or a client lost its server or lines; "
        "2 wrong usage; 130 ended by a second signal.",
    )
    if application is not None:
        parser.help_command = f"reactor --protocol {application.name} --help"
    parser.add_argument("--version", action="version", version=f"select-reactor {__version__}")
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help=f"{', '.join(protocol_names())}, or module:Class; with --help: its own options too",
    )
    default_port = "the protocol's own" if application is None else application.default_port
    server_option(
        parser,
        "--host",
        type=host_name,
        default="127.0.0.1",
        help="address to listen on (%(default)s); '' is all",
    )
    server_option(parser, "--port", type=port_number, help=f"port, 0 for any ({default_port})")
    parser.add_argument(
        "--connect",
        metavar="HOST:PORT",
        type=host_and_port if application is None else application.address,
        help="run the client, if there is one",
    )
    parser.add_argument("--poller", choices=list(POLLERS), help="how to wait (the best available)")
    parser.add_argument(
        "--grace",
        type=seconds,
        default=5.0,
        metavar="S",
        help="seconds for connections to finish after a stop (%(default)g)",
    )
    parser.add_argument(
        "--log-level",
        type=str.lower,
        choices=LOG_LEVELS,
        default="warning",
        metavar="L",
        help=f"{', '.join(LOG_LEVELS)} (%(default)s)",
    )
    _add_tls_options(parser)
    add_record_options(parser)
    if application is not None:
        application.add_arguments(parser.add_argument_group(f"options of {application.name}"))
        if not _has_client(application):
            parser.hide_client_options()
    parser.use_environment()
    return parser


def _add_tls_options(parser: Parser) -> None:
    server_option(
        parser, "--tls-cert", metavar="F", help="serve TLS with this certificate chain (PEM)"
    )
    server_option(parser, "--tls-key", metavar="F", help="its private key, if not in the same file")
    client_option(parser, "--tls", action="store_true", help="use TLS", instead="--tls-cert")
    client_option(
        parser, "--tls-ca", metavar="F", help="trust this certificate (PEM)", instead="--tls-cert"
    )


def _set_tls(options: argparse.Namespace) -> None:
    """Set ``options.tls`` to a context, or None, made of the options about TLS. If it raises
    ``CommandError``, ``options`` are unchanged."""
    client = options.connect is not None
    if not client and options.tls_key and not options.tls_cert:
        raise CommandError("--tls-key requires --tls-cert", WRONG_USAGE)
    context = None
    try:
        if client and (options.tls or options.tls_ca):
            context = ssl.create_default_context(cafile=options.tls_ca)
        elif not client and options.tls_cert:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ValueError) as exc:
        used = (options.tls_ca,) if client else (options.tls_cert, options.tls_key)
        files = ", ".join(filter(None, used))
        # "PEM lib" is all that OpenSSL says when the certificate or its key is missing.
        why = "no certificate with its private key" if "PEM lib" in str(exc) else reason(exc)
        raise CommandError(f"cannot use the certificate in {files}: {why}", CANNOT_START) from exc
    options.tls = context
