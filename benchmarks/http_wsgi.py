"""WSGI: CPU time for each response of 13 bytes, on the loop and in threads, compared with others.

On the loop: bjoern, which does the same in C, and granian with one worker. With four threads:
waitress. All run the same application. ``--vary`` says what changes from one request to the
next."""

import argparse

from .http_load import SMOKE, add_arguments, compare_cpu, measure_all, print_results
from .http_servers import HELLO, Contender, installed, python

__all__ = ["SMOKE", "add_arguments", "run"]

_ON_LOOP = "reactor, no threads"
_THREADS = "reactor, 4 threads"
# For each --vary: the goals, as multiples of the CPU time of another server.
_GOALS = {
    "none": {(_ON_LOOP, "bjoern"): 1.4, (_ON_LOOP, "granian"): 1.0, (_THREADS, "waitress"): 0.4},
    "path": {(_ON_LOOP, "bjoern"): 1.25, (_ON_LOOP, "granian"): 1.0, (_THREADS, "waitress"): 0.55},
    "all": {(_ON_LOOP, "granian"): 1.0},
}


def run(options: argparse.Namespace) -> bool:
    present = installed(
        [
            _wsgi(_ON_LOOP, "reactor", 0, needs=("httptools",)),
            _wsgi("bjoern", "bjoern", 0, needs=("bjoern",)),
            _wsgi("granian", "granian", 0, needs=("granian",)),
            _wsgi(_THREADS, "reactor", 4, needs=("httptools",)),
            _wsgi("waitress", "waitress", 4, needs=("waitress",)),
        ],
        options,
        "wrk",
    )
    results = measure_all(present, "/hello/", HELLO, options)
    print_results("WSGI, 13 bytes", results, options)
    met = True
    for (ours, theirs), most in _GOALS[options.vary].items():
        met &= compare_cpu(results, ours, theirs, most)
    print()
    return met


def _wsgi(name: str, server: str, threads: int, needs: tuple[str, ...]) -> Contender:
    return python(name, "http_wsgi", server, threads, needs=needs)
