"""Stopping: idle connections close, requests that are being answered are finished."""

from __future__ import annotations

from protocols.http import Request, Response

from .conftest import GET, HTTPWorld


def late(request: Request) -> None:
    request.reactor.call_later(3.0, request.respond, Response.text("x"))


def test_idle_connections_close_at_once(world: HTTPWorld) -> None:
    peers = [world.connect(lambda request: Response.text("x")) for _ in range(3)]
    world.ask(peers[1], GET)
    world.ask(peers[2], GET[:10])
    world.reactor.stop(5.0)
    world.reactor.settle()
    assert all(peer.eof_received for peer in peers)


def test_what_is_being_answered_is_finished(world: HTTPWorld) -> None:
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


def test_the_grace_has_an_end(world: HTTPWorld) -> None:
    peer = world.connect(late)
    world.ask(peer, GET)
    world.reactor.stop(1.0)
    world.reactor.run()
    assert peer.closed
    assert peer.received == b""
