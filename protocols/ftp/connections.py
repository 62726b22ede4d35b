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


class EarlyHandshake(Protocol):
    """An accepted connection on which the client may begin TLS before it sends the command of the
    transfer, as aioftp does. What it sends after the handshake waits in the system for that.

    ``timeout``: seconds for the handshake. ``sock`` is closed if this raises OSError or
    ValueError."""

    def __init__(
        self, reactor: Reactor, sock: socket.socket, context: ssl.SSLContext, timeout: float
    ) -> None:
        self._reactor = reactor
        self._made = False
        self._error: Exception | None = None
        self._failed: Failed | None = None
        try:
            self.transport = TLSTransport(
                reactor, sock, self, sock.getpeername(), context=context, handshake_timeout=timeout
            )
            with _no_tickets(context):
                self.transport.start(self._on_result)
        except (OSError, ValueError):
            sock.close()
            raise

    def give(self, protocol: Protocol, failed: Failed) -> None:
        """Let ``protocol`` have the connection: it gets ``connection_made``, when the handshake is
        done. If that fails, or the connection is lost already, ``failed(exc)`` is called."""
        self._failed = failed
        if self._error is not None:
            self._reactor.call_soon(failed, self._error)
            return
        self.transport.set_protocol(protocol)
        if self._made:
            self.transport.resume_reading()
            protocol.connection_made(self.transport)

    def close(self) -> None:
        """Close the connection: it is not needed."""
        self.transport.abort()

    def connection_made(self, transport: StreamTransport) -> None:
        self._made = True
        transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._error = exc or ConnectionAbortedError("The client has closed it")

    def _on_result(self, exc: Exception | None) -> None:
        self._error = exc
        if exc is not None and self._failed is not None:
            self._failed(exc)


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
