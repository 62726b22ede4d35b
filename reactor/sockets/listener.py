"""Listening: sockets that accept connections and give each a protocol and a transport."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import FATAL
from ..pollers import READ
from ..transports.callbacks import AnyProtocol
from ..transports.stream import StreamTransport
from .addresses import subscriber
from .binding import KeepAlive, prepare, unlink_later

if TYPE_CHECKING:
    from ..loop import Loop
    from ..timers import Timer

logger = logging.getLogger(__name__)

ProtocolFactory = Callable[[], AnyProtocol]
TransportFactory = Callable[
    ["Loop", socket.socket, AnyProtocol, Any, Callable[[], object] | None], StreamTransport
]

BACKLOG: Final = (
    1024  # connections that the system holds for us; it may hold fewer (net.core.somaxconn)
)
ACCEPTS_PER_TURN: Final = 64  # a crowd at the door must not starve those inside
PAUSE: Final = 1.0  # seconds without accepting, when the system has no descriptors or memory left

# What accept() says of one connection that is gone before we took it (accept(2), "Error handling"):
# on to the next (cpython gh-127529).
_NEXT: Final = frozenset(
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
    """One or more listening sockets with one factory; ``asyncio.Server``'s counterpart. Made by
    ``Reactor.listen_…``.

    ``connections`` is the number of connections accepted here that are open now. At
    ``max_connections`` accepting pauses, and newcomers wait in the system's backlog until somebody
    leaves.

    ``max_connections_per_address``: connections from one peer's address that may be open at a time;
    one more is accepted, closed at once, and counted in ``Stats.refused``. IPv6 addresses count by
    their /64, which is what one subscriber has. Unix sockets have no addresses, and no such limit;
    ``exempt(address)`` tells which other addresses have none.

    ``shared``: other processes accept from the same sockets. One connection is accepted in a turn
    then, not all that wait, as the rest may be for the others to take."""

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
        self._max_per_address = max_connections_per_address
        self._exempt = exempt
        self._by_address: dict[bytes, int] = {}
        self._accepts_per_turn = 1 if shared else ACCEPTS_PER_TURN
        self._keepalive = keepalive
        self._unlink = unlink_later(unix_path) if unix_path else None
        self._accepting = False
        self._closed = False
        self._resume_timer: Timer | None = None
        self._register()
        reactor.attach(self)

    @property
    def addresses(self) -> list[Any]:
        """Where it listens, as ``getsockname()`` says: with the real port where port 0 was asked
        for."""
        return [sock.getsockname() for sock in self.sockets]

    def is_serving(self) -> bool:
        """Whether it has not been closed."""
        return not self._closed

    def close(self) -> None:
        """Accept no more. Connections already accepted go on."""
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

    def _on_ready(self, sock: socket.socket, mask: int) -> None:
        for _ in range(self._accepts_per_turn):
            if not self._accepting:
                return
            try:
                connection, address = sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno in _NEXT:
                    continue
                if exc.errno not in _EXHAUSTED:
                    self._reactor.call_exception_handler(
                        {"message": "listener failed:", "exception": exc, "handle": self}
                    )
                    self.close()
                    return
                # Level-triggered and with no descriptor to take the connection, it would be
                # reported for ever (twisted#5368). Return now: going on would fail again (cpython
                # gh-151615).
                logger.warning("accepting pauses for %g s: %s", PAUSE, exc.strerror)
                self._pause()
                self._resume_timer = self._reactor.call_later(PAUSE, self._resume)
                return
            self._accepted(connection, address)

    def _accepted(self, sock: socket.socket, address: Any) -> None:
        self._reactor.stats.accepted += 1
        self._reactor.answered = True
        try:
            prepare(sock, self._keepalive)
        except OSError as exc:
            # The peer has left already, and some systems then refuse setsockopt (waitress 3.0.0).
            self._refuse(sock, exc)
            return
        key = self._limited(address)
        if key is not None and self._by_address.get(key, 0) == self._max_per_address:
            self._refuse(sock, f"{address[0]} has {self._max_per_address} connections already")
            return
        try:
            protocol = self._factory()
        except FATAL:
            raise
        except BaseException as exc:
            self._reactor.call_exception_handler(
                {"message": "protocol factory failed:", "exception": exc}
            )
            self._refuse(sock, exc)
            return
        lost = self._connection_lost if key is None else partial(self._counted_lost, key)
        transport = self._make_transport(self._reactor, sock, protocol, address or None, lost)
        self.connections += 1
        if key is not None:
            self._by_address[key] = self._by_address.get(key, 0) + 1
        if self.connections == self._max_connections:
            self._pause()
        try:
            transport.start()
        except OSError as exc:  # gone before its TLS handshake; or there is no memory to watch it
            self._refuse(sock, exc)
            lost()
            return
        except ValueError as exc:  # a descriptor that the poller cannot watch: select, above 1023
            logger.warning("a connection was refused: %s", exc)
            self._refuse(sock, exc)
            lost()
            return
        logger.debug("%r: accepted", transport)

    def _limited(self, address: Any) -> bytes | None:
        """What connections of this peer are counted by; None if they are not."""
        if self._max_per_address is None or type(address) is not tuple:
            return None
        if self._exempt is not None and self._exempt(address[0]):
            return None
        return subscriber(address[0])

    def _counted_lost(self, key: bytes) -> None:
        self._by_address[key] -= 1
        if not self._by_address[key]:
            del self._by_address[key]
        self._connection_lost()

    def _refuse(self, sock: socket.socket, why: BaseException | str) -> None:
        logger.debug("refused: %s", why)
        self._reactor.stats.refused += 1
        sock.close()

    def _connection_lost(self) -> None:
        self.connections -= 1
        if not self._accepting and self._resume_timer is None:
            self._resume()

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

    def _pause(self) -> None:
        # They stay registered, for nothing: to register anew can fail, above all when the system
        # has no memory left, and that may be the reason of the pause.
        self._watch(False)

    def _resume(self) -> None:
        self._resume_timer = None
        full = self._max_connections is not None and self.connections >= self._max_connections
        if not self._closed and not full:
            self._watch(True)

    def _watch(self, accepting: bool) -> None:
        if accepting != self._accepting:
            self._accepting = accepting
            for sock in self.sockets:
                self._reactor.modify(sock.fileno(), READ if accepting else 0)

    def __repr__(self) -> str:
        where = "closed" if self._closed else self.addresses
        return f"<Listener {where} connections={self.connections}>"
