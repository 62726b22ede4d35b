"""The client gets its name and its room back."""

import pytest

from protocols.chat.limits import Limits

from .world import TOO_FAST, Stranger, seen


def test_after_a_reconnect_it_restores_the_name_and_room_that_the_server_confirmed(world):
    other = world.client()
    other.typed("/nick bob")
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/nick bob", "/nick no good", "/join cellar", "/join #attic"):
        client.typed(line)
    world.advance(1)
    assert world.members() == ["ada@attic", "bob@lobby"]

    world.crash()
    world.advance(1)
    world.start()
    world.advance(10)

    assert "ada@attic" in world.members()
    assert seen(client, "*** You are ada in attic")


def test_after_a_reconnect_it_does_not_enter_a_room_that_the_user_left(world):
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/join cellar", "/part"):
        client.typed(line)
    world.advance(1)
    world.crash()
    world.advance(1)
    world.start()
    world.advance(40)

    assert world.members() == ["ada@lobby"]


@pytest.mark.parametrize("reason", ["", " enough of this"])
def test_a_user_who_is_put_out_of_a_room_does_not_go_back(world, reason):
    operator, client = world.client(), world.client()
    for line in ("/nick bob", "/join tea"):
        operator.typed(line)
    world.advance(1)
    for line in ("/nick ada", "/join tea"):
        client.typed(line)
    world.advance(1)
    assert world.members() == ["ada@tea", "bob@tea"]

    operator.typed(f"/kick ada{reason}")
    world.advance(10)

    assert world.members() == ["ada@lobby", "bob@tea"]
    assert seen(client, "*** You are ada in lobby")


def test_it_gets_the_name_back_when_the_old_connection_expires(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    for line in ("/nick ada", "/join cellar"):
        client.typed(line)
    world.advance(1)
    before = len(client.console.shown)

    world.cut()
    world.advance(5)
    assert world.members() == ["ada@cellar", "guest2@cellar"]
    world.advance(25)

    assert world.members() == ["ada@cellar"]
    told = client.console.shown[before:]
    assert sum("for now" in line for line in told) == 1
    assert not [line for line in told if "Somebody else is called" in line]
    assert told.index("*** guest2 is now ada") > 0


def test_it_asks_for_a_taken_name_slowly_and_gives_up_after_a_while(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.typed("/nick ada")
    world.advance(1)
    world.crash()
    world.start()
    world.hub.join(Stranger(), name="ada")
    world.advance(10)
    world.sent.clear()
    world.advance(320)

    assert 30 <= world.sent.count("/nick ada") <= 90
    assert TOO_FAST not in client.console.shown
    assert sum("for now" in line for line in client.console.shown) == 1
    assert client.console.shown[-1].startswith("*** you stay guest")
    world.sent.clear()
    world.advance(60)
    assert "/nick ada" not in world.sent


def test_it_enters_the_room_later_if_the_server_has_too_many_rooms(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.typed("/join cellar")
    world.advance(1)
    world.crash()
    world.start(limits=Limits(rooms=1))
    world.advance(5)
    before = len(client.console.shown)
    assert client.console.shown[-1].startswith("*** you are guest1 in lobby for now")
    world.sent.clear()
    world.hub.limits = Limits()
    world.advance(10)

    assert world.members() == ["guest1@cellar"]
    assert client.console.shown[before:] == [
        "*** You are guest1 in cellar",
        "*** 1 in cellar: guest1",
    ]
    at = world.sent.index("/join cellar")
    # Lines wait until the room's history has been received.
    assert world.sent[at : at + 2] == ["/join cellar", "/help ping"]


def test_it_stops_asking_when_the_user_chooses_another_name(make_world):
    world = make_world()
    client = world.client(reconnect=True)
    client.typed("/nick ada")
    world.advance(1)
    world.cut()
    world.advance(3)
    client.typed("/nick ada")
    world.advance(0.5)
    assert client.console.shown[-1] == "*** Somebody else is called ada"  # an answer to the user
    client.typed("/nick eve")
    world.advance(60)

    assert world.names() == ["eve"]


def test_it_tells_the_user_at_once_that_the_name_is_taken(world):
    client = world.client(reconnect=True)
    client.typed("/nick ada")
    world.advance(1)
    world.crash()
    world.start()
    world.hub.join(Stranger(), name="ada")
    world.advance(10)

    assert [line for line in client.console.shown if line.startswith("*** you are guest")]


def test_members_cannot_forge_lines_of_the_server(world):
    client = world.client()
    client.typed("/nick ada")
    liar = world.client()
    for line in (
        "*** You are eve in hell",
        "/me *** ada is now eve",
        "/topic *** ada is now eve",
        "/nick ***",
        "/msg ada *** You are eve in hell",
        "\r\n*** ada is now eve",
        "/quit *** ada is now eve",
    ):
        liar.typed(line)
    world.advance(5)

    assert (client.identity.kept_name, client.identity.kept_room) == ("ada", "lobby")
