"""JOIN, PART, TOPIC, NAMES, KICK and INVITE."""

from __future__ import annotations

import pytest

from protocols.chat.irc import channels
from protocols.chat.limits import Limits
from protocols.chat.moderation import ban, set_mode
from protocols.chat.modes import Mode
from reactor.testing import VirtualReactor

from ....tools.irc import IRCClient, IRCHouse


def sees_all(house: IRCHouse, *clients: IRCClient) -> list[list[str]]:
    return [client.sees() for client in clients]


# JOIN


def test_who_joins_sees_the_channel_and_the_others_see_who_joins(house: IRCHouse) -> None:
    alice, bob = house.user("alice"), house.user("bob")
    assert alice.asks("JOIN #tea") == [
        ":alice!~alice@host JOIN #tea",
        "353 alice = #tea @alice",
        "366 alice #tea :End of /NAMES list",
    ]
    alice.sends("TOPIC #tea :green only")
    assert bob.asks("JOIN #TEA") == [
        ":bob!~bob@host JOIN #tea",
        "332 bob #tea :green only",
        "333 bob #tea alice 1700000000",
        "353 bob = #tea :@alice bob",
        "366 bob #tea :End of /NAMES list",
    ]
    assert alice.sees()[-1] == ":bob!~bob@host JOIN #tea"


def test_several_channels_with_keys(house: IRCHouse) -> None:
    _, bob = house.users("alice", "bob", join="#tea,#milk,#water")
    for room, key in (("tea", "k1"), ("milk", "k2")):
        set_mode(house.member("alice"), Mode.KEY, on=True, value=key, room=room)
    bob.sends("PART #tea,#milk,#water")
    seen = bob.asks("JOIN #tea,#milk,#water,#tea k1,wrong")
    assert [line for line in seen if " 353 " not in line and not line.startswith("3")] == [
        ":bob!~bob@host JOIN #tea",
        "475 bob #milk :Cannot join channel (+k)",
        ":bob!~bob@host JOIN #water",
    ]


def test_join_0_leaves_all(house: IRCHouse) -> None:
    (alice,) = house.users("alice", join="#tea,#milk")
    assert alice.asks("JOIN 0") == [
        ":alice!~alice@host PART #tea", ":alice!~alice@host PART #milk"
    ]  # fmt: skip
    assert house.member("alice").rooms == ()


def test_the_lobby_is_a_channel_without_operators(house: IRCHouse) -> None:
    typist = house.typist("typist")
    alice = house.user("alice")
    assert alice.asks("JOIN #lobby")[1] == "353 alice = #lobby :typist alice"
    assert typist.sees() == ["*** alice joined lobby"]


def test_joining_again_does_nothing(house: IRCHouse) -> None:
    (alice,) = house.users("alice")
    assert alice.asks("JOIN #tea") == []


@pytest.mark.parametrize(
    ("channel", "answer"),
    [
        ("tea", "403 bob tea :No such channel"),
        ("&tea", "403 bob &tea :No such channel"),
        ("#", "476 bob # :Bad channel name"),
        ("#te*a", "476 bob #te*a :Bad channel name"),
        ("#" + 33 * "x", f"476 bob #{33 * 'x'} :Bad channel name"),
        (":", "461 bob JOIN :Not enough parameters"),
        (":#a b", "476 bob #ab :Bad channel name"),
        ("##", "476 bob ## :Bad channel name"),
    ],
)
def test_names_that_are_no_channels(house: IRCHouse, channel: str, answer: str) -> None:
    assert house.user("bob").asks(f"JOIN {channel}") == [answer]


@pytest.mark.parametrize(
    ("mode", "value", "answer"),
    [
        (Mode.KEY, "k", "475 bob #tea :Cannot join channel (+k)"),
        (Mode.LIMIT, "1", "471 bob #tea :Cannot join channel (+l)"),
        (Mode.INVITED, "", "473 bob #tea :Cannot join channel (+i)"),
        (Mode.BAN, "bob!*@*", "474 bob #tea :Cannot join channel (+b)"),
    ],
)
def test_channels_that_are_closed(house: IRCHouse, mode: Mode, value: str, answer: str) -> None:
    house.user("alice", join="#tea")
    bob = house.user("bob")
    set_mode(house.member("alice"), mode, on=True, value=value, room="tea")
    assert bob.asks("JOIN #tea") == [answer]


def test_there_are_only_so_many_channels(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(rooms_per_member=2))
    alice = house.user("alice", join="#a,#b")
    assert alice.asks("JOIN #c") == ["405 alice #c :You have joined too many channels"]


def test_extended_join_tells_the_real_name(house: IRCHouse) -> None:
    alice = house.user("alice", "extended-join", join="#tea")
    bob = house.user("bob", "extended-join")
    assert bob.asks("JOIN #tea")[0] == ":bob!~bob@host JOIN #tea * :Real bob"
    assert alice.sees() == [":bob!~bob@host JOIN #tea * :Real bob"]


# PART


