"""The table of raw requests, in memory and over real sockets, in pieces of every size; and what one
request after another does to a connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from protocols.http import HTTPServer, Request, Response
from protocols.http.errors import HTTPError
from protocols.http.limits import READ_AHEAD, Limits
from reactor import Reactor
from reactor.testing import StreamPeer, VirtualReactor

from .raw_requests import CASES, PROBE, Case, chunked, get, post
from .responses import Answer, read_responses

DEADLINE = 20.0  # seconds: only reached by what is broken


class World:
    """A server whose handler answers with the body that it was sent, and remembers."""

    def __init__(self, handler: Callable[[Request], Response | None] | None = None, **options: object) -> None:
        self.reactor = VirtualReactor()
        self.errors: list[dict[str, object]] = []
        self.reactor.set_exception_handler(lambda _, context: self.errors.append(context))
        self.seen: list[tuple[str, str, bytes]] = []
        self.server = HTTPServer(
            handler or self.echo, clock=lambda: 1_700_000_000 + self.reactor.time(), **options
        )
        self.peer = self.reactor.connect(self.server)

    def echo(self, request: Request) -> Response | None:
        return echo(request, self.seen)

    def ask(self, data: bytes, chunk: int | None = None) -> bytes:
        self.peer.send(data, chunk)
        self.reactor.settle()
        return self.peer.read()

    def connect(self) -> StreamPeer:
        return self.reactor.connect(self.server)


def echo(request: Request, seen: list[tuple[str, str, bytes]]) -> Response | None:
    if request.path == "/unread":
        seen.append((request.method, request.target, b""))
        return Response(b"unread")
    # Noted before its end has come: no part of a request that is refused later is "not seen".
    place = len(seen)

    def answer(body: bytes) -> Response:
        seen.insert(place, (request.method, request.target, body))
        return Response(body or b"nothing")

    request.read(answer)
    return None


def check(case: Case, data: bytes, ended: bool, seen: list[tuple[str, str, bytes]]) -> None:
    answers = read_responses(data)
    assert [answer.status for answer in answers] == case.expected_statuses
    assert seen == case.expected_seen
    assert ended
    assert [answer.closes for answer in answers[:-1]] == [False] * (len(answers) - 1)
    # What was answered before it was known to be refused has said nothing of closing.
    assert answers[-1].closes or "that nobody reads" in case.name


_SIZES = (None, *range(1, 17), 23, 64, 255, 1000, 4096, 65536)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_in_memory(case):
    data = case.data + PROBE
    for size in _SIZES:
        if size and size < len(data) / 2000:
            continue
        world = World()
        received = world.ask(data, size)
        check(case, received, world.peer.eof_received, world.seen)
        assert not world.peer.reset_received
        assert world.errors == []


@pytest.fixture(scope="module")
def real_server() -> Iterator[tuple[int, list[tuple[str, str, bytes]], list[object]]]:
    """A server on a loopback socket, for all cases; its port, what its handler saw, its errors."""
    reactor = Reactor()
    seen: list[tuple[str, str, bytes]] = []
    errors: list[object] = []
    reactor.set_exception_handler(lambda _, context: errors.append(context))
    server = HTTPServer(lambda request: echo(request, seen))
    port = reactor.listen_tcp(server, "127.0.0.1", 0).addresses[0][1]
    thread = threading.Thread(target=reactor.run)
    thread.start()
    yield port, seen, errors
    reactor.call_soon_threadsafe(reactor.stop)
    thread.join(DEADLINE)
    reactor.close()


def converse(port: int, data: bytes, size: int) -> bytes:
    """Send in pieces and finish; returns all that comes until the server has finished too."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = bytearray()
        try:
            for start in range(0, len(data), size):
                sock.send(data[start : start + size])
            sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused already; the answer must be there to be read all the same
        while piece := sock.recv(65536):
            received += piece
        return bytes(received)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_over_sockets(case, real_server):
    port, seen, errors = real_server
    data = case.data + PROBE
    for size in (len(data), 1, 7, 100):
        if size < len(data) / 2000:
            continue
        seen.clear()
        received = converse(port, data, size)
        check(case, received, True, seen)
        assert errors == []


