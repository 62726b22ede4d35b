"""The command line of the benchmarks: ``python -m benchmarks NAME``; ``all`` runs them all."""

import argparse
import os
import signal
import sys
from types import ModuleType

from . import chat, echo, expiry, http, idle, inspector, observe, timers, udp, websocket
from .charts import write_charts
from .common import BenchmarkError, charts, environment

# Each module has add_arguments(parser), run(options) and SMOKE: the options of its shortest run.
BENCHMARKS: dict[str, ModuleType] = {
    "echo": echo,
    "chat": chat,
    "idle": idle,
    "expiry": expiry,
    "timers": timers,
    "observe": observe,
    "inspector": inspector,
    "udp": udp,
    "http": http,
    "websocket": websocket,
}
COMMANDS = BENCHMARKS | http.PARTS


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare the reactor with asyncio, uvloop and C, and its HTTP and WebSocket"
        " servers with others, if they are installed. Needs Linux, a C compiler, and for HTTP wrk.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="BENCHMARK")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(command)
        command.add_argument(
            "--smoke",
            action="store_true",
            help="only check that the benchmark works: a minimal run of our own servers, whose"
            " figures mean nothing",
        )
        _add_chart_option(command)
    _add_chart_option(commands.add_parser("all", help="all benchmarks, with their defaults"))
    return parser


def _add_chart_option(command: argparse.ArgumentParser) -> None:
    command.add_argument("--chart", metavar="FILE", help="draw the results in an SVG file")


def main() -> int:
    parser = make_parser()
    options = parser.parse_args()
    # An exception, so that the programs that were started are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    goals_met = True
    try:
        if not hasattr(os, "sched_setaffinity"):
            raise BenchmarkError("benchmarks run on Linux only")
        print(environment(), end="\n\n", flush=True)
        if options.command == "all":
            for name, module in BENCHMARKS.items():
                goals_met &= module.run(parser.parse_args([name]))
        else:
            module = COMMANDS[options.command]
            if options.smoke:
                vars(options).update(module.SMOKE)
            goals_met = module.run(options) or options.smoke
        if options.chart is not None:
            _write_charts(options.chart)
    except BenchmarkError as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2
    return 0 if goals_met else 1


def _write_charts(path: str) -> None:
    try:
        write_charts(path, charts, environment())
    except OSError as exc:
        raise BenchmarkError(f"cannot write {path}: {exc.strerror}") from exc


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
