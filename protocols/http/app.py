"""``--protocol http``: a folder, a WSGI application, or the demonstration page."""

from __future__ import annotations

import argparse
import logging
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from reactor import KeepAlive, Reactor
from reactor.command import (
    CANNOT_START,
    WRONG_USAGE,
    Application,
    CommandError,
    Repeatable,
    bind_tcp,
    bind_unix_socket,
    count,
    duration,
    format_address,
    inherited,
    number,
    positive,
    reason,
    seconds,
)
from reactor.sockets.addresses import LOOPBACK, Networks, parse_network

from .accesslog import AccessLog
from .limits import Limits
from .proxies import TrustedProxies
from .server import HTTPServer

if TYPE_CHECKING:
    from .server import Handler

logger = logging.getLogger(__name__)

DEFAULT_PORT = 8080

# Connections of a process. Each holds a descriptor; without descriptors accepting pauses as well.
MAX_CONNECTIONS: Final = 20_000
# Enough for an office behind one address, whose browsers have six each, and no more than about a
# hundredth of what there is.
MAX_CONNECTIONS_PER_ADDRESS: Final = 256

# gunicorn's, whose umask for it is 0. nginx and the like run as another user.
UNIX_MODE: Final = 0o777
# Of WSGIHandler. They are here, as that is imported for --app alone.
REQUEST_TIMEOUT: Final = 60.0  # seconds
MAX_SPOOL: Final = 1 << 30  # bytes: nginx's proxy_max_temp_file_size

_LIMITS: Final = Limits()
# Option, metavar, type, attribute of Limits, meaning.
_LIMIT_OPTIONS: Final[tuple[tuple[str, str, Callable[[str], float], str, str], ...]] = (
    ("--max-request-line", "BYTES", positive, "request_line", "of a request line; else 414"),
    ("--max-head", "BYTES", positive, "head", "of a request's head; else 431"),
    ("--max-fields", "N", positive, "fields", "header fields; else 431"),
    ("--max-body", "BYTES", count, "body", "of a request's body; else 413"),
    ("--max-requests", "N", positive, "requests", "requests on one connection"),
    ("--head-timeout", "S", duration, "head_timeout", "seconds that a head may take; else 408"),
    ("--keepalive-timeout", "S", duration, "keepalive_timeout", "seconds between two requests"),
    ("--body-timeout", "S", duration, "body_timeout", "seconds that --min-body-rate is over"),
    ("--min-body-rate", "R", number, "body_rate", "bytes a second of a body; else 408; 0: any"),
    ("--write-timeout", "S", duration, "write_timeout", "seconds that --min-write-rate is over"),
    ("--min-write-rate", "R", number, "write_rate", "bytes a second that are read; 0: any"),
)


def _option(name: str) -> str:
    return name.removeprefix("--").replace("-", "_")


