"""Bodies of requests, which are in memory or in a file before the application is called."""

import io
import tempfile

import pytest

from protocols.http import Limits
from protocols.http.wsgi import input as wsgi_input

from ....tools.waiting import TIMEOUT

BODY = b"first line\nsecond\n\nlast"


def app_with(read):
    """Answers with what ``read(wsgi.input)`` returns."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [repr(read(environ["wsgi.input"])).encode()]

    return app


@pytest.fixture(autouse=True)
def files(monkeypatch):
    """The temporary files that were made. None of them may stay open."""
    made = []
    real = tempfile.TemporaryFile

    def make():
        made.append(real())
        return made[-1]

    monkeypatch.setattr(wsgi_input.tempfile, "TemporaryFile", make)
    yield made
    assert [file for file in made if not file.closed] == []


def read_text(file):
    wrapper = io.TextIOWrapper(file)
    text = wrapper.read()
    wrapper.detach()
    return text


READS = {
    "read": lambda file: file.read(),
    "read(n)": lambda file: [file.read(7), file.read(100), file.read(5), file.read()],
    "read(0)": lambda file: file.read(0),
    "readline": lambda file: [file.readline() for _ in range(6)],
    "readline(n)": lambda file: [file.readline(4) for _ in range(9)],
    "readlines": lambda file: file.readlines(),
    "readlines(n)": lambda file: file.readlines(12),
    "iteration": list,
    "text": read_text,
    "seek": lambda file: (file.read(3), file.seek(0), file.read(4), file.tell()),
}


@pytest.mark.parametrize("spool_size", [4, 1000])
@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("body", [BODY, b""])
def test_the_body_is_a_file(ask, files, name, spool_size, body):
    read = READS[name]
    answer = ask(app_with(read), method="POST", body=body, spool_size=spool_size)
    assert answer.body == repr(read(io.BytesIO(body))).encode()
    assert len(files) == (len(body) > spool_size)


def test_the_empty_body_cannot_be_changed(in_memory):
    def meddle(file):
        for method, arguments in (("write", (b"x",)), ("writelines", ([b"x"],)), ("truncate", ())):
            with pytest.raises(OSError, match=r"write|truncate"):
                getattr(file, method)(*arguments)
        file.close()
        return file.seek(10), file.read()

    gateway = in_memory(app_with(meddle))
    for _ in range(2):  # both get the same object
        assert gateway.get().endswith(b"(0, b'')")


def test_a_chunked_body_may_arrive_in_pieces_of_any_size(in_memory):
    data = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nabcde\r\n1\r\nf\r\n0\r\nX-Trailer: 1\r\n\r\n"
    )
    for size in range(1, len(data)):
        gateway = in_memory(app_with(lambda file: file.read()), spool_size=3)
        assert gateway.send(data, chunk=size).endswith(b"b'abcdef'")


def test_100_continue_is_sent_to_a_client_that_expects_it(in_memory):
    gateway = in_memory(app_with(lambda file: file.read()))
    peer = gateway.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    gateway.reactor.settle()
    assert peer.read() == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.send(b"abc")
    gateway.reactor.settle()
    assert peer.read().endswith(b"b'abc'")


def test_the_application_waits_for_the_whole_body(in_memory):
    calls = []
    gateway = in_memory(app_with(calls.append))
    peer = gateway.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    gateway.reactor.settle()
    assert calls == []
    peer.send(b"def")
    gateway.reactor.settle()
    assert len(calls) == 1


def test_two_requests_with_bodies_may_share_a_connection(in_memory):
    gateway = in_memory(app_with(lambda file: file.read(1)))
    one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
    answers = gateway.send(one + b"abc" + one + b"xyz")
    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.endswith(b"b'x'")


def test_a_client_that_leaves_within_its_body_is_not_served(in_memory, files):
    calls = []
    gateway = in_memory(app_with(calls.append), spool_size=2)
    peer = gateway.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
    gateway.reactor.settle()
    assert not files[0].closed
    peer.reset()
    gateway.reactor.settle()
    assert calls == []
    assert files[0].closed


@pytest.mark.parametrize(
    ("rest", "status"), [(b"5\r\nabcde\r\n", 413), (b"nonsense\r\n", 400), (b"", 408)]
)
def test_a_body_that_is_refused_midway_is_discarded(in_memory, files, rest, status):
    gateway = in_memory(app_with(id), spool_size=2, limits=Limits(body=6))
    peer = gateway.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    gateway.reactor.settle()
    peer.send(rest)
    gateway.reactor.advance(30)
    assert peer.read().startswith(b"HTTP/1.1 %d" % status)
    assert files[0].closed


@pytest.mark.parametrize("method", ["write", "seek"])
def test_a_full_disk_is_507(in_memory, monkeypatch, caplog, method):
    class Full(io.BytesIO):
        def fail(self, *_):
            raise OSError(28, "No space left on device")

    file = Full()
    setattr(Full, method, Full.fail)
    monkeypatch.setattr(wsgi_input.tempfile, "TemporaryFile", lambda: file)
    gateway = in_memory(app_with(id), spool_size=2)
    answer = gateway.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 507")
    assert file.closed
    assert caplog.messages == [
        "a request's body of 3 bytes or more cannot be stored: [Errno 28] No space left on device"
    ]


def test_the_application_may_close_the_body(ask, files):
    def spoil(file):
        file.close()
        return 1

    answer = ask(app_with(spoil), method="POST", body=b"abc", spool_size=2)
    assert answer.body == b"1"


# -- the bodies of all requests together -----------------------------------------------------------

HALF = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nabcd"


def begin_upload(gateway):
    peer = gateway.connect()
    peer.send(HALF)
    gateway.reactor.settle()
    return peer


@pytest.mark.parametrize("spool_size", [2, 1000])
def test_a_body_beyond_the_budget_is_503(in_memory, spool_size):
    gateway = in_memory(app_with(lambda file: file.read()), spool_size=spool_size, max_bodies=11)
    first = begin_upload(gateway)
    second = begin_upload(gateway)
    assert gateway.bodies.available == 3
    second.send(b"efgh")
    gateway.reactor.settle()
    answer = second.read()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in answer
    first.send(b"efgh")
    gateway.reactor.settle()
    assert first.read().endswith(b"b'abcdefgh'")
    assert gateway.bodies.available == 11
    assert gateway.send(HALF + b"ijkl").endswith(b"b'abcdijkl'")


@pytest.mark.parametrize("end", ["leaves", "finishes", "is slow", "overruns"])
def test_a_body_that_does_not_come_completely_leaves_the_budget(in_memory, end):
    limits = Limits(body=6)
    gateway = in_memory(app_with(id), max_bodies=100, limits=limits)
    peer = gateway.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    gateway.reactor.settle()
    assert gateway.bodies.available == 97
    if end == "leaves":
        peer.reset()
    elif end == "finishes":
        peer.send_eof()
    elif end == "overruns":
        peer.send(b"4\r\nabcd\r\n")
    gateway.reactor.advance(60)
    assert gateway.bodies.available == 100


@pytest.mark.parametrize("threads", [0, 1])
@pytest.mark.parametrize("fails", [False, True])
def test_an_answered_request_leaves_the_budget(serve_app, threads, fails):
    def app(environ, start_response):
        if fails:
            raise LookupError
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", environ["wsgi.input"].read()])

    served = serve_app(app, threads=threads, max_bodies=100)
    assert served.get(method="POST", body=b"b" * 100)[0] == (500 if fails else 200)
    served.until(lambda: served.bodies.available == 100)


def test_a_refused_request_leaves_the_budget(serve_app, hanging):
    served = serve_app(hanging, threads=1, max_queued=0, max_bodies=100)
    with served.connect_raw() as sock:
        sock.sendall(HALF + b"efgh")
        assert hanging.entered.acquire(timeout=TIMEOUT)
        assert served.get(method="POST", body=b"b" * 50)[0] == 503
        assert served.bodies.available == 92
        hanging.go_on.set()
        served.until(lambda: served.bodies.available == 100)
