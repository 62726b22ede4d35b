"""Pipes, terminals and redirected files as connections."""

from __future__ import annotations

import errno
import os
import pty
import subprocess
import sys
import tty
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor.pollers import POLLERS

from ...tools.commands import ROOT
from ...tools.garbage import no_collection
from ...tools.recording import Recorder
from ...tools.worlds import BaseWorld


class World(BaseWorld):
    """A reactor with pipes on it, and the protocols of both ends."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind  # of the poller

    def read(self, pipe: object, **hooks: Any) -> Recorder:
        end = self.make(**hooks)
        self.reactor.connect_read_pipe(lambda: end, pipe)
        return end

    def write(self, pipe: object, **hooks: Any) -> Recorder:
        end = self.make(**hooks)
        self.reactor.connect_write_pipe(lambda: end, pipe)
        return end


@pytest.fixture(params=POLLERS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param)
    yield world
    world.close()


def test_data_goes_from_one_end_of_a_pipe_to_the_other(world: World) -> None:
    out, into = os.pipe()
    reader, writer = world.read(out), world.write(into)
    data = bytes(range(256)) * 4000
    for start in range(0, len(data), 50_000):
        writer.transport.write(data[start : start + 50_000])
        world.reactor.run_once(0)
    world.until(lambda: len(reader.data) == len(data))
    assert reader.data == data
    writer.transport.close()
    world.until(lambda: reader.lost and writer.lost)
    assert reader.calls[-2:] == ["eof_received", "connection_lost"]
    assert (reader.lost, writer.lost) == ([None], [None])


@pytest.mark.parametrize(
    ("size", "call"),
    [(50, "write"), (100, "writev")],  # 1,000 such pieces: few enough bytes to be joined, or more
)
def test_many_pieces_leave_in_one_system_call(
    world: World, monkeypatch: pytest.MonkeyPatch, size: int, call: str
) -> None:
    out, into = os.pipe()
    writer = world.write(into)
    writer.transport.set_write_buffer_limits(high=1 << 20)
    calls: list[str] = []

    def count(name: str) -> None:
        function = getattr(os, name)

        def counting(fd: int, data: object) -> object:
            if fd == into:
                calls.append(name)
            return function(fd, data)

        monkeypatch.setattr(os, name, counting)

    count("write")
    count("writev")
    pieces = [b"%d" % (number % 10) * size for number in range(1000)]
    for piece in pieces:
        writer.transport.write(piece)
    assert calls == []
    world.reactor.run_once(0)
    assert calls == [call]
    reader = world.read(out)
    world.until(lambda: len(reader.data) == 1000 * size)
    assert reader.data == b"".join(pieces)


def test_a_full_pipe_pauses_the_writer(world: World) -> None:
    out, into = os.pipe()
    writer, reader = world.write(into), world.read(out)
    reader.transport.pause_reading()
    total = 0
    while not writer.paused:
        writer.transport.write(bytes(10_000))
        total += 10_000
        world.reactor.run_once(0)
    world.quiet()
    reader.transport.resume_reading()
    world.until(lambda: not writer.paused)
    writer.transport.close()
    world.until(lambda: reader.lost)
    assert len(reader.data) == total


def test_file_objects_are_closed_with_their_transport(world: World) -> None:
    out, into = os.pipe()
    with os.fdopen(out, "rb") as source, os.fdopen(into, "wb") as sink:
        reader, writer = world.read(source), world.write(sink)
        assert reader.transport.get_extra_info("pipe") is source
        assert reader.transport.get_extra_info("socket", "none") == "none"
        writer.transport.write(b"hello")
        writer.transport.write_eof()  # a pipe ends by being closed
        world.until(lambda: reader.lost and writer.lost)
        assert (reader.data, writer.lost) == (b"hello", [None])
        world.quiet()
        assert (source.closed, sink.closed) == (True, True)


def test_writing_after_the_end_is_dropped_and_counted(world: World) -> None:
    out, into = os.pipe()
    reader, writer = world.read(out), world.write(into)
    assert writer.transport.can_write_eof()
    writer.transport.write_eof()
    writer.transport.write(b"too late")
    world.until(lambda: reader.lost)
    assert (reader.data, world.reactor.stats.writes_dropped) == (b"", 1)


def test_a_reader_that_closes_breaks_the_pipe(world: World) -> None:
    out, into = os.pipe()
    writer = world.write(into)
    os.close(out)
    writer.transport.write(b"anybody there?")
    world.until(lambda: writer.lost)
    assert isinstance(writer.lost[0], BrokenPipeError)


@pytest.mark.parametrize("world", [name for name in POLLERS if name != "select"], indirect=True)
def test_a_writer_notices_without_writing_that_the_reader_has_closed(world: World) -> None:
    out, into = os.pipe()
    writer = world.write(into)
    world.quiet()
    os.close(out)
    world.until(lambda: writer.lost)
    assert isinstance(writer.lost[0], BrokenPipeError)


def test_a_writer_notices_at_a_full_pipe_that_the_reader_has_closed(world: World) -> None:
    out, into = os.pipe()
    writer = world.write(into)
    while not writer.paused:
        writer.transport.write(bytes(10_000))
        world.reactor.run_once(0)
    os.close(out)
    world.until(lambda: writer.lost)
    assert isinstance(writer.lost[0], BrokenPipeError)


def test_what_a_writer_wrote_is_read_after_it_has_closed(world: World) -> None:
    out, into = os.pipe()
    reader = world.read(out)
    reader.transport.pause_reading()
    os.write(into, b"the last words")
    os.close(into)
    world.quiet()
    reader.transport.resume_reading()
    world.until(lambda: reader.lost)
    assert (reader.data, reader.eof) == (b"the last words", True)


def test_a_reader_kept_open_at_the_end_of_data_does_not_spin(world: World) -> None:
    out, into = os.pipe()
    reader = world.read(out, eof_received=lambda end: True)
    os.close(into)
    world.until(lambda: reader.eof)
    if world.kind == "select":  # it does not report a hangup; with the others that is the end
        world.quiet()
        assert reader.lost == []
        reader.transport.close()
    world.until(lambda: reader.lost)
    world.quiet()


def test_a_terminal_ends_when_its_other_side_is_closed(world: World) -> None:
    """Linux reports EIO where other systems report the end of the file."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    reader = world.read(master)
    os.write(slave, b"hello")
    world.until(lambda: reader.data == b"hello")
    os.close(slave)
    world.until(lambda: reader.lost)
    assert (reader.calls[-2:], reader.lost) == (["eof_received", "connection_lost"], [None])


