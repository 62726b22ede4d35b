"""A client that replays the reports of a room knows who is in it."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from protocols.chat.commands import move
from protocols.chat.limits import Limits
from protocols.chat.messages import ChatError, Kind
from protocols.chat.traffic import BURST

if TYPE_CHECKING:
    from ...tools.chat import Chat, Person

EVERYBODY = 10_000
NAMES = ["alice", "bob", "carol", "dave", "erin"]


class Replay:
    """Keeps a list of the members from the reports, as a client would.

    ``strict``: it joined before all others, so no member joins twice or leaves without having
    joined.
    """

    def __init__(self, person: Person, *, strict: bool) -> None:
        self.person = person
        self.strict = strict
        self.members: set[str] = set()

    def read(self) -> None:
        for line in self.person.sees():
            text = line.removeprefix("*** ")
            if " in lobby: " in text:
                self.members = set(text.partition(": ")[2].split(", "))
            elif " is now " in text:
                old, _, new = text.partition(" is now ")
                self._remove(old, line)
                self._add(new, line)
            elif " members joined lobby: " in text:
                for name in text.partition(": ")[2].split(", "):
                    self._add(name, line)
            elif text.endswith(" joined lobby"):
                self._add(text.removesuffix(" joined lobby"), line)
            elif " members left " in text:
                for name in text.partition(": ")[2].split(", "):
                    self._remove(name, line)
            elif " left " in text:
                self._remove(text.partition(" left ")[0], line)
            elif line.endswith(": hello"):
                name = line.removeprefix("[time] ").removesuffix(": hello")
                assert not self.strict or name in self.members, line

    def _add(self, name: str, line: str) -> None:
        assert not self.strict or name not in self.members, line
        self.members.add(name)

    def _remove(self, name: str, line: str) -> None:
        assert not self.strict or name in self.members, line
        self.members.discard(name)


@pytest.mark.parametrize("seed", range(10))
def test_replaying_the_reports_gives_the_members_of_the_room(
    make_chat: type[Chat], seed: int
) -> None:
    choice = random.Random(seed)
    chat = make_chat(Limits(listed=EVERYBODY))
    first = Replay(chat.arrive("first"), strict=True)
    replays = [first]
    others: list[Person] = []
    for _ in range(600):
        with suppress(ChatError):
            match choice.randrange(10):
                case 0:
                    others.append(chat.arrive())
                case 1:
                    others.append(chat.arrive(choice.choice(NAMES)))
                case 2 if len(replays) < 20:
                    replays.append(Replay(chat.arrive(), strict=False))
                case 3 | 4 if others:
                    person = others.pop(choice.randrange(len(others)))
                    person.member.leave(choice.choice(["", "timed out", "bye"]))
                case 5 if others:
                    choice.choice(others).member.rename(choice.choice(NAMES))
                case 6 if others:
                    member = choice.choice(others).member
                    move(member, "cats" if member.room is chat.hub.lobby else "lobby")
                case 7 if others:
                    choice.choice(others).types("hello")
                case 8 if others:
                    unannounced = chat.arrive(announce=False)
                    if choice.random() < 0.5:
                        chat.hub.announce(unannounced.member)
                        others.append(unannounced)
                    else:
                        unannounced.member.leave()
                case 9 if choice.random() < 0.2:
                    chat.scheduler.advance(choice.random())
        if choice.random() < 0.3:
            for replay in replays:
                replay.read()
    chat.scheduler.advance(60)
    present = {member.name for member in chat.hub.lobby.members}
    for replay in replays:
        replay.read()
        assert replay.members == present


def watched_rush(chat: Chat) -> Person:
    """A member of a room that reports crowds from now on."""
    (watcher,) = chat.gather("watcher")
    for _ in range(BURST):
        chat.arrive()
    chat.forget(watcher)
    return watcher


def test_a_newcomer_that_left_before_the_report_is_not_mentioned(chat: Chat) -> None:
    watcher = watched_rush(chat)
    chat.arrive().types("/quit")
    chat.arrive().types("/join cats")
    carol = chat.arrive("carol")
    chat.scheduler.advance(1)
    assert watcher.sees() == ["*** carol joined lobby"]
    assert carol.sees()[-1] == f"*** {BURST + 2} in lobby: " + ", ".join(
        ["watcher", *[f"guest{n}" for n in range(1, BURST + 1)], "carol"]
    )


def test_a_newcomer_renamed_before_the_report_has_its_new_name_in_it(chat: Chat) -> None:
    watcher = watched_rush(chat)
    guests = [chat.arrive() for _ in range(3)]
    chat.forget(*guests)
    for guest, name in zip(guests, ("ada", "bob", "carol"), strict=True):
        guest.types(f"/nick {name}")
    assert guests[0].sees() == [f"*** guest{BURST + 1} is now ada"]
    chat.scheduler.advance(1)
    assert watcher.sees() == ["*** 3 members joined lobby: ada, bob, carol"]


def test_a_newcomer_that_speaks_before_the_report_is_reported_first(chat: Chat) -> None:
    watcher = watched_rush(chat)
    ada, bob = chat.arrive("ada"), chat.arrive("bob")
    ada.types("hello")
    bob.types("/topic cats")
    assert watcher.sees() == [
        "*** ada joined lobby",
        "[time] ada: hello",
        "*** bob joined lobby",
        "*** bob set the topic of lobby: cats",
    ]
    chat.scheduler.advance(1)
    assert watcher.sees() == []


def test_a_member_that_comes_back_is_first_reported_to_have_left(chat: Chat) -> None:
    watcher = watched_rush(chat)
    dave, erin = chat.hub.find("guest1"), chat.hub.find("guest2")
    ada = chat.arrive("ada")
    move(dave, "cats")
    move(dave, "lobby")
    chat.scheduler.advance(0.5)
    assert watcher.sees() == [
        "*** guest1 left lobby",
        "*** 2 members joined lobby: ada, guest1",
    ]
    dave.leave()
    erin.rename("guest1")
    assert watcher.sees() == ["*** guest1 left the chat", "*** guest2 is now guest1"]
    ada.member.leave()
    chat.arrive("ada").types("hello")
    assert watcher.sees() == [
        "*** ada left the chat",
        "*** ada joined lobby",
        "[time] ada: hello",
    ]


def busy(chat: Chat, *rooms: str) -> None:
    """Have so many come and go in these rooms that they report only crowds for a while."""
    for room in rooms:
        people = chat.roam(*[f"{room}{number}" for number in range(BURST + 2)])
        for person in people:
            person.member.join(room)
        for person in people[2:]:
            person.member.part(room)


def events(person: Person) -> list[tuple[Kind, str, str]]:
    return [(m.kind, m.room, m.sender) for m in person.messages() if m.id]


def test_one_who_comes_back_under_its_name_is_not_told_that_it_left(chat: Chat) -> None:
    busy(chat, "tea")
    (bob,) = chat.roam("bob")
    bob.member.join("tea")
    bob.member.say("hello")
    bob.member.leave()
    (again,) = chat.roam("bob")
    again.member.join("tea")
    chat.scheduler.advance(5)
    assert (Kind.QUIT, "", "bob") not in events(again)


def test_a_departure_is_reported_before_somebody_gets_the_name_in_another_room(chat: Chat) -> None:
    (watcher,) = chat.roam("watcher")
    for room in ("tea", "coffee"):
        watcher.member.join(room)
    busy(chat, "tea")
    bob, carol = chat.roam("bob", "carol")
    bob.member.join("tea")
    bob.member.say("hello")
    carol.member.join("coffee")
    bob.member.leave()
    chat.forget(watcher)
    carol.member.rename("bob")
    assert [sender for _, _, sender in events(watcher)][-2:] == ["bob", "carol"]


def test_a_departure_is_reported_before_the_member_changes_its_name(chat: Chat) -> None:
    (watcher,) = chat.roam("watcher")
    for room in ("tea", "coffee"):
        watcher.member.join(room)
    busy(chat, "tea")
    (bob,) = chat.roam("bob")
    for room in ("tea", "coffee"):
        bob.member.join(room)
        bob.member.say("hello", room)
    bob.member.part("tea")
    chat.forget(watcher)
    bob.member.rename("robert")
    kinds = [kind for kind, _, sender in events(watcher) if sender == "bob"]
    assert kinds == [Kind.LEFT, Kind.RENAMED]


def test_one_who_leaves_the_room_and_comes_back_is_not_told_that_it_left(chat: Chat) -> None:
    busy(chat, "tea")
    (bob,) = chat.roam("bob")
    bob.member.join("tea")
    bob.member.say("hello")
    bob.member.part("tea")
    bob.member.join("tea")
    chat.scheduler.advance(5)
    assert (Kind.LEFT, "tea", "bob") not in events(bob)
