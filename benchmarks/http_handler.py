"""HTTP handler: CPU time for each answer of 13 bytes, beside nginx's and uvicorn's.

nginx does `return 200` with the same text; uvicorn calls a bare ASGI application, with uvloop and
httptools. wrk asks on connections that stay open."""

import argparse

from .http_load import add_arguments, compare, measure_all, print_results
from .http_servers import HELLO, installed, nginx, python, temporary_folder

__all__ = ["add_arguments", "run"]

_UVICORN = ("uvicorn", "uvloop", "httptools")


def run(options: argparse.Namespace) -> bool:
    with temporary_folder() as folder:
        contenders = [
            python("reactor", "http_handler", needs=("httptools",)),
            nginx(folder),
            python("uvicorn", "http_uvicorn", needs=_UVICORN),
        ]
        results = measure_all(installed(contenders, "wrk"), "/hello", HELLO, options)
    print_results("HTTP handler, 13 bytes", results, options)
    met = compare(
        results, "reactor", "nginx", "CPU at most 1.35 x nginx's `return 200`", lambda x: x <= 1.35
    )
    met &= compare(results, "reactor", "uvicorn", "CPU at most 0.5 x uvicorn's", lambda x: x <= 0.5)
    print()
    return met
