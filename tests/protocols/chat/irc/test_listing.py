"""LIST."""

from __future__ import annotations

from ....tools.irc import IRCHouse


def test_list(house: IRCHouse) -> None:
    alice, _ = house.users("alice", "bob")
    alice.sends("TOPIC #tea :green or black", "JOIN #coffee", "MODE #coffee +s")
    carol = house.user("carol")
    assert carol.asks("LIST") == [
        "321 carol Channel :Users  Name",
        "322 carol #tea 2 :green or black",
        "323 carol :End of /LIST",
    ]
    assert "322 alice #coffee 1 :" in alice.asks("LIST")


def test_list_with_conditions(house: IRCHouse) -> None:
    alice, _ = house.users("alice", "bob")
    alice.sends("JOIN #coffee")
    assert len(alice.asks("LIST >1")) == 3
    assert len(alice.asks("LIST #tea,#coffee")) == 4
    assert len(alice.asks("LIST #none")) == 2


def test_an_empty_lobby_is_no_channel(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert len(alice.asks("LIST")) == 2
    house.typist("typist")
    assert "322 alice #lobby 1 :" in alice.asks("LIST")
