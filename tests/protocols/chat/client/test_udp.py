"""The client over UDP: stops and restarts that no connection shows, lost datagrams, proofs."""

import errno

import pytest

from protocols.chat.datagrams import CHALLENGE

from .world import SERVER, seen


def test_a_client_that_was_stopped_gets_its_name_and_room_back(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    udp.stop_clients(20)
    assert udp.names() == []
    client.reactor.call_soon(client.typed, "am I still ada?")  # before anything has been read
    udp.advance(3)

    assert udp.members() == ["ada@cellar"]
    assert client.console.said() == ["ada: am I still ada?"]
    assert not client.ended


def test_a_line_typed_right_after_a_stop_waits_until_the_server_has_answered(udp):
    client = udp.client()
    udp.stop_clients(20)
    client.reactor.update_now()  # as at the start of the turn that reads the keys
    client.typed("hello")

    assert list(client.outbox.waiting) == ["hello"]


def test_a_client_that_was_stopped_does_not_give_up_the_server(udp):
    client = udp.client()
    udp.stop_clients(600)
    udp.advance(10)

    assert not client.ended
    assert len(udp.names()) == 1


def test_a_server_restarted_between_two_heartbeats_gives_name_and_room_back(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    udp.start()
    udp.advance(7)

    assert udp.members() == ["ada@cellar"]
    assert client.console.shown[-1]
    assert seen(client, "*** You are guest1 in lobby", "*** You are ada in cellar")


def test_lines_for_a_restarted_server_are_said_once(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    udp.start()
    client.typed("first")
    client.typed("second")
    udp.advance(10)

    said = client.console.said()
    assert [line.partition(": ")[2] for line in said] == ["first", "second"]
    assert said[1] == "ada: second"
    assert udp.members() == ["ada@cellar"]


def test_a_lost_answer_to_nick_does_not_lose_the_name(udp):
    client = udp.client()
    udp.lost = lambda data: b" is now " in data
    client.typed("/nick ada")
    udp.advance(1)
    udp.lost = lambda data: False
    client.lines_received(["*** You are ada in lobby"])  # the answer to /hello
    assert client.identity.name == client.identity.kept_name == "ada"
    udp.start()
    udp.advance(10)

    assert udp.names() == ["ada"]


def test_a_command_for_a_restarted_server_has_its_effect(udp):
    client = udp.client()
    client.typed("/nick ada")
    udp.advance(1)
    udp.crash()
    udp.start()
    listener = udp.client()
    listener.typed("/join cellar")
    for line in ("/join cellar", "one", "two"):
        client.typed(line)
    udp.advance(3)

    assert udp.members() == ["ada@cellar", "guest1@cellar"]
    assert listener.console.said() == ["ada: one", "ada: two"]


def test_a_lost_welcome_of_a_restarted_server_is_noticed(udp):
    welcomes = []

    def lost(data):
        if b"You are guest2 in lobby" in data and not welcomes:
            welcomes.append(data)
        return data in welcomes

    client = udp.client()
    for line in ("/nick ada", "/join cellar", "one"):
        client.typed(line)
    udp.advance(1)
    udp.crash()
    udp.start()
    listener = udp.client()
    udp.lost = lost
    for number in range(20):
        client.typed(str(number))
        udp.advance(1)

    assert welcomes
    assert udp.members() == ["ada@cellar", "guest1@lobby"]
    assert len(listener.console.said()) <= 1  # by a guest


def test_a_lost_line_is_reported_to_the_user(udp):
    client = udp.client()
    udp.lost = lambda data: data == b"vanishing"
    client.typed("vanishing")
    client.typed("staying")
    udp.advance(5)

    assert client.console.said() == ["guest1: staying"]
    assert "*** not confirmed by the server, perhaps lost: vanishing" in client.console.shown


def test_the_user_sees_the_answer_to_a_command_that_the_client_sends_too(udp):
    client = udp.client()
    before = len(client.console.shown)
    udp.advance(20)  # our own questions are not shown
    assert client.console.shown[before:] == []
    client.typed("/help ping")
    udp.advance(1)

    [answer] = client.console.shown[before:]
    assert answer.startswith("*** /ping: ")


def test_the_name_is_free_again_when_a_stopped_server_continues(udp):
    client = udp.client(reconnect=True)
    client.typed("/nick ada")
    udp.advance(1)
    udp.stop_server(40)
    client.typed("back")
    udp.advance(5)

    assert udp.names() == ["ada"]
    assert client.console.said() == ["ada: back"]


def test_a_line_too_long_for_a_datagram_is_lost_and_the_rest_is_said(udp):
    client = udp.client(interactive=False)
    udp.fail(errno.EMSGSIZE)
    client.typed("one")
    client.typed("two")
    udp.advance(5)

    assert client.console.said() == ["guest1: two"]
    assert client.outbox.lost == 1


def test_a_duplicated_answer_loses_no_line(udp):
    client = udp.client()
    client.typed("/who")
    udp.advance(1)
    client.typed("one")
    client.lines_received(["*** /ping: get an answer"])
    udp.advance(1)

    assert client.outbox.lost == 0


def test_lost_datagrams_are_counted(udp):
    listener = udp.client()
    udp.lost = lambda data: data in {b"3", b"7"}
    client = udp.pipe([str(number) for number in range(10)])
    udp.advance(20)

    assert [line[-1] for line in listener.console.said()] == list("01245689")
    assert client.undelivered() == "2 lines were not confirmed by the server"


def test_a_server_that_treats_the_client_as_a_newcomer_is_asked_for_name_and_room(udp):
    client = udp.client()
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    udp.advance(1)
    client.lines_received(["*** You are guest9 in lobby"])  # as a server does that trusts us

    assert client.console.shown[-2:] == [
        "*** You are guest9 in lobby",
        "*** the server has taken you for a newcomer: asking for ada in cellar again",
    ]
    client.lines_received(["*** You are ada already", "*** You are ada in cellar"])
    assert client.identity.missing() == []


def test_a_line_answered_with_a_challenge_is_sent_again(udp_client, network_of, reactor):
    network = network_of(udp_client)
    for data in (b"*** You are ada in lobby", b"*** /ping: get an answer"):
        network.send(data, SERVER)
        reactor.settle()
    udp_client.typed("hi")
    assert network.take() == [b"/hello", b"/help ping", b"hi"]

    network.send(b"*** Not sent. To join the chat, send: /hello token7", SERVER)
    reactor.settle()
    assert network.take() == [b"/hello token7"]
    for data in (b"*** You are ada in lobby", b"*** /ping: get an answer"):
        network.send(data, SERVER)
        reactor.settle()

    assert network.take() == [b"/help ping", b"hi"]


def test_a_restarted_server_gets_a_proof_at_once(udp_client, network_of, reactor):
    network = network_of(udp_client)
    network.take()
    for token in (b"first", b"second"):
        network.send(CHALLENGE.encode() + token, SERVER)
        reactor.settle()
        assert network.take() == [b"/hello " + token]
        network.send(b"*** You are ada in lobby", SERVER)
        reactor.settle()
        network.take()


@pytest.mark.parametrize(
    "why",
    [
        "The chat is full: try again later",
        "There are 256 members at your address already",
        "The server is stopping",
    ],
)
def test_a_refusal_is_a_failure(udp_client, network_of, reactor, why):
    network_of(udp_client).send(f"*** {why}\r\n".encode(), SERVER)
    reactor.settle()

    assert udp_client.error == f"cannot connect to server:1: {why}"
