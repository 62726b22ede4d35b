"""Whatever ten members do in five rooms, this holds after each action and each turn."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.chat import moderation
from protocols.chat.commands import move
from protocols.chat.member import Member
from protocols.chat.membership import Membership
from protocols.chat.messages import EVERYWHERE, SPOKEN, Batch, ChatError, Kind, Message
from protocols.chat.modes import Mode

from ...tools.chat import Chat

ROOMS = ["lobby", "a", "b", "c", "d"]
WORDS = ["x", "y", "away", ""]
MODES = [mode for mode in Mode if mode is not Mode.BAN]

WHO = st.integers(0, 9)
ACTIONS = st.tuples(
    st.sampled_from(
        ["join", "part", "move", "say", "rename", "away", "leave", "kick", "mode", "ban", "unban"]
        + ["invite", "ignore", "unignore", "echo", "whisper", "topic", "answer", "turn", "later"]
        + ["join"] * 5
        + ["say", "turn"] * 2
    ),
    WHO,
    WHO,
    st.sampled_from(ROOMS),
    st.integers(0, 19),
)


class World:
    """A chat, and what each member has been told."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.members: list[Member] = []
        self.views: list[View] = []
        for number in range(10):
            member, view = self.arrive(number)
            self.members.append(member)
            self.views.append(view)

    def arrive(self, number: int) -> tuple[Member, View]:
        """Let a member in. The last one types lines, and so is always in one room."""
        view = View(self.chat)
        member = self.chat.hub.join(view, name=f"n{number}", needs_room=number == 9)
        view.member = member
        for room in member.rooms:
            view.look(room.name)
        return member, view

    def do(self, action: str, who: int, whom: int, room: str, number: int) -> None:
        member, other = self.members[who], self.members[whom]
        match action:
            case "turn":
                self.turn()
            case "later":
                self.turn()
                self.chat.scheduler.advance(number / 10)
            case "leave" if not self.chat.hub.is_taken(f"n{who}") or member.name == f"n{who}":
                member.leave(WORDS[number % 4])
                self.members[who], self.views[who] = self.arrive(who)
            case "join" | "part" | "move" if who == 9:
                move(member, room)
            case "join":
                member.join(room, "key")
            case "part":
                member.part(room, "bye")
            case "move":
                member.part(room)
                member.join(ROOMS[number % 5])
            case "say":
                member.say(f"line {number}", room)
            case "rename":
                member.rename(f"n{number}")
            case "away":
                member.set_away(WORDS[number % 4])
            case "kick":
                moderation.kick(member, other.name, "", room)
            case "mode":
                mode = MODES[number % len(MODES)]
                values: dict[Mode, str] = {Mode.KEY: "key", Mode.LIMIT: "8"}
                value = values.get(mode, other.name)
                moderation.set_mode(member, mode, on=number % 3 > 0, value=value, room=room)
            case "ban":
                moderation.ban(member, other.name, room)
            case "unban":
                moderation.unban(member, other.name, room)
            case "invite":
                moderation.invite(member, other.name, room)
            case "ignore":
                member.ignore(other.name)
            case "unignore":
                member.unignore(other.name)
            case "echo":
                member.set_echo(number % 2 > 0)
            case "whisper":
                member.whisper(other.name, "psst")
            case "topic":
                member.set_topic(WORDS[number % 4], room)
            case "answer":
                member.tell(Kind.REPLY, "pong")

    def turn(self) -> None:
        self.chat.scheduler.settle()
        self.check()

    def check(self) -> None:
        hub = self.chat.hub
        for room in hub.rooms.values():
            assert room.members or room is hub.lobby
            for member in room.members:
                assert not member.gone  # type: ignore[attr-defined]
                assert room in member.rooms  # type: ignore[attr-defined]
            operators = {m for m, grant in room.members.items() if Membership.OPERATOR in grant}
            assert room.operators == operators
            assert bool(operators) == (bool(room.members) and room is not hub.lobby)
        for member in hub.members.values():
            assert len(set(member.rooms)) == len(member.rooms)
            assert all(member in room.members for room in member.rooms)
            assert member.rooms or not member.needs_room
            assert all(hub.rooms[room.name.lower()] is room for room in member.rooms)


