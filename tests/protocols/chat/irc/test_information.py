"""What a client can ask about the server."""

from __future__ import annotations

import pytest

from protocols.chat.irc.server import COMMANDS
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse


def test_version_says_what_is_supported(house: IRCHouse) -> None:
    alice = house.user("alice")
    first, *rest = alice.asks("VERSION")
    assert first.startswith("351 alice reactor-")
    assert first.endswith(" irc.test :RFC 2812 and IRCv3")
    assert all(line.startswith("005 alice ") for line in rest)


def test_time_info_links(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert alice.asks("TIME") == [
        "391 alice irc.test :Tuesday November 14 2023 -- 22:13:20 UTC",
    ]
    *lines, end = alice.asks("INFO irc.test")
    assert "371 alice :On-line since 2023-11-14 22:13:20 UTC" in lines
    assert end == "374 alice :End of /INFO list"
    assert alice.asks("LINKS") == [
        "364 alice irc.test irc.test :0 A chat with several ways in",
        "365 alice * :End of /LINKS list",
    ]


@pytest.mark.parametrize("command", ["VERSION", "TIME", "INFO", "ADMIN"])
def test_other_servers_do_not_exist(house: IRCHouse, command: str) -> None:
    alice = house.user("alice")
    assert alice.asks(f"{command} irc.other") == ["402 alice irc.other :No such server"]


def test_admin(reactor: VirtualReactor) -> None:
    alice = IRCHouse(reactor, admin="root@irc.test", description="Tea house").user("alice")
    assert alice.asks("ADMIN") == [
        "256 alice irc.test :Administrative info",
        "257 alice :Tea house",
        "259 alice root@irc.test",
    ]
    nobody = IRCHouse(reactor).user("nobody")
    assert nobody.asks("ADMIN") == ["423 nobody irc.test :No administrative info available"]


def test_stats(house: IRCHouse) -> None:
    alice = house.user("alice")
    house.clock.now += 90_061
    assert alice.asks("STATS u") == [
        "242 alice :Server Up 1 days 1:01:01",
        "219 alice u :End of /STATS report",
    ]
    assert alice.asks("STATS") == ["219 alice * :End of /STATS report"]
    assert alice.asks("STATS x") == ["219 alice x :End of /STATS report"]
    assert alice.asks("STATS o")[0].startswith("481 alice")


def test_summon_and_users_are_refused(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert alice.asks("SUMMON bob") == ["445 alice :SUMMON has been disabled"]
    assert alice.asks("USERS") == ["446 alice :USERS has been disabled"]


def test_help_explains_all_commands(house: IRCHouse) -> None:
    alice = house.user("alice")
    first, *rest, end = alice.asks("HELP")
    assert first == "704 alice index :Commands (HELP COMMAND explains one)"
    assert end == "706 alice index :End of /HELP"
    assert all(line.startswith("705 alice index :") for line in rest)
    words = " ".join(rest).replace(":", "").split()
    for command in COMMANDS.keys() - {"HELPOP", "PASS", "PONG", "USER", "SUMMON", "USERS"}:
        assert command in words
        explained = alice.asks(f"HELP {command.lower()}")
        assert explained[0].startswith(f"704 alice {command} ")
        assert explained[-1] == f"706 alice {command} :End of /HELP"


def test_help_that_there_is_not(house: IRCHouse) -> None:
    alice = house.user("alice")
    assert alice.asks("HELP tea") == ["524 alice TEA :There is no help on this subject"]
    assert alice.asks("HELP :a b") == ["524 alice A :There is no help on this subject"]
