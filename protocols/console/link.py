"""A client's connection to its server, over TCP or UDP: lines in, lines out."""

from __future__ import annotations

import errno
import typing
from typing import Any, Final

from reactor import DatagramProtocol, DatagramTransport, LineProtocol, StreamTransport

# The type and major version of a TLS alert (RFC 8446 section 5.1). A server with TLS may send it to
# a client without.
_TLS_ALERT: Final = b"\x15\x03"


class LinkUser(typing.Protocol):
    """The methods of a client that its link calls."""

    def link_made(self, link: StreamLink | DatagramLink, /) -> None:
        """The connection is established; over UDP, the socket is open."""

    def link_received(self, lines: list[str], /) -> None:
        """The server sent ``lines``."""

    def link_lost(self, exc: BaseException | None, /) -> None:
        """The connection is lost."""

    def link_paused(self, paused: bool, /) -> None:
        """The server does not read what was sent; with False, it reads again."""

    def link_interrupted(self) -> None:
        """The client is being stopped. A last line can still be sent.

        Only called over UDP, where the server does not notice the end of a client.
        """


class StreamLink(LineProtocol):
    """The connection to a server over TCP."""

    max_line_length = 65536

    def __init__(self, client: LinkUser) -> None:
        super().__init__()
        self._client = client
        self._lines: list[str] = []
        self._abandoned: Exception | None = None
        self._finished = False
        self.heard = False  # whether the server has sent anything

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        self._client.link_made(self)

    def data_received(self, data: bytes) -> None:
        if not self.heard:
            self.heard = True
            if data.startswith(_TLS_ALERT):
                self.abandon(ConnectionError("it uses TLS (see --tls)"))
                return
        super().data_received(data)
        self._deliver_lines()

    def line_received(self, line: str) -> None:
        self._lines.append(line)

    def eof_received(self) -> bool | None:
        super().eof_received()
        self._deliver_lines()
        return False

    def pause_writing(self) -> None:
        self._client.link_paused(True)

    def resume_writing(self) -> None:
        self._client.link_paused(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.link_lost(exc or self._abandoned)

    def send(self, line: str) -> None:
        """Send one line. Does nothing after ``finish()``."""
        if not self._finished:
            self.transport.write(line.encode("utf-8", "replace") + b"\n")

    def finish(self) -> bool:
        """Half-close: signal to the server that nothing more will be sent. Return whether that
        worked.

        It does not work over TLS, which cannot close one direction.
        """
        if self.transport.can_write_eof():
            self._finished = True
            self.transport.write_eof()
        return self._finished

    def abandon(self, exc: Exception) -> None:
        """Close at once; the client gets ``exc``."""
        self._abandoned = exc
        self.transport.abort()

    def pause(self, paused: bool) -> None:
        """Stop reading from the server; with False, read again."""
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _deliver_lines(self) -> None:
        lines, self._lines = self._lines, []
        if lines and self._abandoned is None:
            self._client.link_received(lines)


class DatagramLink(DatagramProtocol):
    """The link to a server over UDP: each datagram holds one or more lines."""

    def __init__(self, client: LinkUser) -> None:
        self._client = client

    def connection_made(self, transport: DatagramTransport) -> None:
        super().connection_made(transport)
        self._client.link_made(self)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        # Not splitlines(): it also splits at form feeds and the like.
        text = data.decode("utf-8", "replace").removesuffix("\n")
        self._client.link_received([line.removesuffix("\r") for line in text.split("\n")])

    def error_received(self, exc: OSError) -> None:
        # A line too long for a datagram is lost, like any lost datagram. Every other error ends
        # the link: "port unreachable", for example, means that there is no server.
        if exc.errno != errno.EMSGSIZE:
            self.abandon(exc)

    def abandon(self, exc: Exception) -> None:
        """Close at once; the client gets ``exc``."""
        if not self.transport.is_closing():
            self.transport.abort()
            self._client.link_lost(exc)

    def shutdown_requested(self) -> None:
        self._client.link_interrupted()
        self.transport.close()

    def send(self, line: str) -> None:
        """Send one line as one datagram."""
        self.transport.sendto(line.encode("utf-8", "replace"))

    def finish(self) -> bool:
        """Return False: UDP has no end of data."""
        return False

    def pause(self, paused: bool) -> None:
        """Do nothing: unread datagrams would be lost, so they are always read."""
