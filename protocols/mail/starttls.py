"""TLS on a connection that began without it (STARTTLS, STLS)."""

from __future__ import annotations

import ssl
from typing import cast

from reactor import Protocol, Reactor, StreamTransport


def start_tls(
    transport: StreamTransport, protocol: Protocol, context: ssl.SSLContext
) -> StreamTransport:
    """Send what is queued, and begin TLS as the server. Returns another transport, on the same
    socket.

    After the handshake, ``protocol.connection_made`` is called with it. If the handshake fails,
    ``protocol`` is not called, and the transport is closed. Raises ``OSError`` if the peer has
    left, or does not read."""
    transport.flush()
    if transport.get_write_buffer_size():
        transport.abort()
        raise TimeoutError("the peer does not read")
    sock = transport.get_extra_info("socket").dup()
    transport.set_protocol(Protocol())
    transport.abort()  # closes the other descriptor only
    try:
        return cast(Reactor, transport.reactor).connect_socket(lambda: protocol, sock, tls=context)
    except OSError:
        sock.close()
        raise
