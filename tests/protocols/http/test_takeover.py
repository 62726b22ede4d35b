"""Another protocol takes the connection over: Upgrade and CONNECT."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.http import Request, Response
from reactor import Protocol

from ...tools.http import GET, HTTPWorld

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
CONNECT = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"


class Shout(Protocol):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def data_received(self, data: bytes) -> None:
        self.calls.append("data")
        self.transport.write(data.upper())

    def eof_received(self) -> bool:
        self.calls.append("eof")
        self.transport.close()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")


def handler(request: Request) -> Response | None:
    if request.method == "CONNECT":
        request.take_over(Shout(), 200)
        return None
    if request.upgrade != "x":
        return Response.text("plain")
    fields = [("Connection", "Upgrade"), ("Upgrade", "x")]
    request.take_over(Shout(), headers=fields)
    return None


def test_an_upgrade_gives_the_connection_to_the_protocol(world: HTTPWorld) -> None:
    peer = world.connect(handler)
    answer = world.ask(peer, UPGRADE)
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nUpgrade: x\r\n" in answer
    assert b"Content-Length" not in answer
    assert world.ask(peer, b"hello") == b"HELLO"
    assert world.ask(peer, GET) == GET.upper()
    world.reactor.advance(100_000)  # the server's limits no longer hold
    assert not peer.eof_received
    assert len(world.reactor.timers) == 0


def test_data_right_after_the_request_reaches_the_protocol(world: HTTPWorld) -> None:
    for chunk in (None, 1, 7):
        peer = world.connect(handler)
        answer = world.ask(peer, UPGRADE + b"hello" + b" world", chunk)
        assert answer.endswith(b"\r\n\r\nHELLO WORLD")


def test_data_and_the_end_right_after_the_request_reach_the_protocol(world: HTTPWorld) -> None:
    peer = world.connect(handler)
    peer.send(GET + UPGRADE + b"hello")
    peer.send_eof()
    protocol: Any = None
    world.reactor.run_once()
    protocol = peer.transport.get_protocol()
    world.reactor.settle()
    assert peer.received.endswith(b"HELLO")
    assert protocol.calls == ["data", "eof", "lost"]
    assert peer.closed


def test_an_upgrade_may_be_answered_normally(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response.text(str(request.upgrade)))
    assert world.ask(peer, UPGRADE).endswith(b"\r\n\r\nx")
    assert world.ask(peer, GET).endswith(b"\r\n\r\nNone")


def test_connect_gives_the_connection_to_the_protocol(world: HTTPWorld) -> None:
    peer = world.connect(handler, allow_connect=True)
    answer = world.ask(peer, CONNECT + b"hello")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\nHELLO")
    assert b"Content-Length" not in answer


def test_a_refused_connect_closes_the_connection(world: HTTPWorld) -> None:
    for options, status in (({}, b"501"), ({"allow_connect": True}, b"200")):
        peer = world.connect(lambda request: Response.text("x"), **options)
        answer = world.ask(peer, CONNECT + GET)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert answer.count(b"HTTP/1.1") == 1  # what follows could be meant for a tunnel
        assert peer.eof_received


def test_a_body_must_be_read_first(world: HTTPWorld) -> None:
    data = UPGRADE[:-2] + b"Content-Length: 5\r\n\r\n"
    peer = world.connect(handler)
    assert world.ask(peer, data + b"hello").startswith(b"HTTP/1.1 500 ")
    assert "not read to its end" in str(world.failures[0]["exception"])

    def patient(request: Request) -> None:
        request.read(lambda body: handler(request))

    peer = world.connect(patient)
    assert world.ask(peer, data + b"hello" + b"world").endswith(b"\r\n\r\nWORLD")


@pytest.mark.parametrize("kind", [LookupError, GeneratorExit])
def test_a_protocol_that_fails_at_once_loses_the_connection(
    world: HTTPWorld, kind: type[BaseException]
) -> None:
    class Broken(Shout):
        def data_received(self, data: bytes) -> None:
            raise kind

    peer = world.connect(lambda request: request.take_over(Broken()))
    world.ask(peer, UPGRADE + b"hello")
    assert peer.closed
    assert len(world.failures) == 1
