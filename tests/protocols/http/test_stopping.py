"""Stopping: idle connections close, requests that are being answered are finished."""

from __future__ import annotations

import pytest

from protocols.http import Limits, Request, Response
from protocols.http.limits import LAST_HEAD

from ...tools.http import GET, HTTPWorld


def hello(request: Request) -> Response:
    return Response.text("x")


def late(request: Request) -> None:
    request.reactor.call_later(3.0, request.respond, Response.text("x"))


def test_idle_connections_close_at_once(world: HTTPWorld) -> None:
    peers = [world.connect(hello) for _ in range(4)]
    world.ask(peers[1], GET)
    world.ask(peers[2], GET[:10])
    world.ask(peers[3], GET + GET[:10])
    world.reactor.advance(LAST_HEAD)
    world.ask(peers[1], GET)  # it is the older for what it asks
    world.reactor.stop(5.0)
    world.reactor.settle()
    assert all(peer.eof_received for peer in peers)


def test_a_request_that_is_being_answered_is_finished(world: HTTPWorld) -> None:
    peer = world.connect(late)
    world.ask(peer, GET + GET)
    world.reactor.stop(5.0)
    world.reactor.advance(2.9)
    assert not peer.eof_received
    world.reactor.advance(0.2)
    assert peer.received.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in peer.received
    assert peer.received.count(b"HTTP/1.1") == 1
    assert peer.eof_received


def test_a_body_on_its_way_is_read(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: request.read(Response))
    world.ask(peer, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
    world.reactor.stop(5.0)
    world.reactor.settle()
    assert world.ask(peer, b"llo").endswith(b"hello")
    assert peer.eof_received


def test_a_slow_handler_is_ended_after_the_grace(world: HTTPWorld) -> None:
    peer = world.connect(late)
    world.ask(peer, GET)
    world.reactor.stop(1.0)
    world.reactor.run()
    assert peer.closed
    assert peer.received == b""


@pytest.mark.parametrize("sent", [b"", b"\r\n", GET[:10]])
def test_the_first_request_of_a_new_connection_is_awaited(world: HTTPWorld, sent: bytes) -> None:
    peer = world.connect(hello)
    world.reactor.advance(0.5)
    world.ask(peer, sent)
    world.reactor.stop(5.0)
    world.reactor.advance(0.4)
    assert not peer.eof_received
    rest = GET if sent != GET[:10] else GET[10:]
    received = world.ask(peer, rest + GET)
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.count(b"HTTP/1.1") == 1
    assert b"\r\nConnection: close\r\n" in received
    assert peer.eof_received


@pytest.mark.parametrize("sent", [b"", GET[:10]])
def test_a_new_connection_has_a_second_for_its_request(world: HTTPWorld, sent: bytes) -> None:
    peer = world.connect(hello)
    world.reactor.advance(0.5)
    world.ask(peer, sent)
    world.reactor.stop(5.0)
    world.reactor.advance(0.49)
    assert not peer.eof_received
    world.reactor.advance(0.02)
    assert peer.eof_received
    assert peer.received == b""


def test_a_second_request_that_has_begun_has_a_second_as_well(world: HTTPWorld) -> None:
    peer = world.connect(hello)
    world.ask(peer, GET)
    world.reactor.advance(3.0)
    world.ask(peer, GET[:10])
    world.reactor.advance(0.9)
    world.reactor.stop(5.0)
    assert b"\r\nConnection: close\r\n" in world.ask(peer, GET[10:])
    assert peer.eof_received


def test_the_grace_and_the_time_for_a_head_may_be_shorter(world: HTTPWorld) -> None:
    hasty = world.connect(hello, Limits(head_timeout=0.2))
    peer = world.connect(hello)
    world.reactor.stop(0.5)
    world.reactor.advance(0.21)
    assert hasty.eof_received
    assert not peer.eof_received
    world.reactor.advance(0.3)
    assert peer.closed


def test_a_new_connection_that_leaves_is_not_waited_for(world: HTTPWorld) -> None:
    peer = world.connect(hello)
    world.reactor.stop(5.0)
    peer.send_eof()
    world.reactor.settle()
    assert peer.eof_received
