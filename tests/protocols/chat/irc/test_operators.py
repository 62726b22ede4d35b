"""Operators of the server: OPER, WALLOPS and KILL."""

from __future__ import annotations

import pytest

from protocols.passwords import PasswordHash, Passwords
from reactor.testing import VirtualReactor

from ....tools.irc import IRCHouse

PASSWORD = PasswordHash.of("tea")


@pytest.fixture
def house(reactor: VirtualReactor) -> IRCHouse:
    return IRCHouse(reactor, credentials=Passwords({"boss": PASSWORD}))


def test_a_password_makes_an_operator(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    assert alice.asks("OPER boss tea") == [
        "381 alice :You are now an operator of the server",
        ":alice!~alice@host MODE alice +o",
    ]
    assert "313 bob alice :is an operator of the server" in bob.asks("WHOIS alice")
    assert bob.asks("WHO alice")[0].split()[7] == "H*@"
    assert [line.split()[6] for line in bob.asks("WHO * o")[:-1]] == ["alice"]
    assert bob.asks("USERHOST alice") == ["302 bob alice*=+~alice@host"]
    assert "252 bob 1 :operator(s) online" in bob.asks("LUSERS")
    assert alice.asks("STATS o")[0] == "243 alice O * * alice"
    assert alice.asks("MODE alice -o") == [":alice!~alice@host MODE alice -o"]
    assert "252 bob 0 :operator(s) online" in bob.asks("LUSERS")


def test_an_operator_who_leaves_is_not_counted(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends("OPER boss tea", "QUIT")
    assert "252 bob 0 :operator(s) online" in bob.asks("LUSERS")


@pytest.mark.parametrize("line", ["OPER boss coffee", "OPER nobody tea"])
def test_wrong_passwords(house: IRCHouse, line: str) -> None:
    alice = house.user("alice")
    assert alice.asks(line) == ["464 alice :Password incorrect"]
    assert alice.asks("WALLOPS x")[0].startswith("481")


def test_a_wrong_password_is_logged_without_it(
    house: IRCHouse, caplog: pytest.LogCaptureFixture
) -> None:
    house.user("alice").asks("OPER boss coffee")
    [message] = caplog.messages
    assert message.startswith("wrong password for the operator 'boss', from ")
    assert "coffee" not in message


def test_many_wrong_passwords_end_the_connection(house: IRCHouse) -> None:
    alice = house.user("alice")
    alice.sends("OPER boss 1", "OPER boss 2", "OPER boss 3")
    assert alice.sees()[-1] == "ERROR :Closing Link: alice (Too many wrong passwords)"
    assert alice.peer.eof_received


def test_commands_wait_for_the_password_in_order(house: IRCHouse) -> None:
    alice = house.user("alice")
    alice.sends_bytes(b"OPER boss tea\r\nPING 1\r\nOPER boss x\r\nPING 2\r\n")
    assert [line.split()[0] for line in alice.sees() if line[0] != ":"] == [
        "381",
        "PONG",
        "464",
        "PONG",
    ]


def test_a_client_that_leaves_meanwhile_is_forgotten(house: IRCHouse) -> None:
    house.reactor.thread_timeout = 0  # the test goes on without the thread
    alice, bob = house.users("alice", "bob")
    alice.sends("OPER boss tea", "PING x")
    assert house.server.checks
    alice.peer.reset()
    house.reactor.thread_timeout = 10
    house.reactor.settle()
    assert "252 bob 0 :operator(s) online" in bob.asks("LUSERS")
    assert not house.server.checks


def test_too_many_passwords_at_a_time(house: IRCHouse) -> None:
    alice = house.user("alice")
    house.server.checks.at_once = 0
    assert alice.asks("OPER boss tea")[0].startswith("263 alice OPER :")


def test_guessing_is_slow(house: IRCHouse) -> None:
    near = house.client(peername=("192.0.2.9", 1000))
    near.sends("NICK near", "USER x 0 * :x")
    guessers = [house.user(f"u{number}") for number in range(4)]
    assert [guesser.asks("OPER boss 1")[0][:3] for guesser in guessers] == ["464"] * 3 + ["263"]
    assert near.asks("OPER boss 1")[0][:3] == "464"
    house.reactor.advance(house.server.checks.wrong_delay)
    assert near.asks("OPER boss tea")[0][:3] == "381"
    assert guessers[3].asks("OPER boss tea")[0][:3] == "381"
    assert not house.server.checks


def test_who_does_not_wait_for_the_answer_guesses_no_faster(house: IRCHouse) -> None:
    house.reactor.thread_timeout = 0
    guesser = house.user("guesser")
    guesser.sends("OPER boss 1")
    guesser.peer.reset()
    house.reactor.thread_timeout = 10
    house.reactor.settle()
    assert house.server.checks
    house.reactor.advance(house.server.checks.wrong_delay)
    assert not house.server.checks


def test_without_a_file_there_are_no_operators(reactor: VirtualReactor) -> None:
    alice = IRCHouse(reactor).user("alice")
    assert alice.asks("OPER boss tea") == ["491 alice :No operators are configured"]
    assert alice.asks("OPER boss") == ["461 alice OPER :Not enough parameters"]


def test_wallops_are_for_those_who_want_them(house: IRCHouse) -> None:
    alice, bob, carol = house.users("alice", "bob", "carol")
    alice.sends("OPER boss tea")
    bob.sends("MODE bob +w")
    house.look(alice, bob, carol)
    alice.sends("WALLOPS :the kettle boils")
    assert bob.sees() == [":alice!~alice@host WALLOPS :the kettle boils"]
    assert alice.sees() == carol.sees() == []
    assert alice.asks("WALLOPS :") == ["461 alice WALLOPS :Not enough parameters"]


def test_kill(house: IRCHouse) -> None:
    alice, bob, carol = house.users("alice", "bob", "carol")
    assert bob.asks("KILL alice :no") == [
        "481 bob :Permission denied: you're not an operator of the server"
    ]
    alice.sends("OPER boss tea")
    house.look(alice, bob, carol)
    alice.sends("KILL bob :too loud")
    assert bob.sees() == [
        ":alice!~alice@host KILL bob :too loud",
        "ERROR :Closing Link: bob (Killed by alice: too loud)",
    ]
    assert bob.peer.eof_received
    assert carol.sees() == [":bob!~bob@host QUIT :Killed by alice: too loud"]
    assert alice.asks("KILL nobody x") == ["401 alice nobody :No such nick/channel"]


def test_kill_reaches_people_of_other_ways_in(house: IRCHouse) -> None:
    typist = house.typist("typist")
    alice = house.user("alice")
    alice.sends("OPER boss tea", "KILL typist")
    assert typist.sees() == ["*** Killed by alice: no reason given"]
    assert typist.peer.eof_received


def test_what_follows_quit_is_not_done(house: IRCHouse) -> None:
    alice, bob = house.users("alice", "bob")
    alice.sends_bytes(b"OPER boss tea\r\nQUIT :bye\r\nPRIVMSG bob :still here\r\n")
    assert bob.sees() == [":alice!~alice@host QUIT bye", "MODE #tea +o bob"]


def test_an_error_of_ours_costs_one_connection(
    house: IRCHouse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = house.users("alice", "bob")

    def fail(name: str, password: str) -> bool:
        raise MemoryError

    monkeypatch.setattr(house.server.credentials, "check", fail)
    alice.sends("OPER boss tea")
    assert alice.sees() == ["ERROR :Closing Link: alice (Internal error)"]
    assert "MemoryError" in caplog.text
    assert bob.asks("PING 1") == ["PONG irc.test 1"]
