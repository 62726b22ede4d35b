"""The command line: ``python -m reactor --protocol NAME``, installed as ``reactor``.

Exit status: 0 after a clean stop; 1 if it could not start (the address is in use, a certificate
cannot be read); 2 for wrong usage. A value comes from the command line, else from the environment
(``--udp-port`` from ``REACTOR_UDP_PORT``, and so on for every option), else it is the default.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from typing import Any, NoReturn

from . import __version__
from .application import (
    CANNOT_START,
    WRONG_USAGE,
    Application,
    CommandError,
    ProtocolApplication,
    Repeatable,
    host_and_port,
    port_number,
    reason,
    seconds,
)
from .endpoints import Reactor
from .pollers import POLLERS
from .workers import Master, obey

# What a bare checkout has; installed distributions add more through the entry point group.
BUILT_IN: Mapping[str, str] = {
    "chat": "protocols.chat.app:app",
    "echo": "protocols.echo:app",
    "http": "protocols.http.app:app",
    "time": "protocols.daytime:app",
}
# Packages that some of them need, and a bare checkout may lack.
_REQUIRED = ("httptools",)
ENTRY_POINTS = "reactor.protocols"
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. ``arguments``: without the program's name; None:
    ``sys.argv``."""
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except CommandError as exc:
        print(f"reactor: {exc}", file=sys.stderr)
        return exc.status
    except KeyboardInterrupt:  # outside the loop, which has its own way of stopping
        return 130


def _run(arguments: Sequence[str]) -> int:
    application = _application(arguments)
    options = _parser(application).parse_args(arguments)
    if application is None:
        raise CommandError(
            f"choose with --protocol: {', '.join(protocol_names())}, or module:Class", WRONG_USAGE
        )
    logging.basicConfig(
        level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    _set_tls(options)
    if options.port is None:
        options.port = application.default_port
    if options.connect is not None:
        with Reactor(poller=options.poller, grace=options.grace) as reactor:
            return application.connect(reactor, options)
    with application.opened(options) as sockets:
        serve = partial(_serve, application, options)
        if getattr(options, "workers", 1) == 1:
            return serve(_announce)
        master = Master(
            serve,
            options.workers,
            announce=_announce,
            sockets=sockets,
            grace=options.grace,
            prepare=partial(_read_certificate_again, options),
        )
        return master.run()


def _serve(
    application: Application,
    options: argparse.Namespace,
    announce: Callable[[list[str]], object],
    channel: socket.socket | None = None,
) -> int:
    """Serve until the end, in a worker if there is a ``channel`` to its master."""
    try:
        with Reactor(poller=options.poller, grace=options.grace) as reactor:
            if channel is not None:
                obey(reactor, channel)
            lines = [f"{application.name}: {url}" for url in application.serve(reactor, options)]
            # Printed from within the loop: who reads it may send a signal at once, and it is ready.
            reactor.call_soon(announce, [*lines, "Press Ctrl+C to stop"])
            reactor.run()
    finally:
        application.close()
    return 0


def _announce(lines: list[str]) -> None:
    try:
        print("\n".join(lines), flush=True)
    except OSError:  # whoever read it has gone, as `head` does: that is no reason not to serve
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # or Python would complain once more at its end
        os.close(nowhere)


# -- options ---------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse, with one line for an error."""

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see reactor --help)", WRONG_USAGE)


def _application(arguments: Sequence[str]) -> Application | None:
    """The application that ``--protocol`` names, looked up first as it has options of its own."""
    first = _Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--protocol", default=os.environ.get("REACTOR_PROTOCOL"))
    name = first.parse_known_args(arguments)[0].protocol
    return load_application(name) if name else None


def _parser(application: Application | None) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="reactor",
        allow_abbrev=False,
        description="Serve a protocol on a single-threaded event loop, or be its client.",
        epilog="Each option can also be set in the environment: --log-level as REACTOR_LOG_LEVEL. "
        "Exit status: 0 stopped, 1 could not start, 2 wrong usage.",
    )
    parser.add_argument("--version", action="version", version=f"select-reactor {__version__}")
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help=f"{', '.join(protocol_names())}, or module:Class; with --help: its own options too",
    )
    default_port = "the protocol's own" if application is None else application.default_port
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (%(default)s); '' is all"
    )
    parser.add_argument("--port", type=port_number, help=f"port, 0 for any ({default_port})")
    parser.add_argument(
        "--connect", metavar="HOST:PORT", type=host_and_port, help="be a client, where there is one"
    )
    parser.add_argument("--poller", choices=list(POLLERS), help="how to wait (the best there is)")
    parser.add_argument(
        "--grace",
        type=seconds,
        default=5.0,
        metavar="S",
        help="seconds that connections have to finish when stopped (%(default)g)",
    )
    parser.add_argument(
        "--log-level",
        type=str.lower,
        choices=LOG_LEVELS,
        default="warning",
        metavar="L",
        help=f"{', '.join(LOG_LEVELS)} (%(default)s)",
    )
    parser.add_argument(
        "--tls-cert", metavar="F", help="serve TLS with this certificate chain (PEM)"
    )
    parser.add_argument("--tls-key", metavar="F", help="its private key, if not in the same file")
    parser.add_argument("--tls", action="store_true", help="with --connect: use TLS")
    parser.add_argument(
        "--tls-ca", metavar="F", help="with --connect: trust this certificate (PEM)"
    )
    if application is not None:
        application.add_arguments(parser.add_argument_group(f"options of {application.name}"))
    _defaults_from_environment(parser)
    return parser


