"""WSGI: CPU time for each answer of 13 bytes, on the loop and by four threads, beside others.

On the loop: bjoern, which does the same in C, and granian with one worker. With four threads:
waitress. All run the same application."""

import argparse

from .http_load import add_arguments, compare, measure_all, print_results
from .http_servers import HELLO, Contender, installed, python

__all__ = ["add_arguments", "run"]

_ON_LOOP = "reactor, no threads"
_THREADS = "reactor, 4 threads"


def run(options: argparse.Namespace) -> bool:
    present = installed(
        [
            _wsgi(_ON_LOOP, "reactor", 0, needs=("httptools",)),
            _wsgi("bjoern", "bjoern", 0, needs=("bjoern",)),
            _wsgi("granian", "granian", 0, needs=("granian",)),
            _wsgi(_THREADS, "reactor", 4, needs=("httptools",)),
            _wsgi("waitress", "waitress", 4, needs=("waitress",)),
        ],
        "wrk",
    )
    results = measure_all(present, "/hello", HELLO, options)
    print_results("WSGI, 13 bytes", results, options)
    met = compare(
        results,
        _ON_LOOP,
        "bjoern",
        "CPU without threads at most 1.4 x bjoern's",
        lambda x: x <= 1.4,
    )
    met &= compare(
        results, _ON_LOOP, "granian", "CPU without threads less than granian's", lambda x: x < 1
    )
    met &= compare(
        results,
        _THREADS,
        "waitress",
        "CPU with 4 threads at most 0.4 x waitress's",
        lambda x: x <= 0.4,
    )
    print()
    return met


def _wsgi(name: str, server: str, threads: int, needs: tuple[str, ...]) -> Contender:
    return python(name, "http_wsgi", server, threads, needs=needs)