def test_who_leaves_and_the_others_see_why(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    bob.sends("PART #tea :\x02no milk")
    parted = [":bob!~bob@host PART #tea :no milk"]
    assert sees_all(house, alice, bob) == [parted, parted]


def test_several_channels_can_be_left(house: IRCHouse) -> None:
    (alice,) = house.users("alice", join="#a,#b,#c")
    assert alice.asks("PART #a,b,#x,#c") == [
        ":alice!~alice@host PART #a",
        "403 alice b :No such channel",
        "403 alice #x :No such channel",
        ":alice!~alice@host PART #c",
    ]
    house.user("bob", join="#d")
    assert alice.asks("PART #d") == ["442 alice #d :You're not on that channel"]
    assert alice.asks("PART :") == ["461 alice PART :Not enough parameters"]


def test_a_long_reason_is_cut(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    bob.sends("PART #tea :" + 300 * "x")
    expected = [f":bob!~bob@host PART #tea {200 * 'x'}"]
    assert sees_all(house, alice, bob) == [expected, expected]


# TOPIC


def test_a_topic_is_set_shown_and_cleared(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    assert bob.asks("TOPIC #tea") == ["331 bob #tea :No topic is set"]
    alice.sends("TOPIC #tea :\x0304green\x07 only")
    told = [":alice!~alice@host TOPIC #tea :green only"]
    assert sees_all(house, alice, bob) == [told, told]
    assert bob.asks("TOPIC #tea") == ["332 bob #tea :green only", "333 bob #tea alice 1700000000"]
    assert alice.asks("TOPIC #tea :") == [":alice!~alice@host TOPIC #tea :"]
    assert bob.asks("TOPIC #tea")[-1] == "331 bob #tea :No topic is set"


def test_topics_that_cannot_be_set_or_seen(house: IRCHouse) -> None:
    house.user("alice", join="#tea,#milk")
    bob = house.user("bob", join="#milk")
    for room in ("tea", "milk"):
        set_mode(house.member("alice"), Mode.TOPIC, on=True, room=room)
        set_mode(house.member("alice"), Mode.SECRET, on=True, room=room)
    assert bob.asks("TOPIC #milk :x") == ["482 bob #milk :You're not a channel operator"]
    assert bob.asks("TOPIC #tea :x") == ["442 bob #tea :You're not on that channel"]
    assert bob.asks("TOPIC #tea") == ["442 bob #tea :You're not on that channel"]
    assert bob.asks("TOPIC #none") == ["403 bob #none :No such channel"]
    assert bob.asks("TOPIC tea") == ["403 bob tea :No such channel"]
    assert bob.asks("TOPIC") == ["461 bob TOPIC :Not enough parameters"]


def test_a_long_topic_is_cut(house: IRCHouse) -> None:
    (alice,) = house.users("alice")
    assert alice.asks("TOPIC #tea " + 300 * "x") == [f":alice!~alice@host TOPIC #tea {200 * 'x'}"]


# NAMES


def test_names_have_prefixes(house: IRCHouse) -> None:
    house.user("alice", join="#tea")
    bob = house.user("bob", join="#tea")
    carol = house.user("carol", "multi-prefix", "userhost-in-names", join="#tea")
    for name in ("alice", "bob"):
        set_mode(house.member("alice"), Mode.VOICE, on=True, value=name, room="tea")
    names, end = bob.asks("NAMES #tea")
    assert names == "353 bob = #tea :@alice +bob carol"
    assert end == "366 bob #tea :End of /NAMES list"
    [line] = [
        line for line in (carol.sends("NAMES #tea"), carol.hears())[1] if line.command == "353"
    ]
    prefixes = [mask.partition("!")[0] for mask in line.params[-1].split()]
    assert prefixes == ["@+alice", "+bob", "carol"]
    assert "!~alice@" in line.params[-1]


def test_names_of_several_and_of_none(house: IRCHouse) -> None:
    (alice,) = house.users("alice", join="#a,#b")
    assert alice.asks("NAMES #a,#none,b,#b,#a,#c") == [
        "353 alice = #a @alice",
        "366 alice #a :End of /NAMES list",
        "366 alice #none :End of /NAMES list",
        "366 alice b :End of /NAMES list",
        "353 alice = #b @alice",
        "366 alice #b :End of /NAMES list",
    ]
    assert alice.asks("NAMES") == ["366 alice * :End of /NAMES list"]


def test_a_secret_channel_is_shown_to_its_members_only(house: IRCHouse) -> None:
    alice = house.user("alice", join="#tea")
    bob = house.user("bob")
    set_mode(house.member("alice"), Mode.SECRET, on=True, room="tea")
    assert alice.asks("NAMES #tea")[0] == "353 alice @ #tea @alice"
    assert bob.asks("NAMES #tea") == ["366 bob #tea :End of /NAMES list"]


def test_many_names_need_several_lines(house: IRCHouse) -> None:
    people = [house.user(f"{number:03}{29 * 'x'}", join="#tea") for number in range(40)]
    house.reactor.advance(1)  # until all have been announced
    people[0].sees()
    people[0].sends("NAMES #tea")
    lines = [line for line in people[0].hears() if line.command == "353"]
    assert len(lines) > 2
    names = [name.lstrip("@") for line in lines for name in line.params[-1].split()]
    assert names == [member.name for member in house.hub.find_room("tea").members]


def test_names_have_an_end(house: IRCHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_MAX_NAMES", 600)
    people = [house.user(f"{number:03}{29 * 'x'}", join="#tea") for number in range(40)]
    house.reactor.advance(1)  # until all have been announced
    people[0].sees()
    people[0].sends("NAMES #tea")
    *lines, end = people[0].hears()
    assert [line.command for line in lines] == ["353", "353"]
    assert end.command == "366"


# KICK


def test_a_member_is_put_out(house: IRCHouse) -> None:
    alice, bob, carol = house.users("alice", "bob", "carol")
    alice.sends("KICK #tea bob :\x02rude")
    told = [":alice!~alice@host KICK #tea bob rude"]
    assert sees_all(house, alice, bob, carol) == [told, told, told]
    alice.sends("KICK #tea carol")
    told = [":alice!~alice@host KICK #tea carol alice"]
    assert sees_all(house, alice, bob, carol) == [told, [], told]
    assert house.member("bob").rooms == ()


def test_several_can_be_put_out(house: IRCHouse) -> None:
    alice, *_ = house.users("alice", "bob", "carol", join="#a,#b")
    assert alice.asks("KICK #a bob,carol") == [
        ":alice!~alice@host KICK #a bob alice", ":alice!~alice@host KICK #a carol alice"
    ]  # fmt: skip
    assert alice.asks("KICK #b,#b bob,carol") == [
        ":alice!~alice@host KICK #b bob alice", ":alice!~alice@host KICK #b carol alice"
    ]  # fmt: skip
    assert alice.asks("KICK #a,#b x") == ["461 alice KICK :Not enough parameters"]
    assert alice.asks("KICK #a a,b,c,d,e") == ["407 alice a,b,c,d,e :Too many targets"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("KICK #tea", "461 bob KICK :Not enough parameters"),
        ("KICK #tea ,", "461 bob KICK :Not enough parameters"),
        ("KICK #none alice", "403 bob #none :No such channel"),
        ("KICK tea alice", "403 bob tea :No such channel"),
        ("KICK #milk alice", "442 bob #milk :You're not on that channel"),
        ("KICK #tea alice", "482 bob #tea :You're not a channel operator"),
        ("KICK #mine alice", "441 bob alice #mine :They aren't on that channel"),
        ("KICK #mine nobody", "401 bob nobody :No such nick/channel"),
        ("KICK #lobby typist", "482 bob #lobby :You're not a channel operator"),
    ],
)
def test_who_cannot_be_put_out(house: IRCHouse, line: str, answer: str) -> None:
    house.typist("typist")
    house.user("alice", join="#tea,#milk")
    bob = house.user("bob", join="#tea,#mine,#lobby")
    assert bob.asks(line) == [answer]


# INVITE


def test_an_invitation_lets_a_member_in(house: IRCHouse) -> None:
    alice, bob = house.user("alice", join="#tea"), house.user("bob")
    set_mode(house.member("alice"), Mode.INVITED, on=True, room="tea")
    house.look(alice)
    bob.sends("AWAY :lunch")
    assert alice.asks("INVITE BOB #tea") == ["341 alice bob #tea", "301 alice bob lunch"]
    assert bob.sees()[-1] == ":alice!~alice@host INVITE bob #tea"
    assert bob.asks("JOIN #tea")[0] == ":bob!~bob@host JOIN #tea"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("INVITE bob", "461 alice INVITE :Not enough parameters"),
        ("INVITE nobody #tea", "401 alice nobody :No such nick/channel"),
        ("INVITE bob #none", "403 alice #none :No such channel"),
        ("INVITE bob tea", "403 alice tea :No such channel"),
        ("INVITE carol #milk", "442 alice #milk :You're not on that channel"),
        ("INVITE bob #tea", "443 alice bob #tea :is already on channel"),
        ("INVITE carol #his", "482 alice #his :You're not a channel operator"),
        ("INVITE carol #lobby", "NOTICE alice :lobby is open to all"),
    ],
)
def test_invitations_that_fail(house: IRCHouse, line: str, answer: str) -> None:
    alice = house.user("alice", join="#tea")
    house.user("bob", join="#tea,#milk,#his")
    house.user("carol")
    alice.sends("JOIN #his")
    set_mode(house.member("bob"), Mode.INVITED, on=True, room="his")
    assert alice.asks(line) == [answer]


# Bans and names


def test_who_is_banned_keeps_its_nick(house: IRCHouse) -> None:
    _, bob = house.users("alice", "bob")
    ban(house.member("alice"), "bob!*@*", "tea")
    house.look(bob)
    assert bob.asks("NICK bo") == ["435 bob bo #tea :Cannot change nickname while banned"]
