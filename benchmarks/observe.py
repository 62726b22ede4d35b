"""Observing: what an observer costs an echo server, in CPU time for each message.

The same server runs without an observer, with one that keeps the newest turns in memory, and with
a recording in a file. With ``--base FOLDER``, another version of the reactor runs without an
observer, to see what the interface costs those who do not use it."""

import argparse
import os

from .common import (
    ROOT,
    Result,
    goal,
    interleave,
    median,
    print_table,
    python_server,
    ratio,
    run_load,
)

SMOKE = {"connections": 4, "rounds": 1, "seconds": 0.1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=64, help="size of a message")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each run")
    parser.add_argument("--base", metavar="FOLDER", help="a checkout of another version")


def run(options: argparse.Namespace) -> bool:
    commands = {
        "without": python_server("observed", "none"),
        "recent turns": python_server("observed", "recent"),
        "recording": python_server("observed", "record"),
    }
    if options.base:
        # -P, because Python would otherwise find the packages in the working folder first.
        for name, folder in ("interface", ROOT), ("no interface", options.base):
            script = ["-P", "-c", "from benchmarks.servers import echo"]
            python = ["env", f"PYTHONPATH={os.path.abspath(folder)}", python_server("echo")[0]]
            commands[name] = [*python, *script, "reactor"]

    def measure(command: list[str]) -> Result:
        return run_load(command, "echo_load", options.connections, options.bytes, options.seconds)

    results = interleave(commands, options, measure)
    plain = results["without"]

    def cpu(result: Result) -> float:
        return result.microseconds

    print_table(
        f"TCP echo, {options.connections} connections, {options.bytes} bytes,"
        f" {options.rounds} rounds of {options.seconds:g} s, medians",
        ["", "CPU us/message", "best", "compared with none", "messages/s"],
        [
            [
                name,
                f"{median(rounds, cpu):.2f}",
                f"{min(map(cpu, rounds)):.2f}",
                f"{ratio(rounds, plain, cpu):.3f} x",
                f"{median(rounds, lambda r: r.rate):,.0f}",
            ]
            for name, rounds in results.items()
        ],
    )
    share = ratio(results["recent turns"], plain, cpu)
    met = goal(f"an observer costs at most 15 %: {share - 1:.1%}", share <= 1.15)
    if options.base:
        share = ratio(results["interface"], results["no interface"], cpu)
        met &= goal(f"the interface alone costs at most 1 %: {share - 1:.1%}", share <= 1.01)
    print()
    return met
