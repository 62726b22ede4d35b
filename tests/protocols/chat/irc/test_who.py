"""WHO, WHOX, WHOIS, WHOWAS, USERHOST and ISON."""

from __future__ import annotations

import re

import pytest

from protocols.chat.irc import who
from reactor.testing import VirtualReactor

from ....tools.irc import IRCClient, IRCHouse


def without_host(lines: list[str]) -> list[str]:
    """``lines`` with the name of the test's address, which is random, as HOST."""
    return [re.sub(r"(?<= )[a-z2-7]{8}(?= (irc|\*))", "HOST", line) for line in lines]


def rows(client: IRCClient, line: str, numeric: str = "352") -> list[str]:
    """The replies to ``line``, without the numeric and the client's name; the end is checked."""
    *found, end = client.asks(line)
    mask = line.split()[1] if " " in line else "*"
    assert re.fullmatch(rf"315 \w+ {re.escape(mask)} :End of /WHO list", end)
    found = without_host(found)
    return [row.removeprefix(f"{numeric} ").partition(" ")[2] for row in found]


def names(client: IRCClient, line: str) -> list[str]:
    return [row.split()[4] for row in rows(client, line)]


def test_who_is_in_a_channel(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    house.user("carol")
    bob.sends("AWAY :lunch")
    assert rows(alice, "WHO #TEA") == [
        "#tea ~alice HOST irc.test alice H@ :0 Real alice",
        "#tea ~bob HOST irc.test bob G :0 Real bob",
    ]
    assert rows(alice, "WHO #none") == []
    assert rows(alice, "WHO #tea o") == []


def test_who_shows_people_of_other_ways_in(house: IRCHouse) -> None:
    house.typist("typist")
    alice = house.user("alice", join="#lobby")
    assert rows(alice, "WHO typist") == ["#lobby typist HOST irc.test typist H :0 typist"]


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        ("alice", ["alice"]),
        ("ALICE", ["alice"]),
        ("al*", ["alice"]),
        ("*r*l", ["carol"]),
        ("?ob", ["bob"]),
        ("*", ["alice", "bob", "carol"]),
        ("0", ["alice", "bob", "carol"]),
        ("Real*b", ["bob"]),
        ("~carol", ["carol"]),
        ("nobody", []),
        ("*" * 6, []),
    ],
)
def test_who_by_a_mask(house: IRCHouse, mask: str, found: list[str]) -> None:
    alice, *_ = house.users("alice", "bob", "carol")
    assert names(alice, f"WHO {mask}") == found


def test_who_without_a_mask_lists_all(house: IRCHouse) -> None:
    alice, _ = house.users("alice", "bob")
    assert names(alice, "WHO") == ["alice", "bob"]


def test_who_finds_the_invisible_only_by_name_or_in_a_common_channel(house: IRCHouse) -> None:
    alice, bob = house.user("alice", join="#tea"), house.user("bob")
    alice.sends("MODE alice +i")
    assert names(bob, "WHO al*") == []
    assert names(bob, "WHO #tea") == []
    assert names(bob, "WHO alice") == ["alice"]
    assert names(alice, "WHO al*") == ["alice"]
    bob.sends("JOIN #tea")
    assert names(bob, "WHO al*") == ["alice"]
    alice.sends("PART #tea")
    assert names(alice, "WHO al*") == ["alice"]


def test_a_secret_channel_is_for_its_members(house: IRCHouse) -> None:
    alice, bob = house.user("alice", join="#tea"), house.user("bob")
    alice.sends("MODE #tea +s")
    assert rows(bob, "WHO #tea") == []
    assert rows(bob, "WHO alice") == ["* ~alice HOST irc.test alice H :0 Real alice"]
    assert names(alice, "WHO #tea") == ["alice"]


def test_who_shows_all_prefixes_to_those_who_want_them(house: IRCHouse) -> None:
    house.users("alice")
    bob = house.user("bob", "multi-prefix", join="#tea")
    house.member("alice").hub.find("alice")
    house.users("carol")
    bob.sees()
    assert rows(bob, "WHO alice")[0].split()[5] == "H@"


