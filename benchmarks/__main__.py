"""The command line of the benchmarks: ``python -m benchmarks echo|chat|idle|expiry|timers|all``."""

import argparse
import os
import signal
import sys

from . import chat, echo, expiry, idle, timers
from .common import BenchmarkError, environment

BENCHMARKS = {"echo": echo, "chat": chat, "idle": idle, "expiry": expiry, "timers": timers}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure the reactor beside asyncio, uvloop (if installed) and C."
        " Needs Linux and a C compiler.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="BENCHMARK")
    for name, module in BENCHMARKS.items():
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
            goals_met = BENCHMARKS[options.command].run(options)
    except BenchmarkError as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2
    return 0 if goals_met else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
