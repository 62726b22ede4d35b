"""The client's heartbeats, how it notices a silent server, and what it hides from the user.

The test plays the server.
"""

import pytest

from protocols.chat.datagrams import CHALLENGE, ChatDatagrams
from protocols.chat.hub import Hub
from protocols.console.link import DatagramLink, StreamLink

WELCOME = b"*** You are guest1 in lobby\r\n"


def heard(peer):
    return peer.read().decode().splitlines()


def test_it_sends_a_heartbeat_at_once_and_every_interval(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.settle()
    assert heard(peer) == ["HEARTBEAT"]

    peer.send(b"[12:00:00] bob: hi\n")
    reactor.advance(10)

    assert heard(peer) == ["HEARTBEAT"] * 2


def test_an_interval_of_0_switches_heartbeats_off(make_client, reactor):
    client = make_client(heartbeat_interval=0)
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.advance(100)

    assert heard(peer) == []


def test_a_silent_server_is_pinged_and_its_answer_is_not_shown(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.advance(14)
    assert "/ping" not in heard(peer)

    reactor.advance(1)
    assert "/ping" in heard(peer)
    peer.send(b"*** pong\r\n")
    reactor.settle()

    assert client.console.shown == []
    assert not client.ended


def test_a_pong_that_the_user_asked_for_is_shown(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    peer.send(WELCOME)
    reactor.settle()
    client.typed("/ping")
    peer.send(b"*** pong\r\n")
    reactor.settle()

    assert client.console.shown[1:] == ["*** pong"]


@pytest.mark.parametrize("link", [StreamLink, DatagramLink])
def test_a_server_that_does_not_answer_is_given_up(client, reactor, link):
    if link is StreamLink:
        peer = reactor.connect(lambda: link(client))
    else:
        peer = reactor.datagram_socket(lambda: link(client))
    peer.send(WELCOME)
    reactor.advance(30)
    assert not client.ended

    reactor.advance(5)

    assert client.error == ("the connection to server:1 is lost: nothing was heard of it for 35 s")


@pytest.mark.parametrize("line", ["/quit", "/quit see you", "QUIT", "quit"])
def test_an_end_that_the_user_asked_for_is_not_an_error(client, reactor, line):
    peer = reactor.connect(lambda: StreamLink(client))
    peer.send(WELCOME)
    reactor.settle()
    client.typed(line)
    peer.send(b"*** Goodbye\r\n")
    peer.close()
    reactor.settle()

    assert client.ended
    assert client.error is None
    assert client.undelivered() is None
    assert client.console.shown[1:] == ["*** Goodbye"]


def test_over_udp_it_proves_its_address_automatically(udp_client, network_of, reactor):
    hub = Hub(reactor)
    server = reactor.datagram_socket(lambda: ChatDatagrams(hub, reactor))
    link = network_of(udp_client)

    def carry():
        for _ in range(5):
            for data in link.take():
                server.send(data, ("192.0.2.7", 7000))
            reactor.settle()
            for data in server.take():
                link.send(data, ("192.0.2.2", 9555))
            reactor.settle()

    carry()
    udp_client.typed("hello")
    carry()

    shown = udp_client.console.shown
    assert shown[:2] == ["*** You are guest1 in lobby", "*** 1 in lobby: guest1"]
    assert shown[-1].endswith("] guest1: hello")
    assert not [line for line in shown if "/hello" in line or "HEARTBEAT" in line]


def test_many_challenges_are_answered_with_one_proof(udp_client, network_of, reactor):
    link = network_of(udp_client)
    link.take()
    challenge = f"{CHALLENGE}k7f3q2ma\r\n".encode()

    for _ in range(100):
        link.send(challenge, None)
    reactor.settle()
    assert link.take() == [b"/hello k7f3q2ma"]

    reactor.advance(1)  # it may have been lost
    link.send(challenge, None)
    reactor.settle()
    assert link.take() == [b"/hello k7f3q2ma"]


def test_it_sends_no_heartbeats_after_the_user_has_left(client, reactor, caplog):
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.settle()
    client.finish()
    for _ in range(4):
        peer.send(b"[12:00:00] guest1: one of many lines that flood control delays\n")
        reactor.advance(5)

    assert heard(peer) == ["HEARTBEAT", "/quit"]
    assert not client.ended
    assert caplog.messages == []  # and it tries to send none


def test_a_server_that_does_not_accept_the_client_is_given_up(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    for _ in range(30):
        peer.send(b"220 mail.example ESMTP\r\n")
        reactor.advance(1)

    assert client.error == "cannot connect to server:1: it did not let us in within 30 s"


def test_without_heartbeats_it_joins_over_udp_too(make_client, network_of):
    network = network_of(make_client(heartbeat_interval=0, udp=True))

    assert network.sent == [(b"/hello", None)]
