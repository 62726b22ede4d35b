"""The passwords of IRC operators."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.chat.irc import credentials
from protocols.chat.irc.credentials import CredentialsError, PasswordHash, read_credentials


def test_a_hash_matches_its_password_alone() -> None:
    made = PasswordHash.of("tea and biscuits")
    read = PasswordHash.parse(str(made))
    assert read == made
    assert read.matches("tea and biscuits")
    assert not read.matches("tea and biscuit")
    assert "tea" not in str(made)


def test_two_hashes_of_one_password_differ() -> None:
    assert PasswordHash.of("tea").digest != PasswordHash.of("tea").digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tea",
        "scrypt$16384$8$1$AAAA",
        "md5$16384$8$1$AAAA$AAAA",
        "scrypt$16384$8$one$AAAA$AAAA",
        "scrypt$16383$8$1$AAAA$AAAA",  # not a power of 2
        "scrypt$1048576$8$1$AAAA$AAAA",  # 1 GiB
        "scrypt$16384$8$1000000$AAAA$AAAA",
        "scrypt$16384$0$1$AAAA$AAAA",
        "scrypt$16384$8$1$AAAA$???",
    ],
)
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PasswordHash.parse(text)


def test_a_file_names_operators(tmp_path: Path) -> None:
    path = tmp_path / "operators"
    path.write_text(f"# ours\n\nalice {PasswordHash.of('tea')}\n  bob  {PasswordHash.of('cake')}\n")
    found = read_credentials(path)
    assert found
    assert found.check("alice", "tea")
    assert not found.check("alice", "cake")
    assert not found.check("Alice", "tea")
    assert not found.check("carol", "tea")


def test_an_empty_file_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "operators").touch()
    assert not read_credentials(tmp_path / "operators")


@pytest.mark.parametrize("line", ["alice", "alice tea", "alice scrypt$1$2$3$4$5 more"])
def test_an_error_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "operators"
    path.write_text(f"# ours\n{line}\n")
    with pytest.raises(CredentialsError, match=r"operators, line 2: must be a name and a hash"):
        read_credentials(path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "operators"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CredentialsError, match="not a text file"):
        read_credentials(path)


def test_the_command_prints_a_line_for_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "protocols.chat.irc.credentials", "alice"]
    made = subprocess.run(command, input="tea\n", capture_output=True, text=True, check=True)
    path = tmp_path / "operators"
    path.write_text(made.stdout)
    path.chmod(stat.S_IRUSR)
    assert read_credentials(path).check("alice", "tea")


@pytest.mark.parametrize(
    ("name", "typed", "message"),
    [
        ("#alice", "tea\n", "NAME has"),
        ("a b", "tea\n", "NAME has"),
        ("alice", "\n", "a password has"),
        ("alice", "green tea\n", "a password has"),
        ("alice", ":tea\n", "a password has"),
    ],
)
def test_the_command_refuses_what_the_file_could_not_hold(
    name: str,
    typed: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(SystemExit):
        credentials.main([name])
    assert message in capsys.readouterr().err
