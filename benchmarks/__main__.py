"""The command line of the benchmarks: ``python -m benchmarks NAME``; ``all`` runs them all."""

import argparse
import os
import signal
import sys

from . import chat, echo, expiry, http, idle, timers, udp
from .common import BenchmarkError, environment

BENCHMARKS = {
    "echo": echo,
    "chat": chat,
    "idle": idle,
    "expiry": expiry,
    "timers": timers,
    "udp": udp,
    "http": http,
}
COMMANDS = BENCHMARKS | http.PARTS


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the reactor beside asyncio, uvloop and C, and its HTTP server beside"
        " others, as far as they are installed. Needs Linux, a C compiler, and for HTTP wrk.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="BENCHMARK")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.add_arguments(commands.add_parser(name, help=summary, description=module.__doc__))
    commands.add_parser("all", help="all of them, with their defaults")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which ends what was started, too

    goals_met = True
    try:
        if not hasattr(os, "sched_setaffinity"):
            raise BenchmarkError("only Linux says what is measured here")
        print(environment(), end="\n\n", flush=True)
        if options.command == "all":
            for name, module in BENCHMARKS.items():
                goals_met &= module.run(parser.parse_args([name]))
        else:
            goals_met = COMMANDS[options.command].run(options)
    except BenchmarkError as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2
    return 0 if goals_met else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
