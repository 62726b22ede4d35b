"""Messages of the hub as lines of IRC."""

from __future__ import annotations

import time

import pytest

from protocols.chat.irc import render
from protocols.chat.irc.render import make_renderer, mask_of, server_time
from protocols.chat.limits import Limits
from protocols.chat.messages import Batch, Kind, Message
from protocols.chat.moderation import set_mode
from protocols.chat.modes import Mode
from reactor.testing import VirtualReactor

from ....tools.irc import SERVER, WALL_TEXT, IRCHouse


def lines_of(house: IRCHouse, message: Message, *capabilities: str) -> list[str]:
    renderer = make_renderer(house.hub, SERVER, frozenset(capabilities))
    return renderer((message,)).decode().split("\r\n")[:-1]


def test_modes_as_irc_writes_them(house: IRCHouse) -> None:
    _, bob = house.users("alice", "bob")
    alice = house.member("alice")

    def change(mode: Mode, *, on: bool, value: str = "") -> str:
        set_mode(alice, mode, on=on, value=value, room="tea")
        (line,) = bob.sees()
        return line.removeprefix(":alice!~alice@host MODE #tea ")

    assert change(Mode.MODERATED, on=True) == "+m"
    assert change(Mode.KEY, on=True, value="sesame") == "+k sesame"
    assert change(Mode.KEY, on=False) == "-k *"
    assert change(Mode.LIMIT, on=True, value="9") == "+l 9"
    assert change(Mode.LIMIT, on=False) == "-l"
    assert change(Mode.VOICE, on=True, value="bob") == "+v bob"
    assert change(Mode.BAN, on=True, value="evil!*@*") == "+b evil!*@*"
    assert change(Mode.BAN, on=False, value="evil!*@*") == "-b evil!*@*"


def test_the_server_makes_a_new_operator(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("PART #tea")
    assert bob.sees() == [":alice!~alice@host PART #tea", "MODE #tea +o bob"]


def test_a_crowd_is_one_line_for_each(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(former_members=30))
    alice = house.user("alice", join="#tea")
    crowd = [house.user(f"u{number:02}", join="#tea") for number in range(30)]
    reactor.advance(1)
    joined = [line.partition("!")[0] for line in alice.sees() if " JOIN " in line]
    assert sorted(joined) == [f":u{number:02}" for number in range(30)]
    for user in crowd[:15]:
        user.sends("PART #tea :bye")
    for user in crowd[15:]:
        user.peer.close()
    reactor.advance(1)
    seen = alice.sees()
    parted = {line.split("!")[0] for line in seen if " PART " in line}
    quit_ = {line.split("!")[0] for line in seen if " QUIT " in line}
    assert parted == {f":u{number:02}" for number in range(15)}
    assert quit_ == {f":u{number:02}" for number in range(15, 30)}
    assert all("!~u" in line for line in seen)


def test_a_crowd_has_an_end(house: IRCHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "MAX_CROWD", 100)
    names = tuple(f"u{number}" for number in range(50))
    message = Message(Kind.CROWD, 0, "tea", "", "", "joined", 5, names)
    *joined, rest = lines_of(house, message)
    assert joined == [f":u{n}!u{n}@unknown JOIN #tea" for n in range(4)]
    assert rest == f":{SERVER} NOTICE #tea :46 more joined: NAMES #tea lists who is there"


def test_all_lines_about_a_crowd_count_in_bytes(
    house: IRCHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MAX_CROWD", 1000)
    names = tuple(f"u{number}" for number in range(10))
    for name in names:
        house.user(name).sends(f"SETNAME :{100 * chr(0x1F600)}", f"AWAY :{100 * chr(0x1F600)}")
    message = Message(Kind.CROWD, 0, "tea", "", "", "joined", 5, names)
    lines = lines_of(house, message, "away-notify", "extended-join")
    assert [line.split()[1] for line in lines] == ["JOIN", "AWAY", "JOIN", "AWAY", "NOTICE"]


def test_the_source_is_who_is_called_so_was_called_so_or_is_unknown(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    host = house.member("alice").host
    assert mask_of(house.hub, "Alice") == f"Alice!~alice@{host}"
    alice.sends("NICK al")
    bob.sends("QUIT")
    assert mask_of(house.hub, "alice") == f"alice!~alice@{host}"
    assert mask_of(house.hub, "bob") == f"bob!~bob@{host}"
    assert mask_of(house.hub, "carol") == "carol!carol@unknown"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Message(Kind.QUIT, 0, "", "x"), ":x!x@unknown QUIT :Client Quit"),
        (Message(Kind.KICKED, 0, "tea", "x", "", "y"), ":x!x@unknown KICK #tea y x"),
        (Message(Kind.LEFT, 0, "tea", "x", "a b"), ":x!x@unknown PART #tea :a b"),
        (Message(Kind.TOPIC, 0, "tea", "x", ""), ":x!x@unknown TOPIC #tea :"),
        (Message(Kind.INVITED, 0, "tea", "x", "", "y"), ":x!x@unknown INVITE y #tea"),
        (Message(Kind.SAID, 0, "tea", "x", "a\r\nQUIT"), ":x!x@unknown PRIVMSG #tea :a  QUIT"),
        (Message(Kind.LEFT, 0, "tea", "x", "a\r\nb\0"), ":x!x@unknown PART #tea ab"),
    ],
)
def test_lines(house: IRCHouse, message: Message, line: str) -> None:
    assert lines_of(house, message) == [line]


def test_members_with_the_same_capabilities_share_a_rendering(house: IRCHouse) -> None:
    server = house.server
    plain = server.renderer(frozenset())
    assert server.renderer(frozenset({"echo-message", "multi-prefix"})) is plain
    assert server.renderer(frozenset({"server-time"})) is not plain
    batch = Batch((Message(Kind.SAID, 0, "tea", "x", "hi"),))
    assert batch.rendered(plain) is batch.rendered(plain)


def test_times_have_milliseconds() -> None:
    assert server_time(1_700_000_000.0456) == "2023-11-14T22:13:20.045Z"
    assert server_time(time.time()).endswith("Z")


def test_events_have_times_and_ids(house: IRCHouse) -> None:
    alice = house.user("alice", "server-time", "message-tags", join="#tea")
    alice.sends("TOPIC #tea :x", "NICK al", "PART #tea")
    topic, nick, part = alice.hears()
    assert {line.tags["time"] for line in (topic, nick, part)} == {WALL_TEXT}
    assert int(topic.tags["msgid"]) < int(nick.tags["msgid"])


def test_a_line_in_several_batches_is_rendered_once(
    house: IRCHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[str] = []
    monkeypatch.setattr(render, "mask_of", lambda _, name: masks.append(name) or f"{name}!x@y")
    monkeypatch.setattr(render, "MAX_REMEMBERED", 3)
    lines = make_renderer(house.hub, SERVER, frozenset())
    messages = [Message(Kind.SAID, 0, "tea", f"u{n}", "hi", id=n + 1) for n in range(4)]
    assert lines(messages[:2]) + lines(messages[2:3]) == lines(messages[:3])
    assert masks == ["u0", "u1", "u2"]
    lines(messages)  # the fourth is one too many
    lines(messages[:1])
    assert masks == ["u0", "u1", "u2", "u3", "u0"]