def statuses(data: bytes, *methods: str) -> list[int]:
    return [answer.status for answer in read_responses(data, methods)]


def one(data: bytes) -> Answer:
    (answer,) = read_responses(data)
    return answer


# -- refused as soon as it is wrong ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01", 400),
        (b"\n", 400),
        (b"\rG", 400),
        (b"\0", 400),
        (b"GET\t", 400),
        (b"GET / http", 400),
        (b"GET /\r", 400),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"GET / HTTP/1.1\n", 400),
        (b"PRI * HTTP/2.0\r\n", 400),
        (b"GET /" + b"a" * 8188, 414),
        (get(b"A: " + b"b" * 32768)[:32769], 431),
        (post(b"Content-Length: 16777217"), 413),
        (post(b"Transfer-Encoding: chunked", body=b"x"), 400),
        (post(b"Transfer-Encoding: chunked", body=b"1\r\naX"), 400),
        (get(b"Expect: x", b"Content-Length: 1"), 417),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("size", [None, 1000, 1])
def test_what_is_wrong_already_is_refused_without_waiting_for_the_rest(data, status, size):
    world = World()
    start = world.reactor.time()
    assert one(world.ask(data, size)).status == status
    assert world.peer.eof_received
    assert world.reactor.time() == start
    assert world.seen == []


@pytest.mark.parametrize("data", [b"\r", b"\r\n", b"\r\n\r", b"G", get()[:-1], get()[:-3]])
def test_what_may_become_a_request_is_waited_for(data):
    world = World()
    assert world.ask(data) == b""
    assert not world.peer.eof_received


def test_endless_empty_lines_end_with_the_head_s_deadline():
    world = World()
    for _ in range(9):
        world.peer.send(b"\r\n" * 100)
        world.reactor.advance(1.0)
    assert not world.peer.closed
    world.peer.send(b"\r\n")
    world.reactor.advance(1.5)
    assert world.peer.eof_received
    assert world.seen == []


# -- one request after another ---------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65, 100, 1000])
def test_pipelined_requests_are_answered_in_order(count):
    world = World(handler=lambda request: Response(request.target.encode()))
    received = world.ask(b"".join(get(line=b"GET /%d HTTP/1.1" % i) for i in range(count)))
    bodies = [answer.body for answer in read_responses(received)]
    assert bodies == [b"/%d" % i for i in range(count)]


def test_a_request_that_comes_while_earlier_ones_wait_does_not_overtake_them():
    world = World(handler=lambda request: Response(request.target.encode()))
    world.peer.send(b"".join(get(line=b"GET /%d HTTP/1.1" % i) for i in range(100)))
    for i in range(100, 110):
        world.peer.send(get(line=b"GET /%d HTTP/1.1" % i))
    world.reactor.settle()
    bodies = [answer.body for answer in read_responses(world.peer.read())]
    assert bodies == [b"/%d" % i for i in range(110)]


def test_slow_answers_come_in_order_as_well():
    begun: list[str] = []

    def handler(request: Request) -> None:
        begun.append(request.target)
        delay = 5.0 - len(begun)  # each would be ready before the one before it
        request.reactor.call_later(
            delay, lambda: request.respond(Response(request.target.encode()))
        )

    world = World(handler)
    assert world.ask(b"".join(get(line=b"GET /%d HTTP/1.1" % i) for i in range(4))) == b""
    assert begun == ["/0"]
    world.reactor.advance(11.0)
    bodies = [answer.body for answer in read_responses(world.peer.read())]
    assert bodies == [b"/0", b"/1", b"/2", b"/3"]


def test_what_is_read_ahead_of_a_slow_answer_is_bounded():
    world = World(handler=lambda request: None)
    for _ in range(100):
        world.peer.send(get() * 1000)
    world.reactor.settle()
    protocol = world.peer.transport.get_protocol()
    assert len(protocol._buffer) <= READ_AHEAD + 65536
    assert not world.peer.transport.is_reading()


