"""One HTTP request and its response, on a connection of its own.

The parser is llhttp (``httptools``). The response is never collected here: its receiver gets the
pieces as they arrive, and has a limit of its own."""

from __future__ import annotations

import ssl
import typing
from typing import Final

import httptools

from reactor import Connector, IdleTimer, Protocol, Reactor, StreamTransport

CONNECT_TIMEOUT: Final = 10.0  # seconds
MAX_HEAD: Final = 65536  # bytes
# Seconds without a byte, after which the server counts as lost. A stream of events has a comment
# every 15 seconds.
SILENCE: Final = 40.0


class NotHTTP(Exception):
    """What answers does not speak HTTP."""


class Receiver(typing.Protocol):
    """Who wants the response."""

    def head_received(self, status: int, content_type: str, /) -> None:
        """The response begins. ``content_type`` is in lower case, without parameters."""

    def body_received(self, data: bytes, /) -> None:
        """A piece of the body."""

    def ended(self, exc: BaseException | None, /) -> None:
        """The response is complete (None), or was lost. Called once, unless ``close`` was."""


class Exchange(Protocol):
    """Connects, sends ``request``, and passes the response to ``receiver``.

    ``host``, ``port``, ``tls``: as for ``Reactor.connect_tcp``. ``silence``: seconds without a
    byte from the server, after which the response is lost (``TimeoutError``)."""

    def __init__(
        self,
        reactor: Reactor,
        host: str,
        port: int,
        request: bytes,
        receiver: Receiver,
        *,
        tls: ssl.SSLContext | None = None,
        silence: float = SILENCE,
    ) -> None:
        self._reactor = reactor
        self._request = request
        self._receiver: Receiver | None = receiver
        self._silence = silence
        self._transport: StreamTransport | None = None
        self._idle: IdleTimer | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0  # bytes of the head
        self._content_type = ""
        self._has_head = self._announced = self._complete = False
        self._pieces: list[bytes] = []
        self._connector: Connector = reactor.connect_tcp(
            lambda: self, host, port, on_failure=self._end, timeout=CONNECT_TIMEOUT, tls=tls
        )

    def close(self) -> None:
        """Give up the request; the receiver gets nothing more."""
        self._receiver = None
        self._connector.cancel()
        self._disconnect()

    def _disconnect(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._transport is not None:
            self._transport.abort()

    def _end(self, exc: BaseException | None) -> None:
        receiver, self._receiver = self._receiver, None
        self._disconnect()
        if receiver is not None:
            receiver.ended(exc)

    # -- the connection ----------------------------------------------------------------------------

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        self._transport = transport
        if self._receiver is None:
            transport.abort()
            return
        self._idle = IdleTimer(self._reactor, self._silence, self._timed_out)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._idle is not None:
            self._idle.touch()
        if not self._has_head:
            self._received += len(data)
            if self._received > MAX_HEAD:
                self._end(NotHTTP("the head of its response is too long"))
                return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as exc:
            if not self._complete:  # otherwise: what follows the response is not ours
                self._end(NotHTTP(str(exc)))
                return
        self._pass_on()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _timed_out(self) -> None:
        self._end(TimeoutError(f"nothing was received for {self._silence:g} s"))

    def _pass_on(self) -> None:
        """Call the receiver. It is not called by the parser, which would hide its exceptions."""
        if self._has_head and not self._announced and self._receiver is not None:
            self._announced = True
            status = self._parser.get_status_code()
            self._receiver.head_received(status, self._content_type)
        pieces, self._pieces = self._pieces, []
        for piece in pieces:
            if self._receiver is not None:
                self._receiver.body_received(piece)
        if self._complete:
            self._end(None)

    # -- called by the parser ----------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._content_type = value.decode("latin-1").partition(";")[0].strip().lower()

    def on_headers_complete(self) -> None:
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        self._complete = True
