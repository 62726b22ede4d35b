"""The chat's client: its heartbeats, what it keeps to itself, how it notices a silent server."""

import pytest

from protocols.chat.client import ChatClient
from protocols.chat.datagrams import CHALLENGE, ChatDatagrams
from protocols.chat.hub import Hub
from protocols.console.link import DatagramLink, StreamLink

from ...tools.users import User


@pytest.fixture
def client(reactor):
    return ChatClient(reactor, ("server", 1), console=User(reactor))


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


def test_no_heartbeats_on_request(reactor):
    client = ChatClient(reactor, ("server", 1), console=User(reactor), heartbeat_interval=0)
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.advance(100)

    assert heard(peer) == []


def test_a_silent_server_is_asked_and_its_answer_not_shown(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.advance(14)
    assert "/ping" not in heard(peer)

    reactor.advance(1)
    assert "/ping" in heard(peer)
    peer.send(b"*** pong\r\n")
    reactor.settle()

    assert client.console.shown == []
    assert not client._ended


def test_a_pong_that_the_user_asked_for_is_shown(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    peer.send(WELCOME)
    reactor.settle()
    client.typed("/ping")
    peer.send(b"*** pong\r\n")
    reactor.settle()

    assert client.console.shown[1:] == ["*** pong"]


@pytest.mark.parametrize("link", [StreamLink, DatagramLink])
def test_a_server_that_gives_no_sign_of_life_counts_as_gone(client, reactor, link):
    if link is StreamLink:
        peer = reactor.connect(lambda: link(client))
    else:
        peer = reactor.datagram_socket(lambda: link(client))
    peer.send(WELCOME)
    reactor.advance(30)
    assert not client._ended

    reactor.advance(5)

    assert client._error == ("the connection to server:1 is lost: nothing was heard of it for 35 s")


@pytest.mark.parametrize("line", ["/quit", "/quit see you", "QUIT", "quit"])
def test_the_end_that_the_user_asked_for_is_no_error(client, reactor, line):
    peer = reactor.connect(lambda: StreamLink(client))
    peer.send(WELCOME)
    reactor.settle()
    client.typed(line)
    peer.send(b"*** Goodbye\r\n")
    peer.close()
    reactor.settle()

    assert client._ended
    assert client._error is None
    assert client._undelivered() is None
    assert client.console.shown[1:] == ["*** Goodbye"]


def test_over_udp_it_proves_by_itself_that_it_hears(reactor):
    hub = Hub(reactor)
    server = reactor.datagram_socket(lambda: ChatDatagrams(hub, reactor))
    client = ChatClient(reactor, ("server", 1), udp=True, console=User(reactor))
    link = reactor.datagram_socket(lambda: DatagramLink(client))

    def carry():
        for _ in range(5):
            for data in link.take():
                server.send(data, ("192.0.2.7", 7000))
            reactor.settle()
            for data in server.take():
                link.send(data, ("192.0.2.2", 9555))
            reactor.settle()

    carry()
    client.typed("hello")
    carry()

    assert client.console.shown[:2] == ["*** You are guest1 in lobby", "*** 1 in lobby: guest1"]
    assert client.console.shown[-1].endswith("] guest1: hello")
    assert not [line for line in client.console.shown if "/hello" in line or "HEARTBEAT" in line]


def test_many_challenges_are_answered_with_one_proof(reactor):
    client = ChatClient(reactor, ("server", 1), udp=True, console=User(reactor))
    link = reactor.datagram_socket(lambda: DatagramLink(client))
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


def test_after_the_users_end_there_are_no_heartbeats(client, reactor, caplog):
    peer = reactor.connect(lambda: StreamLink(client))
    reactor.settle()
    client.finish()
    for _ in range(4):
        peer.send(b"[12:00:00] guest1: one of many lines that flood control delays\n")
        reactor.advance(5)

    assert heard(peer) == ["HEARTBEAT", "/quit"]
    assert not client._ended
    assert caplog.messages == []  # nor attempts at them


def test_a_server_that_lets_nobody_in_is_left(client, reactor):
    peer = reactor.connect(lambda: StreamLink(client))
    for _ in range(30):
        peer.send(b"220 mail.example ESMTP\r\n")
        reactor.advance(1)

    assert client._error == "cannot connect to server:1: it did not let us in within 30 s"


def test_without_heartbeats_a_first_datagram_joins_all_the_same(reactor):
    client = ChatClient(
        reactor, ("server", 1), console=User(reactor), heartbeat_interval=0, udp=True
    )
    peers = reactor.datagram_socket(lambda: DatagramLink(client))

    assert peers.sent == [(b"/hello", None)]
