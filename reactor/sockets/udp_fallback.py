"""A UDP client whose server's name has several addresses.

Connecting a UDP socket sends nothing, so it succeeds for any address. An ICMP message "port
unreachable", which the system reports as ECONNREFUSED, can only arrive after a datagram was sent.
Without a fallback, a client of ``localhost`` would use its first address, ::1, and never reach a
server that listens on 127.0.0.1 only."""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..transports.callbacks import AnyDatagramProtocol
from ..transports.datagram import Address, DatagramTransport

if TYPE_CHECKING:
    from ..loop import Loop

# Errors that make an address unusable. Any other concerns one datagram.
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
MAX_REPEATED_SIZE: Final = 65536  # bytes in all of them


class FallbackTransport(DatagramTransport):
    """Switches to the next address when one refuses before it has sent us anything, and sends again
    what was sent so far. The protocol is not notified; ``"peername"`` changes.

    When the last address refuses, ``error_received`` is called. An address that does not answer at
    all is kept: in UDP, silence is not an error.

    ``next_socket()`` returns a socket that is connected to the next address, or None.
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

    def _received(self, data: bytes, addr: Address) -> None:
        if self._next_socket is not None:
            self._keep_address()
        super()._received(data, addr)

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
        # Ignore further errors of an earlier address's socket.
        if sock is self._sock and not (exc.errno in _UNREACHABLE and self._use_next_address()):
            super()._error_received(exc, sock)

    def _use_next_address(self) -> bool:
        """Returns False if there is none."""
        if self.is_closing():
            return False
        sent, self._sent, self._sent_size = self._sent, deque(), 0
        while self._next_socket is not None and (sock := self._next_socket()) is not None:
            try:
                self._use_socket(sock, sent)
            except (OSError, ValueError):  # a descriptor that the poller cannot watch
                sock.close()
            else:
                return True
        self._keep_address()
        return False

    def _keep_address(self) -> None:
        """Use this address from now on, and forget the others."""
        self._next_socket = None
        self._sent.clear()
        self._sent_size = 0
