"""Applications: what the command line runs. ``--protocol NAME`` selects one, which gets the
options.

A protocol class needs none of this: ``--protocol module:Class`` serves it over TCP, or over UDP if
it has ``datagram_received``. An ``Application`` adds options, several sockets, or a client. A class
can name its application in an attribute ``application_class``, as ``module:Class``; the application
is then called with the class."""

from __future__ import annotations

import argparse
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from ..reactor import Reactor
from ..sockets.binding import bind_inet, bind_unix, listen_all, unlink_later
from ..sockets.inherited import inherited_sockets
from ..sockets.listener import BACKLOG, Listener
from ..transports.datagram import DatagramTransport
from .errors import WRONG_USAGE, CommandError, port_is_refused, reason
from .options import host_and_port, refuse_unused

#: How to use another port than that of an application's ``--port``.
_OTHER_PORT: Final = "--port N takes another one"


class Application:
    """Base class. The command line calls ``add_arguments``, then either ``serve`` or ``connect``.

    ``options`` are the parsed arguments: the application's own, and ``host``, ``port``, ``tls`` (an
    ``ssl.SSLContext`` or None), ``connect`` (``(host, port)`` or None), ``given`` (the names of the
    options on the command line: see ``refuse_unused``).
    """

    name = ""
    default_port = 8007

    #: The type of ``--connect``'s value. It returns the host and the port, as a tuple.
    address: Callable[[str], Any] = staticmethod(host_and_port)

    #: The option that says how many connections may be open at a time in each process. The command
    #: line raises the limit of open files accordingly, or reports how many connections fit.
    connections_option: str | None = None

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        """Add the application's own options. A type should raise ``argparse.ArgumentTypeError``,
        whose message is shown. Use ``server_option`` and ``client_option`` for options that only a
        server or only a client accepts."""

    def opened(
        self, options: argparse.Namespace
    ) -> AbstractContextManager[Sequence[socket.socket]]:
        """Open the sockets that ``serve`` will listen on, before there is a loop. An application
        that does this, and has an option ``workers``, can be served by several processes.

        The command line exits the context after serving has ended. Raises ``CommandError``."""
        return nullcontext(())

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        """Open the listeners, and return their addresses as URLs. The command line then runs the
        reactor. With several workers it is called in each of them.

        Raises ``CommandError``.
        """
        raise CommandError(f"{self.name} has no server", WRONG_USAGE)

    def close(self) -> None:
        """Called after the loop has ended, in each worker."""

    def connect(self, reactor: Reactor, options: argparse.Namespace) -> int:
        """Be a client of ``options.connect``: run the reactor until the session ends, and return
        the exit status.

        Raises ``CommandError``.
        """
        raise CommandError(f"{self.name} has no client: --connect cannot be used", WRONG_USAGE)


class ProtocolApplication(Application):
    """Serves a protocol class without options: what ``--protocol module:Class`` runs.

    If the class has an attribute ``default_port``, that is the default of ``--port``.
    """

    def __init__(self, name: str, protocol: Callable[[], Any]) -> None:
        self.name = name
        self.default_port = getattr(protocol, "default_port", Application.default_port)
        self._protocol = protocol

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        if hasattr(self._protocol, "datagram_received"):
            if options.tls is not None:
                raise CommandError(
                    f"{self.name} serves datagrams, which cannot use TLS", WRONG_USAGE
                )
            return udp_urls(listen_udp(reactor, self._protocol, options.host, options.port))
        return tcp_urls(listen_tcp(reactor, self._protocol, options), options.tls)


# -- listening with a loop -------------------------------------------------------------------------


def serve_both(
    reactor: Reactor,
    options: argparse.Namespace,
    factory: Callable[[], Any],
    datagram_factory: Callable[[], Any],
    **listen_options: Any,
) -> list[str]:
    """Serve over TCP, and over UDP unless ``--no-udp`` is given; returns the URLs of both.

    ``options`` include those of ``add_udp_arguments``. Without ``--udp-port``, UDP gets the port
    number that TCP has. ``listen_options``: for ``Reactor.listen_tcp``. Raises ``CommandError``.
    """
    if options.no_udp:
        refuse_unused(options, ("--udp-port",), "cannot be combined with --no-udp")
    listener = listen_tcp(reactor, factory, options, **listen_options)
    urls = tcp_urls(listener, options.tls)
    if not options.no_udp:
        port = options.udp_port
        if port is None:
            port = listener.addresses[0][1]
        remedy = "--udp-port N takes another one, --no-udp none"
        urls += udp_urls(listen_udp(reactor, datagram_factory, options.host, port, remedy=remedy))
    return urls


