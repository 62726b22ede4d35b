"""TLS on a connection that exists already, for commands such as STARTTLS and AUTH TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from reactor import Protocol, StreamTransport, TLSTransport


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

    ``protocol`` gets ``connection_made`` after the handshake. What the peer has sent before, and
    ``transport`` has read already, must be discarded: an attacker may have put it there
    (CVE-2011-0411). The old transport says nothing more to its protocol. All that was written to it
    must have been sent. ``on_result(exc)``: is called with None after the handshake, or with its
    error. ``on_lost``: is called when the connection has ended, also if the handshake fails.

    Raises OSError if the peer has left, or if there is no descriptor left."""
    sock = transport.get_extra_info("socket").dup()
    # The connection stays open, as the system closes it with the last descriptor.
    transport.set_protocol(Protocol())
    transport.abort()
    sock.setblocking(False)
    peername = transport.get_extra_info("peername")
    replacement = TLSTransport(
        transport.reactor, sock, protocol, peername, on_lost, context=context
    )
    try:
        replacement.start(on_result)
    except (OSError, ValueError):
        sock.close()
        raise
    return replacement
