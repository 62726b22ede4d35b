"""Files in a write queue: sent in order and whole, and each callback called once."""

from __future__ import annotations

import io
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from reactor import Protocol, WriteBufferOverflow
from reactor.testing import VirtualReactor
from reactor.transports.stream import MAX_FILES

from ...tools.recording import Recorder
from ...tools.worlds import MATRIX, World

CONTENT = random.Random(7).randbytes(3_000_000)


@pytest.fixture(params=MATRIX, ids="-".join)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    world = World(*request.param, tmp_path)
    yield world
    world.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        yield file


# -- over every transport --------------------------------------------------------------------------


def test_head_file_and_tail_arrive_in_order(world: World, file: BinaryIO) -> None:
    one, other = world.pair()
    results: list[object] = []
    one.transport.write(b"<head>")
    one.transport.sendfile(file, callback=results.append)
    one.transport.write(b"<tail>")
    one.transport.write(b"<end>")
    assert one.transport.get_write_buffer_size() == len(b"<head><tail><end>")
    assert one.transport.get_unsent_size() == len(b"<head><tail><end>") + len(CONTENT)
    world.until(lambda: other.data.endswith(b"<end>"))
    assert other.data == b"<head>" + CONTENT + b"<tail><end>"
    assert one.transport.get_unsent_size() == 0
    assert results == [None]
    assert world.reactor.stats.bytes_sent == len(other.data)
    assert one.calls == ["connection_made"]


def test_a_part_of_a_file(world: World, file: BinaryIO) -> None:
    one, other = world.pair()
    one.transport.sendfile(file, 1000, 50)
    one.transport.sendfile(file, len(CONTENT) - 10)
    one.transport.sendfile(file, len(CONTENT) + 1)
    one.transport.sendfile(file, 5, 0)
    one.transport.sendfile(file, 0, 1)
    one.transport.write(b"<end>")
    world.until(lambda: other.data.endswith(b"<end>"))
    assert other.data == CONTENT[1000:1050] + CONTENT[-10:] + CONTENT[:1] + b"<end>"
    assert file.tell() == 0


def test_a_slow_reader_gets_a_big_file_whole(world: World, file: BinaryIO) -> None:
    one, other = world.pair()
    bystander, friend = world.pair()
    other.transport.pause_reading()
    results: list[object] = []
    one.transport.write(b"<head>")
    for _ in range(3):
        one.transport.sendfile(file, callback=results.append)
    one.transport.write(b"<tail>")
    one.transport.close()
    world.settle()
    assert len(results) < 3
    friend.transport.write(b"meanwhile")
    world.until(lambda: bystander.data == b"meanwhile")
    other.transport.resume_reading()
    world.until(lambda: other.lost)
    assert other.data == b"<head>" + 3 * CONTENT + b"<tail>"
    assert (results, one.lost) == ([None] * 3, [None])


def test_a_file_and_then_half_close(world: World, file: BinaryIO) -> None:
    one, other = world.pair()
    one.transport.sendfile(file)
    if world.half_close:
        one.transport.write_eof()
    else:
        one.transport.close()
    world.until(lambda: other.eof)
    assert other.data == CONTENT


def test_a_file_that_shrinks_ends_the_connection_with_an_error(
    world: World, file: BinaryIO, tmp_path: Path
) -> None:
    one, other = world.pair()
    bystander, friend = world.pair()
    other.transport.pause_reading()
    results: list[Exception | None] = []
    one.transport.sendfile(file, callback=results.append)
    one.transport.sendfile(file, callback=results.append)
    world.reactor.run_once(0)
    (tmp_path / "file").write_bytes(b"")
    one.transport.write(b"<tail>")
    other.transport.resume_reading()
    world.until(lambda: one.lost and other.lost)
    assert isinstance(one.lost[0], EOFError)
    assert [type(result) for result in results] in ([EOFError, EOFError], [type(None), EOFError])
    assert "before its announced length" in str(one.lost[0])
    assert b"<tail>" not in other.data
    friend.transport.write(b"unharmed")
    world.until(lambda: bystander.data == b"unharmed")


