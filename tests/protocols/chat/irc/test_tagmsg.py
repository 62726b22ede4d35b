"""What IRCv3 lets clients tell each other beside what they say."""

from __future__ import annotations

import pytest

from ....tools.irc import IRCClient, IRCHouse

TAGS = ("message-tags",)


def test_tags_without_words_are_for_those_who_know_tags(house: IRCHouse) -> None:
    house.typist("typist").sends("/join tea")
    alice = house.user("alice", *TAGS, join="#tea")
    bob = house.user("bob", *TAGS, join="#tea")
    carol = house.user("carol", "server-time", join="#tea")
    house.look(alice, bob, carol)
    alice.sends("@+typing=active;label=x;draft/y=1 TAGMSG #TEA")
    (seen,) = bob.hears()
    assert (seen.command, seen.params) == ("TAGMSG", ["#tea"])
    assert seen.source.startswith("alice!")
    assert seen.tags.keys() == {"msgid", "+typing"}
    assert alice.sees() == carol.sees() == []


def test_they_follow_what_was_said_before(house: IRCHouse) -> None:
    alice, bob = (house.user(nick, *TAGS, join="#tea") for nick in ("alice", "bob"))
    house.look(alice, bob)
    alice.sends_bytes(b"PRIVMSG #tea :hi\r\n@+typing=done TAGMSG #tea\r\n")
    assert [line.command for line in bob.hears()] == ["PRIVMSG", "TAGMSG"]


def test_the_echo_of_tags_comes_once(house: IRCHouse) -> None:
    alice, bob = (
        house.user(nick, *TAGS, "echo-message", "batch", "labeled-response", join="#tea")
        for nick in ("alice", "bob")
    )
    house.look(alice, bob)
    alice.sends("@+x;label=a TAGMSG #tea")
    (echo,), (seen,) = alice.hears(), bob.hears()
    assert echo.tags.pop("label") == "a"
    assert echo == seen


def test_tags_for_one_member(house: IRCHouse) -> None:
    alice, bob = (house.user(nick, *TAGS, "echo-message") for nick in ("alice", "bob"))
    alice.sends("@+x TAGMSG BOB")
    (echo,), (seen,) = alice.hears(), bob.hears()
    assert echo == seen
    assert seen.params == ["bob"]
    alice.sends("@+x TAGMSG alice")
    assert [line.params for line in alice.hears()] == [["alice"], ["alice"]]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("TAGMSG", ["411 alice :No recipient given"]),
        ("@+x TAGMSG #none", ["403 alice #none :No such channel"]),
        ("@+x TAGMSG nobody", ["401 alice nobody :No such nick/channel"]),
        ("@+x TAGMSG #cocoa", ["404 alice #cocoa :Cannot send to channel"]),
        ("@+x TAGMSG a,b,c,d,e", ["407 alice a,b,c,d,e :Too many targets"]),
        ("TAGMSG #cocoa", []),  # nothing to say
    ],
)
def test_what_cannot_be_sent(house: IRCHouse, line: str, answer: list[str]) -> None:
    house.user("dora", join="#cocoa")
    assert house.user("alice", *TAGS).asks(line) == answer


def test_a_client_without_tags_does_not_know_the_command(house: IRCHouse) -> None:
    assert house.user("alice").asks("TAGMSG #tea") == ["421 alice TAGMSG :Unknown command"]


def test_those_who_ignore_the_sender_get_no_tags(house: IRCHouse) -> None:
    alice, bob = (house.user(nick, *TAGS, join="#tea") for nick in ("alice", "bob"))
    house.member("bob").ignore("alice")
    house.look(alice, bob)
    alice.sends("@+x TAGMSG #tea", "@+x TAGMSG bob")
    assert bob.sees() == []


def test_a_new_real_name_is_told_to_all_who_share_a_channel(house: IRCHouse) -> None:
    alice, bob, carol, dora = (
        house.user(nick, *capabilities, join=channels)
        for nick, capabilities, channels in (
            ("alice", ["setname"], "#tea,#cocoa"),
            ("bob", ["setname"], "#tea,#cocoa"),
            ("carol", [], "#tea"),
            ("dora", ["setname"], "#coffee"),
        )
    )
    house.look(alice, bob, carol, dora)
    alice.sends("SETNAME :Alice of the Hill")
    line = ":alice!~alice@host SETNAME :Alice of the Hill"
    assert alice.sees() == bob.sees() == [line]
    assert carol.sees() == dora.sees() == []
    assert bob.asks("WHOIS alice")[0].endswith(" * :Alice of the Hill")


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_a_real_name_that_is_none(house: IRCHouse, name: str) -> None:
    alice = house.user("alice", "setname")
    assert alice.asks(f"SETNAME :{name}")[0].startswith("FAIL SETNAME INVALID_REALNAME :")
    assert house.member("alice").realname == "Real alice"


def seen_of_an_invitation(clients: list[IRCClient]) -> list[list[str]]:
    return [client.sees() for client in clients]


def test_members_who_want_to_are_told_of_invitations(house: IRCHouse) -> None:
    alice, bob = (house.user(nick, "invite-notify", join="#tea") for nick in ("alice", "bob"))
    carol, dora = house.user("carol", join="#tea"), house.user("dora")
    house.look(alice, bob, carol, dora)
    alice.sends("INVITE DORA #TEA")
    line = ":alice!~alice@host INVITE dora #tea"
    assert seen_of_an_invitation([alice, bob, carol, dora]) == [
        ["341 alice dora #TEA"],
        [line],
        [],
        [line],
    ]


def test_a_list_of_ones_own_invitations(house: IRCHouse) -> None:
    alice = house.user("alice", join="#tea,#cocoa")
    bob = house.user("bob")
    alice.sends("INVITE bob #tea", "INVITE bob #cocoa")
    bob.sees()
    assert bob.asks("INVITE") == [
        "336 bob #tea",
        "336 bob #cocoa",
        "337 bob :End of /INVITE list",
    ]
    bob.sends("JOIN #tea")
    assert len(bob.asks("INVITE")) == 2
    assert bob.asks("INVITE bob") == ["461 bob INVITE :Not enough parameters"]


def test_a_newcomer_who_is_away_is_shown_as_away(house: IRCHouse) -> None:
    alice = house.user("alice", "away-notify", join="#tea")
    bob = house.user("bob", "away-notify")
    bob.asks("AWAY :lunch")
    bob.sends("JOIN #tea")
    assert alice.sees() == [
        ":bob!~bob@host JOIN #tea",
        ":bob!~bob@host AWAY lunch",
    ]
    assert not [line for line in bob.sees() if " AWAY " in line]
