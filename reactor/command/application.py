"""Applications: what the command line runs. ``--protocol NAME`` finds one, and hands it the
options.

A protocol of one's own needs none of this: ``--protocol module:Class`` serves any protocol class
over TCP, or over UDP if it has ``datagram_received``. An ``Application`` adds options, several
sockets, or a client."""

from __future__ import annotations

import argparse
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..reactor import Reactor
from ..sockets.binding import bind_inet, bind_unix, listen_all, unlink_later
from ..sockets.inherited import inherited_sockets
from ..sockets.listener import BACKLOG, Listener
from ..transports.datagram import DatagramTransport

CANNOT_START = 1
WRONG_USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell says it

_WRONG_SIDE = "_wrong_side"  # attribute of an argparse action: for whom it is refused, and why


class CommandError(Exception):
    """An error that the user can cause and mend: printed as one line, without a traceback.

    ``status`` is the process's exit status: ``CANNOT_START`` (1) or ``WRONG_USAGE`` (2).
    """

    def __init__(self, message: str, status: int = CANNOT_START) -> None:
        super().__init__(message)
        self.status = status


class Application:
    """Base class. The command line calls ``add_arguments``, then either ``serve`` or ``connect``.

    ``options`` is what the arguments became: the application's own, and ``host``, ``port``, ``tls``
    (an ``ssl.SSLContext`` or None), ``connect`` (``(host, port)`` or None).
    """

    name = ""
    description = ""
    default_port = 8007

    #: The option that says how many connections there may be at a time in each process. The command
    #: line raises the limit of open files to what it needs, or says how many fit.
    connections_option: str | None = None

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        """Add the application's own options. A type that raises ``argparse.ArgumentTypeError``
        makes good messages. Those that only a server or only a client has are added with
        ``server_option`` and ``client_option``; the other one then refuses them."""

    def opened(
        self, options: argparse.Namespace
    ) -> AbstractContextManager[Sequence[socket.socket]]:
        """Open the sockets that ``serve`` will listen on, while there is no loop yet: what has them
        can be served by several processes, if there is an option ``workers``.

        The command line leaves the context when all is over. Raises ``CommandError``."""
        return nullcontext(())

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        """Open what is to be served, and return its addresses as URLs. The command line then runs
        the reactor. With several workers it is called in each of them.

        Raises ``CommandError``.
        """
        raise CommandError(f"{self.name} has no server", WRONG_USAGE)

    def close(self) -> None:
        """Called after the loop has ended, in each worker."""

    def connect(self, reactor: Reactor, options: argparse.Namespace) -> int:
        """Be a client of ``options.connect``: run the reactor until it is over, and return the exit
        status.

        Raises ``CommandError``.
        """
        raise CommandError(f"{self.name} has no client: --connect does not go with it", WRONG_USAGE)


class ProtocolApplication(Application):
    """Serves a protocol class as it is: what ``--protocol module:Class`` runs.

    A class attribute ``default_port`` of the protocol is respected.
    """

    def __init__(self, name: str, protocol: Callable[[], Any]) -> None:
        self.name = name
        self.description = (protocol.__doc__ or "").strip().partition("\n")[0]
        self.default_port = getattr(protocol, "default_port", Application.default_port)
        self._protocol = protocol

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        if hasattr(self._protocol, "datagram_received"):
            if options.tls is not None:
                raise CommandError(f"{self.name} takes datagrams, and those no TLS", WRONG_USAGE)
            return udp_urls(listen_udp(reactor, self._protocol, options.host, options.port))
        return tcp_urls(listen_tcp(reactor, self._protocol, options), options.tls)


def listen_tcp(
    reactor: Reactor, factory: Callable[[], Any], options: argparse.Namespace, **listen_options: Any
) -> Listener:
    """``Reactor.listen_tcp`` at ``options.host`` and ``options.port``, with its errors as
    ``CommandError``."""
    try:
        return reactor.listen_tcp(
            factory, options.host, options.port, tls=options.tls, **listen_options
        )
    except OSError as exc:
        raise _cannot_listen("tcp", options.host, options.port, exc) from exc


def listen_udp(
    reactor: Reactor, factory: Callable[[], Any], host: str, port: int
) -> list[DatagramTransport]:
    """``Reactor.listen_udp``, with its errors as ``CommandError``."""
    try:
        return reactor.listen_udp(factory, host, port)
    except OSError as exc:
        raise _cannot_listen("udp", host, port, exc) from exc


def server_option(parser: argparse._ActionsContainer, *names: str, **arguments: Any) -> None:
    """``parser.add_argument`` for what only a server has: given with ``--connect``, it is refused.

    In the environment, which servers and clients may share, it is ignored there."""
    action = parser.add_argument(*names, **arguments)
    setattr(action, _WRONG_SIDE, (True, "is a server's option and does not go with --connect"))


def client_option(
    parser: argparse._ActionsContainer, *names: str, instead: str | None = None, **arguments: Any
) -> None:
    """The same for what only a client has: given without ``--connect``, it is refused.

    ``instead``: the option that a server has in its place, for the message."""
    action = parser.add_argument(
        *names, **{**arguments, "help": f"with --connect: {arguments['help']}"}
    )
    hint = f"; a server takes {instead}" if instead else ""
    setattr(action, _WRONG_SIDE, (False, f"goes with --connect{hint}"))


def refuse_wrong_side(
    parser: argparse.ArgumentParser, arguments: Sequence[str], *, client: bool
) -> None:
    """Raise ``CommandError`` if ``arguments`` have an option that belongs to the other side.

    ``parser`` must not take abbreviations and have no positional arguments: then no value begins
    with two hyphens, and what does is an option that was given, not a default."""
    given = {argument.partition("=")[0] for argument in arguments}
    for action in parser._actions:
        refused_for, why = getattr(action, _WRONG_SIDE, (None, ""))
        if refused_for == client:
            for name in given.intersection(action.option_strings):
                raise CommandError(f"{name} {why}", WRONG_USAGE)


