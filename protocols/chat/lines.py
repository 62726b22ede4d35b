"""The way in over TCP: lines of text, as ``nc`` and ``telnet`` send them.

A peer that has vanished without a word is noticed in one of two ways. One that has once sent the
line ``HEARTBEAT`` is expected to go on sending something, and expires after ``heartbeat_timeout``
seconds of silence. All others are left to TCP's keepalive, which whoever listens switches on
(``reactor.KeepAlive``).

A peer that does not read is disconnected when its transport's queue passes its cap; until then the
lines wait there, and nobody else waits for it.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

from reactor import IdleTimer, LineProtocol, Reactor, StreamTransport, WriteBufferOverflow

from .commands import HEARTBEAT
from .hub import Hub
from .member import Member
from .messages import Batch, ChatError, Kind
from .origins import origin
from .render import LINE_END, render_lines
from .telnet import IAC, TelnetFilter

# Seconds until the others are told of a newcomer that has not said anything. Those who have come to
# the wrong port (TLS, HTTP) show it sooner, and are not worth telling.
ANNOUNCE_AFTER: Final = 0.1

_TLS_HANDSHAKE: Final = b"\x16\x03"  # type and major version of a record (RFC 8446 section 5.1)
_HTTP_REQUEST = re.compile(r"[A-Z]+ \S+ HTTP/\d")
_BEATS = frozenset({f"{HEARTBEAT}\n".encode(), f"{HEARTBEAT}\r\n".encode()})
_HINT = f"*** /help lists what you can do, /quit leaves{LINE_END}".encode()


class LineServer:
    """What all connections share. ``listen_tcp(server.connection, ...)`` lets people in.

    ``heartbeat_timeout``: seconds of silence after which a peer that sends heartbeats has gone.
    """

    def __init__(self, hub: Hub, reactor: Reactor, heartbeat_timeout: float = 15.0) -> None:
        self.hub = hub
        self.reactor = reactor
        self.heartbeat_timeout = heartbeat_timeout
        self._arrivals: deque[tuple[float, Member]] = deque()

    def connection(self) -> LineConnection:
        """Return a protocol for a new connection."""
        return LineConnection(self)

    def announce_soon(self, member: Member) -> None:
        """Have the others told of ``member`` in ``ANNOUNCE_AFTER`` seconds, if it is still here."""
        if not self._arrivals:
            self.reactor.call_later(ANNOUNCE_AFTER, self._announce)
        self._arrivals.append((self.reactor.time() + ANNOUNCE_AFTER, member))

    def _announce(self) -> None:
        now = self.reactor.time()
        while self._arrivals:
            when, member = self._arrivals[0]
            if when > now:
                self.reactor.call_later(when - now, self._announce)
                return
            self._arrivals.popleft()
            self.hub.announce(member)


class LineConnection(LineProtocol):
    """One connection, which is its member's sink as well."""

    __slots__ = ("_heard_before", "_idle", "_member", "_server", "_telnet")

    def __init__(self, server: LineServer) -> None:
        super().__init__()
        self._server = server
        self._member: Member | None = None
        self._heard_before = False
        self._idle: IdleTimer | None = None
        self._telnet: TelnetFilter | None = None

    # What the transport tells

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        try:
            self._member = self._server.hub.join(
                self, origin=origin(transport.get_extra_info("peername")), announce=False
            )
        except ChatError as exc:
            self.close(str(exc))
        else:
            self._server.announce_soon(self._member)
            transport.write(_HINT)

    def data_received(self, data: bytes) -> None:
        if not self._heard_before and (self._partial[:2] + data[:2])[:2] == _TLS_HANDSHAKE:
            self._refuse("This port speaks plain text and no TLS: connect without TLS")
            return
        if self._idle is not None:
            self._idle.touch()
            if data in _BEATS and not self._partial and not self._discarding:
                return  # nearly all that idle members send: it need not go all the way
        if self._telnet is not None or IAC in data:
            data = self._without_commands(data)
        super().data_received(data)

    def line_received(self, line: str) -> None:
        if self._member is None:
            return
        if not self._heard_before:
            if _HTTP_REQUEST.match(line):
                # A page in a browser can have it POST anything to a local port. The request line
                # comes first, and nothing of what follows is said.
                self._refuse("This is a chat, and no web server")
                return
            self._heard_first(self._member)
        if line == HEARTBEAT:
            if self._idle is None:
                server = self._server
                self._idle = IdleTimer(
                    server.reactor, server.heartbeat_timeout, self._expired, self._member
                )
            self._member.heartbeat()
        else:
            self._member.receive(line)

    def line_too_long(self) -> None:
        if self._member is not None:
            self._heard_first(self._member)
            hint = f"A line has at most {self.max_line_length} bytes: this one was not sent"
            self._member.submit(self._member.tell, Kind.ERROR, hint, size=self.max_line_length)

    def eof_received(self) -> bool | None:
        super().eof_received()
        if self._idle is not None:
            self._idle.cancel()  # it cannot send heartbeats any more
        if self._member is not None:
            # Whoever pipes a file into the chat has finished long before flood control has.
            self._member.finish("", "Goodbye")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._member is not None:
            self._member.leave(_reason(exc))

    def shutdown_requested(self) -> None:
        self._server.hub.close("The server is stopping")

    # What the hub tells

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        self.transport.write(batch.rendered(render_lines))

    def close(self, reason: str, /) -> None:
        """Tell the peer why, and close."""
        self.transport.write(f"*** {reason}{LINE_END}".encode())
        self.transport.close()

    # Within

    def _heard_first(self, member: Member) -> None:
        self._heard_before = True
        self._server.hub.announce(member)

    def _refuse(self, why: str) -> None:
        """The peer has come to the wrong port."""
        self._heard_before = True
        if self._member is not None:
            self._member.dismiss("", why)

    def _expired(self, member: Member) -> None:
        timeout = self._server.heartbeat_timeout
        member.dismiss("timed out", f"Nothing was heard of you for {timeout:g} s")

    def _without_commands(self, data: bytes) -> bytes:
        if self._telnet is None:
            self._telnet = TelnetFilter()
        # Counted before anything else is done for them: a peer that sends nothing but commands is
        # dismissed before it has cost much.
        commands = data.count(IAC)
        if commands and self._member is not None:
            self._member.heartbeat(commands)
            if self._member.gone:
                return b""
        text, answer = self._telnet.feed(data)
        if answer:
            self.transport.write(answer)
        return text


def _reason(exc: Exception | None) -> str:
    """Return what the others are told when the connection was lost with ``exc``."""
    match exc:
        case None:
            return ""
        case WriteBufferOverflow():
            return "too slow to read"
        case TimeoutError():  # also what keepalive ends with: ETIMEDOUT
            return "timed out"
        case OSError():
            return "connection lost"
        case _:
            return "internal error"
