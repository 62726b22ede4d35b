"""``--protocol ftp``: a folder, for FTP clients."""

from __future__ import annotations

import argparse
import signal

from reactor import KeepAlive, Reactor
from reactor.command import Application, CommandError, listen_tcp, reason, tcp_urls

from .data import DataPorts
from .options import accounts_of, add_options, check_options, limits_of
from .server import FTPServer
from .transferlog import TransferLog


class FTPApplication(Application):
    """A file server."""

    name = "ftp"
    description = "a file server (FTP)"
    default_port = 2121  # the standard port, 21, requires root
    connections_option = "--max-connections"

    def __init__(self) -> None:
        self._log: TransferLog | None = None

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_options(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        check_options(options)
        limits = limits_of(options)
        accounts = accounts_of(options)
        if options.access_log is not None:
            self._log = _open_log(reactor, options.access_log)
        # Even without a log: otherwise the signal would end the process.
        reactor.add_signal_handler(signal.SIGUSR1, self._reopen_log)
        ports = DataPorts(
            reactor,
            options.passive_ports,
            len(options.passive_ports) or limits.passive_ports,
            options.public_address,
            limits.data_timeout,
        )
        server = FTPServer(
            reactor,
            accounts,
            limits=limits,
            context=options.tls,
            implicit=options.implicit_tls,
            require_tls=options.require_tls,
            require_close_notify=options.require_close_notify,
            ports=ports,
            max_connections=options.max_connections,
            max_connections_per_address=options.max_connections_per_address or None,
            log=self._log,
            banner=options.banner,
        )
        place = argparse.Namespace(
            host=options.host, port=options.port, tls=options.tls if options.implicit_tls else None
        )
        listener = listen_tcp(reactor, server, place, keepalive=KeepAlive())
        return tcp_urls(listener, place.tls, "ftp")

    def close(self) -> None:
        if self._log is not None:
            self._log.close()

    def _reopen_log(self) -> None:
        if self._log is not None:
            self._log.reopen()


def _open_log(reactor: Reactor, path: str) -> TransferLog:
    try:
        return TransferLog(reactor, path)
    except OSError as exc:
        raise CommandError(f"cannot write the log {path}: {reason(exc)}") from exc


app = FTPApplication()
