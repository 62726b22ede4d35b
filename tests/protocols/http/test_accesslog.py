"""The access log: what a line contains, that no client can forge one, and what happens when the
disk is full or the reader has exited."""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocols import logfile
from protocols.http import HTTPServer, Response
from protocols.http.accesslog import AccessLog, escape
from protocols.http.cache import FIFOCache
from protocols.http.proxies import TrustedProxies
from reactor.testing import VirtualReactor

SECOND = 971_186_136  # 10 October 2000, 13:55:36 UTC


class World:
    """A server with a log."""

    def __init__(self, path: Path | str, **options: object) -> None:
        self.reactor = VirtualReactor()
        self.path = path
        proxies = options.pop("proxies", None)
        start = self.reactor.time()
        self.log = AccessLog(
            self.reactor, str(path), proxies=proxies,
            clock=lambda: SECOND + self.reactor.time() - start,
        )  # fmt: skip
        self.server = HTTPServer(
            lambda request: Response(b"Hello, World!"), access_log=self.log, proxies=proxies
        )
        self.peer = self.reactor.connect(self.server)

    def ask(self, *fields: str, target: str = "/", settle: bool = True) -> None:
        lines = [f"GET {target} HTTP/1.1", "Host: a", *fields]
        self.peer.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
        if settle:
            self.reactor.settle()

    @property
    def text(self) -> str:
        return Path(self.path).read_text("ascii")

    @property
    def lines(self) -> list[str]:
        assert self.text.endswith("\n") or not self.text
        return self.text.splitlines()

    def close(self) -> None:
        self.reactor.close()
        self.log.close()


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def world(tmp_path, utc):
    world = World(tmp_path / "log")
    yield world
    world.close()


def test_a_line_is_in_the_combined_format(world):
    world.ask("Referer: http://b/", "User-Agent: Netscape/4.0 (X11)", target="/a?b")
    world.log.flush()
    assert world.lines == [
        '192.0.2.1 - - [10/Oct/2000:13:55:36 +0000] "GET /a?b HTTP/1.1" 200 13 "http://b/" '
        '"Netscape/4.0 (X11)"'
    ]


def test_the_time_is_the_local_one_with_its_zone(world, monkeypatch):
    monkeypatch.setenv("TZ", "PST8PDT")
    time.tzset()
    world.ask()
    world.log.flush()
    assert "[10/Oct/2000:06:55:36 -0700]" in world.text


def test_the_time_changes_each_second(world):
    world.ask()
    world.reactor.advance(0.9)
    world.ask()
    world.reactor.advance(0.2)
    world.ask()
    world.log.flush()
    assert [line.split()[3][-8:] for line in world.lines] == ["13:55:36"] * 2 + ["13:55:37"]


def test_a_missing_field_is_a_dash(world):
    world.ask()
    world.log.flush()
    assert world.lines[0].endswith('"GET / HTTP/1.1" 200 13 "-" "-"')


