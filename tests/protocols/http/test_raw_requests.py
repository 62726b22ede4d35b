"""The table of raw requests, in memory and over real sockets, in pieces of every size; and what one
request after another does to a connection."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from protocols.http import HTTPServer, Request, Response
from protocols.http.errors import HTTPError
from protocols.http.head import RequestHead
from protocols.http.limits import READ_AHEAD, Limits
from protocols.http.reading import RequestReader
from reactor import Reactor

from ...tools.http import HTTPWorld, read_ahead
from ...tools.responses import Answer, read_responses
from ...tools.threads import running
from ...tools.waiting import TIMEOUT
from .raw_requests import CASES, PROBE, Case, chunked, get, post


class Exchange:
    """A connection to a server whose handler answers with the body of the request, and notes it."""

    def __init__(
        self,
        world: HTTPWorld,
        handler: Callable[[Request], Response | None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.reactor = world.reactor
        self.seen: list[tuple[str, str, bytes]] = []
        self.server = HTTPServer(
            handler or (lambda request: echo(request, self.seen)), limits=limits
        )
        self.peer = self.reactor.connect(self.server)

    def ask(self, data: bytes, chunk: int | None = None) -> bytes:
        self.peer.send(data, chunk)
        self.reactor.settle()
        return self.peer.read()


def echo(request: Request, seen: list[tuple[str, str, bytes]]) -> Response | None:
    if request.path == "/unread":
        seen.append((request.method, request.target, b""))
        return Response(b"unread")
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
    # A response sent before the request was refused does not announce the close.
    assert answers[-1].closes or "not wanted" in case.name


_SIZES = (None, *range(1, 17), 23, 64, 255, 1000, 4096, 65536)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_case_in_memory(world, case):
    data = case.data + PROBE
    for size in _SIZES:
        if size and size < len(data) / 2000:
            continue
        it = Exchange(world)
        received = it.ask(data, size)
        check(case, received, it.peer.eof_received, it.seen)
        assert not it.peer.reset_received
        assert world.failures == []


@pytest.mark.parametrize("separate", [False, True], ids=["with the probe", "before the probe"])
def test_all_cases_one_after_another_on_one_server(world, separate):
    """What the server caches of one request does not change the meaning of another: from the third
    round on, it has seen all heads before."""
    it = Exchange(world)
    for _ in range(4):
        for case in CASES:
            it.seen.clear()
            it.peer = world.reactor.connect(it.server)
            received = b""
            for data in (case.data, PROBE) if separate else (case.data + PROBE,):
                if not it.peer.closed and not it.peer.eof_received:
                    received += it.ask(data)
            check(case, received, it.peer.eof_received, it.seen)
            it.peer.close()
            world.reactor.settle()
    assert world.failures == []


@pytest.fixture(scope="module")
def real_server() -> Iterator[tuple[int, list[tuple[str, str, bytes]], list[object]]]:
    """A server on a loopback socket, for all cases; its port, what its handler saw, its errors."""
    reactor = Reactor()
    seen: list[tuple[str, str, bytes]] = []
    errors: list[object] = []
    reactor.set_exception_handler(lambda _, context: errors.append(context))
    server = HTTPServer(lambda request: echo(request, seen))
    port = reactor.listen_tcp(server, "127.0.0.1", 0).addresses[0][1]
    with running(reactor):
        yield port, seen, errors


def converse(port: int, data: bytes, size: int) -> bytes:
    """Send in pieces and finish; returns all that comes until the server has finished too."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = bytearray()
        try:
            for start in range(0, len(data), size):
                sock.send(data[start : start + size])
            sock.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused already; the response must still be readable
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
def test_an_invalid_start_is_refused_without_waiting_for_the_rest(world, data, status, size):
    it = Exchange(world)
    start = it.reactor.time()
    assert one(it.ask(data, size)).status == status
    assert it.peer.eof_received
    assert it.reactor.time() == start
    assert it.seen == []


@pytest.mark.parametrize("data", [b"\r", b"\r\n", b"\r\n\r", b"G", get()[:-1], get()[:-3]])
def test_a_valid_start_is_waited_for(world, data):
    it = Exchange(world)
    assert it.ask(data) == b""
    assert not it.peer.eof_received


def test_endless_empty_lines_end_at_the_deadline_of_the_head(world):
    it = Exchange(world)
    for _ in range(9):
        it.peer.send(b"\r\n" * 100)
        it.reactor.advance(1.0)
    assert not it.peer.closed
    it.peer.send(b"\r\n")
    it.reactor.advance(1.5)
    assert it.peer.eof_received
    assert it.seen == []


