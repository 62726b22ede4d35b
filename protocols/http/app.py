"""``--protocol http``: a folder, a WSGI application, or the demonstration page."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reactor import KeepAlive, Reactor
from reactor.command import (
    CANNOT_START,
    WRONG_USAGE,
    Application,
    CommandError,
    bind_tcp,
    bind_unix_socket,
    format_address,
    inherited,
    reason,
)
from reactor.sockets.addresses import LOOPBACK, Networks

from .accesslog import AccessLog
from .options import UNIX_MODE, add_options, check_options, limits_of
from .proxies import TrustedProxies
from .server import HTTPServer

if TYPE_CHECKING:
    from .server import Handler

logger = logging.getLogger(__name__)


class HTTPApplication(Application):
    """A web server."""

    name = "http"
    description = "a web server (HTTP/1.1)"
    default_port = 8080
    connections_option = "--max-connections"

    def __init__(self) -> None:
        self._sockets: Sequence[socket.socket] = ()
        self._log: AccessLog | None = None
        self._exhausted = False  # whether too many calls of the application hang

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_options(parser)

    @contextmanager
    def opened(self, options: argparse.Namespace) -> Iterator[Sequence[socket.socket]]:
        check_options(options)
        self._sockets, remove = _open(options)
        try:
            yield self._sockets
        finally:
            for sock in self._sockets:
                sock.close()
            remove()

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        proxies = TrustedProxies(options.trusted_proxy, forwarded=options.forwarded)
        if options.access_log is not None:
            self._log = _open_log(reactor, options.access_log, proxies)
        self._add_signal_handlers(reactor, options)
        server = HTTPServer(
            self._handler(reactor, options),
            limits=limits_of(options),
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
            shared=_has_siblings(options),
        )
        scheme = "http" if options.tls is None else "https"
        return [_url(scheme, address) for address in listener.addresses]

    def close(self) -> None:
        if self._log is not None:
            self._log.close()
        if self._exhausted:
            raise CommandError("too many calls of the application hang", CANNOT_START)

    def _add_signal_handlers(self, reactor: Reactor, options: argparse.Namespace) -> None:
        # Even without a log: otherwise the signal would end the process.
        reactor.add_signal_handler(signal.SIGUSR1, self._reopen_log)
        # With workers, the master handles SIGHUP. Without them, closing the terminal ends this
        # process like any other; but a supervisor that sends SIGHUP expects a reload, not an exit.
        if options.workers is None and not os.isatty(0):
            reactor.add_signal_handler(signal.SIGHUP, _cannot_reload)

    def _handler(self, reactor: Reactor, options: argparse.Namespace) -> Handler:
        if options.root is not None:
            from .files.handler import FileHandler

            return FileHandler(options.root, listing=not options.no_listing)
        if options.app is not None:
            from .wsgi.gateway import WSGIHandler
            from .wsgi.loading import load_app

            def on_exhausted() -> None:
                # The master, or a supervisor such as systemd, starts another process.
                self._exhausted = True
                reactor.stop(reactor.grace)

            return WSGIHandler(
                load_app(options.app),
                reactor,
                threads=options.threads,
                max_bodies=options.max_bodies,
                max_spool=options.max_spool,
                request_timeout=options.request_timeout,
                on_exhausted=on_exhausted,
                multiprocess=_has_siblings(options),
                debug=options.debug,
            )
        from .demo import demonstration

        return demonstration

    def _reopen_log(self) -> None:
        if self._log is not None:
            self._log.reopen()


def _open(options: argparse.Namespace) -> tuple[list[socket.socket], Callable[[], object]]:
    """The sockets to listen on, and a function to call when they are closed."""
    sockets = inherited()
    if sockets:
        if options.unix is not None:
            for sock in sockets:
                sock.close()
            raise CommandError("--unix cannot be combined with LISTEN_FDS", WRONG_USAGE)
        return sockets, _nothing
    if options.unix is not None:
        mode = UNIX_MODE if options.unix_mode is None else options.unix_mode
        sock, remove = bind_unix_socket(options.unix, mode)
        return [sock], remove
    return bind_tcp(options), _nothing


def _nothing() -> None:
    pass


def _open_log(reactor: Reactor, path: str, proxies: TrustedProxies) -> AccessLog:
    try:
        return AccessLog(reactor, path, proxies=proxies)
    except OSError as exc:
        raise CommandError(f"cannot write the log {path}: {reason(exc)}") from exc


def _has_siblings(options: argparse.Namespace) -> bool:
    """Whether other worker processes serve the same sockets."""
    return (options.workers or 1) > 1


def _cannot_reload() -> None:
    logger.warning("SIGHUP: only workers can be reloaded; start with --workers 1 or more")


def _url(scheme: str, address: Any) -> str:
    if isinstance(address, tuple):
        return f"{scheme}://{format_address(address[0], address[1])}/"
    if isinstance(address, bytes):  # Linux's abstract names
        return "unix:@" + address[1:].decode("utf-8", "backslashreplace")
    return f"unix:{address}"


app = HTTPApplication()