def test_what_is_read_ahead_of_many_quick_answers_is_bounded():
    world = World(handler=lambda request: Response(b""), limits=Limits(requests=1_000_000))
    segment = get() * (65536 // len(get()))
    for _ in range(20):
        world.peer.send(segment)
    protocol = world.peer.transport.get_protocol()
    most = 0
    for _ in range(100):
        world.reactor.run_once(0)
        world.peer.read()
        most = max(most, len(protocol._buffer))
    assert most <= READ_AHEAD + 65536


def test_head_then_get():
    world = World(handler=lambda request: Response(b"abc"))
    received = world.ask(get(line=b"HEAD / HTTP/1.1") + get())
    head, other = read_responses(received, ["HEAD", "GET"])
    assert (head.fields["content-length"], head.body) == ("3", b"")
    assert other.body == b"abc"


def test_last_of_the_requests_that_a_connection_may_make():
    world = World(limits=Limits(requests=3))
    answers = read_responses(world.ask(get() * 5))
    assert [answer.closes for answer in answers] == [False, False, True]
    assert world.peer.eof_received


@pytest.mark.parametrize(
    "other",
    [
        get(b"Connection: close"),
        get(b"Proxy-Connection: close"),
        get(b"Proxy-Connection: upgrade", b"Upgrade: x"),
        get(b"Connection: upgrade", b"Upgrade: x"),
        get(b"Connection: keep-alive, Upgrade", b"Upgrade: x", b"Content-Length: 5"),
        get(line=b"CONNECT a:443 HTTP/1.1"),
        get(line=b"CONNECT a:443 HTTP/1.1", host=b"Host: x x"),
        get(line=b"GET / HTTP/1.0"),
        get(b"Content-Length: 5"),
        post(b"Transfer-Encoding: chunked"),
        get(b"A : b"),
        get(b"A: b\r\n c"),
        get(*[b"A: b"] * 100),
        get(host=b"Host: a b"),
        get(host=b""),
        get(line=b"GET # HTTP/1.1"),
        get(line=b"TRACE / HTTP/1.1"),
        get(line=b"FROB / HTTP/1.1"),
        get(b"Expect: x"),
    ],
)
def test_no_client_harms_another_one_s_requests(other):
    """One parser serves all connections: what one of them was sent must not show in another."""
    world = World()
    world.ask(other)
    second = world.connect()
    second.send(get(b"A: b"))
    world.reactor.settle()
    assert statuses(second.read()) == [200]
    assert world.seen[-1] == ("GET", "/", b"")


# -- Expect ----------------------------------------------------------------------------------------

EXPECTING = post(b"Expect: 100-Continue", b"Content-Length: 3")


def test_100_is_sent_when_the_body_is_asked_for():
    world = World()
    assert world.ask(EXPECTING) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert one(world.ask(b"abc")).body == b"abc"


def test_100_is_sent_only_once_the_body_is_asked_for():
    waiting: list[Request] = []
    world = World(handler=waiting.append)
    assert world.ask(EXPECTING) == b""
    waiting[0].read(Response)
    world.reactor.settle()
    assert world.peer.read() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert one(world.ask(b"abc")).body == b"abc"


def test_100_for_a_chunked_body():
    world = World()
    expecting = post(b"Expect: 100-continue", b"Transfer-Encoding: chunked")
    assert statuses(world.ask(expecting)) == [100]
    assert one(world.ask(b"3\r\nabc\r\n0\r\n\r\n")).body == b"abc"


@pytest.mark.parametrize("came", [b"a", b"abc"])
def test_no_100_if_the_body_is_on_its_way(came):
    world = World()
    world.peer.send(EXPECTING + came)
    world.reactor.settle()
    received = world.peer.read() + world.ask(b"abc"[len(came) :])
    assert statuses(received) == [200]


def test_no_100_for_http_1_0():
    world = World()
    assert world.ask(EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0")) == b""
    assert one(world.ask(b"abc")).body == b"abc"


def test_no_100_and_a_closed_connection_if_nobody_wants_the_body():
    """Whether the client sends the body after all, nobody can know."""
    world = World(handler=lambda request: Response(b"no"))
    answer = one(world.ask(EXPECTING))
    assert (answer.status, answer.closes) == (200, True)
    assert world.ask(b"abc" + get()) == b""


def test_a_refused_body_is_not_waited_for():
    world = World(limits=Limits(body=2))
    assert one(world.ask(EXPECTING)).status == 413
    assert world.peer.eof_received


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, 1, 7])
def test_chunked_body_of_more_than_the_limit(size):
    world = World(limits=Limits(body=10))
    received = world.ask(chunked(b"5\r\nabcde\r\n" * 3 + b"0\r\n\r\n") + PROBE, size)
    assert statuses(received) == [413]
    assert world.peer.eof_received
    assert world.seen == []


