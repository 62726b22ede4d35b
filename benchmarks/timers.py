"""Timers: setting and cancelling while a million are pending, and touching an idle timer.

CPU time of the process for each operation. Each loop runs in a separate process, in turn."""

import argparse
import statistics
import subprocess

from .common import ROOT, BenchmarkError, goal, measured, print_table, progress, python_server

SMOKE = {"rounds": 1, "timers": 1000}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--timers", type=int, default=1_000_000, help="pending timers")


def run(options: argparse.Namespace) -> bool:
    commands = {
        loop: python_server("timers", loop, options.timers)
        for loop in ("reactor", "uvloop", "asyncio")
    }
    commands = measured(commands, options)
    figures: dict[str, list[dict[str, float]]] = {loop: [] for loop in commands}
    for number in range(options.rounds):
        for loop, command in commands.items():
            progress(f"round {number + 1} of {options.rounds}: {loop}")
            figures[loop].append(_measure(loop, command))
    progress("")

    def median(loop: str, figure: str) -> float:
        return statistics.median(round_[figure] for round_ in figures[loop])

    print_table(
        f"{options.timers:,} pending timers, {options.rounds} rounds, medians",
        ["", "call_later ns", "+ cancel ns", "cancel all, ns each", "bytes/timer"],
        [
            [loop, *(f"{median(loop, key):,.0f}" for key in ("set", "churn", "cancel", "memory"))]
            for loop in commands
        ],
        chart="+ cancel ns",
    )
    met = True
    if "asyncio" in commands:
        ours, theirs = median("reactor", "churn"), median("asyncio", "churn")
        met = goal(
            f"call_later and cancel faster than asyncio's: {ours:,.0f} ns to {theirs:,.0f} ns",
            ours < theirs,
        )
    touch = median("reactor", "touch")
    met &= goal(f"touching an idle timer takes less than 100 ns: {touch:.0f} ns", touch < 100)
    print()
    return met


def _measure(loop: str, command: list[str]) -> dict[str, float]:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise BenchmarkError(f"timers on {loop}: {result.stderr.strip().splitlines()[-1]}")
    return {key: float(value) for key, value in (p.split("=") for p in result.stdout.split())}
