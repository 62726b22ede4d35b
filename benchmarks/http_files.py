"""Static files: throughput with 1 MiB, and CPU time for each with 4 KiB, compared with nginx.

nginx has `sendfile` and `tcp_nopush` on. Each server has one core, and the load another. If the
load's core is fully used, the load limits the throughput. All files are in the page cache."""

import argparse
import os

from .http_load import SMOKE, add_arguments, compare, measure_all, print_results
from .http_servers import installed, nginx, python, temporary_folder

__all__ = ["SMOKE", "add_arguments", "run"]


def run(options: argparse.Namespace) -> bool:
    with temporary_folder() as folder:
        root = folder / "files"
        root.mkdir()
        ours = python("reactor", "http_files", root, needs=("httptools",))
        present = installed([ours, nginx(folder)], options, "wrk")
        results = {}
        for name, size in ("large.bin", 1 << 20), ("small.bin", 4096):
            body = os.urandom(size)
            (root / name).write_bytes(body)
            results[name] = measure_all(present, f"/{name}?", body, options)
            print_results(f"A static file of {size // 1024} KiB", results[name], options)
    met = compare(
        results["large.bin"],
        "reactor",
        "nginx",
        "throughput with 1 MiB at least 0.9 of nginx's",
        lambda x: x >= 0.9,
        lambda result: result.rate,
    )
    met &= compare(
        results["small.bin"],
        "reactor",
        "nginx",
        "CPU with 4 KiB at most 1.5 x nginx's",
        lambda x: x <= 1.5,
    )
    print()
    return met