def _defaults_from_environment(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        names = [name for name in action.option_strings if name.startswith("--")]
        if not names or action.dest in ("help", "version"):
            continue
        variable = "REACTOR_" + names[0].lstrip("-").replace("-", "_").upper()
        value = os.environ.get(variable)
        if value is None:
            continue
        action.default = _converted(parser, action, value, variable)


def _converted(
    parser: argparse.ArgumentParser, action: argparse.Action, value: str, variable: str
) -> Any:
    if action.nargs == 0:  # a flag
        if value.lower() in ("1", "true", "yes", "on"):
            return action.const
        if value.lower() in ("0", "false", "no", "off", ""):
            return action.default
        parser.error(f"{variable} must be yes or no, not {value!r}")
    try:
        if isinstance(action, Repeatable):
            parts = [part.strip() for part in value.split(",")]
            return [parser._get_value(action, part) for part in parts if part]
        converted = parser._get_value(action, value)
    except argparse.ArgumentError as exc:
        parser.error(f"{variable}: {exc.message}")
    if action.choices is not None and converted not in action.choices:
        parser.error(f"{variable} must be one of {', '.join(action.choices)}, not {value!r}")
    return converted


def _set_tls(options: argparse.Namespace) -> None:
    """Replace the options about TLS by ``options.tls``, a context or None."""
    client = options.connect is not None
    if not client and (options.tls or options.tls_ca):
        raise CommandError(
            "--tls and --tls-ca go with --connect; a server takes --tls-cert", WRONG_USAGE
        )
    if options.tls_key and not options.tls_cert:
        raise CommandError("--tls-key goes with --tls-cert", WRONG_USAGE)
    context = None
    try:
        if client and (options.tls or options.tls_ca):
            context = ssl.create_default_context(cafile=options.tls_ca)
        elif not client and options.tls_cert:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(options.tls_cert, options.tls_key)
    except (OSError, ValueError) as exc:
        files = ", ".join(filter(None, (options.tls_cert, options.tls_key, options.tls_ca)))
        # OpenSSL's whole answer when one of the two is missing.
        why = "no certificate with its private key" if "PEM lib" in str(exc) else reason(exc)
        raise CommandError(f"cannot use the certificate in {files}: {why}", CANNOT_START) from exc
    options.tls = context


def _read_certificate_again(options: argparse.Namespace) -> None:
    previous, options.tls = options.tls, False
    try:
        _set_tls(options)
    except CommandError:
        options.tls = previous
        raise


# -- finding protocols -----------------------------------------------------------------------------


def protocol_names() -> list[str]:
    """The names that ``--protocol`` knows, in order."""
    return sorted({*BUILT_IN, *(point.name for point in metadata.entry_points(group=ENTRY_POINTS))})


def load_application(name: str) -> Application:
    """The application called ``name``, or the one that serves ``module:Class``. Raises
    ``CommandError``."""
    if ":" in name:
        return _application_of(name, name)
    if name in BUILT_IN:
        return _application_of(name, BUILT_IN[name])
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return _application_of(name, point.value)
    known = ", ".join(protocol_names())
    raise CommandError(f"no protocol {name!r}; there is {known}, or module:Class", WRONG_USAGE)


def _application_of(name: str, reference: str) -> Application:
    module_name, _, attribute = reference.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # a module in the current folder, also for the installed command
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module_name}.".startswith(f"{exc.name}."):
            if name in BUILT_IN and exc.name is not None and exc.name in _REQUIRED:
                raise CommandError(
                    f"--protocol {name} needs {exc.name}, which is not installed", CANNOT_START
                ) from exc
            # An import inside that module that fails is the module's own bug, and wants its
            # traceback.
            raise
        raise CommandError(
            f"--protocol {name}: there is no module {exc.name!r}", WRONG_USAGE
        ) from exc
    except ValueError as exc:
        raise CommandError(f"--protocol {name}: not of the form module:Class", WRONG_USAGE) from exc
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, Application):
        found = found()
    if isinstance(found, Application):
        found.name = found.name or name
        return found
    if callable(found) and (hasattr(found, "data_received") or hasattr(found, "datagram_received")):
        return ProtocolApplication(name, found)
    raise CommandError(f"--protocol {name}: {attribute!r} is no protocol class", WRONG_USAGE)