class View:
    """What one member is told. It keeps the names in each of its rooms, as a client would, and
    checks that each event is heard once, and that nothing is heard from where it is not."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.member: Member | None = None  # until it has joined
        self.rooms: dict[str, set[str]] = {}
        self.heard: set[int] = set()

    def close(self, reason: str, /) -> None:
        raise AssertionError("nobody dismisses this member")

    def deliver(self, batch: Batch, /) -> None:
        assert batch.messages
        for message in batch.messages:
            kind, room = message.kind, message.room
            if kind is Kind.ENTERED:
                self.rooms[room] = set()
                if self.member is not None:
                    self.look(room)
            elif kind in EVERYWHERE:
                assert room == ""
            elif kind not in {Kind.REPLY, Kind.PRIVATE, Kind.INVITED}:
                assert room in self.rooms
            if message.id and kind not in SPOKEN:  # lines come again as history
                assert message.id not in self.heard, message
                self.heard.add(message.id)
            self.follow(message)

    def look(self, room: str) -> None:
        assert self.member is not None
        self.rooms[room] = {m.name for m in self.chat.hub.find_room(room).known(self.member)}

    def follow(self, message: Message) -> None:
        kind, room, name = message.kind, message.room, message.sender
        if kind is Kind.JOINED:
            assert name not in self.rooms[room]
            self.rooms[room].add(name)
        elif kind is Kind.LEFT:
            self.rooms[room].discard(name)
        elif kind is Kind.KICKED:
            self.rooms[room].remove(message.target)
            if self.member is not None and message.target == self.member.name:
                del self.rooms[room]
        elif kind is Kind.QUIT:
            assert any(name in names for names in self.rooms.values())
            for names in self.rooms.values():
                names.discard(name)
        elif kind is Kind.RENAMED:
            for names in self.rooms.values():
                assert message.text not in names or message.text.lower() == name.lower()
                if name in names:
                    names.remove(name)
                    names.add(message.text)
        elif kind is Kind.CROWD and message.target == "joined":
            self.rooms[room].update(message.names)
        elif kind is Kind.CROWD:
            self.rooms[room].difference_update(message.names)

    def check(self) -> None:
        """At rest, it knows who is where."""
        assert self.member is not None
        present = {room.name: {m.name for m in room.members} for room in self.member.rooms}
        for room in self.rooms.keys() - present.keys():
            del self.rooms[room]  # it has left by itself, of which it is not told
        assert self.rooms == present


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=80))
def test_memberships_stand_on_both_sides_and_a_client_knows_who_is_where(
    actions: list[Any],
) -> None:
    world = World(Chat())
    for action in actions:
        with suppress(ChatError):
            world.do(*action)
        world.check()
    world.chat.scheduler.advance(60)
    world.check()
    for view in world.views:
        view.check()


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=60))
def test_nothing_is_heard_from_a_room_where_one_is_not(actions: list[Any]) -> None:
    """What is posted reaches those who are in the room then, and no one else, in order."""
    chat = Chat()
    people = chat.roam(*[f"p{number}" for number in range(10)])
    world = object.__new__(World)
    world.chat, world.members = chat, [person.member for person in people]
    expected: list[list[str]] = [[] for _ in people]
    for count, (action, who, whom, room, number) in enumerate(actions):
        if action == "turn":
            chat.scheduler.settle()
        elif action in {"join", "part", "answer", "later"}:
            with suppress(ChatError):
                world.do(action, who, whom, room, number)
        elif action == "say":
            try:
                people[who].member.say(f"{count}", room)
            except ChatError:
                continue
            for listener, person in enumerate(people):
                if chat.hub.find_room(room) in person.member.rooms:
                    expected[listener].append(f"{count} {room}")
    for person, lines in zip(people, expected, strict=True):
        heard = person.messages()
        said = [m for m in heard if m.kind is Kind.SAID]
        first = {}
        for message in said:
            first.setdefault(message.id, f"{message.text} {message.room}")
        for room in ROOMS:
            lines_here = [line for line in lines if line.endswith(f" {room}")]
            # History shows some lines again, or earlier ones.
            heard_here = [line for line in first.values() if line.endswith(f" {room}")]
            assert [line for line in heard_here if line in lines_here] == lines_here


@settings(max_examples=150, deadline=None)
@given(actions=st.lists(ACTIONS, max_size=60))
def test_one_batch_for_each_room_and_turn(actions: list[Any]) -> None:
    chat = Chat()
    people = chat.roam(*[f"p{number}" for number in range(10)])
    for number, person in enumerate(people):
        for room in ROOMS[: 1 + number % 5]:
            person.member.join(room)
    chat.scheduler.advance(60)
    chat.forget(*people)
    world = object.__new__(World)
    world.chat, world.members = chat, [person.member for person in people]
    answered = set()  # those who rename themselves hear first what was said before
    for action in actions:
        if action[0] not in {"say", "rename", "away", "topic", "mode", "turn"}:
            continue
        if action[0] == "turn":
            chat.scheduler.settle()
            for number, person in enumerate(people):
                rooms = [{m.room for m in batch.messages} - {""} for batch in person.sink.batches]
                if number not in answered:
                    assert sum(map(len, rooms)) == len(set().union(*rooms))
                    assert len(rooms) <= len(person.member.rooms)
                ids = [m.id for m in person.messages()]
                assert len(set(ids)) == len(ids)
            answered.clear()
        else:
            if action[0] == "rename":
                answered.add(action[1])
            with suppress(ChatError):
                world.do(*action)