class HTTPApplication(Application):
    """A web server."""

    name = "http"
    description = "a web server (HTTP/1.1)"
    default_port = DEFAULT_PORT
    connections_option = "--max-connections"

    def __init__(self) -> None:
        self._sockets: Sequence[socket.socket] = ()
        self._log: AccessLog | None = None
        self._exhausted = False

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--root", metavar="DIR", help="serve the files in this folder")
        parser.add_argument(
            "--no-listing", action="store_true", help="with --root: no listings of folders"
        )
        parser.add_argument(
            "--app", metavar="M:C", help="serve this WSGI application, module:callable"
        )
        parser.add_argument(
            "--threads",
            metavar="N",
            type=count,
            default=4,
            help="with --app: threads that run it; 0 runs it on the loop (%(default)d)",
        )
        parser.add_argument(
            "--request-timeout",
            metavar="S",
            type=seconds,
            default=REQUEST_TIMEOUT,
            help="with --app: seconds without progress that a call may take in its thread; else "
            "503, and the thread is replaced; 0: any; no use with --threads 0 (%(default)g)",
        )
        parser.add_argument(
            "--max-spool",
            metavar="BYTES",
            type=count,
            default=MAX_SPOOL,
            help="with --app: of streamed responses that wait in temporary files for slow clients "
            "(%(default)d)",
        )
        parser.add_argument(
            "--unix", metavar="PATH", help="listen on this Unix socket, not on --host and --port"
        )
        parser.add_argument(
            "--unix-mode",
            metavar="MODE",
            type=_mode,
            help=f"with --unix: the permissions of the socket, octal ({UNIX_MODE:o}, as gunicorn's:"
            " the folder says who may connect)",
        )
        parser.add_argument(
            "--workers",
            metavar="N",
            type=positive,
            help="worker processes, and one that looks after them: SIGHUP reloads "
            "(one process that is alone)",
        )
        parser.add_argument(
            "--access-log",
            metavar="FILE",
            help="append a line for each request; '-' is standard output; SIGUSR1 opens it again",
        )
        parser.add_argument(
            "--trusted-proxy",
            metavar="ADDRESS",
            action=Repeatable,
            type=_proxy,
            help="believe its X-Forwarded-For, -Proto and -Host; an address or a network, or "
            "'unix'; may be given more than once",
        )
        parser.add_argument(
            "--forwarded",
            action="store_true",
            help="trusted proxies send Forwarded (RFC 7239), not X-Forwarded-*",
        )
        parser.add_argument(
            "--debug", action="store_true", help="show tracebacks to clients: never in public"
        )
        parser.add_argument(
            "--max-connections",
            metavar="N",
            type=positive,
            default=MAX_CONNECTIONS,
            help="at a time in each process; more wait (%(default)d)",
        )
        parser.add_argument(
            "--max-connections-per-address",
            metavar="N",
            type=count,
            default=MAX_CONNECTIONS_PER_ADDRESS,
            help="the same of one client, but for this machine and trusted proxies; 0: any "
            "(%(default)d)",
        )
        for name, metavar, kind, attribute, meaning in _LIMIT_OPTIONS:
            default = getattr(_LIMITS, attribute)
            parser.add_argument(
                name,
                metavar=metavar,
                type=kind,
                default=default,
                help=f"{meaning} ({default:g})" if default < 1e6 else f"{meaning} ({default})",
            )

    @contextmanager
    def opened(self, options: argparse.Namespace) -> Iterator[Sequence[socket.socket]]:
        _check(options)
        self._sockets, unlink = _open(options)
        try:
            yield self._sockets
        finally:
            for sock in self._sockets:
                sock.close()
            unlink()

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        proxies = TrustedProxies(options.trusted_proxy, forwarded=options.forwarded)
        if options.access_log is not None:
            try:
                self._log = AccessLog(reactor, options.access_log, proxies=proxies)
            except OSError as exc:
                raise CommandError(
                    f"cannot write the log {options.access_log}: {reason(exc)}"
                ) from exc
        # Without a log as well: to be ended by it would be a surprise.
        reactor.add_signal_handler(signal.SIGUSR1, self._reopen_log)
        # With workers it is the master's. A terminal sends it when it is closed, and it ends us as
        # it ends every program; a supervisor that sends it wants a reload, and no end.
        if options.workers is None and not os.isatty(0):
            reactor.add_signal_handler(signal.SIGHUP, _cannot_reload)
        server = HTTPServer(
            self._handler(reactor, options),
            limits=replace(
                _LIMITS,
                **{
                    attribute: getattr(options, _option(name))
                    for name, _, _, attribute, _ in _LIMIT_OPTIONS
                },
            ),
            access_log=self._log,
            proxies=proxies,
            debug=options.debug,
        )
        if options.tls is not None:
            options.tls.set_alpn_protocols(["http/1.1"])

        loopback = Networks(LOOPBACK)

        def exempt(address: str) -> bool:
            return proxies.trusts(address) or address in loopback

        listener = reactor.listen_sockets(
            server,
            self._sockets,
            tls=options.tls,
            max_connections=options.max_connections,
            max_connections_per_address=options.max_connections_per_address or None,
            exempt=exempt,
            keepalive=KeepAlive(),
            shared=(options.workers or 1) > 1,
        )
        scheme = "http" if options.tls is None else "https"
        return [_url(scheme, address) for address in listener.addresses]

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
        if self._exhausted:
            raise CommandError("too many calls of the application hang", CANNOT_START)

    def _handler(self, reactor: Reactor, options: argparse.Namespace) -> Handler:
        if options.root is not None:
            from .files.handler import FileHandler

            return FileHandler(options.root, listing=not options.no_listing)
        if options.app is not None:
            from .wsgi.gateway import WSGIHandler
            from .wsgi.loading import load_app

            def on_exhausted() -> None:
                # A master starts another process; without one, a supervisor such as systemd must.
                self._exhausted = True
                reactor.stop(reactor.grace)

            return WSGIHandler(
                load_app(options.app),
                reactor,
                threads=options.threads,
                max_spool=options.max_spool,
                request_timeout=options.request_timeout,
                on_exhausted=on_exhausted,
                multiprocess=(options.workers or 1) > 1,
                debug=options.debug,
            )
        from .demo import demonstration

        return demonstration

    def _reopen_log(self) -> None:
        if self._log is not None:
            self._log.reopen()


