"""What all benchmarks share: C programs compiled on the spot, a server on one core and its load on
another, readings of the server's CPU time and memory, and tables.

The CPU time is what the kernel counts for the server's process, user and system. On the loopback
interface it includes waking the load, and on some kernels the load's side of TCP (others count
that as interrupts). This is the same for every server. CPU time varies less than wall-clock time,
which depends on what else runs on the machine."""

from __future__ import annotations

import argparse
import atexit
import importlib.metadata
import importlib.util
import math
import os
import platform
import re
import select
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Self

from .results import Table

HERE = Path(__file__).parent
ROOT = HERE.parent
START_TIMEOUT = 30.0  # seconds until a server has printed its port

DISTURBED = 0.1  # of a core, used by something else: more than that invalidates a run
ATTEMPTS = 3  # to get a valid run

Row = Sequence[str]


class BenchmarkError(Exception):
    """A benchmark cannot run. The message is one line for the user."""


# -- the machine -----------------------------------------------------------------------------------


def environment() -> str:
    """Return a description of the machine and the Python on which the figures are measured."""
    optimized = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    build = "configured with --enable-optimizations" if optimized else "no --enable-optimizations"
    uvloop = f"uvloop {importlib.metadata.version('uvloop')}" if has_uvloop() else "no uvloop"
    return (
        f"{platform.python_implementation()} {platform.python_version()} ({build}), {uvloop}\n"
        f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, {_cpu_model()}"
    )


def has_uvloop() -> bool:
    return importlib.util.find_spec("uvloop") is not None


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    match = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    return match[1] if match else platform.machine()


# -- programs --------------------------------------------------------------------------------------


@cache
def compile_c(name: str) -> str:
    """Compile csrc/NAME.c into a temporary folder, and return the program's path."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if compiler is None:
        raise BenchmarkError("the load generators are written in C: install a compiler (cc)")
    program = os.path.join(_build_folder(), name)
    command = [compiler, "-O2", "-o", program, str(HERE / "csrc" / f"{name}.c"), "-lm"]
    result = subprocess.run(command, check=False)
    if result.returncode:
        raise BenchmarkError(f"{compiler} cannot compile {name}.c")
    return program


@cache
def _build_folder() -> str:
    folder = tempfile.mkdtemp(prefix="benchmarks-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def python_server(name: str, *arguments: object) -> list[str]:
    """Return the command that runs servers/NAME.py with ``arguments``, in the folder ``ROOT``."""
    return [sys.executable, "-m", f"{__package__}.servers.{name}", *map(str, arguments)]


def reactor_command(*arguments: str) -> list[str]:
    """Return the command that runs ``python -m reactor`` with ``arguments``."""
    return [sys.executable, "-m", "reactor", *arguments]


def measured(commands: dict[str, list[str]], options: argparse.Namespace) -> dict[str, list[str]]:
    """Return those of ``commands``, by the servers' names, that can and should be measured."""
    return {
        name: command
        for name, command in commands.items()
        if ("uvloop" not in name or has_uvloop()) and ("reactor" in name or not options.smoke)
    }


def server_and_load_cores() -> tuple[set[int], set[int]]:
    """Return the core for servers and the core for loads."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[0]}, {cores[-1]}


def _popen(command: list[str], cores: set[int], **pipes: int) -> subprocess.Popen[str]:
    try:
        process = subprocess.Popen(command, text=True, cwd=ROOT, **pipes)  # type: ignore[call-overload]
    except OSError as exc:
        raise BenchmarkError(f"cannot start {command[0]}: {exc.strerror}") from exc
    os.sched_setaffinity(process.pid, cores)
    return process  # type: ignore[no-any-return]


def read_line(stream: IO[str], timeout: float, what: str) -> str:
    """Read a line that must arrive within ``timeout`` seconds. ``what`` names its sender.

    Raises BenchmarkError if it does not."""
    ready, _, _ = select.select([stream], [], [], timeout)
    line = stream.readline() if ready else ""
    if not line:
        raise BenchmarkError(f"{what} {'ended' if ready else 'sent nothing in time'}")
    return line


def machine_busy() -> float:
    """Return for how many seconds the cores have been busy, since an arbitrary start."""
    _, _, _, _, idle, iowait, _ = Path("/proc/stat").read_text().split(maxsplit=6)
    idle_seconds = (int(idle) + int(iowait)) / os.sysconf("SC_CLK_TCK")
    return time.monotonic() * (os.cpu_count() or 1) - idle_seconds


@dataclass(frozen=True, slots=True)
class Reading:
    """The seconds of CPU that a process has used so far, and its resident memory in KiB."""

    user: float
    system: float
    resident: int

    @property
    def cpu(self) -> float:
        return self.user + self.system

    @classmethod
    def of(cls, pid: int) -> Self:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = os.sysconf("SC_CLK_TCK")
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return cls(
            int(fields[11]) / ticks,
            int(fields[12]) / ticks,
            pages * (os.sysconf("SC_PAGE_SIZE") // 1024),
        )


class Server:
    """A server under test, which prints its address. A context manager that kills it at the end."""

    def __init__(self, command: list[str]) -> None:
        self._process = _popen(command, server_and_load_cores()[0], stdout=subprocess.PIPE)
        self.pid = self._process.pid
        assert self._process.stdout is not None
        line = read_line(self._process.stdout, START_TIMEOUT, f"the server ({command[-1]})")
        match = re.search(r"tcp://.*:(\d+)\s*$", line)
        if match is None:
            raise BenchmarkError(f"the server printed no address but {line.strip()!r}")
        self.port = int(match[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of a load cost a server. ``count``: the number of messages, deliveries and so
    on.

    ``disturbance``: how many cores other programs than server and load kept busy."""

    count: int
    seconds: float
    user: float
    system: float
    resident_before: int  # KiB, before the load connected
    resident_after: int
    details: dict[str, float]
    disturbance: float

    @property
    def cpu(self) -> float:
        return self.user + self.system

    @property
    def microseconds(self) -> float:
        """CPU time of the server for each of ``count``."""
        return quotient(self.cpu, self.count) * 1e6

    @property
    def rate(self) -> float:
        """How many of ``count`` in each second of wall-clock time."""
        return self.count / self.seconds


