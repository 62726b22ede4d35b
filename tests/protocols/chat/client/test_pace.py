"""The client sends at the server's pace, and counts the lines that do not arrive."""

import pytest

from protocols.chat.flood import FloodPolicy

from .world import TOO_FAST


def test_a_pipe_keeps_to_the_servers_pace(world):
    listener = world.client()
    lines = [str(number) for number in range(500)]
    client = world.pipe(lines)
    world.advance(110)

    assert client.ended
    assert (client.error, client.undelivered()) == (None, None)
    assert listener.console.said() == [f"guest2: {line}" for line in lines]
    assert TOO_FAST not in client.console.shown


def test_commands_in_a_pipe_are_in_order(world):
    listener = world.client()
    listener.typed("/join cellar")
    client = world.pipe(["/nick ada", "/join cellar", "", "hi", "hi", "//x", "/me waves", "/who"])
    world.advance(20)

    assert client.ended
    assert client.undelivered() is None
    assert listener.console.said() == ["ada: hi", "ada: hi", "ada: /x", "* ada waves"]
    assert "*** 2 in cellar: guest1, ada" in client.console.shown


def test_a_pipe_keeps_to_the_pace_without_an_echo(world):
    listener = world.client()
    lines = [str(number) for number in range(100)]
    client = world.pipe(["/echo off", *lines])
    world.advance(60)

    assert client.undelivered() is None
    assert listener.console.said() == [f"guest2: {line}" for line in lines]


def test_lines_from_a_rooms_history_are_not_mistaken_for_answers(world):
    world.client().typed("/join cellar")
    client = world.pipe(
        ["/nick ada", "/join cellar", "same", "/part", "/join cellar"] + ["same"] * 30
    )
    listener = world.client()
    listener.typed("/join cellar")
    world.advance(30)

    assert client.undelivered() is None
    assert TOO_FAST not in client.console.shown


def test_lines_dropped_by_a_stricter_server_are_counted(world):
    world.start(flood=FloodPolicy(burst=5, queue=0))
    listener = world.client()
    client = world.pipe([str(number) for number in range(40)])
    world.advance(120)

    said = len(listener.console.said())
    assert client.ended
    assert 0 < said < 40
    assert client.undelivered() == f"{40 - said} lines were not confirmed by the server"


def test_a_line_that_the_server_refuses_is_counted(world):
    client = world.pipe(["one", "x" * 5000, "two"])
    world.advance(20)

    assert client.undelivered() == "1 line was not confirmed by the server"


@pytest.mark.parametrize("long", ["x" * 5000, "\u20ac" * 2000, "/me " + "x" * 5000])
def test_lines_that_are_too_long_do_not_delay_the_rest(world, long):
    listener = world.client()
    client = world.pipe([long, "one", long, long, "/who", "two"])
    world.advance(4)

    assert client.ended
    assert listener.console.said() == ["guest2: one", "guest2: two"]
    assert client.undelivered() == "3 lines were not confirmed by the server"


def test_a_pipe_waits_for_a_server_that_was_stopped(make_world):
    world = make_world()
    listener = world.client()
    client = world.pipe([str(number) for number in range(60)])
    world.stop_server(25)
    world.advance(30)

    assert client.ended
    assert listener.console.said() == [f"guest2: {number}" for number in range(60)]
    assert client.undelivered() == "16 lines were not confirmed by the server"


def test_when_the_server_is_lost_unsent_and_unconfirmed_lines_are_counted(make_world):
    world = make_world()
    client = world.pipe([str(number) for number in range(100)])
    world.crash()
    world.advance(1)

    assert client.error.startswith("the connection to chat:1 is lost")
    said = client.console.said()
    waiting, lost = len(client.outbox.waiting), client.outbox.lost
    assert len(said) + lost + waiting == 100
    assert client.undelivered() == (
        f"{waiting} lines were not sent, {lost} lines were not confirmed by the server"
    )


def test_with_reconnect_a_pipe_continues_after_a_restart(world):
    client = world.pipe([str(number) for number in range(100)], reconnect=True)
    world.advance(3)
    world.crash()
    world.advance(2)
    world.start()
    world.advance(60)

    assert client.ended
    assert client.error is None
    assert len(client.console.said()) + client.outbox.lost == 100
    assert client.outbox.lost <= 16
    assert not client.outbox.waiting


def test_a_pipe_is_not_read_while_too_many_lines_wait(make_world):
    world = make_world()
    client = world.client(interactive=False)
    client.max_waiting = 50
    assert client.console.reading
    for number in range(100):
        client.console.on_line(str(number))
    assert not client.console.reading

    world.advance(20)

    assert client.console.reading


def test_a_paste_of_hundreds_of_lines_loses_none(world):
    client = world.client()
    for number in range(300):
        client.typed(str(number))
    world.advance(70)

    assert client.console.said() == [f"guest1: {number}" for number in range(300)]
