"""Chat: deliveries per second in one large room, compared with a broadcast on asyncio and uvloop.

A delivery is one line that reaches one member. The load is closed: a speaker has a fixed number of
lines in flight, one by default, and sends the next when it has received its own. "Plain" is the
same file on all three loops; it writes each line to each member's transport. "reactor's chat" is
what `python -m reactor --protocol chat` serves, with flood control off. With --paced, the load is
open instead: speakers send at random moments, MS milliseconds apart on average."""

import argparse

from .common import (
    BenchmarkError,
    Result,
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

OURS = "reactor's chat"
SMOKE = {"members": 4, "speakers": 2, "rounds": 1, "seconds": 0.1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--speakers", type=int, default=20)
    parser.add_argument("--bytes", type=int, default=40, help="of text in a line (%(default)s)")
    parser.add_argument("--window", type=int, default=1, help="lines in flight for each speaker")
    parser.add_argument("--paced", type=float, metavar="MS", help="an open load; see above")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")


def run(options: argparse.Namespace) -> bool:
    commands = {
        OURS: reactor_command(
            *("--protocol", "chat", "--port", "0", "--no-udp", "--no-web", "--no-irc"),
            *("--flood-rate", "0"),
        ),
        "plain on reactor": python_server("room", "reactor"),
        "plain on uvloop": python_server("room", "uvloop"),
        "plain on asyncio": python_server("room", "asyncio"),
    }
    load = ("paced", options.paced) if options.paced else ("window", options.window)

    def measure(command: list[str]) -> Result:
        result = run_load(
            command,
            "chat_load",
            *(options.members, options.speakers, options.seconds, options.bytes, *load),
        )
        lost = result.details["expected"] - result.count
        if lost:
            raise BenchmarkError(f"{command[-1]}: {lost:,.0f} deliveries were lost")
        return result

    results = interleave(measured(commands, options), options, measure)
    ours = results[OURS]

    def rate(result: Result) -> float:
        return result.rate

    print_table(
        f"Chat, {options.members} members, {options.speakers} speakers, {options.bytes} bytes of"
        f" text, {load[0]} {load[1]}, {options.rounds} rounds of {options.seconds:g} s, medians",
        [
            "",
            "deliveries/s",
            "ours is",
            "CPU us each",
            "user",
            "system",
            "lines/read",
            "p50",
            "p99",
        ],
        [
            [
                name,
                f"{median(rounds, rate):,.0f}",
                f"{ratio(ours, rounds, rate):.1f} x",
                f"{median(rounds, lambda r: r.microseconds):.3f}",
                f"{median(rounds, lambda r: quotient(r.user, r.count) * 1e6):.3f}",
                f"{median(rounds, lambda r: quotient(r.system, r.count) * 1e6):.3f}",
                f"{median(rounds, lambda r: quotient(r.count, r.details['reads'])):.1f}",
                f"{median(rounds, lambda r: r.details['p50_us'] / 1000):,.1f} ms",
                f"{median(rounds, lambda r: r.details['p99_us'] / 1000):,.1f} ms",
            ]
            for name, rounds in results.items()
        ],
        chart="deliveries/s",
    )
    if options.paced:
        return True
    met = True
    for other in ("asyncio", "uvloop"):
        if rounds := results.get(f"plain on {other}"):
            times = ratio(ours, rounds, rate)
            met &= goal(f"at least 10 x the deliveries/s of {other}: {times:.1f} x", times >= 10)
    print()
    return met
