"""STOR, APPE, STOU: complete files only, limits, and a disk that fills up."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.ftp import FTPLimits, targets, uploads
from protocols.ftp.commands import transfer
from protocols.ftp.quota import measure
from protocols.rooted import Names, OpenFile, Root
from reactor.testing import VirtualReactor

from ...tools.ftp import FTPClient, FTPHouse
from ...tools.waiting import wait_until


@pytest.fixture(params=["without a name", "with a hidden name"], autouse=True)
def named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether uploads have a hidden name, as where the system has no files without names."""
    if request.param == "without a name":
        return not hasattr(os, "O_TMPFILE")
    monkeypatch.setattr(targets, "_O_TMPFILE", None)
    return True


def test_an_upload(user: FTPClient, root: Path) -> None:
    assert user.store("STOR new", b"\0\r\nx\n") == "226 Transfer complete"
    assert (root / "new").read_bytes() == b"\0\r\nx\n"


def test_an_empty_upload(user: FTPClient, root: Path) -> None:
    assert user.store("STOR new", b"")[:3] == "226"
    assert (root / "new").read_bytes() == b""


@pytest.mark.parametrize("chunk", [None, 1, 2, 3])
def test_text_gets_local_line_endings(user: FTPClient, root: Path, chunk: int | None) -> None:
    user.store("STOR new", b"one\r\ntwo\rthree\r\r\nfour\r", "A", chunk)
    assert (root / "new").read_bytes() == b"one\ntwo\rthree\r\nfour\r"


def test_an_upload_has_its_name_when_it_is_complete(
    user: FTPClient, house: FTPHouse, named: bool
) -> None:
    peer = user.begin("STOR new")
    peer.send(b"half")
    house.reactor.settle()
    assert "new" not in house.files()
    temporary = [name for name in house.files() if name.startswith(".ftp-upload-")]
    assert len(temporary) == named
    assert user.peer.received == b""
    other = house.user()
    assert b".ftp-upload-" not in other.fetch("LIST -la") + other.fetch("MLSD")
    for name in temporary:
        assert other.code(f"DELE {name}") == 550
    peer.send_eof()
    assert user.replies() == ["226 Transfer complete"]
    assert house.files() == ["a.txt", "new", "sub", "sub/b.bin"]


@pytest.mark.parametrize("is_there_again", [False, True])
def test_a_folder_that_is_renamed_during_an_upload(
    user: FTPClient, house: FTPHouse, root: Path, is_there_again: bool
) -> None:
    peer = user.begin("STOR sub/new")
    peer.send(b"half")
    house.reactor.settle()
    assert house.user().asks("RNFR sub", "RNTO other")[-1][:3] == "250"
    if is_there_again:
        (root / "sub").mkdir()
    peer.send_eof()
    assert user.replies()[0][:3] == ("226" if is_there_again else "451")
    rest = ["sub", "sub/new"] if is_there_again else []
    assert house.files() == ["a.txt", "other", "other/b.bin", *rest]


@pytest.mark.parametrize("end", ["abort", "break", "leave", "wait"])
def test_an_upload_that_is_cut_leaves_nothing(user: FTPClient, house: FTPHouse, end: str) -> None:
    before = house.files()
    peer = user.begin("STOR a.txt")
    peer.send(b"half")
    house.reactor.settle()
    if end == "abort":
        assert [line[:3] for line in user.asks("ABOR")] == ["426", "226"]
    elif end == "break":
        peer.reset()
        assert user.replies()[0][:3] == "426"
    elif end == "leave":
        user.peer.reset()
    else:
        house.reactor.advance(80.0)
        assert user.replies()[0][:3] == "426"
    house.reactor.settle()
    assert house.files() == before
    assert (house.root / "a.txt").read_bytes() == b"one\ntwo\n"


def test_an_upload_replaces_a_file_and_keeps_its_mode(user: FTPClient, root: Path) -> None:
    (root / "a.txt").chmod(0o600)
    user.store("STOR a.txt", b"new")
    assert (root / "a.txt").read_bytes() == b"new"
    assert (root / "a.txt").stat().st_mode & 0o777 == 0o600


