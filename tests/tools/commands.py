"""Programs in separate processes: ``python -m reactor`` and short scripts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from .waiting import TIMEOUT

ROOT = Path(__file__).resolve().parents[2]

# Instead of the default ports that --port does not replace: any that are free.
DEFAULT_PORTS = {"REACTOR_IRC_PORT": "0", "REACTOR_POP3_PORT": "0", "REACTOR_WEB_PORT": "0"}


def environment(**variables: str) -> dict[str, str]:
    """This process's environment and ``variables``; Python finds our packages in any folder, and
    shows its stacks when it is aborted. No program listens on a default port that a test does not
    name."""
    python = {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    return {**os.environ, **python, **DEFAULT_PORTS, **variables}


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait until ``process`` has ended. Returns the rest of its output and errors. If it hangs,
    abort it, and show where it was."""
    try:
        return process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        output, errors = process.communicate(timeout=TIMEOUT)
        raise AssertionError(f"it does not end:\n{output}\n{errors}") from None


def run_script(script: str, *arguments: str) -> tuple[str, str, int]:
    """Run ``script`` to its end, with warnings as errors. Returns what it wrote to standard output
    and standard error, and its exit status."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return result.stdout, result.stderr, result.returncode


def one_line(text: str) -> str:
    """Check that ``text`` is one line of the command on standard error, and return it."""
    assert text.startswith("reactor: ")
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return text


class Command:
    """A running ``python -m reactor ...``; ``ports`` is ``{"tcp": 8555, "udp": 9555}``."""

    def __init__(self, *arguments: str, **popen: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reactor", *arguments],
            cwd=popen.pop("cwd", ROOT),
            stdin=popen.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=popen.pop("stderr", subprocess.PIPE),
            text=True,
            env=environment(),
            **popen,
        )
        self.printed: list[str] = []
        self.ports: dict[str, int] = {}

    def wait_until_serving(self) -> Command:
        for line in self.process.stdout:
            self.printed.append(line.rstrip("\n"))
            if match := re.search(r"(\w+)://.*:(\d+)/?$", line):
                self.ports[match[1]] = int(match[2])
            if line.startswith("Press Ctrl+C"):
                return self
        raise AssertionError(f"it did not start: {self.process.communicate(timeout=TIMEOUT)}")

    @property
    def port(self) -> int:
        return self.ports.get("tcp") or self.ports["tls"]

    def stop(self, signum: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; returns the exit status and what is on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        _, errors = finish(self.process)
        return self.process.returncode, errors
