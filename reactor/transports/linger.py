"""Lingering close: closing a connection so that the peer gets everything that was sent.

The system answers with RST if a socket is closed while it holds unread bytes, or if more arrive
afterwards. An RST makes the peer's system discard received data that the peer has not read yet,
possibly our last reply (RFC 1122 section 4.2.2.13; RFC 9112 section 9.6). So ``close()``
half-closes first. Then we read and discard until the peer has finished too, or until one of the
limits below is reached.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from ..pollers import READ

if TYPE_CHECKING:
    from ..loop import Loop

LINGER_TIMEOUT: Final = 2.0  # seconds
LINGER_BYTES: Final = 1 << 20  # bytes to discard
MAX_LINGERING: Final = 1024  # sockets at one time; when there are more, they are closed at once
_CHUNK: Final = 65536


def linger(reactor: Loop, sock: Any) -> None:
    """Half-close ``sock``, and close it when the peer has closed or a limit is reached. ``sock``
    must not be registered with the poller."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the peer has left already, or this is a pipe
        reactor.release(sock)
        return
    if reactor.stats.lingering >= MAX_LINGERING:
        reactor.release(sock)
    else:
        Lingering(reactor, sock)


class Lingering:
    __slots__ = ("_left", "_reactor", "_sock", "_timer")

    def __init__(self, reactor: Loop, sock: Any) -> None:
        self._reactor = reactor
        self._sock = sock
        self._left = LINGER_BYTES
        self._timer = reactor.call_later(LINGER_TIMEOUT, self.abort)
        reactor.register(sock.fileno(), READ, self._on_ready)
        reactor.stats.lingering += 1
        reactor.attach(self)

    def _on_ready(self, mask: int) -> None:
        if self._discard() == 0:
            self.abort()

    def _discard(self) -> int | None:
        """Read and discard. Returns the number of bytes; None if there are none now; 0 at the end
        of the data, or when enough was discarded."""
        try:
            size = len(self._sock.recv(_CHUNK))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return 0
        self._left -= size
        return size if self._left > 0 else 0

    def request_shutdown(self) -> None:
        """The reactor is stopping and does not wait for this peer. Discard what has arrived, so
        that closing sends FIN and not RST, and close."""
        while self._discard():
            pass
        self.abort()

    def abort(self) -> None:
        """Close now."""
        self._timer.cancel()
        self._reactor.unregister(self._sock.fileno())
        self._reactor.release(self._sock)
        self._reactor.stats.lingering -= 1
        self._reactor.detach(self)
