"""Clients that are silent, slow, or do not read are disconnected in time, unless they wait for
us."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocols.http import Limits, Request, Response
from protocols.http.deadlines import BodyRate, ReadingRate

from ...tools.http import GET, HTTPWorld

LIMITS = Limits()


def fine(request: Request) -> Response:
    return Response.text("fine")


def test_a_connection_without_a_request_is_closed(world: HTTPWorld) -> None:
    peer = world.connect(fine)
    world.reactor.advance(LIMITS.head_timeout - 0.1)
    assert not peer.eof_received
    world.reactor.advance(0.1)
    assert peer.eof_received
    assert peer.received == b""


def test_the_time_for_a_head_is_not_extended_by_single_bytes(world: HTTPWorld) -> None:
    peer = world.connect(fine)
    for byte in b"GET / HT":
        peer.send(bytes([byte]))
        world.reactor.advance(1.0)
    assert not peer.eof_received
    peer.send(b"T")
    world.reactor.advance(2.0)
    assert peer.received.startswith(b"HTTP/1.1 408 ")
    assert peer.eof_received


def test_the_time_for_a_later_head_begins_with_its_first_byte(world: HTTPWorld) -> None:
    peer = world.connect(fine)
    world.ask(peer, GET)
    world.reactor.advance(14.0)
    world.ask(peer, GET[:10])
    world.reactor.advance(LIMITS.head_timeout - 0.1)
    assert peer.received == b""
    world.reactor.advance(0.2)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed(world: HTTPWorld) -> None:
    peer = world.connect(fine)
    for _ in range(3):
        assert world.ask(peer, GET).startswith(b"HTTP/1.1 200 ")
        world.reactor.advance(LIMITS.keepalive_timeout - 0.1)
        assert not peer.eof_received
    world.reactor.advance(0.2)
    assert peer.eof_received
    assert peer.received == b""


def read(request: Request) -> None:
    request.read(lambda body: Response.text(f"{len(body)}"))


def post(length: int) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length


def test_a_body_that_does_not_arrive_is_refused(world: HTTPWorld) -> None:
    peer = world.connect(read)
    world.ask(peer, post(10))
    world.reactor.advance(LIMITS.body_timeout - 0.1)
    assert peer.received == b""
    world.reactor.advance(0.2)
    assert peer.received.startswith(b"HTTP/1.1 408 ")
    assert peer.eof_received


def test_a_body_must_keep_its_rate(world: HTTPWorld) -> None:
    peer = world.connect(read)
    peer.send(post(100_000))
    for _ in range(30):  # a little more than it needs
        peer.send(b"a" * 250)
        world.reactor.advance(1.0)
    assert peer.received == b""
    for _ in range(20):
        peer.send(b"a" * 10)
        world.reactor.advance(1.0)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("head", [post(16 << 20), CHUNKED + b"1000000\r\n"])
@pytest.mark.parametrize("size", [2500, 1 << 20, (16 << 20) - 1])
def test_a_fast_start_does_not_allow_silence(world: HTTPWorld, head: bytes, size: int) -> None:
    peer = world.connect(read)
    peer.send(head)
    peer.send(b"a" * size)
    world.reactor.advance(LIMITS.body_timeout - 0.1)
    assert peer.received == b""
    world.reactor.advance(0.2)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


def test_a_fast_start_does_not_allow_a_drip(world: HTTPWorld) -> None:
    peer = world.connect(read)
    peer.send(post(16 << 20))
    peer.send(b"a" * (1 << 20))
    world.reactor.settle()
    for _ in range(21):
        peer.send(b"a")
        world.reactor.advance(1.0)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


def test_without_a_rate_any_byte_is_enough_and_silence_is_not(world: HTTPWorld) -> None:
    peer = world.connect(read, Limits(body_rate=0))
    peer.send(post(1 << 20))
    peer.send(b"a" * 100_000)
    for _ in range(30):
        peer.send(b"a")
        world.reactor.advance(LIMITS.body_timeout - 1.0)
    assert peer.received == b""
    world.reactor.advance(1.1)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("piece", [b"0", b";", b"x"], ids=["zeros", "extension", "trailer"])
def test_framing_does_not_extend_a_deadline(world: HTTPWorld, piece: bytes) -> None:
    """Zeros before a chunk's size, chunk extensions and trailer fields, byte by byte."""
    peer = world.connect(read)
    starts = {b"0": b"", b";": b"5;", b"x": b"0\r\n"}
    peer.send(CHUNKED + b"5\r\nhello\r\n" + starts[piece])
    for _ in range(20):
        peer.send(piece)
        world.reactor.advance(1.0)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


