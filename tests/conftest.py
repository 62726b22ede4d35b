"""Real servers and clients, started as a user starts them, for tests in all folders."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

ROOT = Path(__file__).parent.parent
TIMEOUT = 20  # seconds: only reached by what is broken

# The shell has a background job ignore SIGINT and SIGQUIT, and nohup SIGHUP. Children inherit that,
# and what we test respects it: so the tests always begin with Python's defaults.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


class Command:
    """A running ``python -m reactor ...``; ``ports`` is ``{"tcp": 8555, "udp": 9555}``."""

    def __init__(self, *arguments: str, **popen: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reactor", *arguments],
            cwd=popen.pop("cwd", ROOT),
            stdin=popen.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            **popen,
        )
        self.printed: list[str] = []
        self.ports: dict[str, int] = {}

    def wait_until_serving(self) -> "Command":
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
        _, errors = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, errors


@pytest.fixture
def serve() -> Iterator[Callable[..., Command]]:
    """``serve("--protocol", "echo", "--port", "0")`` starts a server and waits until it listens."""
    commands: list[Command] = []

    def start(*arguments: str, **popen: object) -> Command:
        command = Command(*arguments, **popen)
        commands.append(command)
        return command.wait_until_serving()

    yield start
    for command in commands:
        if command.process.poll() is None:
            status, errors = command.stop()
            assert (status, errors) == (0, "")


@pytest.fixture
def run_reactor() -> Callable[..., subprocess.CompletedProcess[str]]:
    """``run_reactor("--version")`` runs the command to its end, with ``input`` for its input."""

    def run(
        *arguments: str, input: str = "", cwd: object = ROOT, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "reactor", *arguments],
            cwd=cwd,
            input=input,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        )

    return run


@dataclass
class Certificate:
    """Files of a certificate for ``localhost`` and 127.0.0.1, and of its authority."""

    ca: str
    chain: str
    key: str


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "chain.pem", append=True)
    return Certificate(*(str(folder / name) for name in ("ca.pem", "chain.pem", "key.pem")))
