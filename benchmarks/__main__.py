"""The command line of the benchmarks: ``python -m benchmarks NAME``; ``all`` runs them all, and
``draw`` draws results that a run has stored."""

import argparse
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from types import ModuleType

from . import chat, echo, expiry, ftp, http, idle, inspector, observe, smtp, timers, udp, websocket
from .charts import charts_of, write_all, write_charts
from .common import BenchmarkError, environment, tables
from .results import Results, load, save

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
    "smtp": smtp,
    "ftp": ftp,
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
        _add_output_options(command)
    _add_output_options(commands.add_parser("all", help="all benchmarks, with their defaults"))
    draw = commands.add_parser("draw", help="draw charts of results that --results has stored")
    draw.add_argument("file", metavar="FILE")
    draw.add_argument("folder", metavar="FOLDER", help="gets an SVG file for each benchmark")
    return parser


def _add_output_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--chart", metavar="FILE", help="draw the results in an SVG file")
    command.add_argument(
        "--results",
        metavar="FILE",
        help="store the results as JSON, for draw; what the file has of other benchmarks stays",
    )


def main() -> int:
    parser = make_parser()
    options = parser.parse_args()
    # An exception, so that the programs that were started are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    try:
        if options.command == "draw":
            _draw(options.file, options.folder)
            return 0
        return 0 if _run(parser, options) else 1
    except BenchmarkError as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace) -> bool:
    """Run one benchmark or all of them, and return whether all goals are met."""
    if not hasattr(os, "sched_setaffinity"):
        raise BenchmarkError("benchmarks run on Linux only")
    machine = environment()
    print(machine, end="\n\n", flush=True)
    names: Iterable[str] = BENCHMARKS if options.command == "all" else [options.command]
    results: dict[str, Results] = {}
    goals_met = True
    for name in names:
        own_options = parser.parse_args([name]) if options.command == "all" else options
        if own_options.smoke:
            vars(own_options).update(COMMANDS[name].SMOKE)
        known = len(tables)
        goals_met &= COMMANDS[name].run(own_options) or own_options.smoke
        results[name] = Results(machine, date.today().isoformat(), tables[known:])
    if options.results is not None:
        with _writing(options.results):
            save(options.results, results)
    if options.chart is not None:
        with _writing(options.chart):
            write_charts(options.chart, charts_of(tables), machine)
    return goals_met


def _draw(path: str, folder: str) -> None:
    try:
        results = load(path)
    except (OSError, ValueError) as exc:
        raise BenchmarkError(f"cannot read {path}: {_reason(exc)}") from exc
    with _writing(folder):
        for chart in write_all(folder, results):
            print(chart)


@contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:
        raise BenchmarkError(f"cannot write {path}: {_reason(exc)}") from exc


def _reason(exc: Exception) -> str:
    return exc.strerror or str(exc) if isinstance(exc, OSError) else str(exc)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