def test_a_later_head_has_as_much_time_as_the_first(world):
    it = Exchange(world)
    assert statuses(it.ask(get())) == [200]
    for byte in get()[:12]:
        it.peer.send(bytes([byte]))
        it.reactor.advance(1.0)
    assert statuses(it.peer.read()) == [408]
    assert it.peer.eof_received


# -- one request after another ---------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65, 100, 1000])
def test_pipelined_requests_are_answered_in_order(world, count):
    it = Exchange(world, handler=lambda request: Response(request.target.encode()))
    received = it.ask(b"".join(get(line=b"GET /%d HTTP/1.1" % i) for i in range(count)))
    bodies = [answer.body for answer in read_responses(received)]
    assert bodies == [b"/%d" % i for i in range(count)]


def test_reading_ahead_of_quick_responses_has_a_limit(world):
    it = Exchange(world, handler=lambda request: Response(b""), limits=Limits(requests=1_000_000))
    segment = get() * (65536 // len(get()))
    for _ in range(20):
        it.peer.send(segment)
    most = 0
    for _ in range(100):
        it.reactor.run_once(0)
        it.peer.read()
        most = max(most, read_ahead(it.peer))
    assert most <= READ_AHEAD + 65536


def test_get_after_head_has_a_body(world):
    it = Exchange(world, handler=lambda request: Response(b"abc"))
    received = it.ask(get(line=b"HEAD / HTTP/1.1") + get())
    head, other = read_responses(received, ["HEAD", "GET"])
    assert (head.fields["content-length"], head.body) == ("3", b"")
    assert other.body == b"abc"


def test_the_last_allowed_request_closes_the_connection(world):
    it = Exchange(world, limits=Limits(requests=3))
    answers = read_responses(it.ask(get() * 5))
    assert [answer.closes for answer in answers] == [False, False, True]
    assert it.peer.eof_received


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
def test_no_request_changes_what_another_client_gets(world, other):
    """One parser serves all connections: the data of one must not appear in another."""
    it = Exchange(world)
    it.ask(other)
    second = it.reactor.connect(it.server)
    second.send(get(b"A: b"))
    it.reactor.settle()
    assert statuses(second.read()) == [200]
    assert it.seen[-1] == ("GET", "/", b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get(line=b"TRACE / HTTP/1.1"), 405),
        (get(line=b"CONNECT a:443 HTTP/1.1"), 501),
        (post(b"Content-Length: 16777217"), 413),
        (get(line=b"GET / HTTP/1.0"), 200),
        (get(b"Connection: close"), 200),
    ],
)
def test_the_same_head_again_is_answered_as_the_first_time(world, data, status):
    it = Exchange(world)
    for _ in range(3):
        peer = it.reactor.connect(it.server)
        assert statuses(world.ask(peer, data)) == [status]
        assert peer.eof_received
    assert world.failures == []


# -- Expect ----------------------------------------------------------------------------------------

EXPECTING = post(b"Expect: 100-Continue", b"Content-Length: 3")


def test_100_is_sent_when_the_body_is_requested(world):
    it = Exchange(world)
    assert it.ask(EXPECTING) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert one(it.ask(b"abc")).body == b"abc"


def test_100_is_sent_only_once_the_body_is_requested(world):
    waiting: list[Request] = []
    it = Exchange(world, handler=waiting.append)
    assert it.ask(EXPECTING) == b""
    waiting[0].read(Response)
    it.reactor.settle()
    assert it.peer.read() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert one(it.ask(b"abc")).body == b"abc"


def test_100_is_sent_for_a_chunked_body(world):
    it = Exchange(world)
    expecting = post(b"Expect: 100-continue", b"Transfer-Encoding: chunked")
    assert statuses(it.ask(expecting)) == [100]
    assert one(it.ask(b"3\r\nabc\r\n0\r\n\r\n")).body == b"abc"


@pytest.mark.parametrize("came", [b"a", b"abc"])
def test_100_is_not_sent_if_a_part_of_the_body_has_arrived(world, came):
    it = Exchange(world)
    it.peer.send(EXPECTING + came)
    it.reactor.settle()
    received = it.peer.read() + it.ask(b"abc"[len(came) :])
    assert statuses(received) == [200]


