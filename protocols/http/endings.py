"""Two ways to end an HTTP connection other than ``close()``: passing the transport to another
protocol, and a reset."""

from __future__ import annotations

import socket
import struct
from typing import Any, Final

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, 0 seconds


def hand_over(transport: Any, protocol: Any, rest: bytes, has_ended: bool) -> None:
    """Pass ``transport`` to ``protocol``. ``rest``: data that has already arrived for it.
    ``has_ended``: whether the client has finished sending."""
    transport.set_protocol(protocol)
    transport.resume_reading()
    protocol.connection_made(transport)
    # The next turn reads before it runs callbacks: newer data must not overtake the rest.
    is_paused = bool(rest) and transport.is_reading()
    if is_paused:
        transport.pause_reading()
    transport.reactor.call_soon(_deliver, transport, protocol, rest, is_paused, has_ended)


def _deliver(transport: Any, protocol: Any, rest: bytes, is_paused: bool, has_ended: bool) -> None:
    try:
        if is_paused:
            transport.resume_reading()
        if rest and not transport.is_closing():
            protocol.data_received(rest)
        if has_ended and not transport.is_closing() and not protocol.eof_received():
            transport.close()
    except BaseException:
        transport.abort()
        raise


def reset_on_close(transport: Any) -> None:
    """Make the client see a reset instead of the end of data when ``transport`` is closed."""
    sock = transport.get_extra_info("socket")
    if hasattr(sock, "setsockopt"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
