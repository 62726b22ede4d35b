"""Closing so that the last words arrive.

A socket that is closed while the peer's bytes lie unread in it, or that gets more of them
afterwards, answers with RST, and an RST makes the peer's system throw away what it had received but
not yet read: our last reply, perhaps (RFC 1122 section 4.2.2.13; RFC 9112 section 9.6). So a
connection closed in good order says that it has finished, by half-closing, and reads and discards
until the peer has finished too. Peers that do not are given up after a while: see the bounds below.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from ..pollers import READ

if TYPE_CHECKING:
    from ..loop import Loop

LINGER_TIMEOUT: Final = 2.0  # seconds
LINGER_BYTES: Final = 1 << 20  # discarded at the most
MAX_LINGERING: Final = 1024  # sockets at one time; beyond, they are closed at once
_CHUNK: Final = 65536


def linger(reactor: Loop, sock: Any) -> None:
    """Half-close ``sock``, which must not be registered, and close it when the peer has closed or a
    bound is reached."""
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:  # the peer is gone already, or it is no socket
        reactor.release(sock)
        return
    if reactor.stats.lingering >= MAX_LINGERING:
        reactor.release(sock)
    else:
        _Lingering(reactor, sock)


class _Lingering:
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
        """Read and forget. Returns how much; 0 when there is an end to it; None when nothing is
        there now."""
        try:
            size = len(self._sock.recv(_CHUNK))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return 0
        self._left -= size
        return size if self._left > 0 else 0

    def request_shutdown(self) -> None:
        """The reactor will not wait for this peer: take what has come, so that closing sends FIN
        and not RST, and close."""
        while self._discard():
            pass
        self.abort()

    def abort(self) -> None:
        self._timer.cancel()
        self._reactor.unregister(self._sock.fileno())
        self._reactor.release(self._sock)
        self._reactor.stats.lingering -= 1
        self._reactor.detach(self)
