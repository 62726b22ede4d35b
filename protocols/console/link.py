"""A client's connection to its server, over TCP or UDP: lines in, lines out."""

from __future__ import annotations

import errno
import typing
from typing import Any

from reactor import DatagramProtocol, DatagramTransport, LineProtocol, StreamTransport


class LinkUser(typing.Protocol):
    """What a link calls."""

    def linked(self, link: StreamLink | DatagramLink, /) -> None:
        """The connection stands."""

    def heard(self, lines: list[str], /) -> None:
        """The server said ``lines``."""

    def unlinked(self, exc: BaseException | None, /) -> None:
        """The connection is lost."""

    def server_is_slow(self, slow: bool, /) -> None:
        """The server does not take what was sent; with False, it does again."""

    def interrupted(self) -> None:
        """The client ends; over UDP, where nobody would notice, it can still say so."""


class StreamLink(LineProtocol):
    """The connection to a server, over TCP."""

    max_line_length = 65536

    def __init__(self, client: LinkUser) -> None:
        super().__init__()
        self._client = client
        self._lines: list[str] = []
        self._abandoned: Exception | None = None
        self._finished = False

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        self._client.linked(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._deliver_lines()

    def line_received(self, line: str) -> None:
        self._lines.append(line)

    def eof_received(self) -> bool | None:
        super().eof_received()
        self._deliver_lines()
        return False

    def pause_writing(self) -> None:
        self._client.server_is_slow(True)

    def resume_writing(self) -> None:
        self._client.server_is_slow(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.unlinked(exc or self._abandoned)

    def send(self, line: str) -> None:
        """Send one line; none after ``finish``."""
        if not self._finished:
            self.transport.write(line.encode("utf-8", "replace") + b"\n")

    def finish(self) -> bool:
        """Say that nothing more will be sent. Return whether that could be said.

        It cannot over TLS, where an end closes both directions.
        """
        if self.transport.can_write_eof():
            self._finished = True
            self.transport.write_eof()
        return self._finished

    def abandon(self, exc: Exception) -> None:
        """Close at once; the client is told ``exc``."""
        self._abandoned = exc
        self.transport.abort()

    def pause(self, paused: bool) -> None:
        """Hear nothing from the server for now; with False, go on."""
        if paused:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _deliver_lines(self) -> None:
        lines, self._lines = self._lines, []
        if lines and self._abandoned is None:
            self._client.heard(lines)


class DatagramLink(DatagramProtocol):
    """The same over UDP: each datagram holds one line or several."""

    def __init__(self, client: LinkUser) -> None:
        self._client = client

    def connection_made(self, transport: DatagramTransport) -> None:
        super().connection_made(transport)
        self._client.linked(self)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        # Not splitlines(), for which form feeds and the like end a line as well.
        text = data.decode("utf-8", "replace").removesuffix("\n")
        self._client.heard([line.removesuffix("\r") for line in text.split("\n")])

    def error_received(self, exc: OSError) -> None:
        # A line that is too long for a datagram is lost, as others are. All else is the end:
        # "port unreachable", for one, which means that nobody is there.
        if exc.errno != errno.EMSGSIZE:
            self.abandon(exc)

    def abandon(self, exc: Exception) -> None:
        """Close; the client is told ``exc``."""
        if not self.transport.is_closing():
            self.transport.abort()
            self._client.unlinked(exc)

    def shutdown_requested(self) -> None:
        self._client.interrupted()
        self.transport.close()

    def send(self, line: str) -> None:
        """Send one line, as one datagram."""
        self.transport.sendto(line.encode("utf-8", "replace"))

    def finish(self) -> bool:
        """There is no end of data over UDP."""
        return False

    def pause(self, paused: bool) -> None:
        """Do nothing: datagrams that nobody reads are lost, so they are read in any case."""
