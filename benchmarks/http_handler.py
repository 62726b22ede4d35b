"""HTTP handler: CPU time for each response of 13 bytes, compared with nginx and uvicorn.

nginx does `return 200` with the same text. uvicorn calls a bare ASGI application, with uvloop and
httptools. wrk sends requests on persistent connections, each with the 15 header fields that a
browser sends. ``--vary`` says what changes from one request to the next."""

import argparse

from .http_load import SMOKE, add_arguments, compare_cpu, measure_all, print_results
from .http_servers import HELLO, installed, nginx, python, temporary_folder

__all__ = ["SMOKE", "add_arguments", "run"]

_UVICORN = ("uvicorn", "uvloop", "httptools")
# For each --vary: the goals, as multiples of the CPU time of nginx and of uvicorn.
_GOALS = {"none": (1.35, 0.5), "path": (1.3, 0.4), "all": (2.2, 1.0)}


def run(options: argparse.Namespace) -> bool:
    with temporary_folder() as folder:
        contenders = [
            python("reactor", "http_handler", needs=("httptools",)),
            nginx(folder),
            python("uvicorn", "http_uvicorn", needs=_UVICORN),
        ]
        results = measure_all(installed(contenders, options, "wrk"), "/hello/", HELLO, options)
    print_results("HTTP handler, 13 bytes", results, options)
    nginx_goal, uvicorn_goal = _GOALS[options.vary]
    met = compare_cpu(results, "reactor", "nginx", nginx_goal)
    met &= compare_cpu(results, "reactor", "uvicorn", uvicorn_goal)
    print()
    return met
