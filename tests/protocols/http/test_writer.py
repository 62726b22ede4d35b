"""Responses in pieces: how they are framed, paused and ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocols.http import BodyWriter, Request, Response

from ...tools.http import GET, HTTPWorld

HEAD = b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"


def streaming(
    *pieces: bytes, length: int | None = None, status: int = 200
) -> Callable[[Request], None]:
    def handler(request: Request) -> None:
        writer = request.start(status, (("A", "b"),), length)
        for piece in pieces:
            writer.write(piece)
        writer.end()

    return handler


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def test_a_body_of_unknown_length_is_sent_in_chunks(world: HTTPWorld) -> None:
    large = b"c" * 20_000
    peer = world.connect(streaming(b"a", b"", b"bb", large))
    answer = world.ask(peer, GET)
    assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
    assert b"Content-Length" not in answer
    assert body_of(answer) == b"1\r\na\r\n2\r\nbb\r\n4e20\r\n" + large + b"\r\n0\r\n\r\n"
    assert world.ask(peer, GET) == answer


def test_a_body_of_known_length_is_sent_as_it_is(world: HTTPWorld) -> None:
    peer = world.connect(streaming(b"a", b"bb", length=3))
    answer = world.ask(peer, GET)
    assert b"\r\nContent-Length: 3\r\n" in answer
    assert body_of(answer) == b"abb"
    assert world.ask(peer, GET) == answer


def test_http_1_0_gets_no_chunks(world: HTTPWorld) -> None:
    peer = world.connect(streaming(b"a", b"bb"))
    answer = world.ask(peer, OLD)
    assert b"chunked" not in answer
    assert b"\r\nConnection: close\r\n" in answer
    assert body_of(answer) == b"abb"
    assert peer.eof_received


def test_http_1_0_keeps_its_connection_if_the_length_is_known(world: HTTPWorld) -> None:
    peer = world.connect(streaming(b"a", b"bb", length=3))
    assert b"\r\nConnection: keep-alive\r\n" in world.ask(peer, OLD)
    assert world.ask(peer, OLD).endswith(b"abb")


@pytest.mark.parametrize(("data", "status"), [(HEAD, 200), (GET, 204), (GET, 304)])
def test_no_body_is_sent_where_there_must_be_none(
    world: HTTPWorld, data: bytes, status: int
) -> None:
    peer = world.connect(streaming(b"a", b"bb", status=status))
    answer = world.ask(peer, data)
    assert answer.endswith(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in answer
    assert world.ask(peer, data) == answer


def test_the_response_to_head_has_the_length(world: HTTPWorld) -> None:
    answer = world.ask(world.connect(streaming(b"abb", length=3)), HEAD)
    assert b"\r\nContent-Length: 3\r\n" in answer
    assert body_of(answer) == b""
    answer = world.ask(world.connect(lambda request: Response(b"abb")), HEAD)
    assert b"\r\nContent-Length: 3\r\n" in answer
    assert body_of(answer) == b""


def test_fewer_bytes_than_announced_cut_the_connection(world: HTTPWorld) -> None:
    peer = world.connect(streaming(b"a", length=3))
    assert body_of(world.ask(peer, GET + GET)) == b"a"
    assert peer.eof_received


def test_more_bytes_than_announced_are_an_error_of_the_handler(world: HTTPWorld) -> None:
    peer = world.connect(streaming(b"abcd", length=3))
    world.ask(peer, GET)
    assert peer.eof_received
    assert "only 3 were announced" in str(world.failures[0]["exception"])


def test_abort_sends_what_was_written_and_closes(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        writer = request.start()
        writer.write(b"a")
        request.reactor.call_later(1, writer.abort)

    peer = world.connect(handler)
    peer.send(GET)
    world.reactor.advance(2)
    assert body_of(peer.received) == b"1\r\na\r\n"
    assert peer.eof_received
    assert world.failures == []


def test_a_producer_can_wait_for_its_client(world: HTTPWorld) -> None:
    """The producer is faster than its client, and pauses."""
    writers: list[BodyWriter] = []

    def produce() -> None:
        writer = writers[0]
        while not writer.paused and writer.size < 5_000_000:
            writer.write(b"a" * 10_000)
        if writer.size >= 5_000_000:
            writer.end()

    def handler(request: Request) -> None:
        writers.append(request.start())
        writers[0].on_writable = produce
        produce()

    peer = world.connect(handler)
    peer.stall(0)
    peer.send(GET)
    world.reactor.settle()
    assert writers[0].size < 200_000
    for _ in range(20):
        peer.stall(10_000)
        world.reactor.settle()
        assert peer.transport.get_write_buffer_size() < 100_000
    assert writers[0].size < 500_000
    peer.resume()
    world.reactor.settle()
    assert peer.received.endswith(b"\r\n0\r\n\r\n")
    assert peer.received.count(b"a" * 10_000) == 500


def test_a_producer_that_does_not_wait_loses_the_connection(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        writer = request.start()
        for _ in range(100):
            writer.write(b"a" * 100_000)
        writer.end()

    peer = world.connect(handler)
    peer.stall(0)
    world.ask(peer, GET)
    assert peer.closed


def test_a_whole_response_may_be_larger_than_any_buffer(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response(b"a" * 5_000_000))
    peer.stall(0)
    world.ask(peer, GET + GET)
    assert peer.transport.get_unsent_size() < 6_000_000  # the second waits for the first
    peer.resume()
    world.reactor.settle()
    assert peer.received.count(b"a" * 5_000_000) == 2


@pytest.mark.parametrize("length", [None, 10])
def test_files_are_framed_like_other_data(
    world: HTTPWorld, tmp_path: Path, length: int | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    results: list[Any] = []
    with path.open("rb") as file:

        def handler(request: Request) -> None:
            writer = request.start(content_length=length)
            writer.sendfile(file, 5, 5, results.append)
            writer.sendfile(file, 0, 5, results.append)
            writer.sendfile(file, 0, 0, results.append)
            writer.end()

        peer = world.connect(handler)
        body = body_of(world.ask(peer, GET))
        chunks = b"5\r\n56789\r\n5\r\n01234\r\n0\r\n\r\n"
        assert body == (chunks if length is None else b"5678901234")
        assert results == [None] * 3
        assert body_of(world.ask(peer, HEAD)) == b""
        assert results == [None] * 6


def test_a_writer_does_nothing_when_the_client_has_left(world: HTTPWorld) -> None:
    writers: list[BodyWriter] = []
    lost: list[Request] = []

    def handler(request: Request) -> None:
        request.on_lost(lambda: lost.append(request))
        writers.append(request.start())

    peer = world.connect(handler)
    world.ask(peer, GET)
    peer.reset()
    world.reactor.settle()
    assert lost
    assert lost[0].is_lost
    writer = writers[0]
    assert writer.is_closed
    assert not writer.paused
    writer.write(b"a")
    writer.end()
    writer.abort()
    assert world.failures == []


def test_on_lost_is_not_called_after_a_complete_response(world: HTTPWorld) -> None:
    calls: list[str] = []

    def handler(request: Request) -> Response:
        request.on_lost(lambda: calls.append("lost"))
        return Response.text("x")

    peer = world.connect(handler)
    world.ask(peer, GET)
    peer.reset()
    world.reactor.settle()
    assert calls == []
