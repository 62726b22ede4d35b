"""HTTP: handlers, WSGI, static files and idle connections, compared with well-known servers.

Each part is also a separate benchmark: http-handler, http-wsgi, http-files, http-idle."""

import argparse

from . import http_files, http_handler, http_idle, http_load, http_wsgi

PARTS = {
    "http-handler": http_handler,
    "http-wsgi": http_wsgi,
    "http-files": http_files,
    "http-idle": http_idle,
}

SMOKE = http_load.SMOKE | http_idle.SMOKE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    http_load.add_arguments(parser)
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections")


def run(options: argparse.Namespace) -> bool:
    results = [
        http_handler.run(options),
        http_wsgi.run(options),
        http_files.run(options),
        http_idle.run(argparse.Namespace(idle=options.idle, rounds=1, smoke=options.smoke)),
    ]
    return all(results)
