"""LIST, NLST, MLSD, MLST, STAT: what they show, and what they leave out."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest

from protocols.ftp import listing
from protocols.ftp.listing import Entry, FactLine, long_line
from reactor.testing import VirtualReactor

from ...tools.ftp import FTPClient, FTPHouse


def names(lines: bytes) -> list[str]:
    """The names in lines of LIST."""
    return [line.split(None, 8)[8].decode() for line in lines.splitlines()]


def test_list(user: FTPClient) -> None:
    file, folder = user.fetch("LIST").decode("ascii").split("\r\n")[:-1]
    pattern = r"-rw-r--r-- +1 ftp +ftp +8 [A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d a\.txt"
    assert re.fullmatch(pattern, file)
    assert re.fullmatch(r"drwxr-xr-x .* sub", folder)


def test_list_of_other_things(user: FTPClient) -> None:
    assert names(user.fetch("LIST sub")) == ["b.bin"]
    assert names(user.fetch("LIST a.txt")) == ["a.txt"]
    assert names(user.fetch("LIST *.t?t")) == ["a.txt"]
    assert names(user.fetch("LIST sub/[a-c].*")) == ["b.bin"]
    assert user.fetch("LIST *.nothing") == b""


def test_hidden_names_and_options(user: FTPClient, root: Path) -> None:
    (root / ".hidden").touch()
    assert names(user.fetch("LIST")) == ["a.txt", "sub"]
    assert names(user.fetch("LIST -la")) == [".", "..", ".hidden", "a.txt", "sub"]
    assert names(user.fetch("LIST -l -a sub")) == [".", "..", "b.bin"]
    assert user.fetch("NLST -a") == b".hidden\r\na.txt\r\nsub\r\n"
    assert b".hidden" in user.fetch("MLSD")
    assert names(user.fetch("LIST .h*")) == [".hidden"]


def test_old_files_have_their_year(root: Path) -> None:
    os.utime(root / "a.txt", (0, 0))
    line = long_line(Entry(b"a.txt", (root / "a.txt").stat()))
    assert line.endswith(b" Jan  1  1970 a.txt\r\n")
    future = time.time() + 90 * 86_400
    os.utime(root / "a.txt", (future, future))
    line = long_line(Entry(b"a.txt", (root / "a.txt").stat()))
    assert f" {time.gmtime(future).tm_year} a.txt" in line.decode()


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("", ["a.txt", "sub"]),
        ("sub", ["sub/b.bin"]),
        ("/sub/", ["/sub/b.bin"]),
        ("./sub", ["./sub/b.bin"]),
        ("a.txt", ["a.txt"]),
        ("sub/*", ["sub/b.bin"]),
        ("/", ["/a.txt", "/sub"]),
        ("..", ["../a.txt", "../sub"]),
    ],
)
def test_names_can_be_used_as_they_are(user: FTPClient, argument: str, found: list[str]) -> None:
    # RFC 1123 section 4.1.2.7
    assert user.fetch(f"NLST {argument}".strip()).decode().split("\r\n")[:-1] == found
    assert all(user.asks(f"MLST {name}")[-1] == "250 End" for name in found)


def test_facts(user: FTPClient, root: Path) -> None:
    os.utime(root / "a.txt", (0, 86_400))
    lines = user.fetch("MLSD").decode("ascii").splitlines()
    pattern = r"type=file;size=8;modify=19700102000000;perm=radfw;unique=\w+;UNIX.mode=0644; a\.txt"
    assert re.fullmatch(pattern, lines[0])
    assert re.fullmatch(r"type=dir;modify=\d{14};perm=elcdfmp;unique=\w+;UNIX.mode=0755; sub",
                        lines[1])  # fmt: skip


@pytest.mark.parametrize(("writable", "perm"), [(True, "dfw"), (False, "")])
def test_facts_of_special_files(
    reactor: VirtualReactor,
    root: Path,
    writable: bool,
    perm: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    os.mkfifo(root / "fifo")
    monkeypatch.chdir(root)  # the path of a socket must be short
    with closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.bind("sock")
    user = FTPHouse(reactor, root, writable=writable).user()
    user.asks("OPTS MLST type;size;perm;")
    lines = user.fetch("MLSD").decode().splitlines()
    assert lines[1] == f"type=OS.unix=fifo;perm={perm}; fifo"
    assert lines[2] == f"type=OS.unix=sock;perm={perm}; sock"
    assert user.asks("MLST fifo")[1] == f" type=OS.unix=fifo;perm={perm}; /fifo"


@pytest.mark.parametrize(("path", "kind"), [("/dev/null", "chr"), ("/dev/loop0", "blk")])
def test_facts_of_devices(path: str, kind: str) -> None:
    if not os.path.exists(path):
        pytest.skip(f"there is no {path}")
    line = FactLine(frozenset({"type"}), True)
    assert line(Entry(b"x", os.stat(path))) == f"type=OS.unix={kind}; x\r\n".encode()


def test_chosen_facts(user: FTPClient) -> None:
    assert user.asks("OPTS MLST Size;TYPE;nothing;") == ["200 MLST OPTS type;size;"]
    assert user.fetch("MLSD") == b"type=file;size=8; a.txt\r\ntype=dir; sub\r\n"
    assert " MLST type*;size*;modify;perm;unique;UNIX.mode;" in user.asks("FEAT")
    assert user.asks("MLST a.txt")[1] == " type=file;size=8; /a.txt"
    assert user.asks("OPTS MLST") == ["200 MLST OPTS"]
    assert user.fetch("MLSD") == b" a.txt\r\n sub\r\n"


def test_stat_lists_on_the_control_connection(user: FTPClient) -> None:
    replies = user.asks("STAT -la sub")
    assert replies[0] == "212-Status of /sub:"
    assert [line.split()[-1] for line in replies[1:]] == [".", "..", "b.bin", "End"]
    assert user.asks("STAT a.txt")[0] == "213-Status of /a.txt:"


def test_stat_of_a_large_folder_is_cut(user: FTPClient, root: Path) -> None:
    for number in range(1100):
        (root / "sub" / f"{number}").touch()
    replies = user.asks("STAT sub")
    assert len(replies) == 1003
    assert replies[-2:] == [" (there are more)", "212 End"]


def test_a_folder_larger_than_one_read(user: FTPClient, root: Path) -> None:
    wanted = sorted(f"{number:04}" for number in range(1234))
    for name in wanted:
        (root / "sub" / name).touch()
    assert names(user.fetch("LIST sub")) == [*wanted, "b.bin"]


def test_a_folder_too_large_to_sort(
    user: FTPClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_SORTED", 3)
    for number in range(10):
        (root / "sub" / f"{number}").touch()
    assert sorted(names(user.fetch("LIST sub"))) == [*map(str, range(10)), "b.bin"]


def test_names_that_no_line_can_contain_are_left_out(user: FTPClient, root: Path) -> None:
    for name in (b"a\r\nb", b"c\nd", b"e\rf"):
        (os.fsencode(root) + b"/" + name).decode()
        open(os.fsencode(root) + b"/" + name, "w").close()
    for command in ("LIST -a", "NLST", "MLSD"):
        sent = user.fetch(command)
        assert sent.count(b"\n") == sent.count(b"\r\n") == (4 if "-a" in command else 2)
    assert user.asks("STAT /")[0][:3] == "212"


def test_names_of_any_bytes(user: FTPClient, root: Path) -> None:
    raw = b'caf\xe9 \xff "x" '
    open(os.fsencode(root) + b"/" + raw, "w").close()
    (root / "caf\u00e9").touch()
    lines = user.fetch("NLST").split(b"\r\n")
    assert raw in lines
    assert "caf\u00e9".encode() in lines
    assert user.code("SIZE " + raw.decode("utf-8", "surrogateescape")) == 213
    # A byte of Telnet's own is doubled on the way.
    user.peer.send(b"SIZE " + raw.replace(b"\xff", b"\xff\xff") + b"\r\n")
    assert user.replies() == ["213 0"]


def test_pwd_doubles_quotation_marks(user: FTPClient, root: Path) -> None:
    (root / 'say "hi"').mkdir()
    user.asks('CWD say "hi"')
    assert user.asks("PWD") == ['257 "/say ""hi""" is the current folder']


