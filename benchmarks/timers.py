"""Timers: setting and cancelling while a million are pending, and touching an idle timer.

CPU time of the process for each; the loops run in processes of their own, by turns."""

import argparse
import statistics
import subprocess

from .common import (
    BenchmarkError,
    goal,
    has_uvloop,
    print_table,
    progress,
    python_server,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3)


def run(options: argparse.Namespace) -> bool:
    loops = ["reactor", "uvloop", "asyncio"] if has_uvloop() else ["reactor", "asyncio"]
    figures: dict[str, list[dict[str, float]]] = {loop: [] for loop in loops}
    for number in range(options.rounds):
        for loop in loops:
            progress(f"round {number + 1} of {options.rounds}: {loop}")
            figures[loop].append(_measure(loop))
    progress("")

    def median(loop: str, figure: str) -> float:
        return statistics.median(round_[figure] for round_ in figures[loop])

    print_table(
        f"One million pending timers, {options.rounds} rounds, medians",
        ["", "call_later ns", "+ cancel ns", "cancel all, ns each", "bytes/timer"],
        [
            [loop, *(f"{median(loop, key):,.0f}" for key in ("set", "churn", "cancel", "memory"))]
            for loop in loops
        ],
    )
    ours, theirs, touch = (
        median("reactor", "churn"),
        median("asyncio", "churn"),
        median("reactor", "touch"),
    )
    met = goal(
        f"call_later and cancel faster than asyncio's: {ours:,.0f} ns to {theirs:,.0f} ns",
        ours < theirs,
    )
    met &= goal(f"touching an idle timer takes less than 100 ns: {touch:.0f} ns", touch < 100)
    print()
    return met


def _measure(loop: str) -> dict[str, float]:
    result = subprocess.run(
        python_server("timers", loop), capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise BenchmarkError(f"timers on {loop}: {result.stderr.strip().splitlines()[-1]}")
    return {key: float(value) for key, value in (p.split("=") for p in result.stdout.split())}
