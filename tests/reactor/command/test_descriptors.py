"""The limit of open files is raised to what the connections need, or the number that fits is
reported."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from reactor.command import descriptors
from reactor.command.descriptors import SPARE, room_for

from ...tools.commands import ROOT
from ...tools.waiting import TIMEOUT


class System:
    """Limits of an imaginary system, not those of this process."""

    def __init__(self, soft: int, hard: int, most: int | None = None) -> None:
        self.limits = soft, hard
        self.most = most  # the system refuses more, despite the hard limit

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if self.most is not None and limits[0] > self.most:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


@pytest.fixture
def system(monkeypatch):
    def make(*limits: int) -> System:
        made = System(*limits)
        monkeypatch.setattr(descriptors.resource, "getrlimit", made.getrlimit)
        monkeypatch.setattr(descriptors.resource, "setrlimit", made.setrlimit)
        return made

    return make


INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1024, 1_048_576, 2064),  # as much as needed, not as much as there is
        (1024, INFINITY, 2064),
        (1024, 1500, 1500),
        (4096, 1_048_576, 4096),  # never lowered
        (INFINITY, INFINITY, INFINITY),
    ],
)
def test_the_soft_limit_is_raised_to_what_is_needed(system, soft, hard, raised):
    limits = system(soft, hard)

    assert room_for(1000) == 1000
    assert limits.limits == (raised, hard)


def test_if_the_hard_limit_is_too_low_the_number_that_fits_is_returned(system):
    limits = system(256, 512)

    assert room_for(1000) == 512 - SPARE
    assert limits.limits == (512, 512)


def test_if_the_system_refuses_the_limit_is_raised_less(system):
    # macOS says that there is no hard limit, and then refuses.
    limits = system(256, INFINITY, 24_576)

    assert room_for(20_000) == 20_000
    assert limits.limits == ((2 * 20_000 + SPARE) // 2, INFINITY)


def test_a_limit_that_cannot_be_raised_at_all_stays(system):
    limits = system(256, INFINITY, 0)

    assert room_for(20_000) == 256 - SPARE
    assert limits.limits == (256, INFINITY)


def test_select_watches_no_more_than_1024(system):
    system(1_048_576, 1_048_576)

    assert room_for(20_000, "select") == 1024 - SPARE
    assert room_for(20_000, "epoll") == 20_000
    assert room_for(100, "select") == 100


START = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from reactor.command.cli import main
from protocols.chat.app import ChatApplication
from protocols.http.app import HTTPApplication
def serve(self, reactor, options):
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], flush=True)
    reactor.stop()
    return []
ChatApplication.serve = HTTPApplication.serve = serve
sys.exit(main(sys.argv[1:]))
"""


def start(soft: int, hard: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START.format(soft=soft, hard=hard), *arguments, "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [("chat", "--max-members", "400"), ("http", "--max-connections", "400")],
)
def test_the_command_raises_it_and_says_nothing(arguments):
    result = start(256, 2000, "--protocol", *arguments)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{2 * 400 + SPARE}\n")


@pytest.mark.parametrize(
    ("name", "option"), [("chat", "--max-members"), ("http", "--max-connections")]
)
def test_the_command_says_in_one_line_what_does_not_fit(name, option):
    result = start(256, 512, "--protocol", name, option, "5000")

    assert result.returncode == 0
    assert result.stdout.startswith("512\n")
    assert result.stderr == (
        f"reactor: not enough file descriptors for {option} 5000: {512 - SPARE} fit (ulimit -Hn)\n"
    )


def test_the_command_says_how_many_select_can_watch():
    result = start(2000, 2000, "--protocol", "chat", "--poller", "select", "--max-members", "1500")

    assert result.stderr.endswith(f": {1024 - SPARE} fit (what select can watch)\n")
