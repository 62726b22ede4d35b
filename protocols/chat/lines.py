"""The way in over TCP: lines of text, as ``nc`` and ``telnet`` send them.

A peer that vanishes without closing its connection is detected in one of two ways. If it has once
sent the line ``HEARTBEAT``, it has to keep sending something, and expires after
``heartbeat_timeout`` seconds of silence. All other peers need TCP keepalive: pass
``reactor.KeepAlive`` when you listen.

Lines for a peer that does not read wait in its transport's queue, and delay no other peer. When the
queue exceeds its cap, the peer is disconnected.
"""

from __future__ import annotations

import argparse
from collections import deque
from typing import Final

from reactor import IdleTimer, KeepAlive, LineProtocol, Reactor, StreamTransport
from reactor.command import WRONG_USAGE, CommandError, listen_tcp, tcp_urls

from . import conversation
from .commands import GOODBYE, HEARTBEAT, HINT
from .hub import Hub
from .member import Member
from .messages import Batch, ChatError, Kind
from .origins import origin_of
from .partings import parting_reason
from .render import LINE_END, render_lines
from .telnet import IAC, TelnetFilter
from .wrong_port import NOT_HTTP, NOT_TLS, speaks_http, speaks_tls

# Seconds until a newcomer that has sent nothing is announced to the room. A client on the wrong
# port (TLS, HTTP) sends something sooner, and is never announced.
ANNOUNCE_AFTER: Final = 0.1

_HEARTBEATS = frozenset({f"{HEARTBEAT}\n".encode(), f"{HEARTBEAT}\r\n".encode()})
_USE_TLS: Final = f"*** This port uses TLS: connect with --tls{LINE_END}".encode()
_HINT = f"*** {HINT}{LINE_END}".encode()


def add_arguments(_: argparse._ActionsContainer) -> None:
    """Add no options: ``--port`` and others are those of every server."""


def check(options: argparse.Namespace) -> None:
    """Raise ``CommandError`` if the options make no sense."""
    if not options.heartbeat_timeout:
        raise CommandError("--heartbeat-timeout must be more than 0", WRONG_USAGE)


def serve(hub: Hub, reactor: Reactor, options: argparse.Namespace) -> list[str]:
    """Serve lines. Return the URLs. Raises ``CommandError``."""
    server = LineServer(hub, reactor, options.heartbeat_timeout)
    listener = listen_tcp(reactor, server.connection, options, keepalive=KeepAlive())
    return tcp_urls(listener, options.tls)


class LineServer:
    """What all connections share. To serve: ``reactor.listen_tcp(server.connection, ...)``.

    ``heartbeat_timeout``: seconds of silence after which a peer that sends heartbeats expires.
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
        """Announce ``member`` to the room in ``ANNOUNCE_AFTER`` seconds, if it is still there."""
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
    """One connection. It is also its member's sink."""

    __slots__ = ("_heard_from", "_idle", "_member", "_server", "_telnet")

    def __init__(self, server: LineServer) -> None:
        super().__init__()
        self._server = server
        self._member: Member | None = None
        self._heard_from = False  # whether the peer has sent a line
        self._idle: IdleTimer | None = None
        self._telnet: TelnetFilter | None = None

    # Called by the transport

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        try:
            self._member = self._server.hub.join(
                self, origin=origin_of(transport.get_extra_info("peername")), announce=False
            )
        except ChatError as exc:
            self.close(str(exc))
        else:
            self._server.announce_soon(self._member)
            transport.write(_HINT)

    def plaintext_reply(self, transport: StreamTransport) -> bytes:
        return _USE_TLS

    def data_received(self, data: bytes) -> None:
        if not self._heard_from and speaks_tls(self._partial, data):
            self._refuse(NOT_TLS)
            return
        if self._idle is not None:
            self._idle.touch()
            if data in _HEARTBEATS and not self._partial and not self._discarding:
                return  # a shortcut: idle members send hardly anything else
        if self._telnet is not None or IAC in data:
            data = self._without_commands(data)
        super().data_received(data)

    def line_received(self, line: str) -> None:
        member = self._member
        if member is None:
            return
        if not self._heard_from:
            if speaks_http(line):
                self._refuse(NOT_HTTP)
                return
            self._announce(member)
        if line == HEARTBEAT:
            self._expect_heartbeats(member)
            conversation.heartbeat(member)
        else:
            conversation.receive(member, line)

    def line_too_long(self) -> None:
        if self._member is not None:
            self._announce(self._member)
            size = self.max_line_length
            hint = f"A line has at most {size} bytes: this one was not sent"
            conversation.submit(self._member, self._member.tell, Kind.ERROR, hint, size=size)

    def eof_received(self) -> bool | None:
        super().eof_received()
        if self._idle is not None:
            self._idle.cancel()  # the peer can send no more heartbeats
        if self._member is not None:
            # Flood control may still hold lines of the peer, for example of a file in a pipe.
            conversation.finish(self._member, "", GOODBYE)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        if self._member is not None:
            self._member.leave(parting_reason(exc))

    def shutdown_requested(self) -> None:
        self._server.hub.close("The server is stopping")

    # Called by the member

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        self.transport.write(batch.rendered(render_lines))

    def close(self, reason: str, /) -> None:
        """Send ``reason`` to the peer, and close the connection."""
        self.transport.write(f"*** {reason}{LINE_END}".encode())
        self.transport.close()

    # Helpers of the callbacks above

    def _announce(self, member: Member) -> None:
        """Announce ``member`` to the room: it is not on the wrong port."""
        self._heard_from = True
        self._server.hub.announce(member)

    def _refuse(self, why: str) -> None:
        """Close the connection of a client on the wrong port."""
        self._heard_from = True
        if self._member is not None:
            self._member.dismiss("", why)

    def _expect_heartbeats(self, member: Member) -> None:
        """From now on, dismiss ``member`` after too long a silence."""
        if self._idle is None:
            server = self._server
            self._idle = IdleTimer(server.reactor, server.heartbeat_timeout, self._expired, member)

    def _expired(self, member: Member) -> None:
        timeout = self._server.heartbeat_timeout
        member.dismiss("timed out", f"Nothing was heard of you for {timeout:g} s")

    def _without_commands(self, data: bytes) -> bytes:
        """Return ``data`` without telnet's commands, and refuse the options among them."""
        if self._telnet is None:
            self._telnet = TelnetFilter()
        # Flood control counts the commands before they are parsed: a peer that sends nothing else
        # is dismissed before it has cost much.
        commands = data.count(IAC)
        if commands and self._member is not None:
            conversation.heartbeat(self._member, commands)
            if self._member.gone:
                return b""
        text, answer = self._telnet.feed(data)
        if answer:
            self.transport.write(answer)
        return text
