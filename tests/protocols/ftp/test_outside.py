"""Nothing outside of the root can be read, written or seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from ...tools.ftp import FTPClient

ESCAPES = [
    "../secret",
    "../../../../../../secret",
    "/../secret",
    "sub/../../secret",
    "./.././../secret",
    "out/secret",
    "out-relative/secret",
    "secret-link",
    "chain",
    "sub/up/secret",
]
COMMANDS = ["RETR {}", "SIZE {}", "MDTM {}", "MLST {}", "STAT {}", "LIST {}", "NLST {}", "MLSD {}",
            "CWD {}", "APPE {}", "SITE CHMOD 777 {}", "MFMT 20200101000000 {}"]  # fmt: skip


@pytest.fixture
def outside(root: Path) -> Path:
    """A file next to the root, and links to it."""
    secret = root.parent / "secret"
    secret.write_bytes(b"secret")
    (root / "out").symlink_to(root.parent)
    (root / "out-relative").symlink_to("..")
    (root / "secret-link").symlink_to(secret)
    (root / "chain").symlink_to("sub/next")
    (root / "sub" / "next").symlink_to("../secret-link")
    (root / "sub" / "up").symlink_to("../..")
    return secret


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_outside_is_reached(
    user: FTPClient, outside: Path, path: str, command: str
) -> None:
    before = outside.stat()
    replies = user.asks("TYPE I", "PASV", command.format(path))
    if command.startswith("APPE") and replies[-1][:3] == "150":
        # With ".." at the top staying there, the name is one inside of the root.
        user.data.send(b"x")
        user.data.send_eof()
        assert user.replies()[-1][:3] == "226"
    else:
        assert replies[-1][:2] in {"55", "50"}, replies
    assert outside.read_bytes() == b"secret"
    after = outside.stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.parametrize("path", ["out/new", "out-relative/new", "sub/up/new", "../new"])
@pytest.mark.parametrize("command", ["STOR {}", "MKD {}", "RNTO {}", "STOU {}"])
def test_nothing_is_made_outside(user: FTPClient, outside: Path, path: str, command: str) -> None:
    before = sorted(outside.parent.iterdir())
    replies = user.asks("PASV", "RNFR a.txt", command.format(path))
    if replies[-1][:3] == "150":
        user.data.send_eof()
        user.replies()
    assert sorted(outside.parent.iterdir()) == before


def test_deleting_and_replacing_a_link_does_not_follow_it(
    user: FTPClient, outside: Path, root: Path
) -> None:
    assert user.code("RNFR secret-link") == 350
    assert user.code("RNTO renamed") == 250
    assert user.code("DELE renamed") == 250
    assert user.store("STOR out", b"new")[:3] == "226"
    assert (root / "out").read_bytes() == b"new"
    assert outside.read_bytes() == b"secret"


def test_listings_do_not_show_what_is_outside(user: FTPClient, outside: Path) -> None:
    for command in ("LIST -la", "NLST -a", "MLSD"):
        sent = user.fetch(command)
        assert b"secret" not in sent
        assert b"out" not in sent
