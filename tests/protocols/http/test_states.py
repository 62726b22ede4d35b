"""The states of a connection follow each other as the table in ``states.py`` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from protocols.http import HTTPServer, Request, Response
from protocols.http.connection import HTTPConnection
from protocols.http.interfaces import ConnectionServer
from protocols.http.states import TRANSITIONS, State
from reactor import Protocol

from ...tools.http import GET, HTTPWorld
from .raw_requests import CASES, PROBE, chunked, get, post

Seen = set[tuple[State, State]]
_slot: Any = HTTPConnection.state  # type: ignore[misc]  # the descriptor of the slot


def checked_server(seen: Seen, *arguments: Any, **options: Any) -> HTTPServer:
    """A server whose connections note their transitions in ``seen``, and raise for those that are
    not in the table."""

    class CheckedConnection(HTTPConnection):
        __slots__ = ()

        def __init__(self, server: ConnectionServer) -> None:
            _slot.__set__(self, State.IDLE)
            super().__init__(server)

        @property
        def state(self) -> State:  # type: ignore[override]
            found: State = _slot.__get__(self)
            return found

        @state.setter
        def state(self, new: State) -> None:
            old = self.state
            if new is not old:
                seen.add((old, new))
                assert new in TRANSITIONS[old], f"{old.name} -> {new.name}"
            _slot.__set__(self, new)

    class CheckedServer(HTTPServer):
        def __call__(self) -> HTTPConnection:
            return CheckedConnection(self)

    return CheckedServer(*arguments, **options)


def echo(request: Request) -> Response | None:
    if request.path == "/unread":
        return Response(b"unread")
    request.read(Response)
    return None


def stream(request: Request) -> None:
    writer = request.start()
    writer.write(b"abc")
    request.stream(writer.write, writer.end)  # type: ignore[arg-type]


def start_without_body(request: Request) -> None:
    request.start().end()


def cut(request: Request) -> None:
    request.start().abort()


def fail(request: Request) -> Response:
    request.start()
    raise LookupError


def never(request: Request) -> None:
    """Wait for a body, or forever."""
    request.read(lambda body: None)


def take_over(request: Request) -> Response | None:
    if request.has_body:
        return echo(request)
    request.take_over(Protocol(), 200)
    return None


HANDLERS = [echo, stream, start_without_body, cut, fail, never, take_over]


def converse(
    world: HTTPWorld, seen: Seen, handler: Callable[[Request], Any], data: bytes, size: int | None
) -> None:
    """All that can happen to a connection after ``data``."""
    for end in ("wait", "finish", "leave", "stop reading"):
        server = checked_server(seen, handler, allow_connect=True)
        peer = world.reactor.connect(server)
        if end == "stop reading":
            peer.stall(0)
        peer.send(data, size)
        if end == "finish":
            peer.send_eof()
        world.reactor.settle()
        if end == "leave":
            peer.reset()
        world.reactor.advance(200)
        peer.reset()
        world.reactor.settle()
    for failure in world.failures:
        assert not isinstance(failure["exception"], AssertionError), failure["exception"]


@pytest.mark.parametrize("handler", HANDLERS)
def test_raw_requests_cause_only_transitions_of_the_table(
    world: HTTPWorld, handler: Callable[[Request], Any]
) -> None:
    for case in CASES:
        data = case.data + PROBE
        for size in (None, 7):
            if size is None or len(data) < 1000:
                converse(world, set(), handler, data, size)


UNREAD = post(b"Content-Length: 9", line=b"POST /unread HTTP/1.1")
SAMPLES = [
    *(b"", GET, GET[:9], b"\r\n", UNREAD, UNREAD + b"123456789" + GET, get() * 100),
    *(post(b"Content-Length: 9", body=b"abc"), chunked(b"1\r\n"), get(line=b"GET / HTTP/1.0")),
    chunked(b"1\r\na\r\n0\r\n\r\n"),
]


def test_a_stop_causes_only_transitions_of_the_table() -> None:
    for data in SAMPLES:
        for handler in HANDLERS:
            world = HTTPWorld()
            with world.reactor:
                peer = world.reactor.connect(checked_server(set(), handler))
                peer.send(data)
                world.reactor.run_once(0)
                world.reactor.stop(5.0)
                world.reactor.advance(10.0)
            assert not any(isinstance(f["exception"], AssertionError) for f in world.failures)


def test_each_transition_of_the_table_occurs(world: HTTPWorld) -> None:
    seen: Seen = set()
    for data in SAMPLES:
        for handler in HANDLERS:
            converse(world, seen, handler, data, None)
    expected = {(old, new) for old, following in TRANSITIONS.items() for new in following}
    assert seen == expected