def _check(options: argparse.Namespace) -> None:
    """What can be said before anything is opened."""
    if options.root is not None and options.app is not None:
        raise CommandError("--root and --app do not go together", WRONG_USAGE)
    if options.no_listing and options.root is None:
        raise CommandError("--no-listing goes with --root", WRONG_USAGE)
    if options.unix_mode is not None and options.unix is None:
        raise CommandError("--unix-mode goes with --unix", WRONG_USAGE)
    if options.forwarded and not options.trusted_proxy:
        raise CommandError("--forwarded goes with --trusted-proxy", WRONG_USAGE)
    if options.root is not None:
        try:
            os.scandir(options.root).close()
        except OSError as exc:
            raise CommandError(f"cannot serve --root {options.root}: {reason(exc)}") from exc


def _open(options: argparse.Namespace) -> tuple[list[socket.socket], Callable[[], object]]:
    """The sockets, and what is to be called in the end."""
    sockets = inherited()
    if sockets:
        if options.unix is not None:
            for sock in sockets:
                sock.close()
            raise CommandError("--unix does not go with LISTEN_FDS", WRONG_USAGE)
        return sockets, _nothing
    if options.unix is not None:
        mode = UNIX_MODE if options.unix_mode is None else options.unix_mode
        sock, unlink = bind_unix_socket(options.unix, mode)
        return [sock], unlink
    return bind_tcp(options), _nothing


def _nothing() -> None:
    pass


def _cannot_reload() -> None:
    logger.warning("SIGHUP: only workers can be reloaded: start with --workers 1, or more")


def _mode(text: str) -> int:
    """The type of ``--unix-mode``."""
    if not re.fullmatch(r"(0o)?[0-7]{3,4}", text) or int(text, 8) > 0o777:
        raise argparse.ArgumentTypeError(f"an octal mode from 000 to 777 is wanted, not {text!r}")
    return int(text, 8)


def _proxy(text: str) -> str:
    """The type of ``--trusted-proxy``."""
    if text != "unix":
        try:
            parse_network(text)
        except ValueError as exc:
            raise argparse.ArgumentTypeError(f"{exc}") from None
    return text


def _url(scheme: str, address: Any) -> str:
    if isinstance(address, tuple):
        return f"{scheme}://{format_address(address[0], address[1])}/"
    if isinstance(address, bytes):  # Linux's abstract names
        return "unix:@" + address[1:].decode("utf-8", "backslashreplace")
    return f"unix:{address}"


app = HTTPApplication()
