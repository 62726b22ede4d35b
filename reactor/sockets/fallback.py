"""A datagram client whose server's name has several addresses.

Over UDP nothing tells whether an address is the right one before something was sent there, and then
only an ICMP message does: "port unreachable", which the system reports as ECONNREFUSED. So a name
like ``localhost`` would end with its first address, ::1, where only 127.0.0.1 is served."""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..pollers import READ
from ..transports.callbacks import AnyDatagramProtocol
from ..transports.datagram import Address, DatagramTransport

if TYPE_CHECKING:
    from ..loop import Loop

# What says of an address, not of a datagram, that it is of no use.
_UNREACHABLE: Final = frozenset(
    {
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EADDRNOTAVAIL,
    }
)

MAX_REPEATED: Final = 64  # datagrams that are kept, to be sent again to the next address
MAX_REPEATED_SIZE: Final = 65536  # bytes in them


class FallbackTransport(DatagramTransport):
    """Goes on to the next address when one refuses before anything was heard from it, and sends
    again what was sent so far; the protocol is not told. Then ``"peername"`` changes as well.

    When the last address has refused, ``error_received`` is called. An address that does not answer
    at all is kept: silence is no error in UDP.

    ``next_socket()`` gives a socket that is connected to the next address, or None.
    """

    def __init__(
        self,
        next_socket: Callable[[], socket.socket | None],
        reactor: Loop,
        sock: Any,
        protocol: AnyDatagramProtocol,
        peername: Address,
        on_lost: Callable[[], object] | None,
    ) -> None:
        super().__init__(reactor, sock, protocol, peername, on_lost)
        self._next_socket: Callable[[], socket.socket | None] | None = next_socket
        self._sent: deque[bytes] = deque()
        self._sent_size = 0

    def _tell(self, method: str, *args: object) -> object:
        if method == "datagram_received" and self._next_socket is not None:
            self._settle()
        return super()._tell(method, *args)

    def _send(self, data: bytes, addr: Address) -> bool:
        done = super()._send(data, addr)
        if (
            done
            and self._next_socket is not None
            and len(self._sent) < MAX_REPEATED
            and self._sent_size + len(data) <= MAX_REPEATED_SIZE
        ):
            self._sent.append(data)
            self._sent_size += len(data)
        return done

    def _error_received(self, exc: OSError, sock: Any) -> None:
        # A socket that was given up may have more than one error to tell.
        if sock is self._sock and not (exc.errno in _UNREACHABLE and self._go_on()):
            super()._error_received(exc, sock)

    def _go_on(self) -> bool:
        """Try the next address. Returns whether there is one."""
        if self._closing:
            return False
        while self._next_socket is not None and (sock := self._next_socket()) is not None:
            try:
                peername = sock.getpeername()
                self._reactor.register(sock.fileno(), READ, self._on_ready)
            except (OSError, ValueError):  # a descriptor that the poller cannot watch
                sock.close()
                continue
            self._reactor.unregister(self._fd)
            self._reactor.release(self._sock)
            self._sock, self._fd, self._peername = sock, sock.fileno(), peername
            self._interest = READ
            self._queue.extendleft((data, None) for data in reversed(self._sent))
            self._size += self._sent_size
            self._sent.clear()
            self._sent_size = 0
            self._flush()
            return True
        self._settle()
        return False

    def _settle(self) -> None:
        """This address it is."""
        self._next_socket = None
        self._sent.clear()
        self._sent_size = 0