@pytest.mark.parametrize("size", [None, 1, 7])
def test_chunked_body_at_the_limit(size):
    world = World(limits=Limits(body=10))
    received = world.ask(chunked(b"5\r\nabcde\r\n" * 2 + b"0\r\n\r\n"), size)
    assert one(received).body == b"abcdeabcde"


def test_handler_s_own_limit_leaves_the_connection_open():
    def handler(request: Request) -> None:
        request.read(Response, max_size=2)

    world = World(handler)
    data = post(b"Content-Length: 3", body=b"abc") + chunked(b"3\r\nabc\r\n0\r\n\r\n") + get()
    assert statuses(world.ask(data)) == [413, 413, 200]


def test_large_announced_body_that_nobody_reads_closes():
    world = World(handler=lambda request: Response(b"no"))
    answer = one(world.ask(post(b"Content-Length: 65537") + b"a" * 65537 + PROBE))
    assert answer.closes
    assert world.peer.eof_received


def test_trailers_are_not_merged_into_the_fields():
    world = World(handler=lambda request: request.read(lambda body: Response(repr(request.headers).encode())))  # fmt: skip
    received = world.ask(chunked(b"0\r\nHost: evil\r\nX-User: root\r\n\r\n"))
    assert b"evil" not in received
    assert b"x-user" not in received.lower()


def test_client_that_leaves_in_the_middle_of_a_body_is_not_answered():
    world = World()
    world.ask(post(b"Content-Length: 5", body=b"abc"))
    world.peer.send_eof()
    world.reactor.settle()
    assert world.peer.read() == b""
    assert world.peer.closed
    assert world.seen == []
    assert world.errors == []


def test_client_that_finishes_after_its_request_is_answered():
    world = World()
    world.peer.send(get() * 2)
    world.peer.send_eof()
    world.reactor.settle()
    assert statuses(world.peer.read()) == [200, 200]
    assert world.peer.closed


# -- the handler's errors --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(302, headers=(("Location", "/\r\nSet-Cookie: a=b"),)),
        HTTPError(400, headers=(("A\nB", "c"),)),
        HTTPError(400, headers=(("Content-Length", "5"),)),
        HTTPError(99),
        HTTPError(101),
    ],
    ids=repr,
)
def test_error_that_cannot_be_sent_is_answered_with_500(error):
    def handler(request: Request) -> Response:
        raise error

    world = World(handler)
    answer = one(world.ask(get()))
    assert answer.status == 500
    assert "set-cookie" not in answer.fields


# -- work ------------------------------------------------------------------------------------------


class Counting:
    """Counts what is done with a buffer: the bytes that are copied and searched."""


def test_work_for_pipelined_requests_grows_with_their_number_alone(monkeypatch):
    """Counted in bytes of what is left in the buffer whenever a head is taken from it."""
    from protocols.http.connection import HTTPConnection

    work = 0
    original = HTTPConnection._read_head

    def counting(self: HTTPConnection) -> bool:
        nonlocal work
        work += len(self._buffer)
        return original(self)

    monkeypatch.setattr(HTTPConnection, "_read_head", counting)
    per_request = []
    for segments in (2, 20):
        work = 0
        world = World(lambda request: Response(b""), limits=Limits(requests=1_000_000))
        for _ in range(segments):
            world.peer.send(get() * 2000)
        world.reactor.settle()
        per_request.append(work / (segments * 2000))
    assert per_request[1] < 1.5 * per_request[0]
