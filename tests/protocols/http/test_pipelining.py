"""Pipelined requests are answered in order, and only a limited number of bytes is read ahead."""

from __future__ import annotations

from protocols.http import HTTPError, HTTPServer, Limits, Request, Response
from protocols.http.limits import READ_AHEAD

from ...tools.http import GET, HTTPWorld, read_ahead


def get(number: int, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"GET /%d HTTP/1.1\r\nHost: a\r\n%b\r\n" % (number, lines)


def test_responses_are_in_order_however_the_requests_come(world: HTTPWorld) -> None:
    targets: list[str] = []

    def handler(request: Request) -> Response:
        targets.append(request.path)
        return Response.text(request.path)

    peer = world.connect(handler)
    peer.send(b"".join(map(get, range(100))))
    peer.send(get(100))  # a whole head, while others wait
    peer.send(get(101) + get(102)[:10])
    peer.send(get(102)[10:])
    world.reactor.settle()
    assert targets == [f"/{number}" for number in range(103)]
    assert peer.received.count(b"HTTP/1.1 200 ") == 103


def test_responses_are_in_order_whichever_is_ready_first(world: HTTPWorld) -> None:
    def handler(request: Request) -> Response | None:
        number = int(request.path[1:])
        if number % 2:
            return Response.text(request.path)
        world.reactor.call_later(5 - number, request.respond, Response.text(request.path))
        return None

    peer = world.connect(handler)
    peer.send(b"".join(map(get, range(4))))
    world.reactor.advance(10)
    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in peer.received.split(b"HTTP/1.1")]
    assert bodies == [b"", b"/0", b"/1", b"/2", b"/3"]


def test_reading_ahead_has_a_limit(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: None)
    for _ in range(40):
        peer.send(GET * 2000)
    world.reactor.settle()
    assert not peer.transport.is_reading()
    assert read_ahead(peer) < READ_AHEAD + 65536


def test_many_pipelined_requests_are_spread_over_turns(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response(b""))
    for _ in range(10):
        peer.send(GET * 2400)
    answered = 0
    for _ in range(200):
        world.reactor.run_once(0)
        now = peer.received.count(b"HTTP/1.1")
        assert now - answered <= 64
        assert read_ahead(peer) < READ_AHEAD + 65536
        answered = now


def test_the_number_of_requests_on_one_connection_is_limited(world: HTTPWorld) -> None:

    peer = world.connect(lambda request: Response.text("x"), Limits(requests=3))
    answer = world.ask(peer, GET * 5)
    assert answer.count(b"HTTP/1.1") == 3
    assert answer.count(b"Connection: close") == 1
    assert peer.eof_received


def test_a_request_does_not_change_what_another_client_gets(world: HTTPWorld) -> None:
    """They share a parser."""

    server = HTTPServer(lambda request: Response.text("x"))
    other = world.reactor.connect(server)
    number = 0
    for fields in (
        [b"Connection: close"],
        [b"Connection: x, close"],
        [b"Proxy-Connection: close"],
        [b"Proxy-Connection: keep-alive", b"Connection: upgrade", b"Upgrade: x"],
        [b"Content-Length: 5"],
        [b"Transfer-Encoding: chunked"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"A : b"],
        [b"Keep-Alive: timeout=1"],
        [b"TE: trailers", b"Trailer: A", b"Upgrade: h2c"],
    ):
        for line in (b"GET", b"POST", b"CONNECT a:1", b"HEAD"):
            one = world.reactor.connect(server)
            target = b" " if line.startswith(b"CONNECT") else b" / "
            lines = b"".join(field + b"\r\n" for field in fields)
            world.ask(one, line + target + b"HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
            number += 1
            assert world.ask(other, get(number)).startswith(b"HTTP/1.1 200 ")


def test_an_http_error_that_cannot_be_sent_becomes_a_500(world: HTTPWorld) -> None:
    def handler(request: Request) -> Response:
        raise HTTPError(302, headers=(("Location", "a\r\nX: y"),))

    peer = world.connect(handler)
    assert world.ask(peer, GET).startswith(b"HTTP/1.1 500 ")
    assert len(world.failures) == 1
    assert world.ask(peer, GET).startswith(b"HTTP/1.1 500 ")
