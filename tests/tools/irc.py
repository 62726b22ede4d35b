"""A chat in memory with its way in for IRC: clients, and people who come in other ways."""

from __future__ import annotations

import re
from typing import Any

from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub
from protocols.chat.irc.grammar import Line, parse_line
from protocols.chat.irc.server import IRCServer
from protocols.chat.limits import Limits
from protocols.chat.lines import LineServer
from protocols.chat.member import Member
from reactor.testing import StreamPeer, VirtualReactor

from .chat import UNLIMITED
from .clock import Clock

SERVER = "irc.test"
WALL_TIME = 1_700_000_000.25
WALL_TEXT = "2023-11-14T22:13:20.250Z"


class IRCClient:
    """A client of IRC, and what it was sent."""

    def __init__(self, reactor: VirtualReactor, peer: StreamPeer) -> None:
        self.reactor = reactor
        self.peer = peer

    def sends(self, *lines: str) -> None:
        """Send ``lines``, and let the chat do what they ask for."""
        for line in lines:
            self.peer.send(line.encode() + b"\r\n")
        self.reactor.settle()

    def sends_bytes(self, data: bytes, chunk: int | None = None) -> None:
        self.peer.send(data, chunk)
        self.reactor.settle()

    def sees(self) -> list[str]:
        """The lines since the last call. The source ``irc.test`` is left out, and hosts are."""
        self.reactor.settle()
        text = self.peer.read().decode()
        assert text == "" or text.endswith("\r\n")
        lines = text.split("\r\n")[:-1]
        assert all(lines), "an empty line"
        for line in lines:
            without_tags = line.partition(" ")[2] if line.startswith("@") else line
            assert len(without_tags.encode()) <= 510, "a line that is too long"
            assert not set(without_tags) & set("\0\r\n")
        return [
            re.sub(r"@(?:local|[a-z2-7]{8})(?=[ ]|$)", "@host", line).replace(f":{SERVER} ", "")
            for line in lines
        ]

    def hears(self) -> list[Line]:
        """The lines since the last call, parsed, without what the length of tags forbids."""
        self.reactor.settle()
        lines = self.peer.read().decode().split("\r\n")[:-1]
        return [line for line in map(parse_line, lines) if line is not None]

    def asks(self, line: str) -> list[str]:
        """What is sent after ``line``."""
        self.sees()
        self.sends(line)
        return self.sees()


class IRCHouse:
    """A chat with its ways in for IRC and for lines."""

    def __init__(
        self,
        reactor: VirtualReactor,
        *,
        limits: Limits | None = None,
        flood: FloodPolicy = UNLIMITED,
        **options: Any,
    ) -> None:
        self.reactor = reactor
        self.clock = Clock(WALL_TIME)
        self.hub = Hub(reactor, limits=limits, flood=flood, clock=self.clock)
        self.server = IRCServer(self.hub, reactor, name=SERVER, **options)
        self.lines = LineServer(self.hub, reactor)

    def client(self, **options: Any) -> IRCClient:
        """A client that has sent nothing yet."""
        client = IRCClient(self.reactor, self.reactor.connect(self.server.connection, **options))
        self.reactor.settle()
        return client

    def user(self, nick: str, *capabilities: str, join: str = "") -> IRCClient:
        """A client that has registered, joined, and looked at all it was sent."""
        client = self.client()
        if capabilities:
            client.sends(f"CAP REQ :{' '.join(capabilities)}")
        client.sends(f"NICK {nick}", f"USER {nick} 0 * :Real {nick}", "CAP END")
        if join:
            client.sends(f"JOIN {join}")
        client.sees()
        return client

    def users(self, *nicks: str, join: str = "#tea") -> list[IRCClient]:
        """Clients in one channel, who have looked at all they were sent."""
        clients = [self.user(nick, join=join) for nick in nicks]
        self.look(*clients)
        return clients

    def look(self, *clients: IRCClient) -> None:
        for client in clients:
            client.sees()

    def typist(self, name: str) -> IRCClient:
        """Someone with nc, in the lobby, who has looked at all it was sent."""
        typist = IRCClient(self.reactor, self.reactor.connect(self.lines.connection))
        typist.sends(f"/nick {name}")
        self.reactor.advance(1)
        typist.sees()
        return typist

    def member(self, name: str) -> Member:
        return self.hub.find(name)
