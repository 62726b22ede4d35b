"""Listening: sockets that accept connections. Each connection gets a protocol and a transport."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL, careful_logger
from ..pollers import READ
from ..transports.base import TransportFactory
from ..transports.callbacks import AnyProtocol
from ..transports.stream import StreamTransport
from .addresses import AddressLimit
from .binding import KeepAlive, prepare, unlink_later

if TYPE_CHECKING:
    from ..loop import Loop
    from ..timers import Timer

logger = careful_logger(__name__)

ProtocolFactory = Callable[[], AnyProtocol]

# Connections that the system holds until they are accepted; it may hold fewer (net.core.somaxconn).
BACKLOG: Final = 1024
ACCEPTS_PER_TURN: Final = 64  # new connections must not starve the open ones
PAUSE: Final = 1.0  # seconds without accepting, when the system has no descriptors or memory left

# accept() reports errors of one connection that ended before it was accepted (accept(2), "Error
# handling"). The next one may succeed: continue (cpython gh-127529).
_CONNECTION_ENDED: Final = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPERM,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        *(getattr(errno, name) for name in ("EHOSTDOWN", "ENONET") if hasattr(errno, name)),
    }
)
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """One or more listening sockets with one protocol factory; ``asyncio.Server``'s counterpart.
    Made by the ``Reactor.listen_…`` methods, whose options are described here.

    ``sockets``: bound, listening and non-blocking. The listener owns them: it closes them, also if
    this raises.

    ``make_transport``: makes a connection's transport; one for TLS makes TLS connections.

    ``max_connections``: connections accepted here that may be open at a time; None for any number.
    At the limit accepting pauses, and further connections wait in the system's backlog until an
    open one closes.

    ``max_connections_per_address``: connections from one peer's address that may be open at a time;
    None for any number. Any further one is accepted, closed at once, and counted in
    ``Stats.refused``. IPv6 addresses are counted by /64, which is what one subscriber has. Unix
    sockets have no addresses, and so no such limit. ``exempt(address)`` returns whether an address
    has no limit.

    ``keepalive``: set on every TCP connection; None for none.

    ``unix_path``: the socket file, which is removed on closing.

    ``shared``: other processes accept from the same sockets. Then a turn accepts one connection and
    leaves the others to them.

    The attribute ``connections`` is the number of connections accepted here that are open now.

    Raises ``OSError`` or ``ValueError`` if the poller cannot watch the sockets."""

    def __init__(
        self,
        reactor: Loop,
        protocol_factory: ProtocolFactory,
        sockets: Sequence[socket.socket],
        *,
        make_transport: TransportFactory = StreamTransport,
        max_connections: int | None = None,
        max_connections_per_address: int | None = None,
        exempt: Callable[[str], bool] | None = None,
        keepalive: KeepAlive | None = None,
        unix_path: str | None = None,
        shared: bool = False,
    ) -> None:
        self.connections = 0
        self.sockets = tuple(sockets)
        self._reactor = reactor
        self._factory = protocol_factory
        self._make_transport = make_transport
        self._max_connections = max_connections
        self._address_limit = AddressLimit(max_connections_per_address, exempt)
        self._accepts_per_turn = 1 if shared else ACCEPTS_PER_TURN
        self._keepalive = keepalive
        self._accepting = False
        self._closed = False
        self._resume_timer: Timer | None = None
        try:
            self._unlink = unlink_later(unix_path) if unix_path else None
            self._register()
        except (OSError, ValueError):
            for sock in self.sockets:
                sock.close()
            raise
        reactor.attach(self)

    @property
    def addresses(self) -> list[Any]:
        """The addresses it listens on, as ``getsockname()`` returns them: with the real port where
        port 0 was requested."""
        return [sock.getsockname() for sock in self.sockets]

    def is_serving(self) -> bool:
        """Whether it is open."""
        return not self._closed

    def close(self) -> None:
        """Stop accepting. Connections that are open stay open."""
        if self._closed:
            return
        self._accepting = False
        self._closed = True
        if self._resume_timer is not None:
            self._resume_timer.cancel()
        for sock in self.sockets:
            self._reactor.unregister(sock.fileno())
            self._reactor.release(sock)
        if self._unlink is not None:
            self._unlink()
        self._reactor.detach(self)

    request_shutdown = abort = close

    # -- accepting ---------------------------------------------------------------------------------

    def _on_ready(self, sock: socket.socket, mask: int) -> None:
        for _ in range(self._accepts_per_turn):
            if not self._accepting:
                return
            try:
                connection, address = sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno in _CONNECTION_ENDED:
                    continue
                # Return: accepting again in this turn would fail again (cpython gh-151615).
                self._accept_failed(exc)
                return
            self._accepted(connection, address)

    def _accept_failed(self, exc: OSError) -> None:
        if exc.errno in _EXHAUSTED:
            # The poller is level-triggered: it would keep reporting the waiting connection,
            # although there is no descriptor to accept it with (twisted#5368).
            logger.warning("accepting pauses for %g s: %s", PAUSE, exc.strerror)
            self._watch(False)
            self._resume_timer = self._reactor.call_later(PAUSE, self._pause_over)
        else:
            self._reactor.call_exception_handler(
                {"message": "listener failed:", "exception": exc, "handle": self}
            )
            self.close()

    def _accepted(self, sock: socket.socket, address: Any) -> None:
        self._reactor.stats.accepted += 1
        self._reactor.answered = True
        try:
            prepare(sock, self._keepalive)
        except OSError as exc:
            # The peer has left already, and some systems then refuse setsockopt (waitress 3.0.0).
            self._refuse(sock, exc)
            return
        limit = self._address_limit
        calling = "limit of connections per address"
        try:
            key = limit.key(address)
            if key is not None and limit.is_reached(key):
                self._refuse(sock, f"{address[0]} has {limit.maximum} connections already")
                return
            calling = "protocol factory"
            protocol = self._factory()
            calling = "transport"
            on_lost = self._connection_lost if key is None else partial(self._connection_lost, key)
            transport = self._make_transport(
                self._reactor, sock, protocol, address or None, on_lost
            )
        except FATAL:
            raise
        except BaseException as exc:
            self._reactor.call_exception_handler(
                {"message": f"{calling} failed:", "exception": exc}
            )
            self._refuse(sock, exc)
            return
        self.connections += 1
        if key is not None:
            limit.add(key)
        if self.connections == self._max_connections:
            self._watch(False)
        try:
            transport.start()
        except (OSError, ValueError) as exc:
            # OSError: the peer left before its TLS handshake, or there is no memory to watch the
            # socket. ValueError: select cannot watch a descriptor above 1023.
            if not isinstance(exc, OSError):
                logger.warning("a connection was refused: %s", exc)
            self._refuse(sock, exc)
            on_lost()
            return
        logger.debug("%r: accepted", transport)

    def _refuse(self, sock: socket.socket, why: BaseException | str) -> None:
        logger.debug("refused: %s", why)
        self._reactor.stats.refused += 1
        sock.close()

    def _connection_lost(self, key: bytes | None = None) -> None:
        """``key``: what ``AddressLimit.key`` returned for the connection."""
        if key is not None:
            self._address_limit.remove(key)
        self.connections -= 1
        if not self._accepting and self._resume_timer is None:
            self._resume()

    # -- pausing -----------------------------------------------------------------------------------

    def _register(self) -> None:
        registered: list[int] = []
        try:
            for sock in self.sockets:
                self._reactor.register(sock.fileno(), READ, partial(self._on_ready, sock))
                registered.append(sock.fileno())
        except (OSError, ValueError):  # all or none
            for fd in registered:
                self._reactor.unregister(fd)
            raise
        self._accepting = True

    def _pause_over(self) -> None:
        self._resume_timer = None
        self._resume()

    def _resume(self) -> None:
        full = self._max_connections is not None and self.connections >= self._max_connections
        if not self._closed and not full:
            self._watch(True)

    def _watch(self, accepting: bool) -> None:
        """Accept from now on, or pause. Paused sockets stay registered, with an empty mask:
        registering them again could fail when the system has no memory left, which may be why we
        pause."""
        if accepting != self._accepting:
            self._accepting = accepting
            for sock in self.sockets:
                self._reactor.modify(sock.fileno(), READ if accepting else 0)

    def __repr__(self) -> str:
        where = "closed" if self._closed else self.addresses
        return f"<Listener {where} connections={self.connections}>"