def test_an_unwanted_body_has_a_deadline_too(world: HTTPWorld) -> None:
    peer = world.connect(fine)
    world.ask(peer, post(60_000) + b"a" * 50_000)
    world.reactor.advance(LIMITS.body_timeout - 0.1)
    assert not peer.eof_received
    world.reactor.advance(0.2)
    assert peer.eof_received


def test_empty_lines_do_not_extend_the_deadline_of_a_head(world: HTTPWorld) -> None:
    for first in (b"", GET):
        peer = world.connect(fine)
        world.ask(peer, first)
        for _ in range(6):
            peer.send(b"\r\n")
            world.reactor.advance(2.0)
        assert peer.eof_received


def test_pauses_count_neither_for_nor_against_the_client(world: HTTPWorld) -> None:
    requests: list[Request] = []

    def handler(request: Request) -> None:
        requests.append(request)
        request.stream(lambda data: request.pause_reading(), lambda: Response.text("done"))

    peer = world.connect(handler)
    peer.send(post(1 << 20))
    for _ in range(3):
        peer.send(b"a" * 50_000)
        world.reactor.advance(100.0)
        assert peer.received == b""
        requests[0].resume_reading()
        world.reactor.settle()
    world.reactor.advance(LIMITS.body_timeout - 0.1)
    assert peer.received == b""
    world.reactor.advance(0.2)
    assert peer.received.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_the_handler_pauses_is_not_slow(world: HTTPWorld) -> None:
    requests: list[Request] = []
    pieces: list[bytes] = []

    def handler(request: Request) -> None:
        requests.append(request)
        request.stream(pieces.append, lambda: Response.text("done"))
        request.pause_reading()

    peer = world.connect(handler)
    peer.send(post(5))
    world.reactor.advance(1000.0)
    assert not peer.eof_received
    peer.send(b"hello")
    world.reactor.advance(1000.0)
    assert pieces == []
    requests[0].resume_reading()
    world.reactor.settle()
    assert pieces == [b"hello"]
    assert peer.received.endswith(b"done")


def test_a_handler_has_no_deadline(world: HTTPWorld) -> None:
    peer = world.connect(
        lambda request: (
            request.reactor.call_later(10_000, request.respond, Response.text("late")) and None
        )
    )
    peer.send(GET)
    world.reactor.advance(9_999)
    assert not peer.eof_received
    world.reactor.advance(2)
    assert peer.received.endswith(b"late")


def test_a_client_that_does_not_read_a_response_is_cut_off(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response(b"a" * 500_000))
    peer.stall(1000)
    peer.send(GET)
    world.reactor.advance(LIMITS.write_timeout)
    assert not peer.closed
    world.reactor.advance(20.0)
    assert peer.closed
    assert len(peer.received) == 1000


def test_a_client_that_does_not_read_a_file_is_cut_off(world: HTTPWorld, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 500_000)
    closed: list[object] = []
    with path.open("rb") as file:

        def handler(request: Request) -> None:
            writer = request.start(content_length=500_000)
            writer.sendfile(file, 0, 500_000, closed.append)
            writer.end()

        peer = world.connect(handler)
        peer.stall(1000)
        peer.send(GET)
        world.reactor.advance(LIMITS.write_timeout + 20.0)
        assert peer.closed
        assert len(closed) == 1


def test_a_client_that_reads_too_slowly_is_cut_off(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response(b"a" * 500_000))
    peer.stall(1000)
    peer.send(GET)
    for _ in range(20):
        world.reactor.advance(10.0)
        peer.stall(100)  # room for a hundred bytes more
    assert peer.closed


def test_a_client_that_reads_fast_enough_is_not_cut_off(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response(b"a" * 100_000))
    peer.stall(1000)
    peer.send(GET)
    for _ in range(40):
        peer.stall(3000)
        world.reactor.advance(10.0)
    assert len(peer.received) > 100_000
    assert peer.received.count(b"HTTP/1.1") == 1


def test_without_a_rate_a_client_must_still_read_something(world: HTTPWorld) -> None:
    limits = Limits(write_rate=0, keepalive_timeout=10_000)
    peer = world.connect(lambda request: Response(b"a" * 500_000), limits)
    peer.stall(1000)
    peer.send(GET)
    for _ in range(10):
        world.reactor.advance(limits.write_timeout / 2)
        peer.stall(1)  # room for one byte more
    assert not peer.closed
    world.reactor.advance(2.5 * limits.write_timeout)
    assert peer.closed


