"""Requests' bodies: read, streamed, refused, discarded."""

from __future__ import annotations

import pytest

from protocols.http import HTTPError, Limits, Request, Response

from ...tools.http import GET, HTTPWorld

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def post(length: int, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n" % (length, lines)


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(request: Request) -> None:
    request.read(lambda body: Response(b"<" + body + b">"))


@pytest.mark.parametrize("chunk", [None, 1, 3])
def test_read_collects_a_body(world: HTTPWorld, chunk: int | None) -> None:
    peer = world.connect(read)
    assert world.ask(peer, post(5) + b"hello" + GET, chunk).count(b"HTTP/1.1 200 ") == 2
    answer = world.ask(peer, CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", chunk)
    assert answer.endswith(b"<hello>")


def test_read_of_a_request_without_a_body_gets_an_empty_one(world: HTTPWorld) -> None:
    peer = world.connect(read)
    assert world.ask(peer, GET).endswith(b"<>")
    assert world.ask(peer, GET).endswith(b"<>")


def test_a_streamed_body_waits_while_it_is_paused(world: HTTPWorld) -> None:
    pieces: list[bytes] = []
    requests: list[Request] = []

    def data_received(data: bytes) -> None:
        pieces.append(data)
        requests[0].pause_reading()

    def handler(request: Request) -> None:
        requests.append(request)
        request.stream(data_received, lambda: Response.text("end"))

    peer = world.connect(handler)
    peer.send(post(100_000) + b"a" * 30_000)
    world.reactor.settle()
    assert len(pieces) == 1
    peer.send(b"b" * 70_000)
    world.reactor.settle()
    assert len(pieces) == 1
    assert not peer.transport.is_reading()  # it reads ahead, but not forever
    while not peer.received:
        requests[0].resume_reading()
        world.reactor.settle()
    assert b"".join(pieces) == b"a" * 30_000 + b"b" * 70_000
    assert world.ask(peer, b"").endswith(b"end")


def test_continue_is_sent_when_the_body_is_requested(world: HTTPWorld) -> None:
    peer = world.connect(read)
    assert world.ask(peer, post(5, b"Expect: 100-continue")) == CONTINUE
    assert world.ask(peer, b"hello").endswith(b"<hello>")
    assert world.ask(peer, GET).startswith(b"HTTP/1.1 200 ")


def test_continue_is_not_sent_when_the_body_is_not_wanted(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response.text("no", 403))
    answer = world.ask(peer, post(5, b"Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 403 ")
    # It is unknown whether the client will send the body.
    assert b"\r\nConnection: close\r\n" in answer
    assert peer.eof_received


def test_continue_is_not_sent_when_the_body_has_arrived(world: HTTPWorld) -> None:
    peer = world.connect(read)
    answer = world.ask(peer, post(5, b"Expect: 100-continue") + b"hello")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_continue_is_not_for_http_1_0(world: HTTPWorld) -> None:
    peer = world.connect(read)
    head = b"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    assert world.ask(peer, head) == b""
    assert world.ask(peer, b"hello").startswith(b"HTTP/1.1 200 ")


def test_a_small_unwanted_body_is_discarded(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response.text("x"))
    answer = world.ask(peer, post(1000) + b"a" * 600)
    assert b"Connection: close" not in answer
    assert world.ask(peer, b"a" * 400 + GET).startswith(b"HTTP/1.1 200 ")


def test_a_large_unwanted_body_closes_the_connection(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response.text("x"))
    answer = world.ask(peer, post(1_000_000))
    assert b"\r\nConnection: close\r\n" in answer
    assert peer.eof_received
    peer.send(b"a" * 1000)
    world.reactor.settle()
    assert not peer.reset_received  # data that still arrives does not destroy the answer


def test_an_unwanted_chunked_body_is_discarded_up_to_a_limit(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response.text("x"))
    world.ask(peer, CHUNKED)
    assert world.ask(peer, b"5\r\nhello\r\n0\r\n\r\n" + GET).startswith(b"HTTP/1.1 200 ")
    world.ask(peer, CHUNKED)
    for _ in range(20):
        peer.send(b"2000\r\n" + b"a" * 8192 + b"\r\n")
        world.reactor.settle()
    assert peer.eof_received


def test_a_body_over_the_limit_is_refused(world: HTTPWorld) -> None:
    limits = Limits(body=1000)
    announced = world.connect(read, limits)
    assert world.ask(announced, post(1001)).startswith(b"HTTP/1.1 413 ")
    chunked = world.connect(read, limits)
    assert world.ask(chunked, CHUNKED + b"3e8\r\n" + b"a" * 1000 + b"\r\n") == b""
    assert world.ask(chunked, b"1\r\na\r\n").startswith(b"HTTP/1.1 413 ")
    assert chunked.eof_received


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (post(2001), b"larger than 2000 bytes (--max-body)"),
        (post(5).replace(b"5", b"0" * 30), b"larger than 2000 bytes (--max-body)"),
        (CHUNKED + b"7d1\r\n" + b"a" * 2001, b"larger than 2000 bytes (--max-body)"),
        (post(1001), b"larger than 1000 bytes."),
        (CHUNKED + b"3e9\r\n" + b"a" * 1001, b"larger than 1000 bytes."),
        (post(2, b"A: " + b"a" * 600), b"longer than 600 bytes (--max-head)"),
        (post(2, *[b"A: b"] * 9), b"more than 10 fields (--max-fields)"),
        (b"GET /" + b"a" * 500, b"longer than 300 bytes (--max-request-line)"),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * 11 + b"\r\n", b"10 trailer fields (--max-fields)"),
    ],
)
def test_the_page_names_the_limit_and_its_option(
    world: HTTPWorld, data: bytes, said: bytes
) -> None:
    limits = Limits(body=2000, head=600, fields=10, request_line=300)
    peer = world.connect(lambda request: request.read(Response, max_size=1000), limits)
    answer = world.ask(peer, data)
    assert answer[9:12] in (b"413", b"414", b"431")
    assert said in answer


