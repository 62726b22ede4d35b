"""Idle members: resident memory of each, and CPU time for all their heartbeats.

Each member sends only a line HEARTBEAT once in each interval, at a random phase. Memory is the
growth of the server's process since before the first member connected. "Bare" is a protocol that
discards what it reads. The chat's members are spread over rooms: in a single room, each of n
members would get reports that n others have joined, so it would not be idle."""

import argparse
import resource

from .common import (
    BenchmarkError,
    Result,
    compile_c,
    goal,
    interleave,
    measured,
    median,
    print_table,
    python_server,
    quotient,
    reactor_command,
    run_load,
)

OURS = "reactor's chat"
BARE = "bare on reactor"
SMOKE = {"members": 10, "interval": 0.2, "rounds": 1, "seconds": 0.2}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--members", type=int, default=15_000)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between heartbeats")
    parser.add_argument("--room-size", type=int, default=100, help="members of a room; 0: all")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run")


def run(options: argparse.Namespace) -> bool:
    allow_descriptors(options.members + 100)
    c_server = compile_c("echo_server")
    commands = {
        OURS: reactor_command(
            *("--protocol", "chat", "--port", "0", "--no-udp", "--no-web", "--no-irc")
        ),
        BARE: python_server("silent", "reactor"),
        "bare in C": [c_server, "silent"],
        "bare on uvloop": python_server("silent", "uvloop"),
        "bare on asyncio": python_server("silent", "asyncio"),
    }

    def measure(command: list[str]) -> Result:
        room_size = options.room_size if command == commands[OURS] else 0
        return run_load(
            command,
            "idle_load",
            *(options.members, options.interval, options.seconds, room_size),
            timeout=options.seconds + options.interval + 180,
        )

    def kib(result: Result) -> float:
        grown = result.resident_after - result.resident_before
        return grown / int(options.members)

    def share(result: Result) -> float:
        return result.cpu / result.seconds

    results = interleave(measured(commands, options), options, measure)
    print_table(
        f"{options.members} idle members, a heartbeat each every {options.interval:g} s,"
        f" {options.rounds} x {options.seconds:g} s, medians",
        ["", "KiB/member", "of a core", "us/heartbeat", "user", "system"],
        [
            [
                name,
                f"{median(rounds, kib):.2f}",
                f"{median(rounds, share):.2%}",
                f"{median(rounds, lambda r: r.microseconds):.2f}",
                f"{median(rounds, lambda r: quotient(r.user, r.count) * 1e6):.2f}",
                f"{median(rounds, lambda r: quotient(r.system, r.count) * 1e6):.2f}",
            ]
            for name, rounds in results.items()
        ],
        chart="KiB/member",
    )
    member, bare = median(results[OURS], kib), median(results[BARE], kib)
    busy = median(results[OURS], share)
    met = goal(f"at most 2.0 KiB for a member of the chat: {member:.2f}", member <= 2)
    met &= goal(f"at most 1.0 KiB for a bare connection: {bare:.2f}", bare <= 1)
    met &= goal(f"heartbeats take less than 2 % of a core: {busy:.2%}", busy < 0.02)
    print()
    return met


def allow_descriptors(wanted: int) -> None:
    """Raise the limit of open files to ``wanted``. Raises BenchmarkError if that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        except (OSError, ValueError):
            raise BenchmarkError(
                f"{wanted} descriptors are needed and {hard} allowed: lower --members"
            ) from None
