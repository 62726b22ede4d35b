"""Observing: what an observer costs an echo server, in CPU time for each message.

In one run, the server has an observer half of the time, in slices of 50 ms. So both halves see the
same machine. With ``--base FOLDER``, the echo server of another version of the reactor runs in turn
with this one, to see what the interface costs those who do not use it."""

import argparse
import math
import os
import statistics
import tempfile
from pathlib import Path

from .common import (
    ROOT,
    BenchmarkError,
    Result,
    goal,
    interleave,
    median,
    print_table,
    progress,
    python_server,
    ratio,
    run_load,
)

SMOKE = {"connections": 4, "rounds": 1, "seconds": 2.0}
KINDS = {"recent": "the newest turns in memory", "record": "a recording"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=64, help="size of a message")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run")
    parser.add_argument("--base", metavar="FOLDER", help="a checkout of another version")


def run(options: argparse.Namespace) -> bool:
    pairs: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for kind in KINDS:
                progress(f"round {number + 1} of {options.rounds}: {kind}")
                pairs[kind] += _measure(kind, Path(folder, f"{kind}-{number}"), options)
    progress("")
    shares = {
        kind: statistics.median(observed / without for without, observed in pairs[kind])
        for kind in KINDS
    }
    print_table(
        f"TCP echo, {options.connections} connections, {options.bytes} bytes,"
        f" {options.rounds} runs of {options.seconds:g} s, medians of slices",
        ["", "CPU us/message without", "with", "of each pair", "pairs"],
        [
            [
                name,
                f"{statistics.median(without for without, _ in pairs[kind]):.2f}",
                f"{statistics.median(observed for _, observed in pairs[kind]):.2f}",
                f"{shares[kind]:.3f} x",
                f"{len(pairs[kind])}",
            ]
            for kind, name in KINDS.items()
        ],
        chart="of each pair",
    )
    share = shares["recent"]
    met = goal(f"an observer costs at most 15 %: {share - 1:.1%}", share <= 1.15)
    if options.base:
        met &= _compare_versions(options)
    print()
    return met


def _measure(kind: str, path: Path, options: argparse.Namespace) -> list[tuple[float, float]]:
    command = python_server("observed", kind, path)
    run_load(command, "echo_load", options.connections, options.bytes, options.seconds)
    if not path.exists() and options.smoke:
        return [(math.nan, math.nan)]  # on a busy machine, no two slices may have a load
    if not path.exists():
        raise BenchmarkError("the run was too short: no two slices had a load")
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(float(without), float(observed)) for without, observed in lines]


def _compare_versions(options: argparse.Namespace) -> bool:
    commands = {}
    for name, folder in ("this version", ROOT), ("the other version", options.base):
        # -P, because Python would otherwise find the packages in the working folder first.
        script = ["-P", "-c", "from benchmarks.servers import echo", "reactor"]
        variable = f"PYTHONPATH={os.path.abspath(folder)}"
        commands[name] = ["env", variable, python_server("echo")[0], *script]

    def measure(command: list[str]) -> Result:
        return run_load(command, "echo_load", options.connections, options.bytes, options.seconds)

    def cpu(result: Result) -> float:
        return result.microseconds

    results = interleave(commands, options, measure)
    print_table(
        "Two versions, without an observer",
        ["", "CPU us/message", "best"],
        [
            [name, f"{median(rounds, cpu):.2f}", f"{min(map(cpu, rounds)):.2f}"]
            for name, rounds in results.items()
        ],
    )
    share = ratio(results["this version"], results["the other version"], cpu)
    return goal(f"the interface alone costs at most 1 %: {share - 1:.1%}", share <= 1.01)