def test_no_timer_is_left_after_a_connection(world: HTTPWorld) -> None:
    for data in (b"", b"GET", GET, post(5), post(5) + b"hello"):
        peer = world.connect(read)
        world.ask(peer, data)
        peer.reset()
        world.reactor.settle()
        assert len(world.reactor.timers) == 0


@pytest.mark.parametrize("timeout", [1.0, 5.0, 30.0])
@pytest.mark.parametrize("duration", [0.0, 12.5])
def test_an_idle_connection_is_closed_after_any_keepalive_timeout(
    world: HTTPWorld, timeout: float, duration: float
) -> None:
    """Whether it is longer or shorter than all other times."""

    def slow(request: Request) -> None:
        world.reactor.call_later(duration, request.respond, Response(b"fine"))

    limits = Limits(keepalive_timeout=timeout, write_timeout=100.0)
    peer = world.connect(slow, limits)
    world.ask(peer, GET)
    world.reactor.advance(duration)
    world.reactor.advance(timeout - 0.01)
    assert peer.received.count(b"HTTP/1.1") == (1 if duration else 0)
    assert not peer.eof_received
    world.reactor.advance(0.02)
    assert peer.eof_received


def test_the_time_for_the_next_request_begins_after_a_slow_response(world: HTTPWorld) -> None:
    peer = world.connect(lambda request: Response(b"a" * 100_000))
    peer.stall(100)
    peer.send(GET)
    for _ in range(23):
        world.reactor.advance(1.0)
        peer.stall(4000)
    world.reactor.advance(1.9)
    assert len(peer.received) < 100_000
    peer.resume()
    world.reactor.advance(LIMITS.keepalive_timeout - 0.1)
    assert not peer.eof_received
    assert world.ask(peer, GET).count(b"HTTP/1.1 200 ") == 2


# -- the rates, without a connection ---------------------------------------------------------------


def test_a_body_rate_is_measured_over_windows() -> None:
    rate = BodyRate(0.0, Limits(body_timeout=10.0, body_rate=100.0), 0.0)
    assert rate.deadline == 10.0
    rate.count(1000, 6.0)
    assert not rate.is_late(10.0, 0.0)
    assert rate.deadline == 16.0  # ten seconds after the last byte
    rate.count(999, 15.0)
    assert not rate.is_late(16.0, 0.0)
    assert rate.deadline == 20.0
    assert rate.is_late(20.0, 0.0)  # 999 bytes in the second window


def test_a_stall_extends_the_time_of_a_body_once() -> None:
    rate = BodyRate(0.0, Limits(body_timeout=10.0), 5.0)
    assert not rate.is_late(12.0, 8.0)
    assert rate.deadline == 13.0
    assert rate.is_late(13.0, 20.0)


def test_a_pause_does_not_count() -> None:
    rate = BodyRate(0.0, Limits(body_timeout=10.0), 0.0)
    rate.pause(4.0)
    rate.resume(104.0)
    assert rate.deadline == 110.0
    assert not rate.is_late(109.9, 0.0)
    assert rate.is_late(110.0, 0.0)


def test_a_reading_rate_needs_its_quota_in_each_period() -> None:
    rate = ReadingRate(0.0, Limits(write_timeout=10.0, write_rate=100.0), 500, 0.0)
    assert rate.measured_until == 10.0
    assert not rate.is_late(9.9, 500, 0.0)
    assert not rate.is_late(10.0, 1500, 0.0)
    assert rate.measured_until == 20.0
    assert rate.is_late(20.0, 2499, 0.0)


def test_a_stall_extends_the_time_of_a_reader_once() -> None:
    rate = ReadingRate(0.0, Limits(write_timeout=10.0, write_rate=100.0), 0, 0.0)
    assert not rate.is_late(30.0, 0, 20.0)
    assert not rate.is_late(39.9, 0, 20.0)
    assert rate.is_late(40.0, 0, 30.0)


@pytest.mark.parametrize("write_rate", [0.0, 0.01])
def test_any_byte_is_enough_for_a_low_rate_and_none_is_not(write_rate: float) -> None:
    rate = ReadingRate(0.0, Limits(write_timeout=10.0, write_rate=write_rate), 0, 0.0)
    assert not rate.is_late(10.0, 1, 0.0)
    assert rate.is_late(20.0, 1, 0.0)
