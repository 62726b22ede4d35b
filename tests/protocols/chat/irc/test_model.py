"""A client that believes what it is sent, through random things that members do: in the end it
knows who is in each channel, with which prefixes, the topic, and each line once."""

from __future__ import annotations

import random

import pytest

from protocols.chat.irc.capabilities import OFFERED
from protocols.chat.irc.grammar import Line
from protocols.chat.limits import Limits
from reactor.testing import VirtualReactor

from ....tools.irc import IRCClient, IRCHouse

ROOMS = ("a", "b", "c", "lobby")
NICKS = tuple(f"n{number}" for number in range(16))
SIGNS = {"o": "@", "v": "+"}


class Believer:
    """A client, and for each of its channels: the members with their prefixes, and the topic."""

    def __init__(self, house: IRCHouse, nick: str, capabilities: list[str]) -> None:
        self.nick = nick
        self.capabilities = capabilities
        self.client: IRCClient = house.user(nick, "multi-prefix", *capabilities)
        self.members: dict[str, dict[str, set[str]]] = {}
        self.topics: dict[str, str] = {}
        self.listed: dict[str, dict[str, set[str]]] = {}
        self.heard: set[tuple[str, str]] = set()
        self.said: set[str] = set()

    @property
    def gone(self) -> bool:
        return self.client.peer.eof_received

    def send(self, line: str) -> None:
        self.client.peer.send(line.encode() + b"\r\n")

    def look(self) -> None:
        for line in self.client.hears():
            self._believe(line, line.source.partition("!")[0], line.params)

    def _believe(self, line: Line, nick: str, params: list[str]) -> None:
        place = params[0] if params else ""
        match line.command:
            case "JOIN" if nick == self.nick:
                assert place not in self.members, "told twice that it has joined"
                self.members[place] = {}
                self.topics[place] = ""
            case "JOIN":
                assert nick not in self.members[place], "another one joins twice"
                self.members[place][nick] = set()
            case "353":
                names = self.listed.setdefault(params[2], {})
                for word in params[3].split():
                    name = word.lstrip("@+")
                    names[name.partition("!")[0]] = set(word[: len(word) - len(name)])
            case "366":
                self.members[params[1]] = self.listed.pop(params[1])
            case "332" | "TOPIC":
                self.topics[params[-2]] = params[-1]
            case "PART" | "KICK":
                who = nick if line.command == "PART" else params[1]
                if who == self.nick:
                    del self.members[place]
                else:  # in a crowd, the end of a membership may be told twice
                    self.members[place].pop(who, None)
            case "QUIT":
                for names in self.members.values():
                    names.pop(nick, None)
            case "NICK":
                for names in self.members.values():
                    if nick in names:
                        assert place not in names, "the new nick is there already"
                        names[place] = names.pop(nick)
                self.nick = place if nick == self.nick else self.nick
            case "MODE" if place.startswith("#"):
                sign, values = "", params[2:]
                for letter in params[1]:
                    if letter in "+-":
                        sign = letter
                    elif letter in SIGNS:
                        signs = self.members[place][values.pop(0)]
                        (signs.add if sign == "+" else signs.discard)(SIGNS[letter])
            case "PRIVMSG":
                assert (place, params[1]) not in self.heard, "a line comes twice"
                self.heard.add((place, params[1]))
                assert nick == self.nick or nick in self.members[place], "an outsider speaks"


class World:
    """Believers, a member with nc, and what they do."""

    def __init__(self, house: IRCHouse, seed: int) -> None:
        self.house = house
        self.random = random.Random(seed)
        self.typist = house.typist("typist")
        self.believers: list[Believer] = []

    def enter(self) -> None:
        free = [nick for nick in NICKS if nick not in self.house.hub.members]
        offered = sorted(set(OFFERED) - {"multi-prefix"})
        capabilities = [name for name in offered if self.random.random() < 0.5]
        self.believers.append(Believer(self.house, self.random.choice(free), capabilities))

    def act(self) -> None:
        pick, number = self.random.choice, self.random.randrange(10**9)
        believer, room, nick = pick(self.believers), f"#{pick(ROOMS)}", pick((*NICKS, "typist"))
        what = pick(("JOIN",) * 6 + ("PRIVMSG",) * 3 + ("OTHER",) * 9 + ("TYPIST", "END"))
        if what == "TYPIST":
            lines = [f"/join {room[1:]}", f"typed {number}", f"/topic {number}", f"/mode +o {nick}"]
            self.typist.peer.send(pick(lines).encode() + b"\n")
        elif what == "END" and len(self.believers) > 8:
            for leaver in self.random.sample(self.believers, self.random.choice((1, 1, 5))):
                leaver.client.peer.close()
        elif what == "JOIN":
            believer.send(f"JOIN {room},#{pick(ROOMS)}")
        elif what == "PRIVMSG":
            believer.said.add(f"said {number}")
            believer.send(f"PRIVMSG {room} :said {number}")
        else:
            lines = [f"PART {room} :bye", f"KICK {room} {nick}", f"NICK {pick(NICKS)}", "QUIT"]
            lines += [f"MODE {room} {pick('+-')}{pick('ov')} {nick}", f"TOPIC {room} {number}"]
            lines += [f"AWAY {pick(('', 'x'))}", f"@+a TAGMSG {room}", f"SETNAME {number}"]
            believer.send(pick(lines))

    def look(self) -> None:
        self.house.reactor.settle()
        for believer in self.believers:
            believer.look()
        self.believers = [believer for believer in self.believers if not believer.gone]

    def check(self) -> None:
        """Compare what each believes with what is so."""
        self.house.reactor.advance(2)  # until the crowds have been reported
        self.look()
        for believer in self.believers:
            member = self.house.member(believer.nick)
            assert sorted(believer.members) == sorted(f"#{room.name}" for room in member.rooms)
            for channel, believed in believer.members.items():
                room = self.house.hub.find_room(channel[1:])
                assert sorted(believed) == sorted(member.name for member in room.members)
                assert believer.topics[channel] == room.topic
                believer.send(f"NAMES {channel}")
                believer.look()
                assert believer.members[channel] == believed
            for room in self.house.hub.rooms.values():
                history = room.history()
                for message in history.messages if history is not None else ():
                    if message.text in believer.said:
                        heard = (f"#{room.name}", message.text) in believer.heard
                        assert heard is ("echo-message" in believer.capabilities)


@pytest.mark.parametrize("seed", range(6))
def test_a_client_knows_who_is_where(reactor: VirtualReactor, seed: int) -> None:
    world = World(IRCHouse(reactor, limits=Limits(rooms_per_origin=0)), seed)
    for step in range(200):
        while len(world.believers) < 8 or (step % 9 == 0 and len(world.believers) < 14):
            world.enter()
        for _ in range(world.random.choice((1, 2, 8, 20))):
            world.act()
        world.look()
        reactor.advance(world.random.choice((0, 0, 0.1, 0.6)))
        if step % 10 == 9:
            world.check()