def test_links_that_lead_inside_are_what_they_lead_to(user: FTPClient, root: Path) -> None:
    (root / "file-link").symlink_to("a.txt")
    (root / "folder-link").symlink_to(root / "sub")
    (root / "broken").symlink_to("nothing")
    (root / "loop").symlink_to("loop")
    assert names(user.fetch("LIST")) == ["a.txt", "file-link", "folder-link", "sub"]
    assert user.fetch("RETR file-link") == b"one\ntwo\n"
    assert user.fetch("RETR folder-link/b.bin") == bytes(range(256))
    assert user.code("CWD folder-link") == 250
    assert user.asks("CDUP")[0] == "250 The folder is /"
    assert user.code("DELE file-link") == 250
    assert (root / "a.txt").exists()


def test_a_folder_that_disappears_during_its_listing(
    user: FTPClient, house: FTPHouse, root: Path
) -> None:
    for number in range(3000):
        (root / "sub" / f"{number:0100}").touch()
    house.ports.stalled = True
    peer = user.begin("LIST sub")
    shutil.rmtree(root / "sub")
    peer.resume()
    assert user.replies() == ["226 Transfer complete"]
    lines = peer.read().split(b"\r\n")
    assert lines[0].endswith(b"0")
    assert all(line.startswith(b"-rw") for line in lines[:-1])
    assert user.asks("PASV", "LIST sub")[-1] == "550 No such file or directory"