@pytest.mark.parametrize(
    ("data", "line", "status"),
    [
        (b"\x16\x03\x01\r\n\r\n", "\\x16\\x03\\x01", 400),
        (b'\x1b[31m"\n', "\\x1B[31m\\x22", 400),
        (b"GET /a HTTP/1.1\r\n\r\n", "GET /a HTTP/1.1", 400),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", "GET /a HTTP/1.1", 400),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nA: b\n", "GET /a HTTP/1.1", 400),
        (b"\r\n\r\nGET /a HTTP/2.0\r\n\r\n", "GET /a HTTP/2.0", 505),
        (b"BREW /a HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /a HTTP/1.1", 501),
        (b"TRACE /a HTTP/1.1\r\nHost: a\r\n\r\n", "TRACE /a HTTP/1.1", 405),
        (b"GET /" + b"a" * 9000, "GET /" + "a" * 1019 + "...", 414),
        (b"GET /a HTTP/1.1\r\nA: " + b"a" * 40_000, "GET /a HTTP/1.1", 431),
        (b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n", "GET /a HTTP/1.1", 431),
        (b"PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", "PUT /a HTTP/1.1", 413),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [None, 1, 100])
def test_a_refused_request_shows_the_received_part_of_its_line(world, data, line, status, size):
    world.peer.send(data, size)
    world.reactor.settle()
    world.log.flush()
    [logged] = world.lines
    shown, _, rest = logged.partition('] "')[2].partition('" ')
    assert rest.startswith(f"{status} ")
    # Byte by byte, some are refused before the whole line has arrived.
    assert shown == line or (size == 1 and shown and line.startswith(shown))
    assert logged.endswith('"-" "-"')


def test_a_head_that_is_too_slow_shows_the_received_part(world):
    world.peer.send(b"GET /sl")
    world.reactor.advance(12.0)
    world.log.flush()
    assert '] "GET /sl" 408 ' in world.lines[0]


def test_an_empty_request_line_is_a_dash(world):
    world.peer.send(b"\r\r\n")
    world.reactor.settle()
    world.log.flush()
    assert '] "-" 400 ' in world.lines[0]


def test_over_a_unix_socket_the_client_is_a_dash(world):
    world.peer = world.reactor.connect(world.server, None)
    world.ask()
    world.log.flush()
    assert world.lines[0].startswith("- - - [")


def test_a_trusted_proxy_names_the_client(tmp_path):
    world = World(tmp_path / "log", proxies=TrustedProxies(["192.0.2.1"]))
    world.ask("X-Forwarded-For: 198.51.100.7")
    world.close()
    assert world.text.startswith("198.51.100.7 - - ")


def test_a_client_can_neither_end_a_field_or_line_nor_control_the_terminal(world):
    world.ask('Referer: " 200 0 "\\', "User-Agent: \xe9 \t \x9b31m", target='/a"b\\')
    world.log.flush()
    [line] = world.lines
    assert line.endswith(
        '"GET /a\\x22b\\x5C HTTP/1.1" 200 13 "\\x22 200 0 \\x22\\x5C" "\\xE9 \\x09 \\x9B31m"'
    )


def test_every_character_is_plain_or_escaped():
    for number in range(256):
        text = chr(number)
        plain = 0x20 <= number < 0x7F and text not in '"\\'
        assert escape(text) == (text if plain else f"\\x{number:02X}")
    assert escape("a\r\n") == "a\\x0D\\x0A"


def test_the_cache_of_fields_is_bounded(tmp_path, monkeypatch):
    caches: list[FIFOCache[object, str]] = []

    def make(entries: int, largest: int) -> FIFOCache[object, str]:
        caches.append(FIFOCache(entries, largest))
        return caches[-1]

    monkeypatch.setattr("protocols.http.accesslog.FIFOCache", make)
    world = World(tmp_path / "log")
    [cache] = caches
    for number in range(3):
        world.ask(f"User-Agent: {number}", target="/a")
        world.ask(f"User-Agent: {number}", target="/b")
    assert len(cache) == 3
    for _ in range(3):
        world.ask("X: " + "x" * 3000)
    assert len(cache) == 3
    for number in range(2000):
        for last in (False, True):
            world.ask(f"User-Agent: {number}", settle=last and number % 20 == 19)
    assert len(cache) == 512
    world.close()
    assert len(world.lines) == 4009


def test_cached_fields_go_with_other_request_lines(world):
    targets = ['/a"b', "/c", "/c", "/d"] * 3
    for target in targets:
        world.ask("User-Agent: x", target=target)
    world.log.flush()
    assert [line.partition(' "')[2] for line in world.lines] == [
        f'GET {escape(target)} HTTP/1.1" 200 13 "-" "x"' for target in targets
    ]


def test_lines_wait_for_a_second_at_most(world):
    world.ask()
    world.reactor.advance(0.99)
    assert world.text == ""
    world.ask()
    world.reactor.advance(0.02)
    assert len(world.lines) == 2
    world.ask()
    world.reactor.advance(1.01)
    assert len(world.lines) == 3


def test_a_full_batch_does_not_wait(world, monkeypatch):
    writes = []
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: writes.append(len(data)) or write(fd, data))
    for _ in range(200):
        world.ask("User-Agent: " + "x" * 1000)
    assert len(writes) == 3
    assert all(65536 <= size < 67000 for size in writes)


def test_closing_writes_the_waiting_lines(tmp_path):
    world = World(tmp_path / "log")
    world.ask()
    world.close()
    world.log.close()
    assert len(world.lines) == 1


def test_lines_are_appended_to_the_file(tmp_path):
    (tmp_path / "log").write_text("before\n")
    world = World(tmp_path / "log")
    world.ask()
    world.log.flush()
    assert len(world.lines) == 2
    with (tmp_path / "log").open("a") as other:  # another process
        other.write("between\n")
    world.ask()
    world.close()
    assert [line.split()[0] for line in world.lines] == [
        "before",
        "192.0.2.1",
        "between",
        "192.0.2.1",
    ]


def test_other_users_cannot_read_the_file(tmp_path):
    World(tmp_path / "log").close()
    assert (tmp_path / "log").stat().st_mode & 0o007 == 0


def test_reopening_after_the_file_was_renamed_makes_a_new_one(world, tmp_path):
    world.ask(target="/before")
    world.path.rename(tmp_path / "log.1")
    world.ask(target="/between")
    world.log.reopen()
    world.ask(target="/after")
    world.log.flush()
    assert (tmp_path / "log.1").read_text().count("\n") == 2
    assert "/after" in world.text
    assert len(world.lines) == 1


def test_the_old_file_stays_in_use_if_the_new_one_cannot_be_opened(world, tmp_path, caplog):
    world.path.rename(tmp_path / "log.1")
    world.path.mkdir()
    world.log.reopen()
    assert caplog.messages == [f"access log: cannot reopen {world.path}: Is a directory"]
    world.ask()
    world.log.flush()
    assert (tmp_path / "log.1").read_text().count("\n") == 1


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(IsADirectoryError), VirtualReactor() as reactor:
        AccessLog(reactor, str(tmp_path))


