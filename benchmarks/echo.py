"""TCP echo: the server's CPU time for each message, compared with uvloop, asyncio and C.

Every connection sends a message, waits until all of it has come back, and sends the next. The echo
protocol is the same file on asyncio, uvloop and the reactor. "reactor's own" is what
`python -m reactor --protocol echo` serves."""

import argparse

from .common import (
    Result,
    compile_c,
    goal,
    interleave,
    measured,
    median,
    print_table,
    python_server,
    quotient,
    ratio,
    reactor_command,
    run_load,
)

SMOKE = {"connections": 4, "rounds": 1, "seconds": 0.1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=64, help="size of a message")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="of each run")


def run(options: argparse.Namespace) -> bool:
    commands = {
        "reactor": python_server("echo", "reactor"),
        "reactor's own": reactor_command("--protocol", "echo", "--port", "0"),
        "C, epoll": [compile_c("echo_server")],
        "uvloop": python_server("echo", "uvloop"),
        "asyncio": python_server("echo", "asyncio"),
    }

    def measure(command: list[str]) -> Result:
        return run_load(command, "echo_load", options.connections, options.bytes, options.seconds)

    results = interleave(measured(commands, options), options, measure)
    ours = results["reactor"]

    def cpu(result: Result) -> float:
        return result.microseconds

    print_table(
        f"TCP echo, {options.connections} connections, {options.bytes} bytes,"
        f" {options.rounds} rounds of {options.seconds:g} s, medians",
        ["", "CPU us/message", "user", "system", "best", "reactor is", "messages/s", "p50", "p99"],
        [
            [
                name,
                f"{median(rounds, cpu):.2f}",
                f"{median(rounds, lambda r: quotient(r.user, r.count) * 1e6):.2f}",
                f"{median(rounds, lambda r: quotient(r.system, r.count) * 1e6):.2f}",
                f"{min(map(cpu, rounds)):.2f}",
                f"{ratio(ours, rounds, cpu):.2f} x",
                f"{median(rounds, lambda r: r.rate):,.0f}",
                f"{median(rounds, lambda r: r.details['p50_us']):,.0f} us",
                f"{median(rounds, lambda r: r.details['p99_us']):,.0f} us",
            ]
            for name, rounds in results.items()
        ],
        chart="CPU us/message",
    )
    met = True
    for other, most in ("uvloop", 1.0), ("C, epoll", 1.2):
        if rounds := results.get(other):
            share = ratio(ours, rounds, cpu)
            met &= goal(f"CPU per message at most {most} x {other}'s: {share:.2f} x", share <= most)
    print()
    return met
