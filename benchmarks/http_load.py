"""Runs wrk against HTTP servers in turn, and prints what each request cost them."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
from collections.abc import Callable, Iterable

from .common import (
    HERE,
    BenchmarkError,
    Result,
    goal,
    interleave,
    machine_busy,
    median,
    print_table,
    quotient,
    ratio,
    ratio_of_medians,
)
from .http_servers import LOAD_CORES, Contender, RunningServer, find_program, start

_WARM_UP = 1  # seconds of load before the measurement
_GRACE = 30  # seconds that wrk may take longer than asked for
_ERRORS = ("failed", "connect", "read", "write", "timeout")

# A description of each --vary.
_VARIED = {
    "none": "all requests the same",
    "path": "paths that never repeat",
    "all": "paths and cookies that never repeat",
}

SMOKE = {"connections": 2, "rounds": 1, "seconds": 1}

Results = dict[str, list[Result]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=50, help="of wrk, all persistent")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each run")
    parser.add_argument(
        "--vary",
        choices=_VARIED,
        default="path",
        help="what changes from one request to the next: nothing, a path that never repeats, or the"
        " path and a cookie (%(default)s)",
    )


def measure_all(
    contenders: Iterable[Contender], path: str, body: bytes, options: argparse.Namespace
) -> Results:
    """Measure in turn how all contenders respond with ``body`` to requests for ``path``, to which a
    number is appended (see ``--vary``)."""
    by_name = {contender.name: contender for contender in contenders}

    def measure(names: list[str]) -> Result:
        return _measure(by_name[names[0]], path, body, options)

    return interleave({name: [name] for name in by_name}, options, measure)


def _measure(contender: Contender, path: str, body: bytes, options: argparse.Namespace) -> Result:
    with RunningServer(contender) as server:
        server.check(f"{path}0", body)
        if not options.smoke:
            _wrk(server, path, _WARM_UP, options)
        before, load_before = server.reading(), _ended_children()
        busy_before = machine_busy()
        details = _wrk(server, path, options.seconds, options)
        busy = machine_busy() - busy_before
        after, load = server.reading(), _ended_children() - load_before
    if details["bytes"] < details["count"] * len(body):
        raise BenchmarkError(f"{contender.name} sent less than was requested")
    seconds = details["seconds"]
    cpu = after.cpu - before.cpu
    return Result(
        int(details["count"]),
        seconds,
        after.user - before.user,
        after.system - before.system,
        before.resident,
        after.resident,
        details | {"load_busy": load / seconds, "server_busy": cpu / seconds},
        (busy - cpu - load) / seconds,
    )


def _wrk(
    server: RunningServer, path: str, seconds: int, options: argparse.Namespace
) -> dict[str, float]:
    """Put the server under load for ``seconds``, and return the figures that wrk.lua prints."""
    command = [find_program("wrk") or "wrk", "-t1", f"-c{options.connections}", f"-d{seconds}s"]
    command += ["-s", str(HERE / "wrk.lua"), f"http://127.0.0.1:{server.port}{path}"]
    environment = os.environ | {"VARY": options.vary}
    if options.smoke:
        environment["PAUSE_MS"] = "10"
    process = start(command, LOAD_CORES, stdout=subprocess.PIPE, env=environment)
    try:
        output, _ = process.communicate(timeout=seconds + _GRACE)
    except subprocess.TimeoutExpired:
        raise server.failure("did not let wrk end") from None
    finally:
        process.kill()
        process.wait()
    line = output.strip().rpartition("\n")[2]
    if process.returncode or not line.startswith("count="):
        raise server.failure(f"made wrk fail: {line}")
    details = {key: float(value) for key, value in (pair.split("=") for pair in line.split())}
    if errors := [f"{details[name]:.0f} x {name}" for name in _ERRORS if details[name]]:
        raise server.failure(f"made wrk count errors: {', '.join(errors)}")
    if not details["count"]:
        raise server.failure("responded to no request")
    return details


def _ended_children() -> float:
    """Return the seconds of CPU of all our child processes that have ended.

    During a measurement only wrk ends."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# -- output ----------------------------------------------------------------------------------------


def cpu(result: Result) -> float:
    return result.microseconds


def print_results(title: str, results: Results, options: argparse.Namespace) -> None:
    """Print a table that compares the first server with the others."""
    [(ours, our_rounds), *_] = results.items()
    print_table(
        f"{title}, {options.connections} connections, {_VARIED[options.vary]}, {options.rounds}"
        f" rounds of {options.seconds} s, medians",
        [
            *("", "CPU us/request", "user", "system", "best"),
            *(f"{ours} is", "by medians", "requests/s", "MB/s", "p50", "p99", "busy", "load"),
        ],
        [
            [
                name,
                f"{median(rounds, cpu):.2f}",
                f"{median(rounds, lambda r: quotient(r.user, r.count) * 1e6):.2f}",
                f"{median(rounds, lambda r: quotient(r.system, r.count) * 1e6):.2f}",
                f"{min(map(cpu, rounds)):.2f}",
                f"{ratio(our_rounds, rounds, cpu):.2f} x",
                f"{ratio_of_medians(our_rounds, rounds, cpu):.2f} x",
                f"{median(rounds, lambda r: r.rate):,.0f}",
                f"{median(rounds, lambda r: r.details['bytes'] / r.seconds / 1e6):,.1f}",
                f"{median(rounds, lambda r: r.details['p50_us']):,.0f} us",
                f"{median(rounds, lambda r: r.details['p99_us']):,.0f} us",
                f"{median(rounds, lambda r: r.details['server_busy']):.0%}",
                f"{median(rounds, lambda r: r.details['load_busy']):.0%}",
            ]
            for name, rounds in results.items()
        ],
        chart="CPU us/request",
    )


def compare_cpu(results: Results, ours: str, theirs: str, most: float) -> bool:
    """Print whether our CPU time is at most ``most`` times theirs, and return that."""
    text = f"{ours}: CPU at most {most} x {theirs}'s"
    return compare(results, ours, theirs, text, lambda x: x <= most)


def compare(
    results: Results,
    ours: str,
    theirs: str,
    text: str,
    met: Callable[[float], bool],
    value: Callable[[Result], float] = cpu,
) -> bool:
    """Print whether the median of the rounds' ratios meets a goal, and return that.

    The goal counts as met if ``theirs`` was not measured."""
    if theirs not in results:
        print(f"  ------  {text}: not measured", flush=True)
        return True
    share = ratio(results[ours], results[theirs], value)
    by_medians = ratio_of_medians(results[ours], results[theirs], value)
    return goal(f"{text}: {share:.2f} x ({by_medians:.2f} x by medians)", met(share))