def test_a_lost_connection_calls_the_callbacks_of_its_files(world: World, file: BinaryIO) -> None:
    one, other = world.pair()
    other.transport.pause_reading()
    results: list[object] = []
    for _ in range(3):
        one.transport.sendfile(file, callback=results.append)
        one.transport.sendfile(file, 0, 10)  # without a callback
    world.settle()
    done = len(results)
    other.transport.abort()  # over unread data: a reset
    world.until(lambda: one.lost)
    assert isinstance(one.lost[0], OSError)
    assert results == [None] * done + [one.lost[0]] * (3 - done)


def test_an_aborted_connection_calls_the_callbacks_of_its_files(
    world: World, file: BinaryIO
) -> None:
    one, _ = world.pair()
    results: list[object] = []
    one.transport.sendfile(file, callback=results.append)
    one.transport.abort()
    assert results == []  # never from inside the call
    world.until(lambda: one.lost)
    assert [type(result) for result in results] == [ConnectionAbortedError]
    assert one.lost == [None]


def test_a_closing_connection_refuses_files(world: World, file: BinaryIO) -> None:
    one, _ = world.pair()
    results: list[object] = []
    one.transport.close()
    one.transport.sendfile(file, callback=results.append)
    assert results == []
    world.until(lambda: results)
    assert [type(result) for result in results] == [ConnectionAbortedError]
    assert world.reactor.stats.writes_dropped == 1


# -- in memory -------------------------------------------------------------------------------------


def test_the_callback_comes_once_and_from_the_loop(reactor: VirtualReactor, file: BinaryIO) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    results: list[object] = []

    def done(exc: Exception | None) -> None:
        results.append(exc)
        end.transport.write(b"<next>")
        end.transport.close()

    end.transport.set_write_buffer_limits(high=0)  # so that write() sends at once
    end.transport.write(b"<head>")
    end.transport.sendfile(file, 0, 4, done)
    end.transport.write(b"<tail>")
    assert results == []
    reactor.settle()
    assert peer.received == b"<head>" + CONTENT[:4] + b"<tail><next>"
    peer.close()
    reactor.settle()
    assert results == [None]
    assert end.lost == [None]


def test_the_callback_comes_before_connection_lost(reactor: VirtualReactor, file: BinaryIO) -> None:
    order: list[str] = []
    end = Recorder(connection_lost=lambda end, exc: order.append("lost"))
    reactor.connect(lambda: end)
    end.transport.sendfile(file, callback=lambda exc: order.append("file"))
    end.transport.abort()
    reactor.settle()
    assert order == ["file", "lost"]


def test_a_callback_that_raises_is_reported_and_the_loop_continues(
    reactor: VirtualReactor, file: BinaryIO
) -> None:
    complaints: list[dict[str, Any]] = []
    reactor.set_exception_handler(lambda _, context: complaints.append(context))

    def fail(exc: Exception | None) -> None:
        raise LookupError("no callback today")

    one, other = Recorder(), Recorder()
    peer, friend = reactor.connect(lambda: one), reactor.connect(lambda: other)
    one.transport.sendfile(file, 0, 10, fail)
    one.transport.write(b"<tail>")
    other.transport.write(b"unharmed")
    reactor.settle()
    assert (peer.received, friend.received) == (CONTENT[:10] + b"<tail>", b"unharmed")
    assert [type(context["exception"]) for context in complaints] == [LookupError]