def run_load(command: list[str], load: str, *arguments: object, timeout: float = 180) -> Result:
    """Start the server ``command``, run the C program ``load`` against it, and end both.

    ``timeout``: seconds that each step of the load may take."""
    program = compile_c(load)
    with Server(command) as server:
        idle = Reading.of(server.pid)
        process = _popen(
            [program, str(server.port), *map(str, arguments)],
            server_and_load_cores()[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            read_line(process.stdout, timeout, load)
            before, load_before = Reading.of(server.pid), Reading.of(process.pid)
            busy_before = machine_busy()
            process.stdin.write("go\n")
            process.stdin.flush()
            line = read_line(process.stdout, timeout, load)
            busy = machine_busy() - busy_before
            after, load_after = Reading.of(server.pid), Reading.of(process.pid)
        finally:
            process.kill()
            process.communicate()
    disturbance = busy - (after.cpu - before.cpu) - (load_after.cpu - load_before.cpu)
    details = {key: float(value) for key, value in (pair.split("=") for pair in line.split())}
    return Result(
        int(details["count"]),
        details["seconds"],
        after.user - before.user,
        after.system - before.system,
        idle.resident,
        after.resident,
        details,
        disturbance / details["seconds"],
    )


def interleave(
    commands: dict[str, list[str]],
    options: argparse.Namespace,
    measure: Callable[[list[str]], Result],
) -> dict[str, list[Result]]:
    """Measure all servers in turn, A B C A B C, for ``options.rounds`` rounds. So slow changes of
    the machine affect all servers equally.

    One server runs at a time. A run that was disturbed by other programs is repeated."""
    rounds, attempts = options.rounds, 1 if options.smoke else ATTEMPTS
    results: dict[str, list[Result]] = {name: [] for name in commands}
    began, done = time.monotonic(), 0
    for number in range(1, rounds + 1):
        for name, command in commands.items():
            left = ""
            if done:
                each = (time.monotonic() - began) / done
                left = f", about {each * (rounds * len(commands) - done):.0f} s left"
            progress(f"round {number} of {rounds}: {name}{left}")
            done += 1
            results[name].append(_least_disturbed(command, measure, attempts))
    progress("")
    runs = [result for rounds_of_one in results.values() for result in rounds_of_one]
    others = statistics.mean(run.disturbance for run in runs)
    if others > DISTURBED:
        print(f"Warning: other programs used {others:.0%} of a core.\n")
    return results


def _least_disturbed(
    command: list[str], measure: Callable[[list[str]], Result], attempts: int
) -> Result:
    best = None
    for _ in range(attempts):
        result = measure(command)
        if best is None or result.disturbance < best.disturbance:
            best = result
        if best.disturbance <= DISTURBED:
            break
    assert best is not None
    return best


# -- output ----------------------------------------------------------------------------------------


def median(results: Iterable[Result], value: Callable[[Result], float]) -> float:
    return statistics.median(map(value, results))


def quotient(dividend: float, divisor: float) -> float:
    """Return ``dividend / divisor``, not a number if ``divisor`` is 0: CPU time is counted in
    ticks, so that of a minimal run can be 0, and on a busy machine it may do no work at all."""
    return dividend / (divisor or math.nan)


def ratio(
    ours: Sequence[Result], theirs: Sequence[Result], value: Callable[[Result], float]
) -> float:
    """Return the median of the ratios within each round."""
    return statistics.median(
        quotient(value(a), value(b)) for a, b in zip(ours, theirs, strict=True)
    )


def ratio_of_medians(
    ours: Sequence[Result], theirs: Sequence[Result], value: Callable[[Result], float]
) -> float:
    """Return the ratio of the medians over all rounds."""
    return quotient(median(ours, value), median(theirs, value))


def progress(text: str) -> None:
    """Show on a terminal what is being done. The next call overwrites it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


#: The tables that were printed, in their order; ``--chart`` and ``--results`` need them at the end.
tables: list[Table] = []


def print_table(title: str, head: Row, rows: Iterable[Row], chart: str = "") -> None:
    """``chart``: the column that ``--chart`` draws."""
    table = Table(title, head, list(rows), chart)
    tables.append(table)
    lines = [head, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    print(title)
    for line in lines:
        first, *rest = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  " + "  ".join([first, *rest]).rstrip())
    print(flush=True)


def goal(text: str, met: bool) -> bool:
    """Print whether a goal is met, and return that."""
    print(f"  {'met   ' if met else 'MISSED'}  {text}", flush=True)
    return met
