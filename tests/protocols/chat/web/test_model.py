"""A client that follows the events knows at each moment who is in which of its rooms, with which
role, and shows each line once, wherever its connections break.

Pages, a program that speaks lines, and members by another way in do what they like, in turns: they
come and go in crowds, take each other's names, put each other out, and change roles. Connections of
pages break with something on its way, come back sooner or later, with or without what they knew.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import pytest

from protocols.chat import conversation
from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub
from protocols.chat.membership import Membership
from protocols.chat.messages import ChatError
from protocols.chat.web import session as sessions

from ....tools.chat import Person
from .pages import Event, Site

ROOMS = ["lobby", "a", "b"]
NAMES = ["ann", "bob", "cid", "dee", "eve", "fay"]
PAGES = 4
OTHERS = 5

Role = frozenset[str]


class Client:
    """What a page knows from what it was told. It does not trust what it has not been told."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.name = name
        self.rooms: dict[str, dict[str, Role]] = {}
        self.lines: dict[int, str] = {}  # by id, also private ones
        self.last: dict[str, int] = {}  # by room, also from the history
        self.said: dict[str, int] = {}  # by room, not from the history
        self.unanswered: dict[int, str] = {}
        self.broken = False
        self.catching_up = False
        self.page = site.page(name=name)
        self.read()

    def names(self, event: Event) -> dict[str, Role]:
        """Who is in the room of ``event``. It may have left it since then if it catches up."""
        assert self.catching_up or event["room"] in self.rooms, event
        return self.rooms.get(event["room"], {})

    # Events

    def read(self) -> None:
        for event in self.page.events():
            self.follow(event)

    def follow(self, event: Event) -> None:
        kind = event["type"]
        follow = getattr(self, f"on_{kind}", None)
        if follow is not None:
            follow(event)

    def on_welcome(self, event: Event) -> None:
        self.name = event["name"]
        if not event["resumed"]:
            self.rooms = {}
            self.unanswered = {}
            self.page._ref = 0
        for ref in [ref for ref in self.unanswered if ref <= event["received"]]:
            del self.unanswered[ref]

    def on_room(self, event: Event) -> None:
        assert event["count"] == len(event["members"])
        self.rooms[event["room"]] = {
            member["name"]: frozenset(
                {member.get("role", "")} - {""} | ({"voice"} if member.get("voice") else set())
            )
            for member in event["members"]
        }

    def on_history(self, event: Event) -> None:
        assert event["room"] in self.rooms
        for line in event["events"]:
            assert line["room"] == event["room"]
            self.line(line)

    def on_said(self, event: Event) -> None:
        # What was kept is from before the snapshot: the sender may have left since then.
        assert self.catching_up or event["sender"] in self.names(event), event
        assert event["id"] > self.said.get(event["room"], 0), event
        self.said[event["room"]] = event["id"]
        self.line(event)

    def on_private(self, event: Event) -> None:
        assert self.catching_up or event["id"] not in self.lines
        self.line(event)

    def line(self, event: Event) -> None:
        number = event["id"]
        assert self.lines.get(number, event["text"]) == event["text"]
        if number not in self.lines:
            assert event["text"] not in self.lines.values(), "executed twice"
        self.lines[number] = event["text"]
        room = event.get("room", "")
        self.last[room] = max(self.last.get(room, 0), number)

    def on_joined(self, event: Event) -> None:
        self.names(event).setdefault(event["sender"], frozenset())

    def on_left(self, event: Event) -> None:
        self.names(event).pop(event["sender"], None)

    def on_quit(self, event: Event) -> None:
        for names in self.rooms.values():
            names.pop(event["sender"], None)

    def on_kicked(self, event: Event) -> None:
        self.names(event).pop(event["target"], None)

    def on_crowd(self, event: Event) -> None:
        names = self.names(event)
        for name in event["names"]:
            if event["target"] == "joined":
                names.setdefault(name, frozenset())
            else:
                names.pop(name, None)

    def on_renamed(self, event: Event) -> None:
        old, new = event["sender"], event["text"]
        for names in self.rooms.values():
            if old in names:
                names[new] = names.pop(old)
        if old == self.name:
            self.name = new

    def on_mode(self, event: Event) -> None:
        role = {"o": "operator", "v": "voice"}.get(event["text"][1])
        names = self.names(event)
        if role is not None and event["target"] in names:
            if event["text"][0] == "+":
                names[event["target"]] |= {role}
            else:
                names[event["target"]] -= {role}

    def on_parted(self, event: Event) -> None:
        self.rooms.pop(event["room"], None)

    def on_ack(self, event: Event) -> None:
        self.unanswered.pop(event["ref"], None)

    def on_error(self, event: Event) -> None:
        self.unanswered.pop(event.get("ref", 0), None)

    # Acts

    def types(self, room: str, line: str) -> None:
        self.page._ref += 1
        self.unanswered[self.page._ref] = line
        if not self.broken:
            self.page.says("line", ref=self.page._ref, room=room, text=line)

    def vanish(self, choice: random.Random) -> None:
        if choice.random() < 0.5:
            self.page.browser.peer.stall()  # what follows is on its way, and lost
            self.site.reactor.settle()
        self.broken = True

    def break_now(self) -> None:
        self.page.vanishes()

    def come_back(self, *, forgetful: bool) -> None:
        """``forgetful``: the page was reloaded, and knows only its session."""
        old = self.page
        self.page = self.site.socket()
        self.page._ref = old._ref
        self.page.session = old.session
        rooms = [{"name": room, "after": self.last.get(room, 0)} for room in self.rooms]
        if forgetful:
            rooms = []
            self.rooms = {}
            self.lines = {}
        self.page.says("hello", session=old.session, name=self.name, rooms=rooms)
        self.broken = False
        self.catching_up = True
        self.read()
        self.catching_up = False
        for ref, line in list(self.unanswered.items()):
            self.page.says("line", ref=ref, room="lobby", text=line)
        self.read()


