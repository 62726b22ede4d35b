"""The buffer between the application's thread and the loop, without either of them."""

import os
import tempfile
import threading

import pytest

from protocols.http.wsgi.overflow import Overflow, SpoolBudget
from protocols.http.wsgi.streambuffer import MOST_WAITING, ClientGone, StreamBuffer

from ....tools.waiting import TIMEOUT, wait_until

BLOCK = b"x" * (MOST_WAITING // 4)


def full(budget):
    """A buffer whose memory is used up."""
    stream = StreamBuffer(SpoolBudget(budget))
    for _ in range(4):
        stream.put(BLOCK)
    return stream


def take_all(stream):
    """What comes out of it, as a client reads that is faster than the thread."""
    data = b""
    more = stream.take()
    while more:
        piece = b"".join(more)
        data += piece
        more = stream.written(len(piece), needs_more=True)
    return data


class Putting(threading.Thread):
    """A thread that puts ``pieces`` into ``stream``."""

    def __init__(self, stream, pieces):
        super().__init__(daemon=True)
        self.stream, self.pieces = stream, pieces
        self.error = None
        self.start()

    def run(self):
        try:
            for piece in self.pieces:
                self.stream.put(piece)
        except ClientGone as error:
            self.error = error

    def wait_until_it_waits(self):
        """Until its patience is over, and it waits without a limit."""
        wait_until(lambda: self.stream.is_full)
        progress = self.stream.progress
        wait_until(lambda: self.stream.progress > progress and self.stream.is_full)


def test_the_loop_is_notified_once_until_it_takes():
    stream = StreamBuffer(SpoolBudget(0))
    assert [stream.put(b"1"), stream.put(b"2")] == [True, False]
    assert list(stream.take()) == [b"1", b"2"]
    assert stream.put(b"3")
    assert list(stream.take()) == [b"3"]
    assert list(stream.take()) == []


def test_without_a_budget_the_thread_waits_for_the_loop():
    stream = full(0)
    thread = Putting(stream, [b"the last"])
    thread.wait_until_it_waits()
    progress = stream.progress
    assert take_all(stream) == BLOCK * 4
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert not stream.is_full
    assert stream.progress > progress
    assert take_all(stream) == b"the last"


def test_what_does_not_fit_in_memory_goes_through_a_file_in_order():
    budget = SpoolBudget(16 * 1_000_000)
    stream = StreamBuffer(budget)
    pieces = [b"%d," % number * 1000 for number in range(200)]
    thread = Putting(stream, pieces)
    thread.join(TIMEOUT)
    assert budget.available < 16 * 1_000_000
    assert take_all(stream) == b"".join(pieces)
    assert budget.available == 16 * 1_000_000


def test_nothing_overtakes_what_is_in_the_file():
    stream = full(16 * 1_000_000)
    stream.put(b"the first in the file, ")  # after some patience
    assert b"".join(stream.take()) == BLOCK * 4
    assert stream.written(4 * len(BLOCK), needs_more=False) == ()
    stream.put(b"the second")  # although there is space in memory
    assert stream.written(0, needs_more=True) == (b"the first in the file, the second",)
    stream.put(b"in memory again")
    assert list(stream.take()) == [b"in memory again"]


def test_bytes_from_the_file_count_until_they_are_written():
    stream = full(16 * 1_000_000)
    stream.put(BLOCK * 4)
    taken = b"".join(stream.take())
    for _ in range(4):  # a slow client: what is taken is written only at the end
        taken += b"".join(stream.written(0, needs_more=True))
    assert taken == BLOCK * 8
    stream.written(4 * len(BLOCK), needs_more=False)
    thread = Putting(stream, [b"the last"])
    thread.join(TIMEOUT)
    assert list(stream.take()) == []  # not in memory: its bytes would be too many
    assert b"".join(stream.written(4 * len(BLOCK), needs_more=True)) == b"the last"


def test_closing_wakes_the_thread_and_releases_the_file():
    budget = SpoolBudget(16 * 1000)
    stream = StreamBuffer(budget)
    for piece in [*[BLOCK] * 4, b"y" * 1000]:
        stream.put(piece)
    assert budget.available == 15 * 1000
    thread = Putting(stream, [b"z"])
    thread.wait_until_it_waits()
    stream.close()
    thread.join(TIMEOUT)
    assert isinstance(thread.error, ClientGone)
    assert budget.available == 16 * 1000
    assert list(stream.take()) == []
    with pytest.raises(ClientGone):
        stream.put(b"more")


def test_one_response_takes_a_sixteenth_of_the_budget_at_most():
    budget = SpoolBudget(16 * 10)
    overflow = Overflow(budget)
    assert overflow.write(b"x" * 10)
    assert not overflow.write(b"x")
    other = Overflow(budget)
    assert other.write(b"y" * 10)
    assert budget.available == 14 * 10
    assert overflow.read(100) == b"x" * 10
    assert budget.available == 15 * 10
    other.clear()
    assert budget.available == 16 * 10


def test_a_temporary_file_that_becomes_shorter_is_an_error(monkeypatch):
    files = []
    make = tempfile.TemporaryFile
    monkeypatch.setattr(
        tempfile, "TemporaryFile", lambda **options: files.append(make(**options)) or files[-1]
    )
    overflow = Overflow(SpoolBudget(1000))
    overflow.write(b"abc")
    os.ftruncate(files[0].fileno(), 0)
    with pytest.raises(EOFError):
        overflow.read(3)
    overflow.clear()