def test_100_is_not_sent_to_http_1_0(world):
    it = Exchange(world)
    assert it.ask(EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0")) == b""
    assert one(it.ask(b"abc")).body == b"abc"


def test_an_unwanted_body_with_expectation_closes_without_100(world):
    """It cannot be known whether the client sends the body."""
    it = Exchange(world, handler=lambda request: Response(b"no"))
    answer = one(it.ask(EXPECTING))
    assert (answer.status, answer.closes) == (200, True)
    assert it.ask(b"abc" + get()) == b""


def test_a_refused_body_is_not_waited_for(world):
    it = Exchange(world, limits=Limits(body=2))
    assert one(it.ask(EXPECTING)).status == 413
    assert it.peer.eof_received


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [None, 1, 7])
def test_a_chunked_body_over_the_limit_is_refused(world, size):
    it = Exchange(world, limits=Limits(body=10))
    received = it.ask(chunked(b"5\r\nabcde\r\n" * 3 + b"0\r\n\r\n") + PROBE, size)
    assert statuses(received) == [413]
    assert it.peer.eof_received
    assert it.seen == []


@pytest.mark.parametrize("size", [None, 1, 7])
def test_a_chunked_body_at_the_limit_is_accepted(world, size):
    it = Exchange(world, limits=Limits(body=10))
    received = it.ask(chunked(b"5\r\nabcde\r\n" * 2 + b"0\r\n\r\n"), size)
    assert one(received).body == b"abcdeabcde"


@pytest.mark.parametrize(("size", "status"), [(9, 200), (10, 200), (11, 413)])
def test_the_limit_of_a_body_is_exact(world, size, status):
    body = b"a" * size
    for data in (
        post(b"Content-Length: %d" % size, body=body),
        chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (size, body)),
    ):
        it = Exchange(world, limits=Limits(body=10))
        assert one(it.ask(data)).status == status


def test_the_connection_stays_open_when_a_handler_refuses_a_body_it_had_requested(world):
    def handler(request: Request) -> None:
        request.read(Response, max_size=2)

    it = Exchange(world, handler)
    expecting = post(b"Expect: 100-continue", b"Transfer-Encoding: chunked")
    assert statuses(it.ask(expecting)) == [100]
    answer = one(it.ask(b"3\r\nabc\r\n"))
    assert (answer.status, answer.closes) == (413, False)
    assert statuses(it.ask(b"0\r\n\r\n" + get())) == [200]


def test_a_limit_of_the_handler_leaves_the_connection_open(world):
    def handler(request: Request) -> None:
        request.read(Response, max_size=2)

    it = Exchange(world, handler)
    data = post(b"Content-Length: 3", body=b"abc") + chunked(b"3\r\nabc\r\n0\r\n\r\n") + get()
    assert statuses(it.ask(data)) == [413, 413, 200]


def test_a_large_unwanted_body_closes_the_connection(world):
    it = Exchange(world, handler=lambda request: Response(b"no"))
    answer = one(it.ask(post(b"Content-Length: 65537") + b"a" * 65537 + PROBE))
    assert answer.closes
    assert it.peer.eof_received


def test_trailers_are_not_merged_into_the_fields(world):
    def handler(request: Request) -> None:
        request.read(lambda body: Response(repr(request.headers).encode()))

    it = Exchange(world, handler)
    received = it.ask(chunked(b"0\r\nHost: evil\r\nX-User: root\r\n\r\n"))
    assert b"evil" not in received
    assert b"x-user" not in received.lower()


def test_a_client_that_leaves_within_a_body_is_not_answered(world):
    it = Exchange(world)
    it.ask(post(b"Content-Length: 5", body=b"abc"))
    it.peer.send_eof()
    it.reactor.settle()
    assert it.peer.read() == b""
    assert it.peer.closed
    assert it.seen == []
    assert world.failures == []


def test_a_client_that_finishes_after_its_request_is_answered(world):
    it = Exchange(world)
    it.peer.send(get() * 2)
    it.peer.send_eof()
    it.reactor.settle()
    assert statuses(it.peer.read()) == [200, 200]
    assert it.peer.closed


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
def test_an_error_that_cannot_be_sent_becomes_a_500(world, error):
    def handler(request: Request) -> Response:
        raise error

    it = Exchange(world, handler)
    answer = one(it.ask(get()))
    assert answer.status == 500
    assert "set-cookie" not in answer.fields


# -- work ------------------------------------------------------------------------------------------


def test_work_is_linear_in_the_number_of_pipelined_requests(world, monkeypatch):
    """Counted: the bytes in the buffer each time a head is read from it."""
    work = 0
    original = RequestReader.read_head

    def counting(self: RequestReader) -> RequestHead | None:
        nonlocal work
        work += len(self.buffer)
        return original(self)

    monkeypatch.setattr(RequestReader, "read_head", counting)
    per_request = []
    for segments in (2, 20):
        work = 0
        it = Exchange(world, lambda request: Response(b""), limits=Limits(requests=1_000_000))
        for _ in range(segments):
            it.peer.send(get() * 2000)
        it.reactor.settle()
        per_request.append(work / (segments * 2000))
    assert per_request[1] < 1.5 * per_request[0]
