"""Limits: what a WebSocket peer can make the server hold, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. The number is the close code of a connection that exceeds
    the limit (RFC 6455 section 7.4.1)."""

    message_size: int = 1 << 20  #: of a message, as received and inflated: 1009
    inflated_size: int = 1 << 20  #: of a compressed message, checked while inflating: 1009
    fragments: int = 1024  #: frames of one message: 1008
    frames_per_turn: int = 256  #: frames of one connection in a turn of the loop; the rest waits
    write_buffer: int = 1 << 20  #: queued for a peer that does not read; then it is cut
    ping_interval: float = 20.0  #: between two pings; 0: no pings
    ping_timeout: float = 20.0  #: from a ping until something must arrive; then it is cut
    close_timeout: float = 5.0  #: for the closing handshake; then the connection is cut
