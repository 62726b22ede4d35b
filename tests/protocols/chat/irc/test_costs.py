"""What a command costs beyond its line: one member must not be able to keep the loop busy, nor
fill the write queues of all others."""

from __future__ import annotations

import pytest

from protocols.chat.flood import FloodPolicy
from protocols.chat.irc import connection
from protocols.chat.limits import Limits
from reactor.testing import VirtualReactor

from ....tools.irc import IRCClient, IRCHouse

BURST = 100.0


def cost(house: IRCHouse, user: IRCClient, line: str) -> float:
    """The tokens that ``line`` takes from a full bucket, beyond those for the line itself."""
    house.reactor.advance(60)
    user.sends(line)
    gate = house.member("alice").gate
    assert gate is not None
    missing = gate.debt(house.reactor.time(), BURST)
    return round(missing * house.hub.flood.rate, 3) - 1


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("WHO nobody*", 8),  # all are looked at
        ("WHO *", 8 + 5 * 8),  # and there is a row for each
        ("WHO bob", 5),
        ("WHO #tea", 5 * 5),
        ("WHO #tea o", 5),
        ("NAMES #tea,#milk", 5 + 1),
        ("JOIN #milk", 0),
        ("JOIN #water", 1),
        ("LIST", 2 * 3),
        ("PRIVMSG bob :hello", 0),
        ("PRIVMSG bob,carol,#tea :hello", 2 * 1),
        ("NOTICE bob,carol,BOB :hello", 1),
        ("@+a=b TAGMSG bob,carol", 1),
        ("@+a=b TAGMSG #tea", 1),
        ("PRIVMSG #tea :\x01PING 1\x01", 1),
        ("SETNAME :Alice", 1 + 2),
        ("INVITE u1 #tea", 1 + 2),
        ("WHOIS bob", 0),
        ("MODE #tea", 0),
    ],
)
def test_what_takes_long_costs_more(
    reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch, line: str, steps: int
) -> None:
    monkeypatch.setattr(connection, "STEPS_PER_TOKEN", 1)
    monkeypatch.setattr("protocols.chat.irc.speech.STEPS_PER_TOKEN", 1)
    house = IRCHouse(reactor, flood=FloodPolicy(burst=BURST))
    alice = house.user("alice", "message-tags", join="#tea,#milk")
    for name in ("bob", "carol", "dave", "eve"):
        capabilities = ["setname", "invite-notify"] if name < "d" else []
        house.user(name, *capabilities, join="#tea")
    for name in ("u1", "u2", "u3"):
        house.user(name)
    assert cost(house, alice, line) == steps


def test_a_debt_delays_what_follows(
    reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STEPS_PER_TOKEN", 0.2)
    house = IRCHouse(reactor, flood=FloodPolicy(rate=5.0, burst=20.0))
    alice = house.user("alice")
    reactor.advance(60)
    # Looking at one member costs 5 tokens, and its row 25 more.
    assert len(alice.asks("WHO * \r\nLUSERS")) == 2
    reactor.advance(2.0)
    assert alice.sees() == []
    reactor.advance(0.5)
    assert len(alice.sees()) == 7


def test_a_target_counts_once(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("PRIVMSG #tea,bob,#TEA,BOB :hi")
    assert bob.sees() == [
        ":alice!~alice@host PRIVMSG #tea :hi", ":alice!~alice@host PRIVMSG bob :hi"
    ]  # fmt: skip


def test_what_is_passed_on_in_a_turn_reaches_each_once(house: IRCHouse) -> None:
    alice = house.user("alice", "message-tags", "echo-message", join="#tea")
    bob = house.user("bob", "message-tags", join="#tea")
    carol = house.user("carol", "message-tags", join="#tea")
    dave = house.user("dave", join="#tea")
    house.look(alice, bob, carol, dave)
    alice.peer.send(b"@+a=1 TAGMSG #tea\r\n")
    bob.peer.send(b"@+b=1 TAGMSG #tea\r\nPRIVMSG #tea :\x01PING 1\x01\r\n")

    def heard(client: IRCClient) -> list[tuple[str, str]]:
        return [(line.source.partition("!")[0], line.command) for line in client.hears()]

    from_alice, from_bob = [("alice", "TAGMSG")], [("bob", "TAGMSG"), ("bob", "PRIVMSG")]
    assert heard(alice) == from_alice + from_bob
    assert heard(bob) == from_alice
    assert heard(carol) == from_alice + from_bob
    assert heard(dave) == from_bob[1:]


def test_no_more_is_passed_on_than_fits_into_the_write_queues(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(turn_size=10_000))
    alice = house.user("alice", "message-tags", join="#tea")
    bob = house.user("bob", "message-tags", join="#tea")
    house.look(alice, bob)
    alice.peer.send(f"@+a={'x' * 4000} TAGMSG #tea\r\n".encode() * 5)
    reactor.settle()
    assert len(bob.hears()) == 2
    assert [line.partition(" :")[0] for line in alice.sees()] == ["263 alice TAGMSG"] * 3
    alice.sends("@+a TAGMSG #tea")
    assert len(bob.hears()) == 1


@pytest.mark.parametrize("line", [b"\n", b"\r\n", b"\r", b" \r\n", b"@a;b;c \r\n"])
def test_lines_that_say_nothing_are_not_free(reactor: VirtualReactor, line: bytes) -> None:
    house = IRCHouse(reactor, flood=FloodPolicy())
    alice, stranger = house.user("alice"), house.client()
    alice.sends_bytes(line * 100 + b"PING x\r\n")
    assert [seen.split()[0] for seen in alice.sees()] == ["PONG"]
    alice.sends_bytes(line * 1000)
    assert alice.sees() == ["ERROR :Closing Link: alice (You kept sending too fast)"]
    stranger.sends_bytes(line * 1000)
    assert stranger.sees() == ["ERROR :Closing Link: * (Too many lines before registration)"]


def test_a_line_ending_that_arrives_in_two_parts_costs_next_to_nothing(
    reactor: VirtualReactor,
) -> None:
    house = IRCHouse(reactor, flood=FloodPolicy())
    alice = house.user("alice")
    reactor.advance(60)
    alice.sends_bytes(b"LUSERS\r")
    alice.sends_bytes(b"\n")
    gate = house.member("alice").gate
    assert gate is not None
    assert round(gate.debt(reactor.time(), 20.0) * 5, 3) == 1.1
