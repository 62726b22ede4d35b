"""RETR: binary and text, resuming, and clients that stop reading."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from protocols.ftp import FTPLimits, downloads, files
from protocols.ftp.files import is_cached, read_ahead
from reactor.testing import VirtualReactor

from ...tools.ftp import FTPClient, FTPHouse, MemoryPort

LARGE = bytes(range(256)) * 20_000  # 5 MB


@pytest.fixture
def large(root: Path) -> bytes:
    (root / "large").write_bytes(LARGE)
    return LARGE


def test_a_small_file(user: FTPClient) -> None:
    assert user.fetch("RETR sub/b.bin") == bytes(range(256))
    assert user.data.eof_received


@pytest.mark.parametrize("at_once", [0, 100, 256])
def test_a_small_file_that_the_system_does_not_take_at_once(
    house: FTPHouse, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """``at_once``: how much of it the system takes while there is no transport."""
    taken: list[bytes] = []

    def send_now(port: MemoryPort, data: bytes) -> bytes | None:
        taken.append(data[:at_once])
        return data[at_once:] or None

    monkeypatch.setattr(MemoryPort, "send_now", send_now)
    user = house.user()
    assert user.asks("TYPE I", "PASV", "RETR sub/b.bin")[-1] == "226 Transfer complete"
    rest = user.data.read() if house.ports.peers else b""
    assert b"".join(taken) + rest == bytes(range(256))


def test_an_empty_file(user: FTPClient, root: Path) -> None:
    (root / "empty").touch()
    assert user.fetch("RETR empty") == user.fetch("RETR empty", "A") == b""


def test_a_large_file(user: FTPClient, large: bytes) -> None:
    assert user.fetch("RETR large") == large


def test_the_reply_tells_the_size(user: FTPClient) -> None:
    assert user.asks("TYPE I", "PASV", "RETR a.txt")[2] == "150 Sending /a.txt (8 bytes)"


def test_text_has_network_line_endings(user: FTPClient) -> None:
    assert user.fetch("RETR a.txt", "A") == b"one\r\ntwo\r\n"


def test_a_large_text(user: FTPClient, root: Path) -> None:
    # CR and LF are in different reads.
    text = b"x" * (files._CHUNK - 1) + b"\r\n" + b"y\n" * 100_000
    (root / "text").write_bytes(text)
    sent = user.fetch("RETR text", "A")
    assert sent == b"x" * (files._CHUNK - 1) + b"\r\n" + b"y\r\n" * 100_000


@pytest.mark.parametrize("offset", [0, 1, 255, 5_119_999, 5_120_000])
def test_resuming(user: FTPClient, large: bytes, offset: int) -> None:
    assert user.asks("TYPE I", f"REST {offset}")[1][:3] == "350"
    assert user.asks("PASV", "RETR large")[-1][:3] == "226"
    assert user.data.read() == large[offset:]
    assert user.fetch("RETR large") == large  # the offset is for one transfer


def test_resuming_text_counts_what_is_sent(user: FTPClient) -> None:
    user.asks("TYPE A", "REST 4", "PASV", "RETR a.txt")
    assert user.data.read() == b"\ntwo\r\n"


def test_size_is_of_the_type(user: FTPClient) -> None:
    assert user.asks("TYPE I", "SIZE a.txt", "TYPE A", "SIZE a.txt")[1::2] == ["213 8", "213 10"]


def test_size_of_a_large_text_is_refused(reactor: VirtualReactor, root: Path) -> None:
    user = FTPHouse(reactor, root, limits=FTPLimits(ascii_size=7)).user()
    assert user.asks("SIZE a.txt")[0][:3] == "550"


def test_a_client_that_reads_slowly_gets_everything(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    got = b""
    while len(got) < len(large):
        peer.stall(100_000)
        house.reactor.advance(10.0)  # less than the limit
        got += peer.read()
    assert got == large
    assert user.replies()[-1][:3] == "226"


@pytest.mark.parametrize("mode", ["A", "I"])
def test_a_client_that_does_not_read_loses_its_transfer(
    house: FTPHouse, large: bytes, mode: str
) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large", mode)
    house.reactor.advance(59.0)
    assert user.replies() == []
    house.reactor.advance(17.0)
    assert user.replies() == ["426 No progress for 60 s: the transfer is not complete"]
    assert peer.closed
    house.ports.stalled = False
    assert user.fetch("RETR a.txt") == b"one\ntwo\n"


def test_memory_for_a_client_that_does_not_read_is_bounded(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large", "A")
    house.reactor.advance(30.0)
    assert peer.transport.get_write_buffer_size() < 1 << 20


def test_a_data_connection_that_breaks(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    user.begin("RETR large").reset()
    assert user.replies()[0][:3] == "426"


def test_a_file_that_becomes_shorter(house: FTPHouse, large: bytes, root: Path) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    os.truncate(root / "large", 100)
    peer.resume()
    assert user.replies()[0][:3] in {"426", "451"}
    assert user.code("NOOP") == 200


def test_the_client_never_connects(house: FTPHouse) -> None:
    user = house.user()
    house.ports.client_connects = False
    user.asks("PASV", "RETR a.txt")
    house.reactor.advance(60.0)
    assert user.replies() == ["425 Cannot open the data connection: The client has not connected"]


def test_abor_ends_a_transfer(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    user.peer.send(b"\xff\xf4\xff\xf2ABOR\r\n")  # with Interrupt Process and Synch
    assert [line[:3] for line in user.replies()] == ["426", "226"]
    assert peer.closed
    assert user.code("NOOP") == 200


def test_abor_that_arrives_with_the_command(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    replies = user.asks("PASV", "RETR large", "ABOR", "NOOP")
    assert [line[:3] for line in replies] == ["227", "150", "426", "226", "200"]


def test_stat_during_a_transfer(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    user.begin("RETR large")
    assert any("Transfer in progress" in line for line in user.asks("STAT", "NOOP"))
    house.ports.peers[-1].resume()
    assert [line[:3] for line in user.replies()] == ["226", "200"]  # NOOP has waited


def test_quit_waits_for_the_transfer(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    assert user.asks("QUIT") == []
    peer.resume()
    assert [line[:3] for line in user.replies()] == ["226", "221"]
    assert peer.received == large
    assert user.peer.eof_received


def test_leaving_ends_the_transfer(house: FTPHouse, large: bytes) -> None:
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    user.peer.reset()
    house.reactor.settle()
    assert peer.closed
    assert house.server.sessions == 0


def test_a_stopping_server_finishes_transfers(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root)
    (root / "large").write_bytes(LARGE)
    user, idle = house.user(), house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    reactor.call_soon(reactor.stop, 5.0)
    reactor.call_later(1.0, peer.resume)
    reactor.run()
    assert peer.received == LARGE
    assert [line[:3] for line in user.peer.read().decode().splitlines()] == ["226", "421"]
    assert idle.peer.read() == b"421 The server is stopping\r\n"


def test_pages_that_are_not_in_memory_are_read_in_a_thread(
    user: FTPClient, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead: list[tuple[int, int]] = []

    def read(fd: int, offset: int, count: int) -> None:
        ahead.append((offset, count))
        read_ahead(fd, offset, count)

    monkeypatch.setattr(downloads, "is_cached", lambda *_: False)
    monkeypatch.setattr(downloads, "read_ahead", read)
    assert user.fetch("RETR large") == large
    assert sum(count for _, count in ahead) == len(large)
    assert max(count for _, count in ahead) == downloads.WINDOW


def test_a_slow_client_gets_small_windows(
    house: FTPHouse, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is looked for in memory is what is sent soon."""
    asked: list[int] = []

    def look(fd: int, offset: int, count: int) -> bool:
        asked.append(count)
        return True

    monkeypatch.setattr(downloads, "is_cached", look)
    assert house.user().fetch("RETR large") == large
    assert asked == [downloads.WINDOW, len(large) - downloads.WINDOW]
    asked.clear()
    user = house.user()
    house.ports.stalled = True
    peer = user.begin("RETR large")
    while not user.replies():
        house.reactor.advance(1.0)
        peer.read()
        peer.stall(downloads.WINDOW)
    assert max(asked) == downloads.WINDOW


def test_a_disk_error(user: FTPClient, large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(downloads, "is_cached", lambda *_: False)
    monkeypatch.setattr(downloads, "read_ahead", fail)
    replies = user.asks("TYPE I", "PASV", "RETR large")
    assert replies[2:] == ["150 Sending /large (5120000 bytes)", "451 Input/output error"]


def test_is_cached_knows_what_was_read(root: Path, large: bytes) -> None:
    with (root / "large").open("rb") as file:
        file.read()
        assert is_cached(file.fileno(), 0, len(large)) in {True, False}  # False: it cannot know
        read_ahead(file.fileno(), 0, len(large))
        read_ahead(file.fileno(), len(large), 10)
