"""CHATHISTORY."""

from __future__ import annotations

import re

import pytest

from protocols.chat.limits import Limits
from reactor.testing import VirtualReactor

from ....tools.irc import IRCClient, IRCHouse

CAPABILITIES = "batch", "draft/chathistory", "message-tags", "server-time"


@pytest.fixture
def alice(house: IRCHouse) -> IRCClient:
    """In a room in which ten lines were said, one a second."""
    alice = house.user("alice", *CAPABILITIES, join="#tea")
    bob = house.user("bob", join="#tea")
    for number in range(10):
        house.clock.now += 1
        bob.sends(f"PRIVMSG #tea :line {number}")
    alice.sees()
    return alice


def texts(client: IRCClient, line: str) -> list[int]:
    """The numbers of the lines in the batch that is the answer to ``line``."""
    client.sends(line)
    start, *inner, end = client.hears()
    assert start.command == end.command == "BATCH"
    assert start.params[1:] == ["chathistory", line.split()[2]]
    batch = start.params[0].removeprefix("+")
    assert end.params == [f"-{batch}"]
    assert all(line.tags["batch"] == batch and line.tags["msgid"] for line in inner)
    assert {(line.command, line.params[0]) for line in inner} <= {("PRIVMSG", "#tea")}
    return [int(line.params[1].removeprefix("line ")) for line in inner]


def msgid(client: IRCClient, number: int) -> str:
    client.sends("CHATHISTORY LATEST #tea * 50")
    return next(m.tags["msgid"] for m in client.hears() if m.params[-1] == f"line {number}")


def test_the_latest_lines(alice: IRCClient) -> None:
    assert texts(alice, "CHATHISTORY LATEST #tea * 3") == [7, 8, 9]
    assert texts(alice, "chathistory latest #tea * 100") == list(range(10))
    assert texts(alice, f"CHATHISTORY LATEST #tea msgid={msgid(alice, 7)} 50") == [8, 9]


def test_lines_by_the_id_of_another(alice: IRCClient) -> None:
    five = f"msgid={msgid(alice, 5)}"
    assert texts(alice, f"CHATHISTORY BEFORE #tea {five} 2") == [3, 4]
    assert texts(alice, f"CHATHISTORY AFTER #tea {five} 2") == [6, 7]
    assert texts(alice, f"CHATHISTORY AROUND #tea {five} 3") == [4, 5, 6]
    eight = f"msgid={msgid(alice, 8)}"
    assert texts(alice, f"CHATHISTORY BETWEEN #tea {five} {eight} 9") == [6, 7]
    assert texts(alice, f"CHATHISTORY BETWEEN #tea {eight} {five} 1") == [7]


def test_lines_by_time(alice: IRCClient) -> None:
    when = "timestamp=2023-11-14T22:13:26.250Z"  # of line 5
    assert texts(alice, f"CHATHISTORY BEFORE #tea {when} 2") == [3, 4]
    assert texts(alice, f"CHATHISTORY AFTER #tea {when} 2") == [6, 7]


def test_a_client_without_batches_gets_the_lines_alone(house: IRCHouse, alice: IRCClient) -> None:
    carol = house.user("carol", "draft/chathistory", join="#tea")
    assert carol.asks("CHATHISTORY LATEST #tea * 1") == [":bob!~bob@host PRIVMSG #tea :line 9"]


def test_the_limit_is_the_rooms(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(history=2))
    alice = house.user("alice", *CAPABILITIES, "echo-message", join="#tea")
    alice.sends("PRIVMSG #tea 1", "PRIVMSG #tea 2", "PRIVMSG #tea 3")
    alice.sees()
    alice.sends("CHATHISTORY LATEST #tea * 9")
    assert [line.params[-1] for line in alice.hears()[1:-1]] == ["2", "3"]


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        ("", "INVALID_PARAMS * :Unknown subcommand"),
        ("FIRST #tea * 5", "INVALID_PARAMS FIRST :Unknown subcommand"),
        ("LATEST #tea *", "NEED_MORE_PARAMS LATEST :Missing parameters"),
        ("BETWEEN #tea msgid=1 5", "NEED_MORE_PARAMS BETWEEN :Missing parameters"),
        ("TARGETS msgid=1 5", "NEED_MORE_PARAMS TARGETS :Missing parameters"),
        ("LATEST #tea * x", "INVALID_PARAMS LATEST :The limit is a number of messages"),
        ("LATEST #tea * 0", "INVALID_PARAMS LATEST :The limit is a number of messages"),
        ("LATEST #none * 5", "INVALID_TARGET LATEST #none :Messages could not be retrieved"),
        ("LATEST #cocoa * 5", "INVALID_TARGET LATEST #cocoa :Messages could not be retrieved"),
        ("LATEST bob * 5", "INVALID_TARGET LATEST bob :Messages could not be retrieved"),
        ("BEFORE #tea * 5", "INVALID_MSGREFTYPE BEFORE * :Use msgid or timestamp"),
        ("AFTER #tea id=5 5", "INVALID_MSGREFTYPE AFTER id :Use msgid or timestamp"),
        ("AFTER #tea msgid=x 5", "INVALID_PARAMS AFTER :That names no message and no time"),
        ("TARGETS msgid=1 msgid=2 5", "INVALID_MSGREFTYPE TARGETS msgid :Use timestamp"),
    ],
)
def test_what_cannot_be_answered(
    house: IRCHouse, alice: IRCClient, line: str, failure: str
) -> None:
    house.user("dora", join="#cocoa")
    assert alice.asks(f"CHATHISTORY {line}") == [f"FAIL CHATHISTORY {failure}"]


def test_targets_are_the_channels_by_their_last_line(house: IRCHouse, alice: IRCClient) -> None:
    alice.sends("JOIN #coffee", "JOIN #cocoa")
    house.clock.now += 10
    alice.sends("PRIVMSG #coffee :beans")

    def targets(start: str, end: str, limit: int = 9) -> list[str]:
        seen = alice.asks(f"CHATHISTORY TARGETS timestamp={start} timestamp={end} {limit}")
        assert re.fullmatch(r"BATCH \+\w+ draft/chathistory-targets", seen[0])
        return [line.partition(" TARGETS ")[2] for line in seen[1:-1]]

    tea, coffee = "#tea 2023-11-14T22:13:30.250Z", "#coffee 2023-11-14T22:13:40.250Z"
    early, late = "2023-01-01T00:00:00.000Z", "2024-01-01T00:00:00.000Z"
    assert targets(early, late) == [tea, coffee]
    assert targets(late, early) == [tea, coffee]
    assert targets(early, late, 1) == [tea]
    assert targets(tea.split()[1], late) == [coffee]
    assert targets(early, coffee.split()[1]) == [tea]


def test_those_who_are_ignored_are_left_out(house: IRCHouse, alice: IRCClient) -> None:
    house.member("alice").ignore("bob")
    assert texts(alice, "CHATHISTORY LATEST #tea * 50") == []
