"""A client that replays what it is told knows at each moment who is where, by which name and with
which role, and it gets exactly the lines that are for it.

Twelve members in five rooms do what they like, in turns: they come and go in crowds, take each
other's names in chains, kick and ban, ignore, hide their echo. Some are put out of the chat because
their sinks raise, some leave while they are told something.
"""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import suppress

import pytest

from protocols.chat import moderation
from protocols.chat.limits import Limits
from protocols.chat.member import Member
from protocols.chat.membership import Membership
from protocols.chat.messages import EVERYWHERE, SPOKEN, Batch, ChatError, Kind, Message
from protocols.chat.modes import FLAGS, Mode

from ...tools.chat import Chat

ROOMS = ["lobby", "a", "b", "c", "d"]
SLOTS = 12

MODES = [mode for mode in FLAGS if mode is not Mode.INSIDE]  # only members speak
ROLES = {"o": Membership.OPERATOR, "v": Membership.VOICE}


class Client:
    """One member, and what it knows from what it was told."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.rooms: dict[str, dict[str, Membership]] = {}
        self.expected: dict[str, list[str]] = defaultdict(list)
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.last_id: dict[str, int] = defaultdict(int)
        self.raises = False
        self.leaves = False
        self.closed = False
        self.member = world.chat.hub.join(self, name=name, needs_room=False)

    # As a sink

    def close(self, reason: str, /) -> None:
        assert not self.closed
        assert self.raises
        self.closed = True

    def deliver(self, batch: Batch, /) -> None:
        assert not self.closed
        assert batch.messages
        if self.raises:
            raise RuntimeError("a broken sink")
        try:
            for message in batch.messages:
                self.follow(message)
        except Exception as exc:  # the hub would log it, and put the member out
            self.world.failures.append(exc)
        if self.leaves and self.world.turn_ends:
            self.leaves = False
            self.member.leave("gone at once")

    def follow(self, message: Message) -> None:
        kind, room, name, text = message.kind, message.room, message.sender, message.text
        names = self.rooms.get(room)
        if kind is Kind.ENTERED:
            assert name == self.name
            self.look(room)
        elif kind is Kind.AWAY and message.target:
            assert message.target == self.name
        elif kind in EVERYWHERE:
            self.follow_everywhere(message)
        elif kind is Kind.PRIVATE:
            self.lines["private"].append(text)
        elif kind is Kind.REPLY or kind is Kind.INVITED:
            pass
        else:
            assert names is not None, f"{self.name} is told of {room}: {message}"
            if message.id:
                assert message.id > self.last_id[room], message
                self.last_id[room] = message.id
            if kind in SPOKEN:
                assert name in names, f"{self.name} does not know who speaks: {message}"
                self.lines[room].append(text)
            else:
                self.follow_membership(message, names)

    def follow_everywhere(self, message: Message) -> None:
        kind, name, new = message.kind, message.sender, message.text
        shared = [names for names in self.rooms.values() if name in names]
        if (
            kind is not Kind.QUIT
        ):  # of one who had left before this client came, if it is reported late
            assert shared or name == self.name, f"{self.name} is told of a stranger: {message}"
        for names in shared:
            if kind is Kind.QUIT:
                del names[name]
            elif kind is Kind.RENAMED:
                role = names.pop(name)
                assert new not in names
                names[new] = role
        if kind is Kind.RENAMED:
            for names in self.rooms.values():
                assert name not in names
            if name == self.name:
                self.name = new

    def follow_membership(self, message: Message, names: dict[str, Membership]) -> None:
        kind, name, target = message.kind, message.sender, message.target
        if kind is Kind.JOINED:
            assert name not in names
            names[name] = Membership.PLAIN
        elif kind is Kind.LEFT:
            # Perhaps it left before this client came, or was told in another room to have quit.
            names.pop(name, None)
        elif kind is Kind.KICKED:
            assert name in names
            del names[target]
            if target == self.name:
                del self.rooms[message.room]
        elif kind is Kind.MODE:
            assert not name or name in names
            role = ROLES.get(message.text[1])
            if role is not None:
                old = names[target]
                names[target] = old | role if message.text[0] == "+" else old & ~role
        elif kind is Kind.CROWD and target == "joined":
            for each in message.names:
                assert each not in names or each == self.name
                names.setdefault(each, Membership.PLAIN)
        elif kind is Kind.CROWD:
            for each in message.names:
                names.pop(each, None)
        else:
            assert kind is Kind.TOPIC
            assert name in names

    def look(self, room: str) -> None:
        place = self.world.chat.hub.find_room(room)
        member = next(m for m in place.members if m.sink is self)
        self.rooms[room] = {m.name: place.members[m] for m in place.known(member)}

    # What is known at rest

    def check(self, *, settled: bool) -> None:
        assert self.name == self.member.name
        assert self.rooms.keys() == {place.name for place in self.member.rooms}
        for place in self.member.rooms:
            known = {m.name: place.members[m] for m in place.known(self.member)}
            present = {m.name: role for m, role in place.members.items()}
            # Those who have left may be known until the report about a crowd.
            told = self.rooms[place.name]
            assert {name: told.get(name) for name in known} == known
            if settled:
                assert told == present
        assert self.lines == self.expected


class World:
    def __init__(self, seed: int) -> None:
        self.chat = Chat(Limits(rooms_per_member=4, rooms=5, ignored=3, bans=3))
        self.random = random.Random(seed)
        self.count = 0
        self.failures: list[Exception] = []
        self.turn_ends = False
        self.clients: list[Client] = []
        for slot in range(SLOTS):
            self.clients.append(Client(self, f"n{slot}"))

    def name(self) -> str:
        return f"{self.random.choice('nN')}{self.random.randrange(SLOTS + 3)}"

    def listeners(self, room: str) -> list[Client]:
        members = self.chat.hub.find_room(room).members
        return [client for client in self.clients if client.member in members]

    def act(self) -> None:
        pick = self.random
        client, other = pick.choice(self.clients), pick.choice(self.clients)
        member = client.member
        room = pick.choice(ROOMS)
        actions = {
            "join": 12,
            "say": 16,
            "part": 4,
            "rename": 8,
            "chain": 2,
            "kick": 3,
            "mode": 4,
            "ban": 1,
            "unban": 2,
            "invite": 1,
            "ignore": 2,
            "unignore": 1,
            "echo": 2,
            "whisper": 2,
            "away": 2,
            "topic": 1,
            "ping": 3,
            "leave": 2,
            "crowd": 1,
            "fail": 1,
            "leave within": 1,
            "turn": 10,
            "wait": 2,
        }
        (action,) = pick.choices(list(actions), list(actions.values()))
        match action:
            case "join":
                member.join(room, pick.choice(["", "key"]), welcome=False)
            case "say":
                self.say(client, room)
            case "part":
                member.part(room, "bye")
                del client.rooms[room]
            case "rename":
                member.rename(self.name())
            case "chain":
                self.chain()
            case "kick":
                moderation.kick(member, other.member.name, "", room)
            case "mode":
                mode = pick.choice([Mode.OPERATOR, Mode.VOICE, Mode.KEY, Mode.LIMIT, *MODES])
                values = {Mode.KEY: "key", Mode.LIMIT: "9"}
                value = values.get(mode, other.member.name)
                on = pick.random() < 0.6
                moderation.set_mode(member, mode, on=on, value=value, room=room)
            case "ban":
                moderation.ban(member, pick.choice([other.member.name, f"{self.name()}*"]), room)
            case "unban":
                moderation.unban(member, self.name(), room)
            case "invite":
                moderation.invite(member, other.member.name, room)
            case "ignore":
                member.ignore(other.member.name)
            case "unignore" if member.personal is not None and member.personal.ignored:
                member.unignore(pick.choice(list(member.personal.ignored)))
            case "echo":
                member.set_echo(pick.random() < 0.5)
            case "whisper":
                self.whisper(client, other)
            case "away":
                member.set_away(pick.choice(["out", ""]))
            case "topic":
                member.set_topic(pick.choice(["", "news"]), room)
            case "ping":
                member.tell(Kind.REPLY, "pong")
            case "leave":
                self.leave([client])
            case "crowd":
                crowd = pick.sample(self.clients, 6)
                for place in pick.sample(ROOMS, 2):
                    for each in self.leave(crowd) if pick.random() < 0.5 else crowd:
                        with suppress(ChatError):
                            each.member.join(place, welcome=False)
            case "fail":
                client.raises = True
                member.tell(Kind.REPLY, "pong")
            case "leave within":
                client.leaves = True
            case "turn":
                self.turn_ends = True  # within an action, a sink must not call the hub
                self.chat.scheduler.settle()
                self.turn_ends = False
            case "wait":
                self.chat.scheduler.advance(pick.choice([0.4, 3, 30]))

    def say(self, client: Client, room: str) -> None:
        self.count += 1
        text = f"line {self.count}"
        client.member.say(text, room)
        for each in self.listeners(room):
            if each is client and not each.member.echo:
                continue
            if not self.ignores(each.member, client.member):
                each.expected[room].append(text)

    def whisper(self, client: Client, other: Client) -> None:
        self.count += 1
        text = f"line {self.count}"
        client.member.whisper(other.member.name, text)
        if not self.ignores(other.member, client.member):
            other.expected["private"].append(text)
        if client is not other and client.member.echo:
            client.expected["private"].append(text)

    @staticmethod
    def ignores(member: Member, other: Member) -> bool:
        return member.personal is not None and other.name.lower() in member.personal.ignored

    def chain(self) -> None:
        """Each takes the name of the one before it."""
        crowd = self.random.sample(self.clients, 4)
        names = [each.member.name for each in crowd]
        free = next(n for n in map(str, range(99)) if not self.chat.hub.is_taken(f"n{n}"))
        crowd[0].member.rename(f"n{free}")
        for each, name in zip(crowd[1:], names, strict=False):
            each.member.rename(name)

    def leave(self, crowd: list[Client]) -> list[Client]:
        """Some leave, and others come under the same names."""
        names = [each.member.name for each in crowd]
        for each in crowd:
            each.member.leave(self.random.choice(["", "bye", "other words"]))
        self.random.shuffle(names)
        newcomers = [Client(self, name) for name in names]
        self.replace(crowd, newcomers)
        return newcomers

    def replace(self, crowd: list[Client], newcomers: list[Client]) -> None:
        for old, new in zip(crowd, newcomers, strict=True):
            self.clients[self.clients.index(old)] = new

    def revive(self) -> None:
        """Replace those who are gone because of their sinks."""
        for client in self.clients:
            if client.member.gone or client.raises:
                if client.raises and not client.member.gone:
                    self.chat.scheduler.settle()
                names = (f"n{number}" for number in range(99))
                name = next(n for n in names if not self.chat.hub.is_taken(n))
                self.replace([client], [Client(self, name)])

    def check(self, *, settled: bool = False) -> None:
        if self.failures:
            raise self.failures[0]
        for client in self.clients:
            client.check(settled=settled)


@pytest.mark.parametrize("seed", range(16))
def test_a_client_that_replays_all_messages_knows_who_is_where(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL", "protocols.chat.member")  # sinks raise here
    world = World(seed)
    for _ in range(25):
        for _ in range(15):
            with suppress(ChatError):
                world.act()
            world.revive()
        world.chat.scheduler.settle()
        world.revive()
        world.check()
    world.chat.scheduler.advance(60)
    world.revive()
    world.check(settled=True)
    world.chat.close()
