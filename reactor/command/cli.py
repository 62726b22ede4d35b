"""The command line: ``python -m reactor --protocol NAME``, installed as ``reactor``.

Exit status: 0 after a clean stop; 1 if it could not start (the address is in use, a certificate
cannot be read), or if a client lost its server or lines of its user; 2 for wrong usage; 130 if a
second signal ended it. A value comes from the command
line, else from the environment (``--udp-port`` from ``REACTOR_UDP_PORT``, and so on for every
option), else it is the default.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import re
import socket
import ssl
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..debug import VARIABLE as DEBUG_VARIABLE
from ..pollers import POLLERS
from ..reactor import Reactor
from .application import (
    CANNOT_START,
    INTERRUPTED,
    WRONG_USAGE,
    Application,
    CommandError,
    ProtocolApplication,
    Repeatable,
    client_option,
    host_and_port,
    host_name,
    port_number,
    reason,
    refuse_wrong_side,
    seconds,
    server_option,
)
from .descriptors import room_for
from .logs import LogFormatter, complain, send_nowhere
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
        complain(exc)
        return exc.status
    except KeyboardInterrupt as exc:
        if exc.args:  # the second signal, in the loop; outside, users know what they have pressed
            complain(exc)
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    application = _application(arguments)
    parser = _parser(application)
    options = parser.parse_args(arguments)
    if application is None:
        raise CommandError(
            f"choose with --protocol: {', '.join(protocol_names())}, or module:Class", WRONG_USAGE
        )
    if options.connect is None or type(application).connect is not Application.connect:
        refuse_wrong_side(parser, arguments, client=options.connect is not None)
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter())
    logging.basicConfig(level=options.log_level.upper(), handlers=[handler])
    _set_tls(options)
    if options.port is None:
        options.port = application.default_port
    if options.connect is not None:
        with Reactor(poller=options.poller, grace=options.grace) as reactor:
            return application.connect(reactor, options)
    _raise_descriptor_limit(application, options)
    with application.opened(options) as sockets:
        serve = partial(_serve, application, options)
        workers = getattr(options, "workers", None)
        if workers is None:
            return serve(_announce)
        master = Master(
            serve,
            workers,
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


def _raise_descriptor_limit(application: Application, options: argparse.Namespace) -> None:
    """Before there are workers: they inherit it."""
    option = application.connections_option
    if option is not None:
        wanted = getattr(options, option.removeprefix("--").replace("-", "_"))
        room = room_for(wanted, options.poller)
        if room < wanted:
            limit = "what select can watch" if options.poller == "select" else "ulimit -Hn"
            complain(
                f"{option} {wanted} is more than there are descriptors for: {room} fit ({limit})"
            )


def _announce(lines: list[str]) -> None:
    try:
        print("\n".join(lines), flush=True)
    except OSError:  # whoever read it has gone, as `head` does: that is no reason not to serve
        send_nowhere(sys.stdout)


# -- options ---------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """argparse, with one line for an error."""

    help_command = "reactor --help"

    def error(self, message: str) -> NoReturn:
        raise CommandError(f"{message} (see {self.help_command})", WRONG_USAGE)


def _application(arguments: Sequence[str]) -> Application | None:
    """The application that ``--protocol`` names, looked up first as it has options of its own."""
    first = _Parser(add_help=False, allow_abbrev=False)
    first.add_argument("--protocol", default=os.environ.get("REACTOR_PROTOCOL"))
    name = first.parse_known_args(arguments)[0].protocol
    return load_application(name) if name else None


def _parser(application: Application | None) -> _Parser:
    parser = _Parser(
        prog="reactor",
        allow_abbrev=False,
        description="Serve a protocol on a single-threaded event loop, or be its client.",
        epilog="Each option can also be set in the environment: --log-level as REACTOR_LOG_LEVEL. "
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
    server_option(
        parser, "--tls-cert", metavar="F", help="serve TLS with this certificate chain (PEM)"
    )
    server_option(parser, "--tls-key", metavar="F", help="its private key, if not in the same file")
    client_option(parser, "--tls", action="store_true", help="use TLS", instead="--tls-cert")
    client_option(
        parser, "--tls-ca", metavar="F", help="trust this certificate (PEM)", instead="--tls-cert"
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
        if value is None or variable == DEBUG_VARIABLE:
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
    if not client and options.tls_key and not options.tls_cert:
        raise CommandError("--tls-key goes with --tls-cert", WRONG_USAGE)
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
        if "" not in sys.path:
            sys.path.insert(0, "")  # the current folder, also for the installed command
        return _application_of(name, name)
    if name in BUILT_IN:
        _import_own_package(BUILT_IN[name].partition(".")[0])
        return _application_of(name, BUILT_IN[name])
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.name == name:
            return _application_of(name, point.value)
    known = ", ".join(protocol_names())
    raise CommandError(f"no protocol {name!r}; there is {known}, or module:Class", WRONG_USAGE)


def _import_own_package(name: str) -> None:
    """Import the package ``name`` of this distribution, from beside this one.

    ``python -m`` puts the current folder in front of all others, and a user's protocols.py, or
    http.py instead of Python's, would take the place of what is meant. So the current folder goes
    to the end; with ``module:Class`` it is the first."""
    if sys.path and sys.path[0] in ("", os.getcwd()):
        sys.path.append(sys.path.pop(0))
    if name not in sys.modules:
        root = str(Path(__file__).parents[2])
        spec = PathFinder.find_spec(name, [root])
        if spec is not None and spec.loader is not None:
            sys.modules[name] = module = module_from_spec(spec)
            spec.loader.exec_module(module)


def _missing(name: str) -> str:
    """Why there is no module ``name``."""
    above, _, last = name.rpartition(".")
    if above and last == "py":
        return f"there is no module {name!r}: leave out '.py'"
    if above and not hasattr(sys.modules[above], "__path__"):
        where = getattr(sys.modules[above], "__file__", None) or "a part of Python"
        return f"there is no module {name!r}, as {above!r} is no package but {where}"
    return f"there is no module {name!r}"


def _load(reference: str) -> Any:
    """What ``module:name`` names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _application_of(name: str, reference: str) -> Application:
    module_name, _, attribute = reference.partition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*", reference):
        raise CommandError(f"--protocol {name}: not of the form module:Class", WRONG_USAGE)
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
        raise CommandError(f"--protocol {name}: {_missing(exc.name)}", WRONG_USAGE) from exc
    for part in attribute.split("."):
        if not hasattr(found, part):
            what = f"{module_name!r} has no {attribute!r}"
            raise CommandError(f"--protocol {name}: {what}", WRONG_USAGE)
        found = getattr(found, part)
    if isinstance(found, type):
        if issubclass(found, Application):
            found = found()
        elif hasattr(found, "application_class"):  # more than a listener is needed
            found = _load(found.application_class)(found)
    if isinstance(found, Application):
        found.name = found.name or name
        return found
    if callable(found) and (hasattr(found, "data_received") or hasattr(found, "datagram_received")):
        return ProtocolApplication(name, found)
    raise CommandError(f"--protocol {name}: {attribute!r} is no protocol class", WRONG_USAGE)