def test_appe(user: FTPClient, root: Path) -> None:
    user.store("APPE a.txt", b"three\n")
    user.store("APPE new", b"x")
    assert (root / "a.txt").read_bytes() == b"one\ntwo\nthree\n"
    assert (root / "new").read_bytes() == b"x"


def test_two_clients_append_to_one_file(house: FTPHouse, root: Path) -> None:
    one, two = house.user(), house.user()
    first, second = one.begin("APPE a.txt"), two.begin("APPE a.txt")
    for peer, data in ((first, b"1"), (second, b"2"), (first, b"3")):
        peer.send(data)
        house.reactor.settle()
    first.send_eof()
    second.send_eof()
    assert [client.replies() for client in (one, two)] == [["226 Transfer complete"]] * 2
    assert (root / "a.txt").read_bytes() == b"one\ntwo\n123"


def test_two_clients_append_to_a_new_file(
    house: FTPHouse, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both see that there is none, then the other one creates it."""
    parent = Root.parent

    def parent_later(self: Root, names: Names) -> AbstractContextManager[int]:
        (root / "new").touch()
        return parent(self, names)

    user = house.user()
    monkeypatch.setattr(Root, "parent", parent_later)
    assert user.store("APPE new", b"x") == "226 Transfer complete"
    assert (root / "new").read_bytes() == b"x"


def test_resuming(user: FTPClient, root: Path) -> None:
    user.asks("TYPE I", "REST 4")
    user.asks("PASV", "STOR a.txt")
    user.data.send(b"2")
    user.data.send_eof()
    assert user.replies()[0][:3] == "226"
    assert (root / "a.txt").read_bytes() == b"one\n2"


def test_resuming_text_counts_what_was_sent(user: FTPClient, root: Path) -> None:
    user.asks("TYPE A", "REST 5", "PASV", "STOR a.txt")
    user.data.send(b"2\r\n")
    user.data.send_eof()
    assert user.replies()[0][:3] == "226"
    assert (root / "a.txt").read_bytes() == b"one\n2\n"


def test_resuming_between_cr_and_lf(user: FTPClient) -> None:
    assert user.asks("TYPE A", "REST 4", "PASV", "STOR a.txt")[-1][:3] == "554"


def test_stou_says_the_name(user: FTPClient, root: Path) -> None:
    [first, second] = [user.store("STOU x", b"1"), user.store("STOU x", b"2")]
    assert first.startswith("226 FILE: /x.")
    assert first != second
    assert (root / first.partition(": /")[2]).read_bytes() == b"1"
    assert user.store("STOU", b"3").startswith("226 FILE: /upload.")


def test_read_only_is_the_default(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root)
    user = house.user()
    user.asks("PASV")
    for command in ("STOR x", "STOU", "APPE a.txt", "DELE a.txt", "MKD x", "RMD sub",
                    "RNFR a.txt", "MFMT 20200101000000 a.txt", "SITE CHMOD 600 a.txt"):  # fmt: skip
        assert user.code(command) == 550, command
    assert house.files() == ["a.txt", "sub", "sub/b.bin"]
    assert b"perm=r;" in user.fetch("MLSD")


def test_a_file_that_may_not_be_written_stays(user: FTPClient, root: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    (root / "a.txt").chmod(0o400)
    assert user.asks("PASV", "STOR a.txt")[-1][:3] == "550"


def test_a_folder_that_disappears(user: FTPClient, house: FTPHouse, root: Path) -> None:
    user.asks("CWD sub")
    peer = user.begin("STOR new")
    peer.send(b"x")
    house.reactor.settle()
    for path in (root / "sub").iterdir():
        path.unlink()
    (root / "sub").rmdir()
    peer.send_eof()
    assert user.replies() == ["451 No such file or directory"]
    assert user.code("CWD .") == 550
    assert user.asks("PASV", "LIST")[-1][:3] == "550"
    assert user.code("CDUP") == 250


def test_a_stopping_server_leaves_no_half_upload(
    reactor: VirtualReactor, root: Path, named: bool
) -> None:
    house = FTPHouse(reactor, root, writable=True)
    before = house.files()
    user = house.user()
    peer = user.begin("STOR new")
    peer.send(b"half")
    reactor.settle()
    assert (house.files() != before) is named
    reactor.call_soon(reactor.stop, 2.0)
    reactor.run()
    reactor.close()
    assert house.files() == before


def test_stopping_while_a_thread_writes_leaves_no_half_upload(
    reactor: VirtualReactor, root: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    going = threading.Event()
    monkeypatch.setattr(targets, "_write", lambda fd, data: going.wait(60))
    house = FTPHouse(reactor, root, writable=True)
    before = house.files()
    peer = house.user().begin("STOR new")
    reactor.thread_timeout = 0
    peer.send(b"half")
    reactor.settle()
    assert (house.files() != before) is named
    reactor.call_soon(reactor.stop, 2.0)
    try:
        reactor.run()
        reactor.close()
        assert house.files() == before
    finally:
        going.set()


@pytest.fixture
def slow_opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Opening the target of an upload takes until this is set."""
    going = threading.Event()
    create = targets._create

    def create_slowly(folder: int) -> tuple[bytes | None, OpenFile]:
        assert going.wait(60)
        return create(folder)

    monkeypatch.setattr(targets, "_create", create_slowly)
    yield going
    going.set()


def test_stopping_while_an_upload_begins_finishes_it(
    reactor: VirtualReactor, root: Path, slow_opening: threading.Event
) -> None:
    house = FTPHouse(reactor, root, writable=True)
    user = house.user()
    reactor.thread_timeout = 0
    user.asks("TYPE I", "PASV", "STOR new", "NOOP")
    reactor.call_soon(reactor.stop, 5.0)
    reactor.settle()
    assert user.replies() == []
    slow_opening.set()
    reactor.thread_timeout = 10
    assert [line[:3] for line in user.replies()] == ["150"]
    user.data.send(b"all")
    user.data.send_eof()
    assert user.replies() == ["226 Transfer complete", "421 The server is stopping"]
    assert (root / "new").read_bytes() == b"all"


def test_leaving_while_an_upload_begins_leaves_nothing(
    user: FTPClient, house: FTPHouse, slow_opening: threading.Event
) -> None:
    before = house.files()
    house.reactor.thread_timeout = 0
    user.asks("PASV", "STOR new")
    user.peer.reset()
    house.reactor.settle()
    slow_opening.set()
    house.reactor.thread_timeout = 10
    house.reactor.settle()
    assert house.files() == before


# -- limits ----------------------------------------------------------------------------------------


def test_the_largest_upload(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(upload=10))
    user = house.user()
    assert user.store("STOR new", bytes(10))[:3] == "226"
    assert user.store("STOR more", bytes(11)) == "552 The file has more than 10 bytes"
    assert house.files() == ["a.txt", "new", "sub", "sub/b.bin"]


def test_a_file_cannot_grow_above_the_largest_upload(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(upload=10))  # a.txt has 8
    user = house.user()
    user.code("TYPE I")
    assert user.store("APPE a.txt", b"xy")[:3] == "226"
    assert user.store("APPE a.txt", b"z") == "552 The file has more than 10 bytes"
    user.code("REST 9")
    assert user.store("STOR a.txt", b"Yz") == "552 The file has more than 10 bytes"
    user.code("REST 9")
    assert user.store("STOR a.txt", b"Y")[:3] == "226"
    assert (root / "a.txt").read_bytes() == b"one\ntwo\nxY"


def test_the_quota(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=300))  # 264 are there
    user = house.user()
    assert user.store("STOR new", bytes(36))[:3] == "226"
    assert user.store("STOR more", b"x") == "552 The quota is exceeded"
    assert user.store("APPE new", b"x") == "552 The quota is exceeded"
    assert user.code("DELE sub/b.bin") == 250
    assert user.store("STOR more", bytes(256))[:3] == "226"
    assert "more" in house.files()


