"""Life signs, deadlines, bounds, weird input and clients on the wrong port."""

from __future__ import annotations

import random

import pytest

from protocols.chat.flood import FloodPolicy
from protocols.chat.irc.connection import MAX_EARLY_LINES
from protocols.chat.limits import Limits
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse

# Life signs


def test_a_silent_client_is_sent_a_ping_and_then_it_is_gone(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    for _ in range(3):
        house.reactor.advance(60)
        bob.sends("PONG x")
    assert alice.sees() == [
        "PING irc.test",
        "ERROR :Closing Link: alice (Ping timeout: 150 seconds)",
    ]
    assert alice.peer.eof_received
    assert bob.sees() == [
        ":alice!~alice@host QUIT :Ping timeout: 150 seconds", "MODE #tea +o bob"
    ]  # fmt: skip


def test_the_times_are_as_set(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, ping_interval=10, ping_timeout=5)
    alice = house.user("alice")
    reactor.advance(9.9)
    assert alice.sees() == []
    reactor.advance(0.2)
    assert alice.sees() == ["PING irc.test"]
    reactor.advance(4.8)
    assert alice.sees() == []
    reactor.advance(0.2)
    assert alice.sees()[0].startswith("ERROR")


def test_any_byte_is_a_sign_of_life(house: IRCHouse) -> None:
    alice = house.user("alice")
    for _ in range(10):
        house.reactor.advance(89)
        alice.sends_bytes(b"P")
    assert alice.sees() == []
    house.reactor.advance(95)
    assert alice.sees() == ["PING irc.test"]
    alice.sends_bytes(b"P")
    house.reactor.advance(89)
    assert alice.sees() == []
    house.reactor.advance(2)
    assert alice.sees() == ["PING irc.test"]


def test_who_does_not_register_is_disconnected(house: IRCHouse) -> None:
    slow, client = house.client(), house.client()
    client.sends("NICK alice", "USER a 0 * :A")
    client.sees()
    house.reactor.advance(29)
    slow.sends("CAP LS 302", "NICK bob", "USER b 0 * :B")
    assert not slow.peer.eof_received
    house.reactor.advance(1.1)
    assert slow.sees()[-1] == "ERROR :Closing Link: bob (Registration timed out)"
    assert slow.peer.eof_received
    assert client.sees() == []
    assert house.server.unregistered == 0


# Bounds


def test_only_so_many_lines_come_before_registration(house: IRCHouse) -> None:
    client = house.client()
    client.sends_bytes(b"PONG\r\n" * MAX_EARLY_LINES)
    assert client.sees() == []
    client.sends("PONG")
    assert client.sees() == ["ERROR :Closing Link: * (Too many lines before registration)"]


def test_only_so_many_unregistered_clients_come_from_one_address(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, limits=Limits(members_per_origin=2))
    first, second = house.client(), house.client()
    third = house.client()
    assert third.sees() == [
        "ERROR :Closing Link: * (There are too many connections from your address: try again later)"
    ]
    elsewhere = house.client(peername=("203.0.113.9", 5))
    for number, client in enumerate((first, second, elsewhere)):
        client.sends(f"NICK n{number}", "USER a 0 * :A")
        assert client.sees()[0].startswith("001")
    assert house.server.unregistered == 0
    fourth = house.client()
    fourth.sends("NICK n4", "USER a 0 * :A")
    assert "There are 2 members at your address" in fourth.sees()[0]


def test_flood_control_delays_and_drops(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, flood=FloodPolicy(rate=1, burst=8, queue=3, drops=5))
    bob = house.user("bob", join="#tea")
    alice = house.user("alice", join="#tea")
    reactor.advance(60)
    house.look(alice, bob)
    for number in range(15):
        alice.sends(f"PRIVMSG #tea :{number}")
    assert len(bob.sees()) == 8
    assert alice.sees() == [
        "NOTICE alice :You are sending too fast: lines are being dropped until you slow down"
    ]
    reactor.advance(3)
    assert [line[-2:] for line in bob.sees()] == [":8", ":9", "10"]
    for number in range(20):
        alice.sends(f"PRIVMSG #tea :{number}")
    assert alice.sees()[-1] == "ERROR :Closing Link: alice (You kept sending too fast)"


def test_pings_cost_little_and_have_an_end(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, flood=FloodPolicy())
    alice = house.user("alice")
    alice.sends(*["PING x"] * 100)
    assert alice.sees() == ["PONG irc.test x"] * 100
    alice.sends(*["PING x"] * 1000)
    assert alice.sees()[-1] == "ERROR :Closing Link: alice (You kept sending too fast)"


def test_who_does_not_read_is_disconnected_and_delays_no_one(house: IRCHouse) -> None:
    alice, bob, carol = house.users("alice", "bob", "carol")
    bob.peer.stall()
    for _ in range(200):
        alice.sends(*["PRIVMSG #tea :" + 400 * "x"] * 20)
    assert len(carol.sees()) == 4000 + 1
    assert "bob" not in house.hub.members


def test_lines_that_wait_when_the_client_has_finished_are_done(reactor: VirtualReactor) -> None:
    house = IRCHouse(reactor, flood=FloodPolicy(rate=1, burst=5))
    bob = house.user("bob", join="#tea")
    alice = house.user("alice", join="#tea")
    reactor.advance(10)
    house.look(alice, bob)
    alice.sends_bytes(b"".join(b"PRIVMSG #tea :%d\n" % number for number in range(8)) + b"AWAY")
    alice.peer.send_eof()
    reactor.advance(10)
    assert [line[-1] for line in bob.sees() if "PRIVMSG" in line] == list("01234567")
    assert alice.sees() == [
        "305 alice :You are no longer marked as being away",
        "ERROR :Closing Link: alice (Connection closed)",
    ]  # fmt: skip


# Weird input


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n", b"\r\r\n", b"\n\r"])
def test_line_endings(house: IRCHouse, ending: bytes) -> None:
    alice = house.user("alice")
    alice.sends_bytes(ending.join([b"PING 1", b"PING 2", b""]), chunk=1)
    assert alice.sees() == ["PONG irc.test 1", "PONG irc.test 2"]


def test_half_a_line_waits_for_the_rest(house: IRCHouse) -> None:
    alice = house.user("alice")
    alice.sends_bytes(b"PING on")
    assert alice.sees() == []
    alice.sends_bytes(b"e\r\nPI")
    assert alice.sees() == ["PONG irc.test one"]


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (b"@a=b\r\n@a=b \r\n:\r\n: \r\n   \r\n\r\n", []),
        (b"\0\r\nPING a\0b\r\n", ["421 alice * :Unknown command", "PONG irc.test ab"]),
        (b":::: PING x\r\n", ["PONG irc.test x"]),
        (b"PRIVMSG #tea :a\0b\r\n", [":alice!~alice@host PRIVMSG #tea :ab"]),
        (b"PING " + 9000 * b"x" + b"\r\nPING y\r\n",
         ["417 alice :Input line was too long", "PONG irc.test y"]),
        (b"@" + 4094 * b"x" + b" PING " + 505 * b"y" + b"\r\n", [f"PONG irc.test {486 * 'y'}"]),
        (b"@" + 8191 * b"x" + b" PING z\r\n", ["417 alice :Input line was too long"]),
        (b"PRIVMSG #tea :\xff\xfe\r\n",
         ["FAIL PRIVMSG INVALID_UTF8 :Send UTF-8: this line was ignored"]),
        (b"PRIVMSG #tea :\xc3\xa9\r\n", [":alice!~alice@host PRIVMSG #tea :\u00e9"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [None, 7])
def test_weird_lines(house: IRCHouse, data: bytes, answers: list[str], chunk: int | None) -> None:
    alice = house.user("alice", "echo-message", join="#tea")
    alice.sends_bytes(data, chunk)
    assert alice.sees() == answers


def test_ten_thousand_lines(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    for _ in range(100):
        alice.sends_bytes(b"".join(b"PRIVMSG #tea :%d\r\n" % number for number in range(100)))
        assert len(bob.sees()) == 100
    assert alice.sees() == []


def test_garbage_does_no_harm(house: IRCHouse) -> None:
    chooser = random.Random(7)
    words = [b"JOIN", b"PART", b"PRIVMSG", b"NICK", b"MODE", b"TOPIC", b"KICK", b"NAMES", b"CAP",
             b"#tea", b"#", b"alice", b":", b",", b" ", b"\0", b"\r\n", b"\n", b"@", b"=", b";",
             b"\xff", b"\x01", b"\x1b[2J", b"+o", b"*", b"LS", b"REQ", b"302", b"USER",
             b"0"]  # fmt: skip
    bob = house.user("bob", join="#tea")
    for _ in range(30):
        client = house.client()
        client.sends_bytes(b"NICK x\r\nUSER x 0 * :x\r\n")
        client.sends_bytes(b" ".join(chooser.choices(words, k=300)))
        client.sends_bytes(b"\r\n".join([b"".join(chooser.choices(words, k=5)) for _ in range(60)]))
        client.sees()
        client.peer.close()
        house.reactor.settle()
    bob.sees()
    assert bob.asks("PING x") == ["PONG irc.test x"]
    assert list(house.hub.members) == ["bob"]


# The wrong port


def test_a_web_page_cannot_speak_irc(house: IRCHouse) -> None:
    client = house.client()
    client.sends_bytes(
        b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nNICK x\r\nUSER x 0 * :x\r\nJOIN #tea\r\n"
    )
    assert client.sees() == ["ERROR :Closing Link: * (This is a chat, not a web server)"]
    assert house.hub.members == {}


@pytest.mark.parametrize("chunk", [None, 1])
def test_a_client_that_speaks_tls(house: IRCHouse, chunk: int | None) -> None:
    client = house.client()
    client.sends_bytes(b"\x16\x03\x01\x00\xf8\x01" + bytes(200), chunk)
    [line] = client.sees()
    assert "This port speaks plain text, not TLS" in line


# Leaving


def test_a_lost_connection_is_told_to_the_others(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.peer.reset()
    assert bob.sees() == [":alice!~alice@host QUIT :connection lost", "MODE #tea +o bob"]


def test_all_are_told_that_the_server_stops(house: IRCHouse) -> None:
    alice, client = house.user("alice"), house.client()
    house.reactor.stop(5)
    house.reactor.run()
    assert alice.sees() == ["ERROR :Closing Link: alice (The server is stopping)"]
    assert client.sees() == ["ERROR :Closing Link: * (The server is stopping)"]


def test_a_command_that_fails_costs_one_connection(
    house: IRCHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = house.users("alice", "bob")
    problems: list[object] = []
    house.reactor.set_exception_handler(lambda _, context: problems.append(context["exception"]))
    with monkeypatch.context() as patch:
        patch.setattr("protocols.chat.member.Member.say", lambda *_, **__: 1 // 0)
        alice.sends("PRIVMSG #tea :x")
    assert bob.sees()[0] == ":alice!~alice@host QUIT :internal error"
    assert alice.peer.eof_received
    assert [type(problem) for problem in problems] == [ZeroDivisionError]
