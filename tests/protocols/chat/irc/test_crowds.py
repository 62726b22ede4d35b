"""Who comes with a crowd is told once that it has come: a client that joins forgets who is in the
channel, and waits for a list of names."""

from __future__ import annotations

import pytest

from protocols.chat.irc import crowds
from protocols.chat.irc.crowds import CrowdLines
from protocols.chat.irc.render import make_renderer
from protocols.chat.limits import Limits
from protocols.chat.messages import Kind, Message
from reactor.testing import VirtualReactor

from ....tools.irc import SERVER, IRCHouse

CROWD = Message(Kind.CROWD, 0, "tea", "", "", "joined", 5, ("bob", "carol", "dave"))


def rendered(house: IRCHouse, *messages: Message) -> CrowdLines:
    lines = make_renderer(house.hub, SERVER, frozenset())(messages)
    assert isinstance(lines, CrowdLines)
    return lines


def joined(lines: CrowdLines, name: str) -> list[str]:
    text = b"".join(lines.for_member(name)).decode()
    return [line[1:].partition("!")[0] for line in text.split("\r\n") if " JOIN " in line]


@pytest.mark.parametrize("capabilities", [(), ("away-notify", "extended-join", "server-time")])
def test_each_of_a_crowd_sees_each_other_once(
    reactor: VirtualReactor, capabilities: tuple[str, ...]
) -> None:
    house = IRCHouse(reactor, limits=Limits(members_per_origin=0))
    users = {f"u{number:02}": house.client() for number in range(40)}
    for name, user in users.items():
        user.sends(f"CAP REQ :{' '.join(capabilities)}", f"NICK {name}", f"USER {name} 0 * :Real")
        user.sends("CAP END", f"AWAY :{name} is away", "JOIN #tea")
    reactor.advance(2)
    for name, user in users.items():
        seen = user.sees()
        own = [line for line in seen if f":{name}!" in line and " JOIN #tea" in line]
        assert len(own) == 1, own
        listed = [line.partition(" :")[2].split() for line in seen if "353 " in line]
        before = [nick.lstrip("@") for line in listed for nick in line] or [name]
        came = [line.partition("!")[0].rpartition(":")[2] for line in seen if " JOIN #tea" in line]
        assert sorted({*before, *came}) == sorted(users)
        assert len(before) + len(came) == len(users) + 1  # itself


def test_the_others_share_one_object(house: IRCHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protocols.chat.irc.render.PIECE", 2)
    said = Message(Kind.SAID, 0, "tea", "bob", ":bob!bob@unknown JOIN #tea", "", 4)
    lines = rendered(house, said, CROWD, CROWD._replace(room="milk"))
    (shared,) = lines.for_member("alice")
    assert shared is lines.plain
    assert type(shared) is bytes
    assert shared == bytes(lines)
    assert joined(lines, "alice") == ["bob", "bob", "carol", "dave", "bob", "carol", "dave"]
    assert joined(lines, "bob") == ["bob", "carol", "dave", "carol", "dave"]
    assert joined(lines, "dave") == ["bob", "bob", "carol", "bob", "carol"]
    unchanged = [piece for piece in lines.for_member("dave") if piece in lines._pieces]
    assert len(unchanged) == 3
    assert crowds.PIECE == 64


def test_whoever_is_renamed_meanwhile_is_known_by_the_new_name(house: IRCHouse) -> None:
    lines = rendered(house, CROWD, Message(Kind.RENAMED, 0, "", "bob", "bo", "", 6))
    assert joined(lines, "bo") == ["carol", "dave"]


def test_who_leaves_with_a_crowd_and_comes_back_sees_that_the_others_left(house: IRCHouse) -> None:
    lines = rendered(house, CROWD._replace(target="left"))
    text = b"".join(lines.for_member("bob")).decode()
    assert text.count(" PART ") == 3