def test_two_uploads_share_the_quota(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=300))
    one, two = house.user(), house.user()
    first, second = one.begin("STOR 1"), two.begin("STOR 2")
    first.send(bytes(30))
    reactor.settle()
    second.send(bytes(30))
    assert two.replies()[0][:3] == "552"
    first.send_eof()
    assert one.replies()[0][:3] == "226"
    # What was refused is free again.
    assert two.store("STOR 2", bytes(6))[:3] == "226"


@pytest.mark.parametrize("how", ["renamed", "twice"])
def test_the_quota_counts_a_replaced_file_once(
    reactor: VirtualReactor, root: Path, how: str
) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=600))  # 264 are there
    holder, one, two = house.user(), house.user(), house.user()
    holder.begin("STOR large")  # while it is in progress, nothing is measured
    first, second = one.begin("STOR sub/b.bin"), two.begin("STOR sub/b.bin")  # of 256 bytes
    if how == "renamed":
        other = house.user()
        assert [other.code("RNFR sub/b.bin"), other.code("RNTO still there")] == [350, 250]
    for peer, client in ((first, one), (second, two)):
        peer.send_eof()
        assert client.replies() == ["226 Transfer complete"]
    left = 600 - sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert left == (336 if how == "renamed" else 592)
    assert one.store("STOR new", bytes(left + 1)) == "552 The quota is exceeded"
    assert one.store("STOR new", bytes(left))[:3] == "226"


