"""A chat without sockets: a scheduler in virtual time, people, and sinks that remember."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from heapq import heappop, heappush
from typing import Any

import pytest

from protocols.chat import conversation
from protocols.chat.datagrams import CHALLENGE, ChatDatagrams
from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from protocols.chat.member import Member
from protocols.chat.messages import Batch, Kind, Message
from protocols.chat.render import render_lines
from reactor.testing import VirtualReactor

UNLIMITED = FloodPolicy(rate=0)
WALL_TIME = 1_700_000_000.25
STAMP = time.strftime("[%H:%M:%S]", time.localtime(WALL_TIME))


class Handle:
    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None

    def run(self) -> None:
        if self.callback is not None:
            self.callback()


class VirtualScheduler:
    """What the hub needs of a reactor, with time that passes when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.soon: deque[Handle] = deque()
        self.timers: list[tuple[float, int, Handle]] = []
        self.timers_set = 0

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], /, *args: Any) -> Handle:
        handle = Handle(lambda: callback(*args))
        self.soon.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], /, *args: Any) -> Handle:
        assert delay >= 0
        handle = Handle(lambda: callback(*args))
        self.timers_set += 1
        heappush(self.timers, (self.now + delay, self.timers_set, handle))
        return handle

    def turn(self) -> None:
        """End the turn: run what was queued before this point."""
        for _ in range(len(self.soon)):
            self.soon.popleft().run()

    def settle(self) -> None:
        while self.soon:
            self.turn()

    def advance(self, seconds: float) -> None:
        """Let time pass from deadline to deadline."""
        end = self.now + seconds
        self.settle()
        while self.timers and self.timers[0][0] <= end:
            self.now, _, handle = heappop(self.timers)
            handle.run()
            self.settle()
        self.now = end

    def pending_timers(self) -> int:
        return sum(handle.callback is not None for _, _, handle in self.timers)


class Recorder:
    """A sink that remembers."""

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

    def __init__(self, chat: Chat, member: Member, sink: Recorder) -> None:
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
        """All that came since it was last asked, at the end of the turn."""
        self.chat.scheduler.settle()
        batches, self.sink.batches = self.sink.batches, []
        return [message for batch in batches for message in batch.messages]

    def sees(self) -> list[str]:
        """The same as lines."""
        return [
            line.replace(STAMP, "[time]")
            for line in render_lines(self.messages()).decode().split("\r\n")[:-1]
        ]

    def kinds(self) -> list[Kind]:
        return [message.kind for message in self.messages()]


class Chat:
    """A hub on virtual time."""

    def __init__(self, limits: Limits | None = None, flood: FloodPolicy = UNLIMITED) -> None:
        self.scheduler = VirtualScheduler()
        self.hub = Hub(self.scheduler, limits=limits, flood=flood, clock=lambda: WALL_TIME)

    def arrive(
        self,
        name: str | None = None,
        flood: FloodPolicy | None = None,
        *,
        announce: bool = True,
    ) -> Person:
        """Somebody joins, and everybody has heard of it."""
        sink = Recorder()
        member = self.hub.join(sink, name=name, flood=flood, announce=announce)
        return Person(self, member, sink)

    def gather(self, *names: str) -> list[Person]:
        """Several people who have heard all that there was to be heard."""
        people = [self.arrive(name) for name in names]
        self.forget(*people)
        return people

    def person(self, member: Member, sink: Recorder) -> Person:
        return Person(self, member, sink)

    def recorder(self) -> Recorder:
        return Recorder()

    def roam(self, *names: str) -> list[Person]:
        """Several people who are in no room yet, and can be in several."""
        sinks = [Recorder() for _ in names]
        return [
            Person(self, self.hub.join(sink, name=name, needs_room=False), sink)
            for name, sink in zip(names, sinks, strict=True)
        ]

    def forget(self, *people: Person) -> None:
        for person in people:
            person.messages()


class Peer:
    """Somebody with ``nc -u``."""

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
        """Prove to be there, join, and hear what there is to be heard."""
        self.sends("/hello\n")
        self.sends(f"/hello {self.token()}\n")
        self.sees()


class WallClock:
    """The time of day, which passes when the test says so."""

    now = WALL_TIME

    def time(self) -> float:
        return self.now


class Network:
    """A chat with its way in over UDP."""

    def __init__(
        self,
        reactor: VirtualReactor,
        *,
        limits: Limits | None = None,
        flood: FloodPolicy | None = None,
        **options: Any,
    ) -> None:
        self.reactor = reactor
        self.wall = WallClock()
        self.hub = Hub(
            reactor, limits=limits, flood=flood or FloodPolicy(rate=0), clock=self.wall.time
        )
        self.chat = ChatDatagrams(self.hub, reactor, **options)
        self.peers = reactor.datagram_socket(lambda: self.chat)
        self.count = 0

    def peer(self, host: str | None = None) -> Peer:
        self.count += 1
        addr = self.address(self.count)
        return Peer(self, addr if host is None else (host, addr[1]))

    def members(self, count: int) -> list[Peer]:
        """Peers who have proven to be there, and have heard each other come."""
        people = [self.peer() for _ in range(count)]
        for person in people:
            person.proves()
        for person in people:
            person.sees()
        return people

    @staticmethod
    def address(number: int) -> tuple[str, int]:
        """An address that has to prove itself."""
        return (f"192.0.2.{number % 250}", 40000 + number)

    @staticmethod
    def lines(packets: list[bytes]) -> list[str]:
        return [
            re.sub(r"^\[\d\d:\d\d:\d\d\]", "[time]", line)
            for line in b"".join(packets).decode().split("\r\n")
            if line
        ]


@pytest.fixture
def chat() -> Chat:
    """A chat without flood control."""
    return Chat()


@pytest.fixture(scope="session")
def make_chat() -> type[Chat]:
    """For a chat with limits of one's own."""
    return Chat


@pytest.fixture
def reactor() -> Iterator[VirtualReactor]:
    """A reactor in virtual time, for the ways in."""
    with VirtualReactor() as reactor:
        yield reactor


@pytest.fixture
def network(reactor: VirtualReactor) -> Network:
    """A chat over UDP without flood control."""
    return Network(reactor)


@pytest.fixture(scope="session")
def network_type() -> type[Network]:
    """For a chat over UDP on a reactor of one's own."""
    return Network


@pytest.fixture
def make_network(reactor: VirtualReactor) -> Callable[..., Network]:
    """For a chat over UDP with limits of one's own."""
    return partial(Network, reactor)