def test_a_long_answer_is_cut(house: IRCHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, *_ = house.users("alice", "bob", "carol")
    monkeypatch.setattr(who, "MAX_REPLIES", 2)
    seen = alice.asks("WHO #tea")
    assert [line.split()[0] for line in seen] == ["352", "352", "416", "315"]
    assert seen[2] == "416 alice WHO #tea :Output too long, truncated"


def test_whox_gives_the_fields_in_a_fixed_order(house: IRCHouse) -> None:
    alice, _ = house.users("alice", "bob")
    house.reactor.advance(5)
    assert rows(alice, "WHO bob %rtcuihsnfdlao,42", "354") == [
        "42 #tea ~bob 255.255.255.255 HOST irc.test bob H 0 5 0 n/a :Real bob"
    ]
    assert rows(alice, "WHO bob %n", "354") == ["bob"]
    assert rows(alice, "WHO bob %tn", "354") == ["0 bob"]
    assert rows(alice, "WHO #tea %cnf", "354") == ["#tea alice H@", "#tea bob H"]


def test_whois(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    bob.sends("JOIN #coffee", "AWAY :lunch")
    house.reactor.advance(7)
    assert without_host(alice.asks("WHOIS BOB")) == [
        "311 alice bob ~bob HOST * :Real bob",
        "319 alice bob :#tea @#coffee",
        "312 alice bob irc.test :A chat with several ways in",
        "301 alice bob lunch",
        "317 alice bob 7 1700000000 :seconds idle, signon time",
        "318 alice BOB :End of /WHOIS list",
    ]


def test_whois_of_oneself_shows_the_address(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert "338 alice alice 192.0.2.1 :is actually using host" in alice.asks("WHOIS alice")


@pytest.mark.parametrize("line", ["WHOIS irc.test bob", "WHOIS bob bob"])
def test_whois_may_name_a_server(house: IRCHouse, line: str) -> None:
    alice, _ = house.users("alice", "bob")
    assert alice.asks(line)[0].startswith("311 alice bob")


def test_whois_of_people_of_other_ways_in(house: IRCHouse) -> None:
    house.typist("typist")
    alice = house.user("alice")
    assert without_host(alice.asks("WHOIS typist")) == [
        "311 alice typist typist HOST * typist",
        "319 alice typist #lobby",
        "312 alice typist irc.test :A chat with several ways in",
        "320 alice typist :does not come by IRC; has been silent for 1 s",
        "318 alice typist :End of /WHOIS list",
    ]


def test_whois_of_nobody(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert alice.asks("WHOIS bob") == [
        "401 alice bob :No such nick/channel",
        "318 alice bob :End of /WHOIS list",
    ]
    assert alice.asks("WHOIS") == ["431 alice :No nickname given"]
    assert alice.asks("WHOIS :") == ["431 alice :No nickname given"]


def test_whois_of_the_invisible_shows_common_channels_only(house: IRCHouse) -> None:
    alice, bob = house.user("alice", join="#tea,#cocoa"), house.user("bob")
    alice.sends("MODE alice +i")
    assert not [line for line in bob.asks("WHOIS alice") if line.startswith("319")]
    bob.sends("JOIN #cocoa")
    assert "319 bob alice :@#tea @#cocoa" in bob.asks("WHOIS alice")


def test_many_channels_take_several_lines(house: IRCHouse) -> None:
    alice = house.user("alice", join=",".join(f"#{n:a>30}" for n in range(15)))
    lines = [line for line in alice.asks("WHOIS alice") if line.startswith("319")]
    assert len(lines) == 2
    assert sum(line.count("#") for line in lines) == 15


def test_whowas(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    bob.sends("NICK rob", "QUIT")
    assert without_host(alice.asks("WHOWAS rob")) == [
        "314 alice rob ~bob HOST * :Real bob",
        "312 alice rob irc.test :Tue Nov 14 22:13:20 2023 UTC",
        "369 alice rob :End of WHOWAS",
    ]
    assert without_host(alice.asks("WHOWAS bob"))[0] == "314 alice bob ~bob HOST * :Real bob"
    assert alice.asks("WHOWAS dora") == [
        "406 alice dora :There was no such nickname",
        "369 alice dora :End of WHOWAS",
    ]


@pytest.mark.parametrize(("count", "shown"), [("", 3), (" 2", 2), (" 0", 3), (" -1", 3)])
def test_whowas_gives_the_latest_first(house: IRCHouse, count: str, shown: int) -> None:
    alice = house.user("alice")
    for user in ("one", "two", "three"):
        bob = house.client()
        bob.sends("NICK bob", f"USER {user} 0 * :Bob", "QUIT")
    found = [line for line in alice.asks(f"WHOWAS bob{count}") if line.startswith("314")]
    assert [line.split()[3] for line in found] == ["~three", "~two", "~one"][:shown]


def test_userhost_and_ison(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    bob.sends("AWAY :lunch")
    assert alice.asks("USERHOST alice nobody BOB") == [
        "302 alice :alice=+~alice@host bob=-~bob@host"
    ]
    assert alice.asks("USERHOST a b c d e bob") == ["302 alice :"]
    assert alice.asks("ISON bob nobody :ALICE bob") == ["303 alice :bob alice bob"]
    assert alice.asks("ISON nobody") == ["303 alice :"]


def test_a_name_of_somebody_who_is_not_announced_yet_can_be_found(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor)
    alice = house.user("alice", join="#tea")
    crowd = [house.client() for _ in range(15)]
    for number, client in enumerate(crowd):
        client.sends(f"NICK n{number}", "USER n 0 * :N", "JOIN #tea")
    assert len(names(alice, "WHO #tea")) < 16  # the last of them come with the next report
    reactor.advance(1)
    assert len(names(alice, "WHO #tea")) == 16


def test_ison_cuts_no_name(house: IRCHouse) -> None:
    names = [f"u{number:02}{28 * 'x'}" for number in range(16)]
    for name in names:
        house.user(name)
    (answer,) = house.user("alice").asks("ISON " + " ".join(names)[:500])
    assert answer.removeprefix("303 alice :").split() == names[:15]