def test_replacing_a_file_needs_room_for_both(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=400))  # 264 are there
    user = house.user()
    assert user.store("STOR sub/b.bin", bytes(137)) == "552 The quota is exceeded"
    assert (root / "sub" / "b.bin").read_bytes() == bytes(range(256))
    assert user.store("STOR sub/b.bin", bytes(136)) == "226 Transfer complete"


def test_the_quota_counts_overwritten_bytes_once(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=600))  # 264 are there
    holder, one, two = house.user(), house.user(), house.user()
    holder.begin("STOR large")
    for client in (one, two):
        client.asks("TYPE I", "REST 1")
    first, second = one.begin("STOR sub/b.bin"), two.begin("STOR sub/b.bin")
    for peer, client in ((first, one), (second, two)):
        peer.send_eof()  # each cuts the file, of 256 bytes
        assert client.replies() == ["226 Transfer complete"]
    assert (root / "sub/b.bin").stat().st_size == 1
    assert one.store("STOR new", bytes(592))[:3] == "552"


def test_the_quota_counts_every_folder(user: FTPClient, root: Path) -> None:
    assert user.asks("SITE CHMOD 077 sub", "SITE CHMOD 300 sub", "SITE CHMOD 500 sub") == [
        "550 The owner must be able to read and enter a folder",
        "550 The owner must be able to read and enter a folder",
        "200 The permissions were set",
    ]
    assert user.code("SITE CHMOD 000 a.txt") == 200


def test_the_quota_is_not_measured_without_descriptors(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_nothing(self: Root, names: Names, flags: int = 0) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    folder = Root(root)
    monkeypatch.setattr(Root, "open", open_nothing)
    with pytest.raises(OSError, match="Too many open files"):
        measure(folder)


def test_a_failed_upload_counts_what_it_leaves(reactor: VirtualReactor, root: Path) -> None:
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=300))  # 264 are there
    one, two = house.user(), house.user()
    one.begin("STOR large")  # while it is in progress, nothing is measured
    for _ in range(2):
        peer = two.begin("APPE a.txt")
        peer.send(bytes(10))
        house.reactor.settle()
        assert [line[:3] for line in two.asks("ABOR")] == ["426", "226"]
    assert (root / "a.txt").stat().st_size == 28
    assert two.store("APPE a.txt", bytes(17))[:3] == "552"
    peer = two.begin("STOR new")  # of this nothing stays
    peer.send(bytes(16))
    two.asks("ABOR")
    assert two.store("STOR new", bytes(16))[:3] == "226"


