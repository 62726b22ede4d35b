"""Fixtures for tests in all folders: a reactor in virtual time, real servers and a certificate."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.tools")

from reactor.testing import VirtualReactor  # noqa: E402

from .tools.certificates import Certificate, write_certificate  # noqa: E402
from .tools.commands import ROOT, Command, environment  # noqa: E402
from .tools.waiting import TIMEOUT  # noqa: E402

# Examples may take any time: other test runs may keep the machine busy.
settings.register_profile(
    "any time", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("any time")

# A shell's background jobs ignore SIGINT and SIGQUIT, and nohup ignores SIGHUP. Child processes
# inherit that, and the command respects it, so the tests start from Python's defaults.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGTSTP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)


@pytest.fixture
def reactor() -> Iterator[VirtualReactor]:
    """A reactor in virtual time."""
    with VirtualReactor() as reactor:
        yield reactor


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
    """``run_reactor("--version")`` runs the command to its end, with ``input`` as its input."""

    def run(
        *arguments: str, input: str = "", cwd: object = ROOT, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "reactor", *arguments],
            cwd=cwd,
            input=input,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=environment(**variables),
        )

    return run


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return write_certificate(tmp_path_factory.mktemp("certificate"))
