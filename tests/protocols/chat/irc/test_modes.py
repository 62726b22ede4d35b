"""MODE: the modes of channels and of users."""

from __future__ import annotations

import pytest

from protocols.chat.irc.render import merged_modes
from protocols.chat.limits import Limits
from protocols.chat.messages import Kind, Message
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse


def test_the_modes_of_a_channel(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    house.clock.now += 100
    assert alice.asks("MODE #TEA") == ["324 alice #tea +n", "329 alice #tea 1700000000"]
    alice.sends("MODE #tea +kl secret 5")
    house.look(alice, bob)
    assert alice.asks("MODE #tea")[0] == "324 alice #tea +kln secret 5"
    carol = house.user("carol")
    assert carol.asks("MODE #tea")[0] == "324 carol #tea +kln * 5"  # the key is for members


def test_several_changes_in_one_command_are_one_line(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("MODE #tea +imv-n+l bob 7")
    line = ":alice!~alice@host MODE #tea +imv-n+l bob 7"
    assert alice.sees() == [line]
    assert bob.sees() == [line]


def test_people_of_other_ways_in_see_changes(house: IRCHouse) -> None:
    alice = house.user("alice", join="#tea")
    typist = house.typist("typist")
    typist.sends("/join tea")
    typist.sees()
    alice.sends("MODE #tea +o typist", "MODE #tea +k secret")
    assert typist.sees() == [
        "*** alice made typist an operator of tea",
        "*** alice set the key of tea: secret",
    ]
    alice.sees()
    typist.sends("/mode +m")
    assert alice.sees() == [":typist!typist@host MODE #tea +m"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("MODE #none", "403 alice #none :No such channel"),
        ("MODE #none +o alice", "403 alice #none :No such channel"),
        ("MODE #tea +Z", "472 alice Z :is unknown mode char to me for #tea"),
        ("MODE #tea +o nobody", "401 alice nobody :No such nick/channel"),
        ("MODE #tea +o carol", "441 alice carol #tea :They aren't on that channel"),
        ("MODE #tea +o", "696 alice #tea o * :Give a nickname"),
        ("MODE #tea +k", "696 alice #tea k * :Give a key without spaces"),
        ("MODE #tea +k :", "696 alice #tea k * :Give a key without spaces"),
        ("MODE #tea +k :a b", "696 alice #tea k * :A key has 1 to 32 characters, without spaces"),
        ("MODE #tea +l 0", "696 alice #tea l 0 :Give a number of members"),
        ("MODE #tea +l -1", "696 alice #tea l -1 :Give a number of members"),
        ("MODE #tea +l many", "696 alice #tea l many :Give a number of members"),
        (
            "MODE #tea +b *a*b*c*d*e*f*",
            "696 alice #tea b *a*b*c*d*e*f* :A mask has at most 5 stars",
        ),
        ("MODE", "461 alice MODE :Not enough parameters"),
    ],
)
def test_what_cannot_be_done(house: IRCHouse, line: str, answer: str) -> None:
    alice, _ = house.users("alice", "bob")
    house.user("carol")
    assert alice.asks(line) == [answer]


def test_only_operators_change_modes_and_are_told_once(house: IRCHouse) -> None:
    _, bob = house.users("alice", "bob")
    assert bob.asks("MODE #tea +imsZ") == [
        "482 bob #tea :You're not a channel operator",
        "472 bob Z :is unknown mode char to me for #tea",
    ]
    lobby = house.user("carol", join="#lobby")
    assert lobby.asks("MODE #lobby +m") == ["482 carol #lobby :You're not a channel operator"]


def test_bans(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("MODE #tea +bb bob *!*@evil")
    banned = bob.sees()
    assert banned[0].startswith(":alice!~alice@host MODE #tea +bb ")
    alice.sees()
    found = bob.asks("MODE #tea b")
    assert [line.split()[0] for line in found] == ["367", "367", "368"]
    assert found[1] == "367 bob #tea *!*@evil alice 1700000000"
    assert found[2] == "368 bob #tea :End of channel ban list"
    assert bob.asks("MODE #tea +b") == found
    assert alice.asks("MODE #tea +b *!*@evil") == []  # it is there already
    assert alice.asks("MODE #tea -b *!*@good") == []
    assert alice.asks("MODE #tea -b *!*@EVIL") == [":alice!~alice@host MODE #tea -b *!*@evil"]


def test_too_many_bans(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(bans=1))
    alice = house.user("alice", join="#tea")
    alice.sends("MODE #tea +b a!*@*")
    assert alice.asks("MODE #tea +b b!*@*") == ["478 alice #tea :Channel list is full"]


def test_an_operator_who_is_alone_can_step_down(house: IRCHouse) -> None:
    alice = house.user("alice", join="#tea")
    assert alice.asks("MODE #tea -o alice") == [":alice!~alice@host MODE #tea -o alice"]
    bob = house.user("bob", join="#tea")
    alice.sends("PART #tea")
    assert bob.sees()[-1] == "MODE #tea +o bob"  # the house gives it to somebody


def test_the_modes_of_a_user(house: IRCHouse) -> None:
    alice, _ = house.users("alice", "bob")
    assert alice.asks("MODE alice") == ["221 alice +"]
    assert alice.asks("MODE Alice +iw") == [":alice!~alice@host MODE alice +iw"]
    assert alice.asks("MODE alice") == ["221 alice +iw"]
    assert alice.asks("MODE alice +i-w") == [":alice!~alice@host MODE alice -w"]
    assert alice.asks("MODE alice +o") == []
    assert alice.asks("MODE alice +xyi") == ["501 alice :Unknown user mode"]
    assert alice.asks("MODE bob") == ["502 alice :Cannot see or change the modes of others"]
    assert alice.asks("MODE nobody +i") == ["401 alice nobody :No such nick/channel"]
    assert "251 alice :There are 1 users and 1 invisible on 1 servers" in alice.asks("LUSERS")


def mode(text: str, target: str = "", sender: str = "alice", room: str = "tea") -> Message:
    return Message(Kind.MODE, 0.0, room, sender, text, target)


def test_changes_are_one_line_only_if_one_member_made_them_in_one_room() -> None:
    said = Message(Kind.SAID, 0.0, "tea", "alice", "x")
    changes = [mode("+m"), mode("+o", "bob"), mode("-i"), mode("-v", "bob"), said, mode("+s")]
    others = [mode("+i", sender="bob"), mode("+i", sender="bob", room="coffee")]
    assert [(m.text, m.target) for m in merged_modes(changes + others)] == [
        ("+mo-iv", "bob bob"),
        ("x", ""),
        ("+s", ""),
        ("+i", ""),
        ("+i", ""),
    ]


def test_many_long_values_take_several_lines() -> None:
    merged = merged_modes([mode("+b", f"{n}" * 80) for n in range(6)])
    assert [m.text for m in merged] == ["+bbb", "+bbb"]