def test_an_upload_that_ends_while_the_folder_is_measured(
    reactor: VirtualReactor, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()

    def measure_slowly(root: Root) -> int:
        size = measure(root)
        if threading.current_thread().name == slow:
            assert going.wait(60)
        return size

    def open_slowly(root: Root, names: Names) -> targets.NewFile:
        nonlocal slow
        if names == (b"slow",):
            slow = threading.current_thread().name
        return targets.NewFile(root, names)

    slow = ""
    monkeypatch.setattr(transfer, "measure", measure_slowly)
    monkeypatch.setattr(transfer, "NewFile", open_slowly)
    house = FTPHouse(reactor, root, writable=True, limits=FTPLimits(quota=300))  # 264 are there
    one, two = house.user(), house.user()
    reactor.thread_timeout = 0
    one.asks("PASV", "STOR slow")
    wait_until(lambda: slow)
    two.sends("TYPE I", "PASV", "STOR quick")
    wait_until(lambda: reactor.run_once(0) or house.ports.peers)
    house.ports.peers[0].send(bytes(30))
    house.ports.peers[0].send_eof()
    wait_until(lambda: reactor.run_once(0) or "quick" in house.files())
    going.set()
    reactor.thread_timeout = 10
    assert one.replies()[-1][:3] == "150"
    one.data.send(bytes(7))
    assert one.replies() == ["552 The quota is exceeded"]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_disk_that_fills_up(
    house: FTPHouse, user: FTPClient, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    written: list[bytes] = []

    def write(fd: int, data: bytes) -> None:
        if written:
            raise OSError(error, os.strerror(error))
        written.append(data)
        os.write(fd, data)

    before = house.files()
    monkeypatch.setattr(targets, "_write", write)
    peer = user.begin("STOR new")
    peer.send(b"first")
    house.reactor.settle()
    peer.send(b"second")
    assert user.replies()[0][:3] == ("451" if error == errno.EIO else "452")
    assert house.files() == before
    monkeypatch.undo()
    assert user.store("STOR new", b"again")[:3] == "226"


def test_a_slow_disk_stops_the_client_and_nobody_else(
    house: FTPHouse, user: FTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()
    real = targets._write

    def write(fd: int, data: bytes) -> None:
        assert going.wait(60)
        real(fd, data)

    monkeypatch.setattr(targets, "_write", write)
    peer = user.begin("STOR new")
    house.reactor.thread_timeout = 0
    data = bytes(range(256)) * 16_384  # 4 MB
    peer.send(data, 65_536)
    peer.send_eof()
    house.reactor.settle()
    taken = 65_536 + uploads.HIGH_WATER  # what the thread has, and what waits
    assert not peer.transport.is_reading()
    assert user.house.server.sessions == 1
    assert sum(map(len, peer._sock.inbox)) >= len(data) - taken - 65_536
    other = house.client()
    assert other.asks("USER anonymous", "PASS x")[-1][:3] == "230"
    going.set()
    house.reactor.thread_timeout = 60
    assert user.replies()[0][:3] == "226"
    assert (house.root / "new").read_bytes() == data


def test_a_slow_disk_costs_no_upload(
    house: FTPHouse, user: FTPClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = threading.Event()
    real = targets._write

    def write(fd: int, data: bytes) -> None:
        assert going.wait(60)
        real(fd, data)

    monkeypatch.setattr(targets, "_write", write)
    peer = user.begin("STOR new")
    house.reactor.thread_timeout = 0
    peer.send(b"all")
    house.reactor.advance(600.0)  # the client waits for us, and is not silent
    going.set()
    house.reactor.thread_timeout = 60
    peer.send_eof()
    assert user.replies() == ["226 Transfer complete"]
    assert (house.root / "new").read_bytes() == b"all"


LINE_BYTES = st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n", b"\0\xff"])).map(b"".join)


@given(LINE_BYTES, st.sampled_from("AI"), st.integers(1, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pieces_of_every_size(
    user: FTPClient, root: Path, data: bytes, mode: str, size: int
) -> None:
    assert user.store("STOR new", data, mode, size)[:3] == "226"
    stored = data.replace(b"\r\n", b"\n") if mode == "A" else data
    assert (root / "new").read_bytes() == stored
    assert user.fetch("RETR new", "I") == stored
    sent = user.fetch("RETR new", mode)
    assert sent == (stored.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if mode == "A" else data)
