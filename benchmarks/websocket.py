"""WebSockets: the echo, a room and idle connections, compared with other libraries on uvloop.

No side compresses: in the echo and the room the load offers no extension. The echo is a closed
loop: each connection sends its next message when the last one has come back. In the room some of
the members do so, and each message reaches all of them: on our side by one ``Message``, on the
other by ``websockets.broadcast``. Idle connections have sent a browser's handshake; their memory is
the growth of the server's process since before the first one."""

import argparse
import importlib.util

from .common import (
    BenchmarkError,
    Result,
    goal,
    interleave,
    measured,
    median,
    print_table,
    python_server,
    ratio,
    run_load,
)
from .idle import allow_descriptors

OURS = "reactor"
SMOKE = {"connections": 2, "members": 4, "speakers": 2, "idle": 10, "rounds": 1, "seconds": 0.1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--connections", type=int, default=100, help="of the echo (%(default)s)")
    parser.add_argument(
        "--bytes", type=int, default=64, help="of a message, 4 to 125 (%(default)s)"
    )
    parser.add_argument("--members", type=int, default=1000, help="of the room (%(default)s)")
    parser.add_argument("--speakers", type=int, default=20, help="among them (%(default)s)")
    parser.add_argument("--idle", type=int, default=5000, help="idle connections (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")


def run(options: argparse.Namespace) -> bool:
    if not 4 <= options.bytes <= 125:
        raise BenchmarkError("--bytes is 4 to 125")
    allow_descriptors(max(options.members, options.connections, options.idle) + 100)
    met = run_echo(options)
    met &= run_room(options)
    met &= run_idle(options)
    print()
    return met


def servers(kind: str, *libraries: str) -> dict[str, list[str]]:
    """The commands of our server and of those ``libraries`` that are installed."""
    return {OURS: python_server("websocket", kind, "reactor")} | {
        f"{library} on uvloop": python_server("websocket", kind, library)
        for library in libraries
        if importlib.util.find_spec(library) is not None
    }


def measure_all(
    options: argparse.Namespace, commands: dict[str, list[str]], *load: object
) -> dict[str, list[Result]]:
    return interleave(
        measured(commands, options),
        options,
        lambda command: run_load(command, "websocket_load", *load, options.bytes, options.seconds),
    )


def cost(result: Result) -> float:
    return result.microseconds


def rate(result: Result) -> float:
    return result.rate


def print_costs(title: str, results: dict[str, list[Result]], count: str, plural: str) -> None:
    print_table(
        title,
        ["", f"CPU us/{count}", "ours is", f"{plural}/s", "ours is", "p50", "p99"],
        [
            [
                name,
                f"{median(rounds, cost):.3f}",
                f"{ratio(results[OURS], rounds, cost):.2f} x",
                f"{median(rounds, rate):,.0f}",
                f"{ratio(results[OURS], rounds, rate):.1f} x",
                f"{median(rounds, lambda r: r.details['p50_us']):,.0f} us",
                f"{median(rounds, lambda r: r.details['p99_us']):,.0f} us",
            ]
            for name, rounds in results.items()
        ],
        chart=f"CPU us/{count}",
    )


def run_echo(options: argparse.Namespace) -> bool:
    connections = options.connections
    commands = servers("echo", "websockets", "picows")
    results = measure_all(options, commands, "echo", connections, connections)
    print_costs(
        f"Echo, {connections} WebSockets, {options.bytes} bytes, {options.rounds} rounds of"
        f" {options.seconds:g} s, medians",
        results,
        "message",
        "messages",
    )
    met = True
    for library, most in ("websockets", 0.5), ("picows", 1.5):
        if rounds := results.get(f"{library} on uvloop"):
            share = ratio(results[OURS], rounds, cost)
            met &= goal(
                f"CPU per message at most {most} x that of {library}: {share:.2f} x", share <= most
            )
    return met


def run_room(options: argparse.Namespace) -> bool:
    commands = servers("room", "websockets")
    results = measure_all(options, commands, "room", options.members, options.speakers)
    print_costs(
        f"Room, {options.members} WebSockets, {options.speakers} speak, {options.bytes} bytes,"
        f" {options.rounds} rounds of {options.seconds:g} s, medians",
        results,
        "delivery",
        "deliveries",
    )
    if rounds := results.get("websockets on uvloop"):
        times = ratio(results[OURS], rounds, rate)
        return goal(f"at least 10 x the deliveries/s of websockets: {times:.1f} x", times >= 10)
    return True


def run_idle(options: argparse.Namespace) -> bool:
    def kib(result: Result) -> float:
        return (result.resident_after - result.resident_before) / result.count

    results = measure_all(options, servers("idle", "websockets"), "idle", options.idle, 0)
    print_table(
        f"{options.idle} idle WebSockets of browsers, {options.rounds} rounds, medians",
        ["", "KiB/connection"],
        [[name, f"{median(rounds, kib):.2f}"] for name, rounds in results.items()],
        chart="KiB/connection",
    )
    size = median(results[OURS], kib)
    return goal(f"at most 6.0 KiB for an idle connection: {size:.2f}", size <= 6)
