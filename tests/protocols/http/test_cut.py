"""Responses that cannot be completed: what was written arrives, and the client notices that it is
incomplete."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from protocols.http import HTTPServer, Request, Response
from protocols.http.accesslog import AccessLog
from protocols.http.connection import HTTPConnection
from reactor import Reactor

from ...tools.http import GET, HTTPWorld
from ...tools.waiting import TIMEOUT

GET_1_0 = b"GET / HTTP/1.0\r\n\r\n"


def short(request: Request) -> None:
    writer = request.start(content_length=10)
    writer.write(b"abc")
    writer.end()


def aborted(request: Request) -> None:
    writer = request.start()
    writer.write(b"abc")
    writer.abort()


def failing(request: Request) -> None:
    request.start().write(b"abc")
    raise LookupError


def unfinished(request: Request) -> None:
    request.start().write(b"abc")


class Served:
    """A real server and a real client in one thread."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        reactor.set_exception_handler(lambda *_: None)

    def ask(
        self,
        handler: Callable[[Request], Response | None],
        request: bytes,
        *,
        abort: bool = False,
    ) -> tuple[bytes, int]:
        """All data received, and the error at its end, 0 for an ordinary end. ``abort``: the
        transport is aborted after that, as at the end of the grace of a reactor that stops."""
        server = HTTPServer(handler)
        connections: list[HTTPConnection] = []

        def factory() -> HTTPConnection:
            connections.append(server())
            return connections[-1]

        listener = self.reactor.listen_tcp(factory, "127.0.0.1", 0)
        with socket.create_connection(listener.addresses[0], TIMEOUT) as client:
            # More than is read, so that unread input is left when the server closes.
            client.sendall(request + GET)
            client.setblocking(False)
            received = b""
            timer = self.reactor.call_later(TIMEOUT, self._fail)
            while True:
                self.reactor.run_once(0.01)
                try:
                    data = client.recv(65536)
                except BlockingIOError:
                    continue
                except ConnectionResetError as exc:
                    return received, exc.errno or 0
                finally:
                    timer.reschedule(TIMEOUT)
                received += data
                if abort:
                    connections[0].transport.abort()
                if not data:
                    return received, 0

    def _fail(self) -> None:
        raise SystemExit("the server did not end the connection")


@pytest.fixture
def served() -> Iterator[Served]:
    reactor = Reactor()
    yield Served(reactor)
    reactor.close()


@pytest.mark.parametrize("handler", [short, aborted, failing])
def test_what_was_written_arrives_before_the_end(
    served: Served, handler: Callable[[Request], None]
) -> None:
    received, error = served.ask(handler, GET)
    assert error == 0
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == (b"abc" if b"Content-Length: 10" in head else b"3\r\nabc\r\n")


@pytest.mark.parametrize("handler", [aborted, failing])
def test_a_cut_body_that_ends_with_the_connection_is_reset(
    served: Served, handler: Callable[[Request], None]
) -> None:
    assert served.ask(handler, GET_1_0)[1] == errno.ECONNRESET


def test_an_aborted_body_that_ends_with_the_connection_is_reset(served: Served) -> None:
    assert served.ask(unfinished, GET_1_0, abort=True)[1] == errno.ECONNRESET


def test_a_cut_body_with_a_length_is_not_reset_for_http_1_0(served: Served) -> None:
    received, error = served.ask(short, GET_1_0)
    assert received.endswith(b"\r\n\r\nabc")
    assert error == 0


def test_no_request_is_answered_after_a_cut_response(world: HTTPWorld) -> None:
    asked: list[str] = []

    def handler(request: Request) -> None:
        asked.append(request.path)
        short(request)

    peer = world.connect(handler)
    assert world.ask(peer, GET * 3).count(b"HTTP/1.1") == 1
    world.ask(peer, GET)
    assert len(asked) == 1
    world.reactor.advance(10.0)
    assert peer.closed


def test_the_handler_is_notified_of_a_cut_before_the_client_has_read_everything(
    world: HTTPWorld,
) -> None:
    lost: list[str] = []

    def handler(request: Request) -> None:
        request.on_lost(lambda: lost.append("lost"))
        writer = request.start()
        writer.write(b"a" * 100_000)
        writer.abort()
        assert writer.is_closed
        writer.write(b"more")

    peer = world.connect(handler)
    peer.stall(100)
    world.ask(peer, GET)
    assert lost == ["lost"]
    assert not peer.closed
    peer.resume()
    world.reactor.advance(60.0)
    assert lost == ["lost"]
    assert b"more" not in peer.received
    assert peer.closed


def test_the_response_is_cut_when_the_client_finishes_within_its_body(
    world: HTTPWorld,
) -> None:
    def handler(request: Request) -> None:
        request.start().write(b"abc")
        request.stream(lambda data: None, lambda: None)

    peer = world.connect(handler)
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
    peer.send_eof()
    world.reactor.settle()
    assert peer.received.endswith(b"3\r\nabc\r\n")
    assert peer.eof_received


def test_cut_responses_are_logged(world: HTTPWorld, tmp_path: Path) -> None:
    log = AccessLog(world.reactor, str(tmp_path / "log"))
    for handler in (short, aborted):
        peer = world.connect(handler, access_log=log)
        world.ask(peer, GET)
        world.reactor.advance(10.0)
    peer = world.connect(lambda request: request.start().write(b"abcd"), access_log=log)
    world.ask(peer, GET)
    peer.reset()
    world.reactor.settle()
    log.close()
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.partition('" ')[2].split()[:2] for line in lines] == [
        ["200", "3"],
        ["200", "3"],
        ["200", "4"],
    ]
