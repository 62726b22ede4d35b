"""After a stall, the server reads what has arrived before it checks a deadline, and extends the
deadlines of clients that waited for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocols.http import Limits, Request, Response

from ...tools.http import GET, HTTPWorld

LIMITS = Limits()
STALL = 100.0


@pytest.fixture(params=[False, True], ids=["working", "waiting"])
def stall(request: pytest.FixtureRequest, world: HTTPWorld) -> Callable[[], None]:
    """A callback that blocks, or a process that is stopped while it waits."""
    return lambda: world.reactor.stall(STALL, waiting=request.param)


def fine(request: Request) -> Response:
    return Response.text("fine")


def read(request: Request) -> None:
    request.read(lambda body: Response.text(f"{len(body)}"))


def test_a_first_request_that_came_during_a_stall_is_in_time(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(fine)
    world.reactor.advance(1)
    peer.send(GET)
    stall()
    world.reactor.settle()
    assert peer.received.startswith(b"HTTP/1.1 200 ")


def test_the_rest_of_a_head_that_came_during_a_stall_is_in_time(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(fine)
    world.ask(peer, GET[:10])
    peer.send(GET[10:], chunk=3)
    stall()
    world.reactor.settle()
    assert peer.received.startswith(b"HTTP/1.1 200 ")


def test_further_requests_that_came_during_a_stall_are_in_time(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(fine)
    world.ask(peer, GET)
    for _ in range(100):  # more than one turn answers
        peer.send(GET)
    stall()
    world.reactor.settle()
    assert peer.received.count(b"HTTP/1.1 200 ") == 100
    assert not peer.eof_received


def test_an_idle_connection_is_closed_after_a_stall(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(fine)
    world.ask(peer, GET)
    stall()
    world.reactor.settle()
    assert peer.eof_received


def test_a_body_that_came_during_a_stall_is_in_time(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    size = 1_000_000
    peer = world.connect(read)
    world.ask(peer, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
    peer.send(bytes(size))
    stall()
    world.reactor.settle()
    assert peer.received.endswith(b"%d" % size)


def test_a_client_that_waits_for_100_continue_gets_the_time_of_the_stall(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(read)
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    world.reactor.run_once(0)  # the head is read: we are slow to send the answer
    stall()
    world.reactor.settle()
    assert peer.read() == b"HTTP/1.1 100 Continue\r\n\r\n"
    world.reactor.advance(LIMITS.body_timeout - 0.1)
    peer.send(b"hello")
    world.reactor.settle()
    assert peer.received.startswith(b"HTTP/1.1 200 ")


def test_a_stall_extends_the_time_for_a_body_only_once(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(read)
    world.ask(peer, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
    for _ in range(2):
        assert peer.received == b""
        stall()
        world.reactor.advance(LIMITS.body_timeout - 1)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


def test_the_rate_of_a_slow_reader_is_measured_again_after_a_stall(
    world: HTTPWorld, stall: Callable[[], None]
) -> None:
    peer = world.connect(lambda request: Response(bytes(1_000_000)))
    peer.stall(1000)
    peer.send(GET)
    world.reactor.advance(LIMITS.write_timeout / 2)
    stall()
    world.reactor.advance(LIMITS.write_timeout - 1)
    assert not peer.closed
    world.reactor.advance(LIMITS.write_timeout)
    assert peer.closed


@pytest.mark.parametrize("sent", [GET[:10], GET], ids=["head", "keepalive"])
def test_the_time_of_a_client_begins_when_a_blocking_handler_returns(
    world: HTTPWorld, sent: bytes
) -> None:
    def block(request: Request) -> Response:
        world.reactor.stall(STALL)
        return fine(request)

    blocking = world.connect(block)
    peer = world.connect(fine)
    world.ask(peer, GET)
    world.reactor.advance(1)
    blocking.send(GET)
    peer.send(sent)
    world.reactor.settle()
    assert not peer.eof_received

    peer.send(GET[len(sent) :])
    world.reactor.settle()
    assert peer.received.count(b"HTTP/1.1 ") == peer.received.count(b" 200 ") == 1
    world.reactor.advance(LIMITS.keepalive_timeout)
    assert peer.eof_received
