"""The way in over UDP, on a network in memory: what members do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from protocols.chat.datagrams import CHALLENGE, MUTED_FOR
from protocols.chat.departures import REMEMBERED_FOR
from protocols.chat.flood import FloodPolicy
from protocols.chat.lines import ANNOUNCE_AFTER, LineServer
from protocols.chat.render import PACKET_SIZE
from reactor.sockets.addresses import Networks

if TYPE_CHECKING:
    from ...tools.chat import Network

STAY = "*** After 15 s of silence you have left: send HEARTBEAT in between"


# Joining


def test_an_address_of_this_machine_joins_with_its_first_line(network: Network) -> None:
    (alice,) = network.members(1)
    zed = network.peer("127.0.0.1")
    zed.sends("zed: hello")
    assert alice.sees() == ["*** guest2 joined lobby", "[time] guest2: zed: hello"]
    assert zed.sees() == [
        "*** You are guest2 in lobby",
        "*** 2 in lobby: guest1, guest2",
        STAY,
        "[time] guest2: zed: hello",
    ]
    alice.sends("welcome")
    assert zed.sees() == ["[time] guest1: welcome"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_heartbeats_of_this_machine_join_and_are_never_answered(
    network: Network, host: str
) -> None:
    zed = network.peer(host)
    zed.sends("HEARTBEAT")
    assert zed.sees() == ["*** You are guest1 in lobby", "*** 1 in lobby: guest1", STAY]
    for _ in range(20):
        network.reactor.advance(5)
        zed.sends("HEARTBEAT")
    assert zed.sees() == []
    assert set(network.hub.members) == {"guest1"}


def test_trusted_networks_need_no_proof(make_network: Any) -> None:
    network = make_network(trusted=Networks(["192.0.2.0/24"]))
    alice = network.peer()
    alice.sends("hello")
    assert alice.sees()[0] == "*** You are guest1 in lobby"
    local = network.peer("127.0.0.1")
    local.sends("hello")
    assert local.sees()[0].startswith(CHALLENGE)


def test_another_address_is_asked_for_proof_and_nothing_is_said(network: Network) -> None:
    (alice,) = network.members(1)
    bob = network.peer()
    bob.sends("hello\n")
    assert alice.sees() == []
    token = bob.token()
    bob.sends(f"/hello {token}\n")
    assert bob.sees() == ["*** You are guest2 in lobby", "*** 2 in lobby: guest1, guest2", STAY]
    alice.sends("can you hear me?\n")
    assert bob.sees() == ["[time] guest1: can you hear me?"]


def test_the_last_lines_are_shown_after_the_proof(network: Network) -> None:
    alice, bob = network.members(1)[0], network.peer()
    alice.sends("welcome\n")
    bob.sends("/hello")
    bob.sends(f"/hello {bob.token()}")
    assert bob.sees()[2:] == ["[time] guest1: welcome", STAY]


def test_a_heartbeat_without_proof_is_not_answered(network: Network) -> None:
    bob = network.peer()
    for data in ("HEARTBEAT", "HEARTBEAT\n", "HEARTBEAT\r\n"):
        bob.sends(data)
    assert bob.sees() == []
    assert not network.hub.members
    assert network.chat.ignored == 3


def test_what_is_said_in_the_turn_of_the_proof_is_delivered_once(network: Network) -> None:
    (alice,) = network.members(1)
    bob = network.peer()
    bob.sends("/hello")
    token = bob.token()
    for data, addr in ((b"one", alice.addr), (f"/hello {token}".encode(), bob.addr)):
        network.peers.send(data, addr)
    network.peers.send(b"two", alice.addr)
    said = [line for line in bob.sees() if line.startswith("[")]
    assert said == ["[time] guest1: one", "[time] guest1: two"]


@pytest.mark.parametrize("again", ["/hello {}\n", "zed: /hello {}", "{}"])
def test_a_proof_may_arrive_twice(network: Network, again: str) -> None:
    (alice,) = network.members(1)
    bob = network.peer()
    bob.sends("hi")
    token = bob.token()
    bob.sends(f"/hello {token}\n")
    bob.sees()
    alice.sees()
    bob.sends(again.format(token))
    assert bob.sees() == alice.sees() == []


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("/hello {}", []),
        ("/hello  {} \r\n", []),
        ("zed: /hello {}", []),
        ("{}", []),
        ("HEARTBEAT {}", []),
        ("hi\n/hello {}\n", ["[time] guest2: hi"]),
    ],
)
def test_the_token_is_valid_anywhere_and_is_never_said(
    network: Network, form: str, said: list[str]
) -> None:
    (alice,) = network.members(1)
    bob = network.peer()
    bob.sends("let me in")
    bob.sends(form.format(bob.token().upper()))
    assert bob.sees()[0] == "*** You are guest2 in lobby"
    assert alice.sees() == ["*** guest2 joined lobby", *said]


def test_a_line_that_looks_like_a_proof_is_not_said(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends("zed: /hello 7n7kml4p")
    assert bob.sees() == []
    assert alice.sees() == [
        "*** You have joined already: /hello and a token are not said to the room"
    ]
    alice.sends("I say /hello everyone of you")  # a word of eight letters could be a token
    assert bob.sees() == []
    alice.sends("I say /hello to you")
    assert bob.sees() == ["[time] guest1: I say /hello to you"]


def test_hello_tells_a_member_who_it_is(network: Network) -> None:
    (alice,) = network.members(1)
    alice.sends("/nick alice\n/join cats")
    alice.sees()
    alice.sends("/hello")
    assert alice.sees() == ["*** You are alice in cats"]


def test_tcp_and_udp_meet_in_one_room(network: Network) -> None:
    server = LineServer(network.hub, network.reactor)
    alice = network.reactor.connect(server.connection)
    network.reactor.advance(ANNOUNCE_AFTER)
    (bob,) = network.members(1)
    alice.read()
    bob.sends("over UDP\n")
    alice.send(b"over TCP\n")
    expected = ["[time] guest2: over UDP", "[time] guest1: over TCP"]
    assert bob.sees() == network.lines([alice.received]) == expected


# Heartbeats


def test_a_member_expires_after_its_last_datagram_of_any_kind(network: Network) -> None:
    alice, bob = network.members(2)
    for data in (b"HEARTBEAT", b"hello", b"", b"/ping", b"/hello again", b"\n"):
        network.reactor.advance(14)
        alice.sends(data)
        bob.sends(b"HEARTBEAT")
    bob.sees()
    network.reactor.advance(1)
    bob.sends(b"HEARTBEAT")
    network.reactor.advance(13.999)
    assert bob.sees() == []
    network.reactor.advance(0.001)
    assert bob.sees() == ["*** guest1 left the chat: timed out"]


@pytest.mark.parametrize("data", ["I am back", "HEARTBEAT"])
@pytest.mark.parametrize("host", [None, "127.0.0.1"])
def test_a_member_that_expired_is_notified_and_gets_its_name_back(
    network: Network, data: str, host: str | None
) -> None:
    (bob,) = network.members(1)
    alice = network.peer(host)
    alice.proves() if host is None else alice.sends("HEARTBEAT")
    bob.sends("/join cats\nseen")
    alice.sends("/nick alice\n/join cats")
    alice.sees()
    for _ in range(3):
        network.reactor.advance(5)
        bob.sends("HEARTBEAT")
    assert alice.sees() == ["*** Nothing was heard of you for 15 s: send something to come back"]
    network.wall.now += 10
    bob.sends("missed")
    for _ in range(28):
        network.reactor.advance(10)
        bob.sends("HEARTBEAT")
    bob.sees()
    alice.sends(data)
    assert bob.sees()[0] == "*** alice joined cats"
    assert alice.sees()[:4] == [
        "*** You are alice in cats",
        "*** 2 in cats: guest1, alice",
        "[time] guest1: missed",
        "*** Welcome back, alice",
    ]


def test_a_member_that_comes_back_is_told_that_its_name_is_taken(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends("/nick alice\n/join cats")
    for _ in range(3):
        network.reactor.advance(5)
        bob.sends("HEARTBEAT")
    bob.sends("/nick Alice")
    alice.sees()
    alice.sends("HEARTBEAT")
    assert alice.sees() == [
        "*** You are guest3 in cats",
        "*** 1 in cats: guest3",
        "*** Somebody else is called alice now",
    ]


def test_after_five_minutes_an_address_is_a_newcomer(network: Network) -> None:
    (alice,) = network.members(1)
    network.reactor.advance(15 + REMEMBERED_FOR)
    alice.sees()
    alice.sends("I am back")
    assert alice.sees()[0].startswith(CHALLENGE)


def test_a_restarted_server_asks_for_proof_and_gives_new_names(
    make_network: Any,
) -> None:
    before, after = make_network(), make_network()
    (alice,) = before.members(1)
    alice.network = after
    alice.sends("HEARTBEAT")
    assert alice.sees() == []
    alice.sends("are you there?")
    alice.sends(f"/hello {alice.token()}")
    assert alice.sees()[0] == "*** You are guest1 in lobby"
    local = after.peer("::1")
    local.sends("HEARTBEAT")
    assert local.sees()[0] == "*** You are guest2 in lobby"


def test_of_too_many_former_members_the_oldest_are_forgotten(make_network: Any) -> None:
    network = make_network(max_remembered=2)
    people = network.members(3)
    for person in people:
        network.reactor.advance(0.1)
        person.sends("HEARTBEAT")
    network.reactor.advance(16)
    for person in people:
        person.sees()
        person.sends("hello")
    assert people[0].sees()[0].startswith(CHALLENGE)
    assert people[1].sees()[0] == "*** You are guest2 in lobby"
    assert people[2].sees()[0] == "*** You are guest3 in lobby"


def test_an_address_that_came_back_and_left_again_is_not_the_oldest(make_network: Any) -> None:
    network = make_network(max_remembered=2)
    alice, bob, carol = network.members(3)
    alice.sends("/quit")
    network.reactor.advance(MUTED_FOR)
    for person in (alice, bob, carol):
        person.sends("/nick alice" if person is alice else "HEARTBEAT")
    bob.sends("/quit")
    alice.sends("/quit")
    carol.sends("/quit")
    network.reactor.advance(MUTED_FOR)
    for person in (alice, bob, carol):
        person.sees()
        person.sends("hello")
    assert bob.sees()[0].startswith(CHALLENGE)
    assert alice.sees()[0].startswith("*** You are guest")
    assert carol.sees()[0].startswith("*** You are guest")


def test_with_max_remembered_0_no_former_member_is_remembered(make_network: Any) -> None:
    network = make_network(max_remembered=0)
    (alice,) = network.members(1)
    network.reactor.advance(16)
    alice.sees()
    alice.sends("hello")
    assert alice.sees()[0].startswith(CHALLENGE)


def test_newcomers_that_sent_one_datagram_expire_early_when_others_come(make_network: Any) -> None:
    network = make_network(max_newcomers=3)
    (alice,) = network.members(1)
    zed, yan = network.peer("127.0.0.1"), network.peer("::1")
    zed.sends("/nick zed")
    yan.sends("hello")
    yan.sends("HEARTBEAT")  # a second datagram: it stays
    zed.sees()
    junk = [network.peer("127.0.0.1") for _ in range(3)]
    for peer in junk:
        peer.sends("junk")
    assert zed.sees()[-1] == (
        "*** Nothing was heard of you for a moment, and many others have come: "
        "send something to come back"
    )
    assert "*** zed left the chat: timed out" in alice.sees()
    zed.sends("HEARTBEAT")
    assert zed.sees()[-1] == "*** Welcome back, zed"
    for _ in range(100):
        network.peer("127.0.0.1").sends("junk")
    assert {"guest1", "zed", "guest3"} <= set(network.hub.members)
    assert len(network.hub.members) == 3 + 3
    network.reactor.advance(16)
    assert not network.hub.members
    network.peers.take()
    for _ in range(3):  # those who have left do not count, and are not expired again
        network.peer("127.0.0.1").sends("hello")
    assert len(network.hub.members) == 3
    assert b"Nothing was heard" not in b"".join(network.peers.take())


def test_many_members_expire_each_at_its_own_time(make_network: Any) -> None:
    network = make_network(max_newcomers=300)
    for number in range(300):
        network.peers.send(b"HEARTBEAT", ("127.0.0.1", 40000 + number))
        network.reactor.advance(0.01)
    network.reactor.advance(15 - 3.0 - 0.005)
    for gone in range(0, 300, 50):
        assert len(network.hub.members) == 300 - gone
        network.reactor.advance(0.5)
    assert not network.hub.members


def test_members_that_expired_leave_no_timer(network: Network) -> None:
    network.members(3)
    network.reactor.advance(15)
    assert len(network.reactor.timers) == 0


# Lines and datagrams


def test_a_datagram_may_hold_several_lines(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends(b"one\r\ntwo\n\nHEARTBEAT\nthree")
    assert bob.sees() == ["[time] guest1: one", "[time] guest1: two", "[time] guest1: three"]


def test_what_is_said_in_one_turn_is_packed(network: Network) -> None:
    alice, bob = network.members(2)
    for _ in range(20):
        network.peers.send(b"0123456789", alice.addr)
    packets = bob.packets()
    assert len(packets) == 1
    assert len(network.lines(packets)) == 20


def test_packets_have_a_safe_size_and_keep_the_order(network: Network) -> None:
    alice, bob = network.members(2)
    said = [f"{number} " + "x" * 300 for number in range(10)]
    for line in said:
        network.peers.send(line.encode(), alice.addr)
    packets = bob.packets()
    assert [len(network.lines([packet])) for packet in packets] == [3, 3, 3, 1]
    assert all(len(packet) <= PACKET_SIZE for packet in packets)
    assert network.lines(packets) == [f"[time] guest1: {line}" for line in said]


def test_a_line_longer_than_a_packet_has_its_own_datagram(network: Network) -> None:
    alice, bob = network.members(2)
    for line in (b"before", b"x" * 4000, b"after"):
        network.peers.send(line, alice.addr)
    assert [len(packet) > PACKET_SIZE for packet in bob.packets()] == [False, True, False]


def test_a_line_that_is_too_long_is_not_sent_and_reported(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends(b"x" * 4097 + b"\nshort")
    assert bob.sees() == ["[time] guest1: short"]
    assert alice.sees()[0] == "*** A line has at most 4096 bytes: this one was not sent"


def test_text_is_cleaned(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends(b"\x1b[31mred\xff\x00\n")
    assert bob.sees() == ["[time] guest1: red\ufffd"]


# Leaving


def test_quitting(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends("/quit see you\nnever said\n")
    assert alice.sees() == ["*** Goodbye"]
    assert bob.sees() == ["*** guest1 left the chat: see you"]


def test_heartbeats_do_not_bring_back_a_member_that_quit(network: Network) -> None:
    alice, bob = network.members(2)
    alice.sends("/quit")
    alice.sees()
    bob.sees()
    alice.sends("hello?")  # typed too late, or sent by a flooder: it is ignored
    for _ in range(4):
        alice.sends("HEARTBEAT")
        network.reactor.advance(MUTED_FOR / 2)
        bob.sends("HEARTBEAT")
    assert alice.sees() == bob.sees() == []
    assert network.chat.ignored == 5
    alice.sends("hello again")  # its address is still proven, but its name is free
    assert bob.sees() == ["*** guest3 joined lobby", "[time] guest3: hello again"]


def test_a_flooder_is_dismissed_and_then_ignored(make_network: Any) -> None:
    network = make_network(flood=FloodPolicy(rate=2, burst=5, queue=2, drops=10))
    alice, bob = network.members(2)
    for _ in range(200):
        network.peers.send(b"spam\n" * 10, alice.addr)
    assert bob.sees() == ["[time] guest1: spam"] * 4 + ["*** guest1 left the chat: flooding"]
    assert alice.sees()[-1] == "*** You kept sending too fast"
    assert len(network.hub.members) == 1
    assert network.chat.ignored > 190


def test_endless_proofs_are_a_flood_too(make_network: Any) -> None:
    network = make_network(flood=FloodPolicy(rate=1, burst=1, drops=10))
    (alice,) = network.members(1)
    alice.sends(b"/hello aaaaaaaa\n" * 100)
    assert not network.hub.members


def test_stopping_notifies_everyone_and_closes_the_socket(network: Network) -> None:
    alice, _ = network.members(2)
    alice.sees()
    network.reactor.stop(5)
    network.reactor.run()
    assert alice.sees() == ["*** The server is stopping"]
    assert len(network.reactor.timers) == 0


def test_all_members_leave_when_the_socket_is_lost(network: Network) -> None:
    network.members(2)
    network.peers.transport.abort()
    network.reactor.settle()
    assert not network.hub.members
    assert len(network.reactor.timers) == 0


# Errors


def test_a_network_error_changes_nothing(network: Network) -> None:
    alice, bob = network.members(2)
    network.peers.fail()
    alice.sends("still there?")
    assert bob.sees() == ["[time] guest1: still there?"]


def test_an_exception_loses_one_member(
    network: Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = network.members(2)
    with monkeypatch.context() as patch:
        patch.setattr("protocols.chat.member.Member.say", lambda *_: 1 // 0)
        alice.sends("hello")
    assert alice.sees() == ["*** Internal error"]
    assert bob.sees() == ["*** guest1 left the chat: internal error"]
    assert caplog.records[0].exc_info is not None
    bob.sends("I am fine")
    assert bob.sees() == ["[time] guest2: I am fine"]
