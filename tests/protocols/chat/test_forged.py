"""Senders of forged addresses cannot abuse the way in over UDP."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.chat.datagrams import CHALLENGE
from protocols.chat.limits import Limits
from protocols.chat.proof import AMPLIFICATION, HEADERS
from protocols.chat.tokens import MAX_CANDIDATES, TOKEN_PERIOD, Tokens
from reactor import PeerAddress
from reactor.testing import VirtualReactor

from ...tools.chat import Network

# Amplification


def test_an_address_without_proof_is_sent_nothing_but_the_token(network: Network) -> None:
    (alice,) = network.members(1)
    victim = network.peer()
    victim.sends("hello\n")
    assert len(victim.packets()) == 1
    for _ in range(100):
        alice.sends("much is said here\n")
    assert victim.packets() == []


def test_a_server_on_all_addresses_asks_for_proof_as_well(make_network: Any) -> None:
    network = make_network(limits=Limits(members_per_origin=2))
    first, second, third = (network.peer("192.0.2.1") for _ in range(3))
    for peer in (first, second, third):
        peer.addr = PeerAddress(peer.addr)  # the type that such a socket gives
    first.sends("hello\n")
    [challenge] = first.sees()
    assert challenge.startswith(CHALLENGE)

    first.proves()
    second.proves()
    third.sends("/hello\n")
    third.sends(f"/hello {third.token()}\n")
    assert third.sees() == ["*** There are 2 members at your address already: try again later"]


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"x", b"/help", b"/who\n/help\n/rooms\n", b"/quit", b"y" * 5000]
)
def test_the_answer_to_a_forged_datagram_is_short(network: Network, data: bytes) -> None:
    victim = network.peer()
    victim.sends(data)
    answers = victim.packets()
    assert len(answers) <= 1
    assert sum(HEADERS + len(answer) for answer in answers) <= 3 * (HEADERS + len(data))


forged = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.one_of(
            st.sampled_from(
                [b"", b"x", b"HEARTBEAT", b"/help", b"/who\n/who", b"/hello", b"/hello aaaaaaaa"]
            ),
            st.sampled_from([b"/quit", b"/join a", b"/echo off", b"/msg guest1 x", b"hi\n" * 50]),
            st.binary(max_size=80),
        ),
        st.sampled_from([0.0, 1.0, 20.0]),
    ),
    max_size=25,
)


@given(datagrams=forged, full=st.booleans())
def test_a_forged_address_gets_at_most_three_times_what_it_sent(
    datagrams: list[tuple[int, bytes, float]], full: bool
) -> None:
    with VirtualReactor() as reactor:
        network = Network(reactor, limits=Limits(members=2 if full else 20))
        if full:
            network.count = 100  # other addresses than the forged ones
            network.members(2)
        received: dict[Any, int] = {}
        sent: dict[Any, int] = {}
        for number, data, pause in datagrams:
            addr = network.address(number)
            network.peers.send(data, addr)
            received[addr] = received.get(addr, 0) + HEADERS + len(data)
            reactor.advance(pause)
            for answer, to in network.peers.sent:
                sent[to] = sent.get(to, 0) + HEADERS + len(answer)
            network.peers.take()
            assert all(sent.get(to, 0) <= AMPLIFICATION * received[to] for to in received)


def test_a_wrong_token_proves_nothing(network: Network) -> None:
    bob, carol = network.peer(), network.peer()
    bob.sends("x")
    carol.sends("x")
    for wrong in ("aaaaaaaa", carol.token(), "", "a", "ä" * 8):
        bob.sees()
        bob.sends(f"/hello {wrong}")
        assert [line.startswith(CHALLENGE) for line in bob.sees()] == [True]
    assert not network.hub.members


def test_forged_datagrams_have_no_effect(network: Network) -> None:
    (alice,) = network.members(1)
    victim = network.peer()
    for data in ("hello", "/nick mallory", "/msg guest1 hi", "HEARTBEAT", "zed: /hello 7n7kml4p"):
        victim.sends(data)
    assert alice.sees() == []
    assert len(network.hub.members) == 1


def test_a_token_is_valid_for_one_address_on_one_server_for_some_minutes() -> None:
    tokens = Tokens()
    token = tokens.make(("192.0.2.1", 5000), 1000.0)

    def found(port: int = 5000, host: str = "192.0.2.1", age: float = 0.0) -> bool:
        return tokens.found_in(f"my token is {token}!", (host, port), 1000.0 + age)

    assert found()
    assert found(age=TOKEN_PERIOD)
    assert not found(age=2 * TOKEN_PERIOD)
    assert not found(port=5001)
    assert not found(host="192.0.2.2")
    assert not Tokens().found_in(token, ("192.0.2.1", 5000), 1000.0)


def test_one_datagram_can_try_a_limited_number_of_tokens() -> None:
    tokens = Tokens()
    addr = ("192.0.2.1", 5000)
    token = tokens.make(addr, 0.0)
    guesses = "aaaaaaaa " * (MAX_CANDIDATES - 1)
    assert tokens.found_in(f"{guesses}{token}", addr, 0.0)
    assert not tokens.found_in(f"{guesses}aaaaaaaa {token}", addr, 0.0)
    assert not tokens.found_in(f"a{token} {token}a", addr, 0.0)


def test_two_servers_do_not_answer_each_other_forever(make_network: Any) -> None:
    here, there = make_network(), make_network()
    address_here, address_there = ("192.0.2.8", 9555), ("192.0.2.9", 9555)
    here.peers.send(b"forged", address_there)
    exchanged = 0
    for _ in range(10):
        here.reactor.settle()
        for data in here.peers.take():
            exchanged += 1
            there.peers.send(data, address_here)
        here.reactor.settle()
        for data in there.peers.take():
            exchanged += 1
            here.peers.send(data, address_there)
    assert exchanged == 1
    assert there.chat.ignored == 1
    assert not there.hub.members


def test_an_echo_server_is_not_answered_forever(network: Network) -> None:
    echo = network.peer()
    echo.sends("forged")
    for _ in range(10):
        for data in echo.packets():
            echo.sends(data)
    assert network.chat.ignored == 1


def test_a_member_may_begin_a_line_with_stars(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends("*** look ***")
    assert bob.sees() == ["[time] guest1: *** look ***"]


def test_the_tokens_of_a_second_are_limited(make_network: Any) -> None:
    network = make_network(max_challenges=5)
    for _ in range(20):
        network.peer().sends("x")
    assert len(network.peers.take()) == 5
    assert network.chat.unanswered == 15
    network.reactor.advance(1)
    network.peer().sends("x")
    assert len(network.peers.take()) == 1


def test_one_subscriber_s_junk_does_not_use_up_the_tokens_of_others(make_network: Any) -> None:
    network = make_network(max_challenges_per_address=5)
    for port in range(1, 1000):
        network.peers.send(b"junk", ("192.0.2.66", port))
        network.peers.send(b"junk", (f"2001:db8::{port:x}", port, 0, 0))
    network.reactor.settle()
    assert len(network.peers.take()) == 10
    bob = network.peer()
    bob.sends("hello")
    assert bob.sees()[0].startswith(CHALLENGE)


@pytest.mark.parametrize("host", ["192.0.2.66", "192.0.2.67"])
def test_junk_from_fresh_ports_does_not_keep_newcomers_out(network: Network, host: str) -> None:
    port = 1024
    for second in range(30):
        for _ in range(300):
            port += 1
            network.peers.send(port.to_bytes(3, "big"), ("192.0.2.66", port))
        network.reactor.settle()
        bob = network.peer(host)
        bob.sends("hello")
        bob.sends(f"/hello {bob.token()}")
        assert bob.sees()[0] == f"*** You are guest{second + 1} in lobby"
        network.reactor.advance(1)


# Bounds


def test_a_full_hub_says_so(make_network: Any) -> None:
    network = make_network(limits=Limits(members=1))
    network.members(1)
    late = network.peer()
    late.sends("hello")
    late.sends(f"/hello {late.token()}")
    assert late.sees() == ["*** The chat is full: try again later"]
    assert network.chat.unanswered == 0


def test_an_answer_that_would_be_too_long_is_not_sent(network: Network) -> None:
    network.hub.close("The reason for which the server is stopping is a long story " * 3)
    late = network.peer("127.0.0.1")
    late.sends("x")
    assert late.packets() == []
    assert network.chat.unanswered == 1
    late.sends("x" * 100)
    assert len(late.packets()) == 1
