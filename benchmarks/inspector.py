"""Inspector: what it costs a busy server with thousands of connections, while somebody watches.

In one run, an echo server is inspected in every other slice of time, with one viewer who shows 40
descriptors. So both halves see the same machine. Most connections are idle, and the others send one
message after another, each when the last one has come back. Few busy connections make short turns,
for which an observer costs most."""

import argparse
import math
import statistics
import tempfile
from pathlib import Path

from .common import (
    BenchmarkError,
    goal,
    print_table,
    progress,
    python_server,
    run_load,
)

SATURATED = 0.9  # of a core: a server that uses less could have answered more messages
SMOKE = {"connections": 20, "busy": 4, "rounds": 1, "seconds": 3.0, "slice": 0.2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=15_000)
    parser.add_argument("--busy", type=int, default=100, help="connections that send messages")
    parser.add_argument("--bytes", type=int, default=64, help="size of a message")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=24.0, help="of each run")
    parser.add_argument(
        "--slice", type=float, default=2.0, help="seconds with and without a viewer"
    )


def run(options: argparse.Namespace) -> bool:
    pairs: list[tuple[float, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            progress(f"round {number + 1} of {options.rounds}")
            pairs += _measure(Path(folder, str(number)), options)
    progress("")
    cpu_without, cpu_with, rate_without, rate_with = map(
        statistics.median, zip(*pairs, strict=True)
    )
    cpu = statistics.median(pair[1] / pair[0] for pair in pairs)
    rate = statistics.median(pair[3] / pair[2] for pair in pairs)
    print_table(
        f"TCP echo, {options.connections} connections, {options.busy} of them busy,"
        f" {options.bytes} bytes, medians of {len(pairs)} pairs of {options.slice:g} s",
        ["", "CPU us/message", "of each pair", "messages/s", "of each pair"],
        [
            ["not inspected", f"{cpu_without:.2f}", "1.000 x", f"{rate_without:,.0f}", "1.000 x"],
            [
                "with a viewer",
                f"{cpu_with:.2f}",
                f"{cpu:.3f} x",
                f"{rate_with:,.0f}",
                f"{rate:.3f} x",
            ],
        ],
        chart="CPU us/message",
    )
    met = _judge(pairs, cpu, rate)
    print()
    return met


def _judge(pairs: list[tuple[float, ...]], cpu: float, rate: float) -> bool:
    """``cpu`` and ``rate``: CPU time for each message and throughput with a viewer, as parts of
    those without."""
    used = statistics.median(cpu_time * messages / 1e6 for cpu_time, _, messages, _ in pairs)
    if used >= SATURATED:
        return goal(f"a viewer costs at most 10 % of the throughput: {1 - rate:.1%}", rate >= 0.9)
    print(
        f"  The server was not saturated: without a viewer it used {used:.0%} of a core. So the\n"
        "  throughput is that of the load, and only the CPU time of a message tells the cost."
    )
    return goal(f"a viewer costs at most 10 % of the CPU time: {cpu - 1:.1%}", cpu <= 1.1)


def _measure(path: Path, options: argparse.Namespace) -> list[tuple[float, ...]]:
    idle = options.connections - options.busy
    command = python_server("inspected", path, idle, options.slice)
    run_load(command, "echo_load", options.busy, options.bytes, options.seconds)
    if not path.exists() and options.smoke:
        return [(math.nan,) * 4]  # on a busy machine, no two slices may have a load
    if not path.exists():
        raise BenchmarkError("the run was too short: no two slices had a load")
    return [tuple(map(float, line.split())) for line in path.read_text().splitlines()]
