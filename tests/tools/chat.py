"""A chat in memory and in virtual time: people, and the sinks that record what they see."""

from __future__ import annotations

import re
import time
from typing import Any

from protocols.chat import conversation
from protocols.chat.datagrams import CHALLENGE, ChatDatagrams
from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from protocols.chat.member import Member
from protocols.chat.messages import Batch, Kind, Message
from protocols.chat.render import render_lines
from reactor import Timer
from reactor.testing import VirtualReactor

from .clock import Clock

UNLIMITED = FloodPolicy(rate=0)
WALL_TIME = 1_700_000_000.25
STAMP = time.strftime("[%H:%M:%S]", time.localtime(WALL_TIME))


class Scheduler(VirtualReactor):
    """A reactor in virtual time that counts the timers that the hub sets."""

    timers_set = 0

    def call_later(self, delay: float, callback: Any, /, *args: Any) -> Timer:
        self.timers_set += 1
        return super().call_later(delay, callback, *args)

    def pending_timers(self) -> int:
        return len(self.timers)


class RecordingSink:
    """A sink that records what it was given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.closed: list[str] = []

    def deliver(self, batch: Batch, /) -> None:
        assert not self.closed, "delivered after close"
        assert batch.messages, "an empty batch"
        self.batches.append(batch)

    def close(self, reason: str, /) -> None:
        self.closed.append(reason)


class Person:
    """A member and its sink."""

    def __init__(self, chat: Chat, member: Member, sink: RecordingSink) -> None:
        self.chat = chat
        self.member = member
        self.sink = sink

    @property
    def name(self) -> str:
        return self.member.name

    def types(self, *lines: str) -> None:
        for line in lines:
            conversation.receive(self.member, line)

    def messages(self) -> list[Message]:
        """The messages since the last call, at the end of the turn."""
        self.chat.scheduler.settle()
        batches, self.sink.batches = self.sink.batches, []
        return [message for batch in batches for message in batch.messages]

    def sees(self) -> list[str]:
        """The same messages as lines of text."""
        return [
            line.replace(STAMP, "[time]")
            for line in render_lines(self.messages()).decode().split("\r\n")[:-1]
        ]

    def kinds(self) -> list[Kind]:
        return [message.kind for message in self.messages()]


class Chat:
    """A hub in virtual time."""

    def __init__(self, limits: Limits | None = None, flood: FloodPolicy = UNLIMITED) -> None:
        self.scheduler = Scheduler()
        self.hub = Hub(self.scheduler, limits=limits, flood=flood, clock=lambda: WALL_TIME)

    def close(self) -> None:
        self.scheduler.close()

    def arrive(
        self,
        name: str | None = None,
        flood: FloodPolicy | None = None,
        *,
        announce: bool = True,
    ) -> Person:
        """A new member joins."""
        sink = RecordingSink()
        member = self.hub.join(sink, name=name, flood=flood, announce=announce)
        return Person(self, member, sink)

    def gather(self, *names: str) -> list[Person]:
        """Several new members, who have taken all messages so far."""
        people = [self.arrive(name) for name in names]
        self.forget(*people)
        return people

    def person(self, member: Member, sink: RecordingSink) -> Person:
        return Person(self, member, sink)

    def recorder(self) -> RecordingSink:
        return RecordingSink()

    def roam(self, *names: str) -> list[Person]:
        """Several members who are in no room yet, and can be in several."""
        sinks = [RecordingSink() for _ in names]
        return [
            Person(self, self.hub.join(sink, name=name, needs_room=False), sink)
            for name, sink in zip(names, sinks, strict=True)
        ]

    def forget(self, *people: Person) -> None:
        """Take the messages that these people have not yet looked at."""
        for person in people:
            person.messages()


class Peer:
    """Someone with ``nc -u``: an address from which datagrams come."""

    def __init__(self, network: Network, addr: Any) -> None:
        self.network = network
        self.addr = addr

    def sends(self, data: str | bytes) -> None:
        raw = data if isinstance(data, bytes) else data.encode()
        self.network.peers.send(raw, self.addr)
        self.network.reactor.settle()

    def packets(self) -> list[bytes]:
        self.network.reactor.settle()
        return self.network.peers.take(self.addr)

    def sees(self) -> list[str]:
        return self.network.lines(self.packets())

    def token(self) -> str:
        """The token in the last challenge."""
        return self.sees()[-1].removeprefix(CHALLENGE)

    def proves(self) -> None:
        """Answer the challenge, join, and take all packets so far."""
        self.sends("/hello\n")
        self.sends(f"/hello {self.token()}\n")
        self.sees()


class Network:
    """A chat over UDP, and the network around it."""

    def __init__(
        self,
        reactor: VirtualReactor,
        *,
        limits: Limits | None = None,
        flood: FloodPolicy | None = None,
        **options: Any,
    ) -> None:
        self.reactor = reactor
        self.wall = Clock(WALL_TIME)
        self.hub = Hub(reactor, limits=limits, flood=flood or UNLIMITED, clock=self.wall)
        self.chat = ChatDatagrams(self.hub, reactor, **options)
        self.peers = reactor.datagram_socket(lambda: self.chat)
        self.count = 0

    def peer(self, host: str | None = None) -> Peer:
        self.count += 1
        addr = self.address(self.count)
        return Peer(self, addr if host is None else (host, addr[1]))

    def members(self, count: int) -> list[Peer]:
        """Peers who have answered the challenge and have been announced to each other."""
        people = [self.peer() for _ in range(count)]
        for person in people:
            person.proves()
        for person in people:
            person.sees()
        return people

    @staticmethod
    def address(number: int) -> tuple[str, int]:
        """An address outside this host, which is challenged."""
        return (f"192.0.2.{number % 250}", 40000 + number)

    @staticmethod
    def lines(packets: list[bytes]) -> list[str]:
        return [
            re.sub(r"^\[\d\d:\d\d:\d\d\]", "[time]", line)
            for line in b"".join(packets).decode().split("\r\n")
            if line
        ]