def listen_tcp(
    reactor: Reactor,
    factory: Callable[[], Any],
    options: argparse.Namespace,
    *,
    remedy: str = _OTHER_PORT,
    **listen_options: Any,
) -> Listener:
    """``Reactor.listen_tcp`` at ``options.host`` and ``options.port``, with ``options.tls``.

    ``remedy``: what to do if the port cannot be had, for the error. Raises ``CommandError``."""
    try:
        return reactor.listen_tcp(
            factory, options.host, options.port, tls=options.tls, **listen_options
        )
    except OSError as exc:
        raise _cannot_listen("tcp", options.host, options.port, exc, remedy) from exc


def listen_udp(
    reactor: Reactor,
    factory: Callable[[], Any],
    host: str,
    port: int,
    *,
    remedy: str = _OTHER_PORT,
) -> list[DatagramTransport]:
    """``Reactor.listen_udp``. ``remedy``: as for ``listen_tcp``. Raises ``CommandError``."""
    try:
        return reactor.listen_udp(factory, host, port)
    except OSError as exc:
        raise _cannot_listen("udp", host, port, exc, remedy) from exc


# -- listening before there is a loop --------------------------------------------------------------


def bind_tcp(options: argparse.Namespace) -> list[socket.socket]:
    """Sockets that listen at ``options.host`` and ``options.port``, for ``Application.opened``.
    Raises ``CommandError``."""
    try:
        sockets = bind_inet(options.host, options.port, socket.SOCK_STREAM)
        listen_all(sockets, BACKLOG)
    except OSError as exc:
        raise _cannot_listen("tcp", options.host, options.port, exc, _OTHER_PORT) from exc
    return sockets


def bind_unix_socket(
    path: str, mode: int | None = None
) -> tuple[socket.socket, Callable[[], None]]:
    """A Unix socket that listens at ``path``, for ``Application.opened``, and a function that
    removes its file. ``mode``: the file's permissions; None leaves them to the umask. Raises
    ``CommandError``."""
    try:
        sock = bind_unix(path, socket.SOCK_STREAM, mode)
        listen_all([sock], BACKLOG)
        return sock, unlink_later(path)
    except OSError as exc:
        raise CommandError(f"cannot listen on unix:{path}: {reason(exc)}") from exc


def inherited() -> list[socket.socket]:
    """The sockets that a service manager has passed to this process; see ``inherited_sockets``.
    Raises ``CommandError``."""
    try:
        return inherited_sockets()
    except ValueError as exc:
        raise CommandError(str(exc)) from exc


# -- addresses -------------------------------------------------------------------------------------


def tcp_urls(
    listener: Listener, tls: ssl.SSLContext | None = None, scheme: str | None = None
) -> list[str]:
    """The URLs of ``listener``, with the real port. ``scheme``: of the protocol, which gets an "s"
    if there is ``tls``; None: ``tcp`` or ``tls``."""
    if scheme is None:
        name = "tcp" if tls is None else "tls"
    else:
        name = scheme if tls is None else f"{scheme}s"
    return [_url(name, address) for address in listener.addresses]


def udp_urls(transports: list[DatagramTransport]) -> list[str]:
    """The URLs of the datagram sockets, with the real ports."""
    return [_url("udp", transport.get_extra_info("sockname")) for transport in transports]


def format_address(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _url(scheme: str, address: Any) -> str:
    return f"{scheme}://{format_address(address[0], address[1])}"


def _cannot_listen(scheme: str, host: str, port: int, exc: OSError, remedy: str) -> CommandError:
    hint = f" ({remedy})" if port_is_refused(exc) else ""
    place = _url(scheme, (host or "*", port))
    return CommandError(f"cannot listen on {place}: {reason(exc)}{hint}")
