"""The table of raw requests, in memory and over sockets, in pieces of many sizes."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from protocols.http import HTTPServer, Request, Response
from reactor import Reactor
from reactor.testing import VirtualReactor

from .raw_requests import CASES, NEXT, Case

SIZES = [None, *range(1, 17), 31, 64, 100, 1000]


class Recorder:
    """A handler that reads each body, and remembers what it saw."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.hosts: list[str] = []

    def __call__(self, request: Request) -> Response | None:
        self.targets.append(request.target)
        self.hosts.append(request.headers.get("host", "-"))
        if request.has_body:
            request.read(lambda body: Response.text(f"{len(body)}"))
            return None
        return Response.text("fine")


def parse_answers(data: bytes, methods: list[str]) -> list[int]:
    """The statuses of the responses in ``data``, which must be complete."""
    statuses: list[int] = []
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        assert end
        line, *fields = head.split(b"\r\n")
        status = re.fullmatch(rb"HTTP/1\.1 ([0-9]{3}) [A-Za-z -]+", line)
        assert status is not None
        values = dict(field.lower().split(b": ", 1) for field in fields)
        assert len(values) == len(fields)
        length = int(values.get(b"content-length", b"0"))
        if methods[len(statuses)] != "HEAD":
            assert len(data) >= length
            data = data[length:]
        statuses.append(int(status[1]))
    return statuses


def methods_of(case: Case) -> list[str]:
    first = case.data.lstrip().split(b" ")[0].decode("latin-1")
    return [first if first == "HEAD" else "GET", "GET"]


def check(case: Case, answer: bytes, closed: bool, handler: Recorder) -> None:
    assert parse_answers(answer, methods_of(case)) == list(case.statuses)
    assert closed == case.closed
    smuggled = "/smuggled" in handler.targets
    assert smuggled == (len(case.statuses) == 2)
    assert "evil" not in handler.hosts
    if case.statuses[0] >= 400 and case.statuses != (413,):
        assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_in_memory(case: Case) -> None:
    data = case.data + case.then
    # Long ones byte by byte would take a while, and show no more.
    for size in SIZES if len(data) < 2000 else (None, 7, 1000):
        handler = Recorder()
        errors: list[object] = []
        with VirtualReactor() as reactor:
            reactor.set_exception_handler(partial(_note, errors))
            peer = reactor.connect(HTTPServer(handler))
            peer.send(data, size)
            reactor.settle()
            check(case, peer.received, peer.eof_received, handler)
            assert errors == []


def _note(errors: list[object], reactor: object, context: object) -> None:
    errors.append(context)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    reactor = Reactor()
    listener = reactor.listen_tcp(HTTPServer(answer_last), "127.0.0.1", 0)
    thread = threading.Thread(target=reactor.run)
    thread.start()
    yield listener.addresses[0]
    reactor.call_soon_threadsafe(reactor.stop)
    thread.join()
    reactor.close()


RECORDERS: list[Recorder] = []


def answer_last(request: Request) -> Response | None:
    return RECORDERS[-1](request)


@pytest.mark.parametrize("size", [None, 1, 5, 50])
def test_over_sockets(server: tuple[str, int], size: int | None) -> None:
    for case in CASES:
        data = case.data + case.then
        if size is not None and len(data) > 2000:
            continue
        RECORDERS.append(Recorder())
        with socket.create_connection(server, timeout=60) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                step = size or len(data)
                for start in range(0, len(data), step):
                    sock.send(data[start : start + step])
                if not case.closed:
                    sock.shutdown(socket.SHUT_WR)  # the server answers all, and closes then
            except OSError:  # it has closed already
                assert case.closed
            answer = b""
            try:
                while piece := sock.recv(65536):
                    answer += piece
            except ConnectionResetError:
                assert case.closed
            try:
                check(case, answer, case.closed, RECORDERS[-1])
            except AssertionError as error:
                raise AssertionError(f"{case.name}, in pieces of {size}: {error}") from None
    assert RECORDERS[-1].targets[-1] == NEXT.split()[1].decode()
