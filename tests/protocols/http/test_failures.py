"""A handler that fails affects only one response, or one connection; its traceback is logged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from protocols.http import HTTPError, HTTPServer, Request, Response

from ...tools.http import GET, HTTPWorld

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"


def fail(*_: object) -> Any:
    raise LookupError("<secret>")


def test_a_failing_handler_causes_a_500(world: HTTPWorld) -> None:
    peer = world.connect(fail)
    answer = world.ask(peer, GET)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert "GET /" in world.failures[0]["message"]
    assert isinstance(world.failures[0]["exception"], LookupError)
    assert world.ask(peer, GET).startswith(b"HTTP/1.1 500 ")  # the connection stays usable


class Own(BaseException):
    """A program's own exception below BaseException."""


@pytest.mark.parametrize("kind", [GeneratorExit, asyncio.CancelledError, Own])
@pytest.mark.parametrize(
    "ask",
    [
        lambda fail: lambda request: fail(),
        lambda fail: lambda request: request.read(fail),
        lambda fail: lambda request: request.stream(fail, fail),
    ],
    ids=["handler", "read", "stream"],
)
def test_base_exceptions_of_a_handler_cause_a_500(
    world: HTTPWorld, kind: type[BaseException], ask: Any
) -> None:
    def fail(*_: object) -> Any:
        raise kind

    peer = world.connect(ask(fail))
    assert world.ask(peer, POST).startswith(b"HTTP/1.1 500 ")
    assert [type(failure["exception"]) for failure in world.failures] == [kind]


def test_with_debug_the_escaped_traceback_is_shown(world: HTTPWorld) -> None:
    answer = world.ask(world.connect(fail, debug=True), GET)
    assert b"Traceback" in answer
    assert b"&lt;secret&gt;" in answer


def test_a_handler_may_raise_http_errors(world: HTTPWorld) -> None:
    def handler(request: Request) -> Response:
        raise HTTPError(403, "Not for <you>.", (("A", "b"),))

    peer = world.connect(handler)
    answer = world.ask(peer, GET)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"Not for &lt;you&gt;." in answer
    assert b"\r\nA: b\r\n" in answer
    assert world.failures == []
    assert world.ask(peer, GET) == answer


@pytest.mark.parametrize(
    "ask",
    [
        lambda request: request.read(fail),
        lambda request: request.stream(fail, fail),
        lambda request: request.stream(lambda data: None, fail),
    ],
)
def test_a_failing_callback_causes_a_500(world: HTTPWorld, ask: Callable[[Request], None]) -> None:
    peer = world.connect(ask)
    assert world.ask(peer, POST).startswith(b"HTTP/1.1 500 ")
    assert len(world.failures) == 1
    assert world.ask(peer, POST).startswith(b"HTTP/1.1 500 ")


def test_a_failure_within_a_response_cuts_it(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        request.start(content_length=10).write(b"a")
        fail()

    peer = world.connect(handler)
    answer = world.ask(peer, GET)
    assert b"500" not in answer
    assert answer.endswith(b"\r\n\r\na")
    assert peer.eof_received
    assert len(world.failures) == 1


def test_a_failure_in_on_writable_cuts_the_response(world: HTTPWorld) -> None:
    def handler(request: Request) -> None:
        writer = request.start()
        writer.write(b"a" * 100_000)
        writer.on_writable = fail

    peer = world.connect(handler)
    peer.stall(0)
    world.ask(peer, GET)
    peer.resume()
    world.reactor.settle()
    assert peer.eof_received
    assert peer.received.endswith(b"a\r\n")  # what was written, and no last chunk
    assert len(world.failures) == 1


@pytest.mark.parametrize(
    "response",
    [
        "text",
        42,
        Response("text"),  # type: ignore[arg-type]
        Response(b"", 99),
        Response(b"", 101),
        Response(b"", 1000),
        Response(b"", 201.0),  # type: ignore[arg-type]
        Response(b"", 200, [("A", "b\r\nC: d")]),
        Response(b"", 200, [("A", "b\0")]),
        Response(b"", 200, [("A", "b\nc")]),
        Response(b"", 200, [("A b", "c")]),
        Response(b"", 200, [("A\r\nB", "c")]),
        Response(b"", 200, [("", "c")]),
        Response(b"", 200, [("A", "\u0100")]),
        Response(b"", 200, [("A", 1)]),  # type: ignore[list-item]
        Response(b"", 200, [("Content-Length", "5")]),
        Response(b"", 200, [("transfer-encoding", "chunked")]),
        Response(b"", 200, [("Connection", "close")]),
        Response.redirect("/\r\nA: b"),
    ],
    ids=repr,
)
def test_an_invalid_response_causes_a_500(world: HTTPWorld, response: Any) -> None:
    peer = world.connect(lambda request: response)
    answer = world.ask(peer, GET)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert len(world.failures) == 1
    peer = world.connect(
        lambda request: request.start(response.status, response.headers) and None  # type: ignore[func-returns-value]
    )
    if isinstance(response, Response) and type(response.body) is bytes:
        assert world.ask(peer, GET).startswith(b"HTTP/1.1 500 ")


def test_an_invalid_server_name_is_refused() -> None:
    with pytest.raises(ValueError, match="Server"):
        HTTPServer(fail, server_name="a\r\nb")


def test_a_second_response_is_an_error(world: HTTPWorld) -> None:
    def handler(request: Request) -> Response:
        request.respond(Response.text("first"))
        return Response.text("second")

    peer = world.connect(handler)
    assert world.ask(peer, GET).count(b"HTTP/1.1") == 1
    assert "answered already" in str(world.failures[0]["exception"])


def test_a_response_does_nothing_when_the_client_has_left(world: HTTPWorld) -> None:
    requests: list[Request] = []
    peer = world.connect(requests.append)  # type: ignore[arg-type]
    world.ask(peer, GET)
    peer.reset()
    world.reactor.settle()
    request = requests[0]
    assert request.is_lost
    request.respond(Response.text("x"))
    request.start().write(b"x")
    request.read(fail)
    request.take_over(None)
    assert world.failures == []


def test_a_response_does_nothing_after_the_request_was_refused(world: HTTPWorld) -> None:
    """The body turns out to be invalid while the handler works."""
    lost: list[str] = []

    def handler(request: Request) -> None:
        request.on_lost(lambda: lost.append("lost"))
        request.stream(lambda data: None, fail)
        request.reactor.call_later(1, request.respond, Response.text("x"))

    peer = world.connect(handler)
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
    world.reactor.advance(2)
    assert peer.received.startswith(b"HTTP/1.1 400 ")
    assert peer.received.count(b"HTTP/1.1") == 1
    assert lost == ["lost"]
    assert world.failures == []