def test_a_terminal_may_be_read_and_written(world: World) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    reader, writer = world.read(os.dup(slave)), world.write(slave)
    writer.transport.write(b"prompt> ")
    world.until(lambda: writer.transport.get_write_buffer_size() == 0)
    assert os.read(master, 100) == b"prompt> "
    os.write(master, b"typed")
    world.until(lambda: reader.data == b"typed")
    assert writer.data == b""  # it does not read what is meant for the reader
    os.close(master)
    world.until(lambda: reader.lost)
    world.quiet()


def test_a_terminal_whose_other_side_is_closed_does_not_spin(world: World) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    writer = world.write(master)
    os.close(slave)
    world.quiet()
    while not writer.paused and not writer.lost:
        writer.transport.write(bytes(10_000))
        world.reactor.run_once(0)
    world.quiet()


def test_a_regular_file_is_read_to_its_end(world: World, tmp_path: Path) -> None:
    """epoll refuses to watch it: EPERM."""
    path = tmp_path / "input"
    path.write_bytes(b"line\n" * 50_000)
    with path.open("rb") as file:
        reader = world.read(file)
        world.until(lambda: reader.lost)
    assert (len(reader.data), reader.lost) == (250_000, [None])
    assert max(reader.pieces) <= 65536


def test_a_regular_file_may_be_paused(world: World, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(bytes(200_000))
    reader = world.read(
        os.open(path, os.O_RDONLY), data_received=lambda end, data: end.transport.pause_reading()
    )
    for times in range(1, 5):
        world.until(lambda: len(reader.pieces) == times)  # noqa: B023
        world.quiet()
        reader.transport.resume_reading()
    world.until(lambda: reader.lost)
    assert len(reader.data) == 200_000


def test_a_regular_file_is_written(world: World, tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("wb") as file:
        blocking = os.get_blocking(file.fileno())
        writer = world.write(file)
        writer.transport.write(b"hello ")
        writer.transport.write(b"world")
        world.quiet()
        writer.transport.close()
        world.until(lambda: writer.lost)
        assert blocking
    assert path.read_bytes() == b"hello world"


def test_a_file_is_sent_down_a_pipe(world: World, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 1000)
    out, into = os.pipe()
    reader, writer = world.read(out), world.write(into)
    with path.open("rb") as file:
        writer.transport.sendfile(file)
        writer.transport.close()
        world.until(lambda: reader.lost)
    assert reader.data == path.read_bytes()


def test_reading_leaves_the_blocking_flag_as_it_was(world: World) -> None:
    """It belongs to the open file, which we share with the shell if this is standard input."""
    out, into = os.pipe()
    lent = os.dup(out)
    reader = world.read(out)
    os.write(into, b"x")
    world.until(lambda: reader.data)
    assert os.get_blocking(lent)
    reader.transport.close()
    world.until(lambda: reader.lost)
    assert os.get_blocking(lent)
    os.close(lent)
    os.close(into)


@pytest.mark.parametrize("kind", ["file", "pipe", "null", "terminal"])
def test_standard_input_of_any_kind_is_read_to_its_end(kind: str, tmp_path: Path) -> None:
    program = """
import os, sys
from reactor import Protocol, Reactor

class Upper(Protocol):
    def data_received(self, data):
        print(data.decode().upper(), end="")
    def connection_lost(self, exc):
        print("lost", exc, os.get_blocking(0))
        reactor.stop()

reactor = Reactor()
reactor.connect_read_pipe(Upper, os.dup(0))
reactor.run()
reactor.close()
"""
    path = tmp_path / "input"
    path.write_text("" if kind == "null" else "hello\n")
    command = [sys.executable, "-c", program]
    if kind == "pipe":
        result = subprocess.run(
            command, input=b"hello\n", capture_output=True, cwd=ROOT, check=True
        )
    elif kind == "terminal":
        master, slave = pty.openpty()
        os.write(master, b"hello\n\x04")  # Ctrl+D: the end
        result = subprocess.run(command, stdin=slave, capture_output=True, cwd=ROOT, check=True)
        os.close(master)
        os.close(slave)
    else:
        with open(os.devnull if kind == "null" else path, "rb") as file:
            result = subprocess.run(command, stdin=file, capture_output=True, cwd=ROOT, check=True)
    hello = b"" if kind == "null" else b"HELLO\n"
    assert (result.stdout, result.stderr) == (hello + b"lost None True\n", b"")


def test_a_closed_descriptor_is_refused(world: World) -> None:
    out, into = os.pipe()
    os.close(into)
    os.close(out)
    with pytest.raises(OSError, match="descriptor") as caught:
        world.reactor.connect_read_pipe(Recorder, out)
    assert caught.value.errno == errno.EBADF


def test_a_read_that_fails_is_an_error(world: World) -> None:
    out, into = os.pipe()
    reader = world.read(into)  # which cannot be read
    os.close(out)  # reported as an event
    world.until(lambda: reader.lost)
    assert isinstance(reader.lost[0], OSError)
    assert reader.lost[0].errno == errno.EBADF


def test_a_lost_pipe_leaves_nothing_for_the_garbage_collector(world: World) -> None:
    def live() -> list[weakref.ref[object]]:
        out, into = os.pipe()
        reader, writer = world.read(out), world.write(into)
        writer.transport.close()
        world.until(lambda: reader.lost and writer.lost)
        world.quiet()
        world.ends.clear()
        return [weakref.ref(end) for end in (reader, reader.transport, writer, writer.transport)]

    with no_collection():
        assert [reference() for reference in live()] == [None] * 4
