"""The client joins, waits while the server is full or away, and leaves."""

from protocols.chat.hub import Limits


def test_the_client_joins_and_says_what_the_user_types(world):
    client = world.client()
    client.typed("hello")
    world.settle()

    assert client.console.shown[:2] == ["*** You are guest1 in lobby", "*** 1 in lobby: guest1"]
    assert client.console.said() == ["guest1: hello"]
    assert not [line for line in client.console.shown if "HEARTBEAT" in line or "/ping" in line]


def test_lines_typed_while_disconnected_are_sent_once_under_the_old_name(world):
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    world.advance(1)
    world.crash()
    world.advance(6)
    assert not client.confirmed
    for line in ("one", "two", "/me waits"):
        client.typed(line)
        assert client.console.shown[-1] == (
            f"*** not connected: this line waits to be sent: {line}"
        )
    world.start()
    world.advance(40)
    client.typed("three")
    world.advance(1)

    assert client.console.said() == ["ada: one", "ada: two", "* ada waits", "ada: three"]


def test_waiting_lines_are_bounded_and_the_user_is_notified(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.max_waiting = 3
    world.crash()
    world.advance(0.1)
    for number in range(5):
        client.typed(str(number))

    assert [line for line in client.console.shown if "not sent, as" in line] == [
        "*** not sent, as 3 lines wait already: 3",
        "*** not sent, as 3 lines wait already: 4",
    ]
    client.end()
    assert client.undelivered() == "3 lines were not sent"


def test_a_full_server_is_tried_with_growing_delays(world):
    world.start(limits=Limits(members=1))
    world.client()
    attempts = world.attempts
    client = world.client(reconnect=True)
    world.advance(120)

    assert 5 <= world.attempts - attempts <= 14
    assert "*** connected again" not in client.console.shown
    assert client.console.shown[-1].startswith(
        "*** cannot connect to chat:1: The chat is full: try again later; trying again in "
    )


def test_a_server_that_is_full_is_an_error_without_reconnect(world):
    world.start(limits=Limits(members=1))
    world.client()
    client = world.client()

    assert client.error == "cannot connect to chat:1: The chat is full: try again later"


def test_it_joins_when_a_full_server_has_room_again(world):
    world.start(limits=Limits(members=1))
    first = world.client()
    second = world.client(reconnect=True)
    first.typed("/quit")
    world.advance(60)

    assert second.confirmed


def test_quit_ends_the_client_at_once(world):
    client = world.client()
    client.typed("/quit")
    world.settle()

    assert client.ended
    assert client.error is None
    assert client.console.shown[-1] == "*** Goodbye"


def test_quit_while_disconnected_ends_the_client_at_once(world):
    client = world.client(reconnect=True)
    world.crash()
    world.advance(7)
    client.typed("/quit")

    assert client.ended


def test_a_sentence_that_begins_with_quit_does_not_end_the_client(world):
    client = world.client()
    client.typed("quit smoking")
    world.advance(20)

    assert client.console.said() == ["guest1: quit smoking"]
    assert not client.ended
