"""PRIVMSG, NOTICE, CTCP and AWAY, and how those hear them who do not come by IRC."""

from __future__ import annotations

import pytest

from protocols.chat.limits import Limits
from protocols.chat.messages import Kind
from protocols.chat.moderation import set_mode
from protocols.chat.modes import Mode
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse


def test_words_to_a_channel_and_to_a_member(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("PRIVMSG #tea :hello there", "PRIVMSG BOB ::)", "NOTICE #tea note", "NOTICE bob n")
    assert bob.sees() == [
        ":alice!~alice@host PRIVMSG #tea :hello there",
        ":alice!~alice@host PRIVMSG bob ::)",
        ":alice!~alice@host NOTICE #tea :note",
        ":alice!~alice@host NOTICE bob :n",
    ]
    assert alice.sees() == []


def test_several_targets(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("PRIVMSG #tea,bob,nobody,#none :hi")
    assert alice.sees() == [
        "401 alice nobody :No such nick/channel",
        "403 alice #none :No such channel",
    ]
    assert bob.sees() == [
        ":alice!~alice@host PRIVMSG #tea :hi",
        ":alice!~alice@host PRIVMSG bob :hi",
    ]
    assert alice.asks("PRIVMSG a,b,c,d,e :hi") == ["407 alice a,b,c,d,e :Too many targets"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("PRIVMSG", "411 alice :No recipient given"),
        ("PRIVMSG :", "411 alice :No recipient given"),
        ("PRIVMSG bob", "412 alice :No text to send"),
        ("PRIVMSG bob :", "412 alice :No text to send"),
        ("PRIVMSG bob :  ", "412 alice :No text to send"),
        ("PRIVMSG #tea :\x02\x0304", "412 alice :No text to send"),
        ("PRIVMSG #his :hi", "404 alice #his :Cannot send to channel"),
        ("PRIVMSG #quiet :hi", "404 alice #quiet :Cannot send to channel"),
        ("PRIVMSG #quiet :\x01VERSION\x01", "404 alice #quiet :Cannot send to channel"),
        ("PRIVMSG #none :\x01VERSION\x01", "403 alice #none :No such channel"),
        ("PRIVMSG nobody :\x01VERSION\x01", "401 alice nobody :No such nick/channel"),
    ],
)
def test_what_cannot_be_said(house: IRCHouse, line: str, answer: str) -> None:
    bob = house.user("bob", join="#his,#quiet,#tea")
    alice = house.user("alice", join="#quiet,#tea")
    set_mode(house.member("bob"), Mode.MODERATED, on=True, room="quiet")
    house.look(alice, bob)
    assert alice.asks(line) == [answer]
    assert alice.asks(line.replace("PRIVMSG", "NOTICE")) == []
    assert bob.sees() == []


def test_too_much_in_one_turn_can_be_tried_again(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(turn_size=200))
    alice, bob = house.users("alice", "bob")
    alice.sends_bytes(b"PRIVMSG #tea :a\r\n" * 4)
    text = "Too much is being said in tea just now: your line was not sent"
    assert alice.sees() == [f"263 alice PRIVMSG :{text}"]
    assert len(bob.sees()) == 3


# With other ways in


def test_a_typist_hears_members_of_irc_and_they_hear_the_typist(house: IRCHouse) -> None:
    typist = house.typist("typist")
    alice = house.user("alice", join="#lobby")
    typist.sees()
    alice.sends(
        "PRIVMSG #lobby :\x0304red\x03 and \x02bold", "PRIVMSG #lobby :\x01ACTION waves\x01",
        "NOTICE #lobby :note", "PRIVMSG typist :secret", "PRIVMSG typist :\x01ACTION nods\x01",
    )  # fmt: skip
    heard = [line.partition("] ")[2] for line in typist.sees()]
    assert heard == [
        "alice: red and bold",
        "* alice waves",
        "-alice- note",
        "alice -> typist: secret",
        "alice -> typist: * alice nods",
    ]
    typist.sends("hello", "/me waves", "/msg alice psst", "/nick bob", "/away tea", "/quit bye")
    assert alice.sees() == [
        ":typist!typist@host PRIVMSG #lobby :hello",
        ":typist!typist@host PRIVMSG #lobby :\x01ACTION waves\x01",
        ":typist!typist@host PRIVMSG alice :psst",
        ":typist!typist@host NICK bob",
        ":bob!bob@host QUIT bye",
    ]


def test_members_of_irc_see_colours_and_ctcp_of_each_other(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob", join="#lobby")
    typist = house.typist("typist")
    house.look(alice, bob)
    lines = [
        "PRIVMSG #lobby :\x0304red\x03 \x1bc\x07and\x02 bold",
        "PRIVMSG #lobby :\x01ACTION \x02waves\x01",
        "PRIVMSG #lobby :\x01ACTION waves",
        "NOTICE bob :\x1dslanted",
    ]
    alice.sends(*lines)
    assert bob.sees() == [
        ":alice!~alice@host PRIVMSG #lobby :\x0304red\x03 and\x02 bold",
        ":alice!~alice@host PRIVMSG #lobby :\x01ACTION \x02waves\x01",
        ":alice!~alice@host PRIVMSG #lobby :\x01ACTION waves\x01",
        ":alice!~alice@host NOTICE bob :\x1dslanted",
    ]
    assert [line.partition("] ")[2] for line in typist.sees()] == [
        "alice: red and bold", "* alice waves", "* alice waves"
    ]  # fmt: skip


def test_other_ctcp_passes_between_members_of_irc_alone(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob", join="#lobby")
    typist = house.typist("typist")
    house.look(alice, bob)
    alice.sends("PRIVMSG #lobby :before", "PRIVMSG #lobby :\x01VERSION\x01")
    alice.sends("PRIVMSG bob :\x01PING 1 2\x01", "PRIVMSG typist :\x01PING 1\x01")
    assert alice.sees() == ["NOTICE alice :typist does not come by IRC and has no CTCP"]
    bob.sends("NOTICE alice :\x01VERSION best 1.0\x01", "NOTICE typist :\x01VERSION best 1.0\x01")
    assert alice.sees() == [":bob!~bob@host NOTICE alice :\x01VERSION best 1.0\x01"]
    assert bob.sees() == [
        ":alice!~alice@host PRIVMSG #lobby :before",
        ":alice!~alice@host PRIVMSG #lobby :\x01VERSION\x01",
        ":alice!~alice@host PRIVMSG bob :\x01PING 1 2\x01",
    ]
    assert [line.partition("] ")[2] for line in typist.sees()] == ["alice: before"]
    history = house.hub.lobby.history()
    assert history is not None
    assert [message.text for message in history.messages] == ["before"]


def test_a_line_that_is_too_long_for_irc_comes_in_parts(house: IRCHouse) -> None:
    typist = house.typist("typist")
    alice = house.user("alice", "message-tags", join="#lobby")
    words = " ".join(["wörter"] * 200)
    typist.sends(words, "/me " + 600 * "ö")
    *said, one, two, three = alice.hears()
    assert len(said) > 2
    assert " ".join(line.params[1] for line in said) == words
    assert [bool(line.tags.get("msgid")) for line in said] == [True] + [False] * (len(said) - 1)
    acted = [line.params[1] for line in (one, two, three)]
    assert all(text.startswith("\x01ACTION ö") and text.endswith("ö\x01") for text in acted)
    assert sum(text.count("ö") for text in acted) == 600


# Echo, tags


def test_echo_is_for_those_who_want_it(house: IRCHouse) -> None:
    alice = house.user("alice", "echo-message", join="#tea")
    bob = house.user("bob")
    alice.sends("PRIVMSG #tea :one", "PRIVMSG bob :two", "NOTICE bob :three")
    assert alice.sees() == [
        ":alice!~alice@host PRIVMSG #tea :one",
        ":alice!~alice@host PRIVMSG bob :two",
        ":alice!~alice@host NOTICE bob :three",
    ]
    assert len(bob.sees()) == 2


def test_tags_are_passed_to_those_who_want_them(house: IRCHouse) -> None:
    alice = house.user("alice", "message-tags", join="#tea")
    bob = house.user("bob", "message-tags", "server-time", join="#tea")
    carol = house.user("carol", "server-time", join="#tea")
    dave = house.user("dave", join="#tea")
    house.look(alice, bob, carol, dave)
    alice.sends("@+draft/reply=1\\s2;time=never;+x;+b*d PRIVMSG #tea :hi")
    [line] = bob.hears()
    message_id = line.tags.pop("msgid")
    assert message_id.isdecimal()
    assert line.tags == {"time": "2023-11-14T22:13:20.250Z", "+draft/reply": "1 2", "+x": ""}
    assert carol.sees() == ["@time=2023-11-14T22:13:20.250Z :alice!~alice@host PRIVMSG #tea :hi"]
    assert dave.sees() == [":alice!~alice@host PRIVMSG #tea :hi"]
    dave.sends("@+x=1 PRIVMSG #tea :no tags")
    [line] = alice.hears()
    assert line.tags.keys() == {"msgid"}


# AWAY


def test_who_is_away_is_answered_for(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    assert bob.asks("AWAY :at \x02lunch") == ["306 bob :You have been marked as being away"]
    assert bob.asks("AWAY :at lunch") == ["306 bob :You have been marked as being away"]
    assert alice.asks("PRIVMSG bob :hi") == ["301 alice bob :at lunch"]
    assert alice.asks("NOTICE bob :hi") == []
    assert bob.asks("AWAY")[-1] == "305 bob :You are no longer marked as being away"
    assert bob.asks("AWAY :") == ["305 bob :You are no longer marked as being away"]
    assert alice.asks("PRIVMSG bob :hi") == []


def test_away_notify(house: IRCHouse) -> None:
    alice = house.user("alice", "away-notify", join="#tea")
    bob, carol = house.users("bob", "carol")
    house.look(alice)
    bob.sends("AWAY :lunch", "AWAY")
    assert alice.sees() == [":bob!~bob@host AWAY lunch", ":bob!~bob@host AWAY"]
    assert carol.sees() == []


def test_notes_of_the_hub_are_notices(house: IRCHouse) -> None:
    (alice,) = house.users("alice")
    house.member("alice").tell(Kind.REPLY, "one", "two")
    house.member("alice").tell(Kind.NOTICE, "three")
    assert alice.sees() == ["NOTICE alice one", "NOTICE alice two", "NOTICE alice three"]


def test_who_speaks_from_outside_gets_an_echo(house: IRCHouse) -> None:
    house.users("bob")
    alice = house.user("alice", "echo-message")
    silent = house.user("silent")
    set_mode(house.member("bob"), Mode.INSIDE, on=False, room="tea")
    for words in ("hi", "\x01ACTION waves\x01", "\x01VERSION\x01"):
        echo = [f":alice!~alice@host PRIVMSG #tea :{words}"]
        assert alice.asks(f"PRIVMSG #tea :{words}") == echo
        assert silent.asks(f"PRIVMSG #tea :{words}") == []
    assert alice.asks("NOTICE #tea :hi") == [":alice!~alice@host NOTICE #tea :hi"]
    alice.sends("JOIN #tea")
    alice.sees()
    assert alice.asks("PRIVMSG #tea :in") == [":alice!~alice@host PRIVMSG #tea :in"]