# -- what cannot be written ------------------------------------------------------------------------


class Disk:
    """``os.write`` on a disk with ``room`` bytes left."""

    def __init__(self, monkeypatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        number = self._write(fd, data[: self.room])
        self.room -= number
        return number


def test_a_full_disk_loses_lines_and_says_so_once(world, monkeypatch, caplog):
    disk = Disk(monkeypatch, 0)
    for _ in range(3):
        world.ask()
        world.ask()
        world.reactor.advance(1.5)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "lines are lost: No space left on device" in caplog.text
    assert world.log.dropped == 6
    disk.room = 10_000
    world.ask()
    world.reactor.advance(1.5)
    assert len(world.lines) == 1
    assert caplog.messages[1:] == ["access log: works again; 6 lines were lost so far"]


def test_a_torn_line_is_not_continued_by_the_next(world, monkeypatch):
    world.ask()
    world.log.flush()
    size = len(world.text)
    disk = Disk(monkeypatch, size + 10)
    world.ask()
    world.ask()
    world.log.flush()
    assert world.log.dropped == 1
    disk.room = 10_000
    world.ask()
    world.log.flush()
    whole = [line for line in world.lines if line.endswith('"-" "-"')]
    assert len(whole) == 3
    assert [len(line) for line in world.lines if line not in whole] == [10]


@pytest.fixture
def pipe(tmp_path):
    """A FIFO as the log, and its reading end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with open(path, "rb", buffering=0, opener=_open_nonblocking) as reading:
        world = World(path)
        yield world, reading
        world.close()


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def fill(world: World, number: int) -> None:
    """Make lines of about a kilobyte, numbered by their targets."""
    for index in range(number):
        last = index == number - 1 or index % 20 == 19
        world.ask("User-Agent: " + "x" * 1000, target=f"/{index}", settle=last)


def numbers(data: bytes) -> list[int]:
    return [int(line.split()[6][1:]) for line in data.decode().splitlines()]


def test_a_fifo_without_a_reader_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="No such device"), VirtualReactor() as reactor:
        AccessLog(reactor, str(tmp_path / "fifo"))


def test_a_pipe_gets_the_lines(pipe):
    world, reading = pipe
    world.ask()
    world.ask(target="/2")
    world.log.flush()
    lines = reading.read(65536).decode().splitlines()
    assert [line.split('"')[1] for line in lines] == ["GET / HTTP/1.1", "GET /2 HTTP/1.1"]


def test_a_slow_reader_of_a_pipe_loses_lines_and_delays_no_one(pipe, caplog):
    world, reading = pipe
    fill(world, 1500)
    assert world.log.dropped
    assert caplog.messages == ["access log: lines are lost: the reader is too slow"]
    received = b""
    for _ in range(100):
        received += reading.read(1 << 20) or b""
        if received.count(b"\n") + world.log.dropped == 1500:
            break
        world.reactor.advance(1.1)
    assert numbers(received) == list(range(1500 - world.log.dropped))  # in order, each once
    assert len(caplog.records) == 2
    assert "works again" in caplog.messages[1]


@contextmanager
def standard_output_as_pipe() -> Iterator[int]:
    """Yields the reading end. Not a fixture: pytest opens standard output again after those."""
    saved = os.dup(1)
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(writing)
    yield reading
    os.dup2(saved, 1)
    os.close(saved)
    os.close(reading)


def test_standard_output_may_be_a_pipe_that_is_full():
    """Other processes may share it, so it stays in blocking mode: a write to it could block."""
    with standard_output_as_pipe() as reading:
        world = World("-")
        fill(world, 200)
        world.reactor.advance(1.5)
        blocking = os.get_blocking(1)
        first = numbers(os.read(reading, 1 << 20))
        world.reactor.advance(1.5)
        second = numbers(os.read(reading, 1 << 20))
        world.close()
    assert blocking
    assert 0 < len(first) < 100
    assert second
    assert first + second == list(range(len(first) + len(second)))


def test_lines_that_do_not_fit_into_a_full_pipe_are_lost_at_the_end(pipe):
    world, _ = pipe
    fill(world, 200)
    world.close()
    assert 100 < world.log.dropped < 200


def test_without_a_reader_lines_are_lost(pipe, caplog):
    world, reading = pipe
    reading.close()
    world.ask()
    world.ask()
    world.log.flush()
    assert world.log.dropped == 2
    assert caplog.messages == ["access log: lines are lost: Broken pipe"]


def test_a_full_pipe_is_tried_once_a_second_not_at_each_request(pipe, monkeypatch):
    world, _ = pipe
    fill(world, 400)
    attempts: list[object] = []
    poll = select.poll
    monkeypatch.setattr(logfile.select, "poll", lambda: attempts.append(poll()) or attempts[-1])
    fill(world, 40)
    assert attempts == []
    world.reactor.advance(1.1)
    assert len(attempts) == 1