def test_a_root_that_disappears(user: FTPClient, root: Path) -> None:
    shutil.rmtree(root)
    assert user.code("PWD") == 257
    assert user.code("MKD new") == 550
    for command in ("RETR a.txt", "STOR new", "LIST sub"):
        assert user.asks("PASV", command)[-1][:3] == "550", command
    assert user.asks("PASV", "MLSD")[-1][:3] in {"226", "550"}


def test_special_files_are_not_opened(user: FTPClient, root: Path) -> None:
    os.mkfifo(root / "fifo")
    assert user.asks("PASV", "RETR fifo")[-1] == "550 Not a regular file"
    assert user.code("SIZE fifo") == 550
    before = (root / "fifo").stat()
    assert user.asks("MFMT 20200102030405 fifo") == ["550 Not a regular file"]
    assert user.asks("SITE CHMOD 777 fifo") == ["550 Not a regular file"]
    after = (root / "fifo").stat()
    assert (after.st_mtime, after.st_mode) == (before.st_mtime, before.st_mode)
    for command in ("APPE fifo", "STOR fifo"):
        assert user.asks("REST 1", "PASV", command)[-1] == "550 Not a regular file", command
    assert stat.S_ISFIFO((root / "fifo").stat().st_mode)
    assert user.store("STOR fifo", b"new") == "226 Transfer complete"
    assert (root / "fifo").read_bytes() == b"new"


def test_times_and_modes(user: FTPClient, root: Path) -> None:
    assert user.asks("MFMT 20200102030405 a.txt") == ["213 Modify=20200102030405; /a.txt"]
    assert user.asks("MDTM a.txt") == ["213 20200102030405"]
    assert user.asks("MFMT 20200102030405.123 a.txt")[0][:3] == "213"
    assert user.asks("MFMT 20200102030405 sub") == ["213 Modify=20200102030405; /sub"]
    user.asks("SITE CHMOD 0640 a.txt")
    assert (root / "a.txt").stat().st_mode & 0o7777 == 0o640


def test_a_folder_that_cannot_be_read(house: FTPHouse, root: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (root / "sub").chmod(0)
    assert house.user().asks("PASV", "LIST sub")[-1][:3] == "550"
