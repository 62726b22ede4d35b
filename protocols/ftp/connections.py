"""How a data connection starts: with a plain transport, or with a TLS handshake, in which we are
always the server (RFC 4217 section 7)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reactor import Protocol, Reactor, StreamTransport, TLSTransport

from ..starttls import start_tls

Failed = Callable[[Exception], object]


def serve_accepted(
    reactor: Reactor,
    protocol: Protocol,
    context: ssl.SSLContext | None,
    failed: Failed,
    sock: socket.socket,
) -> None:
    """Start the transport of an accepted connection, with TLS if there is a ``context``. Then
    ``protocol`` gets ``connection_made``, or ``failed(exc)`` is called."""

    def on_result(exc: Exception | None) -> None:
        if exc is not None:
            failed(exc)

    try:
        peername = sock.getpeername()
        if context is None:
            StreamTransport(reactor, sock, protocol, peername).start()
        else:
            transport = TLSTransport(reactor, sock, protocol, peername, context=context)
            with _no_tickets(context):
                transport.start(on_result)
    except (OSError, ValueError) as exc:
        sock.close()
        reactor.call_soon(failed, exc)


class TLSAfterConnecting(Protocol):
    """Begins TLS on a connection that we have made, and then gives it to ``protocol``. If that
    fails, ``failed(exc)`` is called."""

    def __init__(self, protocol: Protocol, context: ssl.SSLContext, failed: Failed) -> None:
        self._next = protocol
        self._context = context
        self._failed = failed

    def connection_made(self, transport: StreamTransport) -> None:
        try:
            with _no_tickets(self._context):
                start_tls(transport, self._next, self._context, on_result=self._on_result)
        except (OSError, ValueError) as exc:
            transport.abort()
            self._failed(exc)

    def _on_result(self, exc: Exception | None) -> None:
        if exc is not None:
            self._failed(exc)


@contextmanager
def _no_tickets(context: ssl.SSLContext) -> Iterator[None]:
    """Let a connection that begins TLS now send no session tickets (RFC 8446 section 4.6.1).

    Clients do not read during an upload. With tickets unread, closing the connection resets it
    (RFC 1122 section 4.2.2.13), and the system discards what it has not sent yet: the end of the
    file, and close_notify. Sessions are resumed with tickets of the control connection."""
    before = context.num_tickets
    context.num_tickets = 0
    try:
        yield
    finally:
        context.num_tickets = before