class World:
    """All of them, and what is so."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.random = random.Random(seed)
        self.numbers = count(1)
        self.clients = [Client(site, f"page{number}") for number in range(PAGES)]
        self.others: list[Person | None] = [None] * OTHERS

    @property
    def hub(self) -> Hub:
        return self.site.hub

    def step(self) -> None:
        choice = self.random
        for _ in range(choice.randint(1, 6)):
            if choice.random() < 0.5:
                self.page_acts(choice.choice(self.clients))
            else:
                self.other_acts(choice.randrange(OTHERS))
        if choice.random() < 0.8:
            self.site.reactor.settle()
        if choice.random() < 0.3:
            self.site.reactor.advance(choice.choice([0.1, 0.6, 3]))
        for client in self.clients:
            if not client.broken and choice.random() < 0.5:
                client.read()

    def line(self) -> str:
        choice = self.random
        kind = choice.randrange(12)
        name = choice.choice(list(self.hub.members.values())).name
        room = choice.choice(ROOMS)
        if kind < 4:
            return f"line {next(self.numbers)}"
        if kind < 6:
            return f"/join {room}"
        return [
            f"/part {room}",
            f"/nick {choice.choice(NAMES)}",
            f"/kick {name}",
            f"/mode {choice.choice('+-')}{choice.choice('ov')} {name}",
            f"/msg {name} private {next(self.numbers)}",
            "/topic new",
        ][kind - 6]

    def page_acts(self, client: Client) -> None:
        choice = self.random
        if client.broken:
            if choice.random() < 0.2:
                client.come_back(forgetful=choice.random() < 0.3)
        elif choice.random() < 0.1:
            client.vanish(choice)
            if choice.random() < 0.7:
                client.break_now()
        else:
            room = choice.choice(list(client.rooms) or ["lobby"])
            client.types(room, self.line())

    def other_acts(self, index: int) -> None:
        choice = self.random
        person = self.others[index]
        if person is None or person.member.gone:
            with suppress(ChatError):
                self.others[index] = self.site.arrive(choice.choice(NAMES), choice.choice(ROOMS))
            return
        if choice.random() < 0.2:
            person.member.leave(choice.choice(["", "bye"]))
        else:
            conversation.receive(person.member, self.line())

    def rest(self) -> None:
        for client in self.clients:
            if client.broken:
                client.come_back(forgetful=False)
        self.site.reactor.advance(3)
        for client in self.clients:
            client.read()

    def check(self) -> None:
        for client in self.clients:
            member = self.hub.members[client.name.lower()]
            assert set(client.rooms) == {room.name for room in member.rooms}
            for room in member.rooms:
                assert client.rooms[room.name] == dict(known(room, member)), room.name
                lines = room.history()
                for message in lines.messages if lines is not None else ():
                    assert client.lines.get(message.id, message.text) == message.text


def known(room: Any, viewer: Any) -> Iterator[tuple[str, Role]]:
    for member in room.known(viewer):
        membership = room.members[member]
        names = (("operator", Membership.OPERATOR), ("voice", Membership.VOICE))
        yield member.name, frozenset(name for name, role in names if role in membership)


@pytest.mark.parametrize("seed", range(12))
def test_a_client_knows_who_is_where(site, seed, monkeypatch):
    if seed % 3 == 2:
        monkeypatch.setattr(sessions, "MAX_MISSED", 6)
    world = World(site, seed)
    for _ in range(60):
        for _ in range(6):
            world.step()
        world.rest()
        world.check()


@pytest.mark.parametrize("seed", range(4))
def test_each_line_is_answered_even_if_it_has_to_wait(make_site, seed):
    world = World(make_site(flood=FloodPolicy(rate=2, burst=2, queue=8, drops=10**6)), seed)
    for _ in range(30):
        for _ in range(6):
            world.step()
        world.rest()
        for _ in range(3):  # with answers to pings
            world.site.reactor.advance(8)
            for client in world.clients:
                client.read()
        world.check()
        assert [client.unanswered for client in world.clients] == [{}] * PAGES