def test_a_handler_may_have_its_own_limit(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        request.read(Response, max_size=3)

    peer = world.connect(handler)
    assert world.ask(peer, post(3) + b"abc").endswith(b"abc")
    assert world.ask(peer, post(4, b"Expect: 100-continue")).startswith(b"HTTP/1.1 413 ")
    chunked = world.connect(handler)
    assert world.ask(chunked, CHUNKED + b"4\r\nabcd\r\n").startswith(b"HTTP/1.1 413 ")


def test_a_handler_is_notified_that_the_client_has_left_within_the_body(world: HTTPWorld) -> None:
    calls: list[str] = []

    def handler(request: Request) -> None:
        request.on_lost(lambda: calls.append("lost"))
        request.read(lambda body: calls.append("read"))  # type: ignore[func-returns-value]

    peer = world.connect(handler)
    world.ask(peer, post(10) + b"hello")
    peer.send_eof()
    world.reactor.settle()
    assert calls == ["lost"]
    assert peer.closed


def test_a_half_closed_client_gets_its_responses(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        world.reactor.call_later(1.0, request.respond, Response.text("x"))

    peer = world.connect(handler)
    peer.send(GET * 3)
    peer.send_eof()
    world.reactor.advance(2.5)
    assert peer.received.count(b"HTTP/1.1 200 ") == 2
    assert not peer.closed
    world.reactor.advance(1.0)
    assert peer.received.count(b"HTTP/1.1 200 ") == 3
    assert peer.closed


def test_the_body_can_be_requested_only_once(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        read(request)
        with pytest.raises(RuntimeError, match="already"):
            read(request)

    peer = world.connect(handler)
    assert world.ask(peer, post(5) + b"hello").endswith(b"<hello>")


def test_a_receiver_of_the_body_may_raise_http_errors(world: HTTPWorld) -> None:
    def refuse(data: bytes) -> None:
        raise HTTPError(422, "No.")

    def handler(request: Request) -> None:
        request.stream(refuse, lambda: None)

    peer = world.connect(handler)
    assert world.ask(peer, post(5) + b"hello" + GET).startswith(b"HTTP/1.1 422 ")
    assert world.failures == []