def add_udp_arguments(parser: argparse._ActionsContainer, default_port: int | None = None) -> None:
    """The options ``--udp-port`` and ``--no-udp``, for servers over TCP and UDP."""
    default = "the same as --port" if default_port is None else default_port
    server_option(
        parser,
        "--udp-port",
        metavar="N",
        type=port_number,
        default=default_port,
        help=f"port for UDP, 0 for any ({default})",
    )
    server_option(parser, "--no-udp", action="store_true", help="serve TCP alone")


def serve_both(
    reactor: Reactor,
    options: argparse.Namespace,
    factory: Callable[[], Any],
    datagram_factory: Callable[[], Any],
    **listen_options: Any,
) -> list[str]:
    """Serve over TCP, and over UDP unless ``--no-udp``; returns the URLs of both.

    Without ``--udp-port`` UDP gets the port number that TCP has. Raises ``CommandError``.
    """
    listener = listen_tcp(reactor, factory, options, **listen_options)
    urls = tcp_urls(listener, options.tls)
    if not options.no_udp:
        port = options.udp_port
        if port is None:
            port = listener.addresses[0][1]
        urls += udp_urls(listen_udp(reactor, datagram_factory, options.host, port))
    return urls


def tcp_urls(listener: Listener, tls: ssl.SSLContext | None = None) -> list[str]:
    """Where ``listener`` can be reached, with the real port."""
    return [_url("tcp" if tls is None else "tls", address) for address in listener.addresses]


def udp_urls(transports: list[DatagramTransport]) -> list[str]:
    """Where the datagram sockets can be reached, with the real ports."""
    return [_url("udp", transport.get_extra_info("sockname")) for transport in transports]


def bind_tcp(options: argparse.Namespace) -> list[socket.socket]:
    """Sockets that listen at ``options.host`` and ``options.port``, for ``Application.opened``.
    Raises ``CommandError``."""
    try:
        sockets = bind_inet(options.host, options.port, socket.SOCK_STREAM)
        listen_all(sockets, BACKLOG)
    except OSError as exc:
        raise _cannot_listen("tcp", options.host, options.port, exc) from exc
    return sockets


def bind_unix_socket(
    path: str, mode: int | None = None
) -> tuple[socket.socket, Callable[[], None]]:
    """The same for a Unix socket at ``path``, and a function that removes the file in the end.
    ``mode``: its permissions; None leaves them to the umask."""
    try:
        sock = bind_unix(path, socket.SOCK_STREAM, mode)
        listen_all([sock], BACKLOG)
        return sock, unlink_later(path)
    except OSError as exc:
        raise CommandError(f"cannot listen on unix:{path}: {reason(exc)}") from exc


def inherited() -> list[socket.socket]:
    """``inherited_sockets``, with its errors as ``CommandError``."""
    try:
        return inherited_sockets()
    except ValueError as exc:
        raise CommandError(str(exc)) from exc


def _url(scheme: str, address: Any) -> str:
    return f"{scheme}://{format_address(address[0], address[1])}"


def format_address(host: str, port: int) -> str:
    """``host:port``, with brackets around an IPv6 address (RFC 3986 section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _cannot_listen(scheme: str, host: str, port: int, exc: OSError) -> CommandError:
    where = f"{scheme}://{format_address(host or '*', port)}"
    return CommandError(f"cannot listen on {where}: {reason(exc)}")


def reason(exc: BaseException) -> str:
    """What went wrong, in a few words: the system's own, without numbers."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {exc.verify_message} (see --tls-ca)"
    if isinstance(exc, OSError) and exc.strerror:
        return re.sub(r" \(_ssl\.c:[0-9]+\)$", "", str(exc.strerror))
    return str(exc) or type(exc).__name__


# -- types of options ------------------------------------------------------------------------------


class Repeatable(argparse.Action):
    """An option that may be given more than once; in the environment, separated by commas. Gathers
    a list. What is on the command line replaces what is in the environment."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**{**arguments, "default": arguments.get("default") or []})

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        so_far = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if so_far is self.default else so_far), values])


def port_number(text: str) -> int:
    """A TCP or UDP port as an option's type."""
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A time in seconds, not negative, as an option's type."""
    return _number(text, "a number of seconds")


def duration(text: str) -> float:
    """A time in seconds, more than 0, as an option's type."""
    value = seconds(text)
    if not value:
        raise argparse.ArgumentTypeError("a number of seconds is wanted, more than 0")
    return value


def number(text: str) -> float:
    """A number, not negative, as an option's type."""
    return _number(text, "a number")


def positive(text: str) -> int:
    """A whole number, at least 1, as an option's type."""
    value = count(text)
    if not value:
        raise argparse.ArgumentTypeError("a number of at least 1 is wanted")
    return value


def count(text: str) -> int:
    """A whole number, not negative, as an option's type."""
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise argparse.ArgumentTypeError(f"a whole number is wanted, not {text!r}")
    return int(text)


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise argparse.ArgumentTypeError(f"{what} is wanted, not {text!r}")
    return value


def host_name(text: str) -> str:
    """A name or address as an option's type; an IPv6 address also in brackets, as URLs have it."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def host_and_port(text: str) -> tuple[str, int]:
    """``host:port`` or ``[address]:port`` as an option's type."""
    match = re.fullmatch(r"\[([^]]+)\]:([0-9]+)|([^:]+):([0-9]+)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"HOST:PORT is wanted, not {text!r}")
    host = match[1] or match[3]
    return host, port_number(match[2] or match[4])
