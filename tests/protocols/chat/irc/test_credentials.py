"""The passwords of IRC operators."""

from __future__ import annotations

import io
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.chat.irc import credentials
from protocols.chat.irc.credentials import read_operators
from protocols.passwords import PasswordHash, PasswordsError


def test_a_file_names_operators(tmp_path: Path) -> None:
    path = tmp_path / "operators"
    path.write_text(f"# ours\n\nalice {PasswordHash.of('tea')}\n  bob  {PasswordHash.of('cake')}\n")
    found = read_operators(path)
    assert found
    assert found.check("alice", "tea")
    assert not found.check("alice", "cake")
    assert not found.check("Alice", "tea")
    assert not found.check("carol", "tea")


def test_an_empty_file_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "operators").touch()
    assert not read_operators(tmp_path / "operators")


@pytest.mark.parametrize("line", ["alice", "alice tea", "alice scrypt$1$2$3$4$5 more"])
def test_an_error_names_the_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "operators"
    path.write_text(f"# ours\n{line}\n")
    with pytest.raises(PasswordsError, match=r"operators, line 2: must be a name and a hash"):
        read_operators(path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "operators"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PasswordsError, match="not a text file"):
        read_operators(path)


def test_the_command_prints_a_line_for_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "protocols.chat.irc.credentials", "alice"]
    made = subprocess.run(command, input="tea\n", capture_output=True, text=True, check=True)
    path = tmp_path / "operators"
    path.write_text(made.stdout)
    path.chmod(stat.S_IRUSR)
    assert read_operators(path).check("alice", "tea")


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
