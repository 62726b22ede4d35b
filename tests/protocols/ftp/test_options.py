"""The options of ``--protocol ftp``: those that exclude or need each other."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ...tools.commands import one_line

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        ([], 2, "--root DIR is required: the folder to serve"),
        (["--root", "/nonexistent"], 1, "cannot use /nonexistent"),
        (["--root", ".", "--implicit-tls"], 2, "--implicit-tls requires --tls-cert"),
        (["--root", ".", "--require-tls"], 2, "--require-tls requires --tls-cert"),
        (["--root", ".", "--require-close-notify"], 2, "requires --tls-cert"),
        (["--root", ".", "--user", "ada:tea"], 2, "--user"),
        (["--root", ".", "--users", "/nonexistent"], 1, "cannot use /nonexistent"),
        (["--root", ".", "--passive-ports", "2-1"], 2, "expected two ports such as 50000-50100"),
        (["--root", ".", "--public-address", "::1"], 2, "expected an IPv4 address"),
        (
            ["--root", ".", "--passive-ports", "50000-50001", "--max-passive-ports", "1"],
            2,
            "--max-passive-ports cannot be combined with --passive-ports",
        ),
        (["--root", ".", "--access-log", "/nonexistent/log"], 1, "cannot write the log"),
    ],
)
def test_wrong_usage(
    options: list[str], status: int, text: str, run_reactor: Run, tmp_path: Path
) -> None:
    result = run_reactor("--protocol", "ftp", "--port", "0", *options, cwd=tmp_path)
    assert result.returncode == status
    assert text in one_line(result.stderr)


def test_tls_cannot_be_required_without_a_certificate(
    run_reactor: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other options in the environment are ignored if they have no effect. Ignoring this one would
    # let passwords travel unprotected.
    monkeypatch.setenv("REACTOR_REQUIRE_TLS", "yes")
    result = run_reactor("--protocol", "ftp", "--port", "0", "--root", ".", cwd=tmp_path)
    assert result.returncode == 2
    assert "--require-tls requires --tls-cert" in one_line(result.stderr)
