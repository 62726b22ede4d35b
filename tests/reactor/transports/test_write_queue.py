"""WriteQueue alone: what was put in comes out, in order, however it is sent in parts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.transports.sendfile import FileSegment
from reactor.transports.write_queue import IOV_MAX, JOIN_LIMIT, WriteQueue


@pytest.fixture
def file() -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        yield file


def queue_of(*pieces: bytes) -> WriteQueue:
    queue = WriteQueue(pieces[0])
    for piece in pieces[1:]:
        queue.append(piece)
    return queue


def gathered(queue: WriteQueue) -> bytes:
    return b"".join(queue.gather()[0])


def test_a_new_queue_is_empty() -> None:
    queue = WriteQueue()
    assert not queue
    assert (queue.size, queue.files, queue.unsent_size()) == (0, 0, 0)
    assert queue.file_segments() == []


def test_append_returns_the_new_size() -> None:
    queue = WriteQueue(b"one")
    assert (bool(queue), queue.size) == (True, 3)
    assert queue.append(b"and two") == queue.size == 10


def test_small_pieces_are_gathered_as_one() -> None:
    queue = queue_of(b"one ", b"two ", b"three")
    assert queue.gather() == ([b"one two three"], False)
    assert queue.size == 13  # gathering removes nothing


@pytest.mark.parametrize(("size", "joined"), [(JOIN_LIMIT, True), (JOIN_LIMIT + 1, False)])
def test_pieces_are_joined_up_to_a_limit(size: int, joined: bool) -> None:
    queue = queue_of(b"x", bytes(size - 1))
    pieces, _ = queue.gather()
    assert len(pieces) == (1 if joined else 2)
    assert sum(map(len, pieces)) == size


def test_one_call_gets_no_more_pieces_than_it_takes() -> None:
    queue = queue_of(*[b"x" * 100] * (IOV_MAX + 5))
    pieces, _ = queue.gather()
    assert len(pieces) == IOV_MAX
    queue.discard(IOV_MAX * 100)
    assert queue.gather() == ([b"x" * 500], False)


@pytest.mark.parametrize("sent", range(10))
def test_what_was_sent_is_discarded(sent: int) -> None:
    queue = queue_of(b"abc", b"d", b"efghi")
    queue.discard(sent)
    assert queue.size == 9 - sent
    assert bool(queue) == (sent < 9)
    if queue:
        assert gathered(queue) == b"abcdefghi"[sent:]


@pytest.mark.parametrize("size", [JOIN_LIMIT // 2, 10 * JOIN_LIMIT])
def test_a_piece_sent_in_parts_is_not_copied(size: int) -> None:
    data = bytes(size)
    queue = queue_of(data)
    for _ in range(5):
        queue.discard(1000)
        [rest], _ = queue.gather()
        assert isinstance(rest, memoryview)
        assert rest.obj is data


def test_bytes_before_a_file_are_gathered_apart_from_those_behind(file: BinaryIO) -> None:
    segment = FileSegment(file, 0, 10, None)
    queue = queue_of(b"<he", b"ad>")
    queue.append_file(segment)
    queue.append(b"<tail>")
    assert (queue.size, queue.files, queue.unsent_size()) == (12, 1, 22)
    assert queue.file_segments() == [segment]
    assert queue.file_at_front() is None
    assert queue.gather() == ([b"<head>"], True)
    queue.discard(6)
    assert queue.file_at_front() is segment
    queue.discard_file()
    assert (queue.size, queue.files, queue.unsent_size()) == (6, 0, 6)
    assert queue.gather() == ([b"<tail>"], False)


def test_a_file_without_bytes_does_not_follow(file: BinaryIO) -> None:
    queue = queue_of(b"<head>")
    queue.append_file(FileSegment(file, 0, 0, None))
    assert queue.gather() == ([b"<head>"], False)


def test_a_queue_with_nothing_but_a_file_is_not_empty(file: BinaryIO) -> None:
    queue = WriteQueue()
    queue.append_file(FileSegment(file, 0, 0, None))
    assert queue
    queue.discard_file()
    assert not queue


_PIECE = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.integers(1, 2 * JOIN_LIMIT).map(lambda size: b"%d " % size * (size // 4 + 1)),
    st.integers(0, 50),  # a file of so many bytes
)
_STEP = st.one_of(
    st.tuples(st.just("put"), _PIECE),
    st.tuples(st.just("put many"), st.integers(0, 2 * IOV_MAX)),
    st.tuples(st.just("send"), st.floats(0, 1)),
)


@settings(deadline=None)
@given(st.lists(_STEP, max_size=30))
def test_any_parts_of_any_pieces_keep_their_order(steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryFile() as file:
        queue = WriteQueue()
        expected: list[bytes | FileSegment] = []  # what is still to come out
        for step, value in [*steps, *[("send", 1.0)] * 200]:
            if step == "put many":
                for number in range(value):
                    piece = b"%d," % number
                    queue.append(piece)
                    expected.append(piece)
            elif step == "put" and isinstance(value, int):
                segment = FileSegment(file, 0, value, None)
                queue.append_file(segment)
                expected.append(segment)
            elif step == "put":
                queue.append(value)
                expected.append(value)
            elif queue and (front := queue.file_at_front()) is not None:
                assert front is expected.pop(0)
                queue.discard_file()
            elif queue:
                pieces, file_follows = queue.gather()
                offered = b"".join(pieces)
                sent = offered[: int(len(offered) * value)]
                queue.discard(len(sent))
                while sent:
                    piece = expected[0]
                    assert isinstance(piece, bytes)
                    assert sent[: len(piece)] == piece[: len(sent)]
                    expected[0] = piece[len(sent) :]
                    if not expected[0]:
                        del expected[0]
                    sent = sent[len(piece) :]
                if file_follows:
                    assert any(isinstance(piece, FileSegment) for piece in expected)
            waiting = [piece for piece in expected if isinstance(piece, bytes)]
            files = [piece for piece in expected if isinstance(piece, FileSegment)]
            assert queue.size == sum(map(len, waiting))
            assert queue.file_segments() == files
            assert queue.files == len(files)
            assert queue.unsent_size() == queue.size + sum(segment.left for segment in files)
            assert bool(queue) == bool(expected)
