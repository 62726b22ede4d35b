"""TLS on a connection that exists already, for commands such as STARTTLS and AUTH TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from reactor import Protocol, StreamTransport, TLSTransport


class _LaterTLSTransport(TLSTransport):
    """Begins the handshake in the next turn of the loop. A peer that answers quickly could finish
    it before ``start`` returns, so the protocol would be called within the call in which it has
    handled the command. What had come with the command would then be handled as if it had been
    encrypted."""

    __slots__ = ("_begun",)

    def start(self, on_result: Callable[[Exception | None], object] | None = None) -> None:
        self._begun = False
        super().start(on_result)

    def _do_handshake(self) -> None:
        if self._begun:
            super()._do_handshake()
        else:
            self._begun = True  # the peer speaks first: the poller tells when it has


def start_tls(
    transport: StreamTransport,
    protocol: Any,
    context: ssl.SSLContext,
    *,
    on_lost: Callable[[], object] | None = None,
    on_result: Callable[[Exception | None], object] | None = None,
) -> TLSTransport:
    """Begin a TLS handshake as a server, on the connection of ``transport``. Return the transport
    that replaces it.

    ``protocol`` gets ``connection_made`` after the handshake, and never before this function has
    returned. What the peer has sent before, and ``transport`` has read already, must be discarded:
    an attacker may have put it there (CVE-2011-0411). The old transport says nothing more to its
    protocol; what is queued in it, such as the reply to STARTTLS, is sent first.
    ``on_result(exc)``: is called with None after the handshake, or with its error. ``on_lost``: is
    called when the connection has ended, also if the handshake fails.

    Raises OSError if the peer has left, if it does not read what is queued, or if there is no
    descriptor left. Then the connection is closed."""
    transport.flush()
    transport.set_protocol(Protocol())
    try:
        if transport.get_write_buffer_size():
            raise TimeoutError("the peer does not read")
        sock = transport.get_extra_info("socket").dup()
    finally:
        transport.abort()  # the system closes a connection with its last descriptor
    sock.setblocking(False)
    peername = transport.get_extra_info("peername")
    replacement = _LaterTLSTransport(
        transport.reactor, sock, protocol, peername, on_lost, context=context
    )
    try:
        replacement.start(on_result)
    except (OSError, ValueError):
        sock.close()
        raise
    return replacement
