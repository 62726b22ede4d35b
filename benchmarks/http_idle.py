"""Idle HTTP connections: resident memory of each, after one request.

All clients connect, then all send a request, then all read the response. Memory is the growth of
the server's processes since the response to the first client. nginx allocates the memory of its
connections at the start."""

from __future__ import annotations

import argparse
import select
import socket
import time

from .common import Result, goal, interleave, median, print_table
from .http_servers import (
    HELLO,
    RunningServer,
    installed,
    nginx,
    python,
    temporary_folder,
)
from .idle import allow_descriptors

_REQUEST = b"GET /hello/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_SETTLING = 1.0  # seconds before memory is read
_TIMEOUT = 60.0  # seconds for each connection, request and response

SMOKE = {"idle": 10, "rounds": 1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--idle", type=int, default=10_000, help="connections")
    parser.add_argument("--rounds", type=int, default=1)


def run(options: argparse.Namespace) -> bool:
    allow_descriptors(options.idle + 100)
    with temporary_folder() as folder:
        contenders = [
            python("reactor", "http_handler", needs=("httptools",)),
            nginx(folder),
            python("uvicorn", "http_uvicorn", needs=("uvicorn", "uvloop", "httptools")),
        ]
        present = {contender.name: contender for contender in installed(contenders, options)}

        def measure(names: list[str]) -> Result:
            with RunningServer(present[names[0]]) as server:
                return _measure(server, options.idle)

        results = interleave({name: [name] for name in present}, options, measure)

    def kib(result: Result) -> float:
        return (result.resident_after - result.resident_before) / result.count

    print_table(
        f"{options.idle} idle HTTP connections after a request each, medians of {options.rounds}",
        ["", "KiB/connection", "MiB before", "MiB after"],
        [
            [
                name,
                f"{median(rounds, kib):.2f}",
                f"{median(rounds, lambda r: r.resident_before / 1024):.1f}",
                f"{median(rounds, lambda r: r.resident_after / 1024):.1f}",
            ]
            for name, rounds in results.items()
        ],
        chart="KiB/connection",
    )
    ours = median(results["reactor"], kib)
    met = goal(f"at most 2.5 KiB for an idle connection: {ours:.2f}", ours <= 2.5)
    print()
    return met


def _measure(server: RunningServer, count: int) -> Result:
    server.check("/hello/", HELLO)
    before = server.reading()
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sock = socket.create_connection(("127.0.0.1", server.port), _TIMEOUT)
            sockets.append(sock)
        for sock in sockets:
            sock.sendall(_REQUEST)
        for sock in sockets:
            _read_response(server, sock)
        time.sleep(_SETTLING)
        if closed := _readable(sockets):
            raise server.failure(f"has closed {closed} of {count} connections")
        after = server.reading()
    except OSError as exc:
        raise server.failure(f"did not serve {count} connections: {exc}") from exc
    finally:
        for sock in sockets:
            sock.close()
    return Result(
        count,
        0.0,
        after.user - before.user,
        after.system - before.system,
        before.resident,
        after.resident,
        {},
        0.0,
    )


def _read_response(server: RunningServer, sock: socket.socket) -> None:
    response = b""
    while not response.endswith(b"\r\n\r\n" + HELLO):
        data = sock.recv(4096)
        if not data:
            raise server.failure("closed an idle connection")
        response += data
    if not response.startswith(b"HTTP/1.1 200 "):
        raise server.failure(f"responded {response[:40]!r}")


def _readable(sockets: list[socket.socket]) -> int:
    """Return how many sockets have something to read: now that can only be the end."""
    with select.epoll(len(sockets)) as epoll:
        for sock in sockets:
            epoll.register(sock, select.EPOLLIN)
        return len(epoll.poll(0, len(sockets)))