def test_only_bytes_followed_by_a_file_are_sent_with_msg_more(
    reactor: VirtualReactor, file: BinaryIO
) -> None:
    """With MSG_MORE on the last bytes the system would hold them back for 200 ms."""
    end = Recorder()
    reactor.connect(lambda: end)
    sent: list[tuple[bytes, int]] = []
    sock = end.transport.get_extra_info("socket")
    send = sock.send

    def record(data: bytes, flags: int = 0) -> int:
        sent.append((bytes(data), flags))
        return send(data, flags)  # type: ignore[no-any-return]

    sock.send = record
    end.transport.write(b"<head>")
    end.transport.sendfile(file, 0, 3)
    end.transport.write(b"<tail>")
    reactor.settle()
    end.transport.write(b"<head of nothing>")
    end.transport.sendfile(file, 0, 0)
    reactor.settle()
    assert sent == [
        (b"<head>", socket.MSG_MORE),
        (CONTENT[:3], 0),
        (b"<tail>", 0),
        (b"<head of nothing>", 0),
    ]


def test_one_turn_sends_a_bounded_number_of_pieces(reactor: VirtualReactor, file: BinaryIO) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    for offset in range(20):
        end.transport.sendfile(file, offset, 1)
    reactor.run_once(0)
    assert 0 < len(peer.received) < 10
    reactor.settle()
    assert peer.received == CONTENT[:20]


def test_many_pieces_before_a_file(reactor: VirtualReactor, file: BinaryIO) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    end.transport.set_write_buffer_limits(high=1 << 20)
    for _ in range(3000):
        end.transport.write(b"x" * 100)
    end.transport.sendfile(file, 0, 10)
    reactor.settle()
    assert peer.received == b"x" * 300_000 + CONTENT[:10]


def test_flow_control_continues_after_a_file(reactor: VirtualReactor, file: BinaryIO) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.stall(100)
    end.transport.sendfile(file, 0, 1000)
    end.transport.write(bytes(100_000))
    assert end.paused
    peer.resume()
    reactor.settle()
    assert end.calls == ["connection_made", "pause_writing", "resume_writing"]
    assert len(peer.received) == 101_000


def test_negative_numbers_and_files_without_a_descriptor_are_refused(
    reactor: VirtualReactor, file: BinaryIO
) -> None:
    end = Recorder()
    reactor.connect(lambda: end)
    for offset, count in ((-1, None), (0, -1)):
        with pytest.raises(ValueError, match="must not be negative"):
            end.transport.sendfile(file, offset, count)
    with pytest.raises(io.UnsupportedOperation):
        end.transport.sendfile(io.BytesIO(b"no descriptor"))
    reactor.settle()
    assert end.lost == []


def test_a_file_that_cannot_be_read_ends_the_connection(
    reactor: VirtualReactor, tmp_path: Path
) -> None:
    end = Recorder()
    results: list[object] = []
    reactor.connect(lambda: end)
    with (tmp_path / "for writing only").open("wb") as file:
        end.transport.sendfile(file, 0, 10, results.append)
        reactor.settle()
    assert isinstance(end.lost[0], OSError)
    assert results == end.lost


def test_a_file_server_in_ten_lines(reactor: VirtualReactor, file: BinaryIO) -> None:
    class Download(Protocol):
        def data_received(self, data: bytes) -> None:
            size = len(CONTENT)
            self.transport.write(b"%d\n" % size)
            self.transport.sendfile(file, callback=self.sent)

        def sent(self, exc: Exception | None) -> None:
            self.transport.close()

    peer = reactor.connect(Download)
    peer.send(b"give")
    reactor.settle()
    assert peer.received == b"3000000\n" + CONTENT
    assert peer.eof_received


def test_the_number_of_files_that_wait_is_bounded(reactor: VirtualReactor, file: BinaryIO) -> None:
    end = Recorder()
    results: list[object] = []
    peer = reactor.connect(lambda: end)
    peer.stall()
    for _ in range(MAX_FILES):
        end.transport.sendfile(file, callback=results.append)
    reactor.settle()
    assert not end.lost

    end.transport.sendfile(file, callback=results.append)
    reactor.settle()
    assert isinstance(end.lost[0], WriteBufferOverflow)
    assert results == end.lost * (MAX_FILES + 1)
