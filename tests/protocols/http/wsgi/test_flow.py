"""Clients that are slow or leave, more requests than threads, and stopping."""

import socket
import struct
import threading

import pytest

from protocols.http import Limits
from protocols.http.wsgi.streambuffer import MOST_WAITING

from ....tools.sockets import read_to_end
from ....tools.waiting import TIMEOUT
from ....tools.wsgi import PLAIN, Hanging

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
PIECE = b"x" * 10_000
SMALL_BUFFER = 8192
RESET_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Endless:
    """An application that streams without end and keeps count."""

    def __init__(self, write=False):
        self.write = write
        self.given = 0
        self.error = None
        self.closed = threading.Event()
        self.thread = None

    def __call__(self, environ, start_response):
        self.thread = threading.current_thread().name
        write = start_response("200 OK", PLAIN)
        if not self.write:
            return self
        try:
            while True:
                write(PIECE)
                self.given += len(PIECE)
        except OSError as error:
            self.error = error
            self.closed.set()
            raise

    def __iter__(self):
        return self

    def __next__(self):
        self.given += len(PIECE)
        return PIECE

    def close(self):
        self.closed.set()


# -- in the loop -----------------------------------------------------------------------------------


def test_inline_the_body_is_iterated_no_faster_than_the_client_reads(in_memory):
    app = Endless()
    gateway = in_memory(app)
    peer = gateway.connect()
    peer.stall(1000)
    peer.send(GET)
    gateway.reactor.settle()
    waiting = app.given
    assert waiting < 100_000
    peer.stall(60_000)
    gateway.reactor.settle()
    assert waiting < app.given < waiting + 100_000
    assert not app.closed.is_set()
    peer.reset()
    gateway.reactor.settle()
    assert app.closed.is_set()
    assert gateway.errors == []


def test_inline_streams_take_turns(in_memory):
    events = []

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        name = environ["PATH_INFO"]
        for _ in range(3):
            events.append(name)
            yield b"piece"

    gateway = in_memory(app)
    peers = [gateway.connect() for _ in range(2)]
    for peer, name in zip(peers, (b"/a", b"/b"), strict=True):
        peer.send(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % name)
    gateway.reactor.settle()
    assert events == ["/a", "/b"] * 3


def test_inline_a_piece_is_sent_before_the_next_is_produced(in_memory):
    seen = []

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        for number in range(3):
            seen.append(peer.received.count(b"piece"))
            yield b"piece %d" % number
        seen.append(peer.received.count(b"piece"))

    gateway = in_memory(app)
    peer = gateway.connect()
    peer.send(GET)
    gateway.reactor.settle()
    assert seen == [0, 1, 2, 3]


def test_inline_a_piece_larger_than_all_buffers_is_sent(in_memory):
    huge = b"x" * 5_000_000
    gateway = in_memory(lambda environ, start: start("200 OK", PLAIN) and iter([huge, b"end"]))
    peer = gateway.connect()
    peer.stall(1000)
    peer.send(GET)
    gateway.reactor.settle()
    peer.resume()
    gateway.reactor.settle()
    assert peer.received.count(b"x") - 1 == len(huge)  # one is in "text"
    assert peer.received.endswith(b"3\r\nend\r\n0\r\n\r\n")


def test_inline_a_client_that_never_reads_is_cut_off(in_memory):
    app = Endless()
    gateway = in_memory(app, limits=Limits(write_timeout=60))
    peer = gateway.connect()
    peer.stall(1000)
    peer.send(GET)
    gateway.reactor.settle()
    gateway.reactor.advance(200)
    assert app.closed.is_set()
    assert peer.closed


def test_inline_a_keyboard_interrupt_ends_the_loop(in_memory):
    def app(environ, start_response):
        raise KeyboardInterrupt

    gateway = in_memory(app)
    gateway.connect().send(GET)
    with pytest.raises(KeyboardInterrupt):
        gateway.reactor.settle()


# -- in threads ------------------------------------------------------------------------------------


def test_the_application_runs_in_a_thread_of_the_pool(serve_app):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return [threading.current_thread().name.encode()]

    assert serve_app(app).get()[2] == b"wsgi-0"


@pytest.mark.parametrize("write", [False, True], ids=["iterable", "write"])
def test_the_thread_waits_for_the_client_and_is_free_when_it_leaves(serve_app, write, caplog):
    caplog.set_level("INFO")
    app = Endless(write)
    served = serve_app(app, threads=1, max_spool=0)
    with served.connect_raw(SMALL_BUFFER) as sock:
        sock.sendall(GET)
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        wait_until_it_blocks(served, app)
        given = app.given
        read = 0
        # It continues as the client reads. How much the client has to read first depends on the
        # kernel's buffers.
        while app.given == given:
            read += len(sock.recv(65536))
        wait_until_it_blocks(served, app)
        assert given < app.given < read + 8 * MOST_WAITING + 16_000_000
        assert not app.closed.is_set()
    assert app.closed.wait(TIMEOUT)
    assert (app.error is not None) == write
    served.until(lambda: served.supervisor.call_count == 0)
    served.stop()
    assert served.errors == []
    assert caplog.messages == []


def wait_until_it_blocks(served, app):
    """Wait until the thread has filled all buffers and waits for the client."""
    before = -1
    while before != app.given:
        before = app.given
        for _ in range(50):
            served.in_loop(lambda: None)


def test_a_slow_reader_of_a_list_occupies_no_thread(serve_app):
    body = b"x" * 3_000_000

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return [body] if environ["PATH_INFO"] == "/" else [b"quick"]

    served = serve_app(app, threads=1)
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert slow.recv(100)
        assert served.get("/other")[2] == b"quick"
        slow.shutdown(socket.SHUT_WR)
        assert len(read_to_end(slow)) > 2_900_000


def test_a_slow_sender_occupies_no_thread(serve_app):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        return [environ["wsgi.input"].read()]

    served = serve_app(app, threads=1)
    with served.connect_raw() as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        assert served.get(method="POST", body=b"quick")[2] == b"quick"
        slow.sendall(b"bc")
        assert slow.recv(1000).startswith(b"HTTP/1.1 200")


def test_pieces_are_sent_while_the_application_continues(serve_app):
    go_on = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        for number in range(3):
            yield b"piece %d" % number
            assert go_on.wait(TIMEOUT)
            go_on.clear()

    served = serve_app(app)
    connection = served.connect()
    connection.request("GET", "/")
    response = connection.getresponse()
    for number in range(3):
        assert response.read1() == b"piece %d" % number
        go_on.set()
    assert response.read() == b""
    connection.close()


def test_the_response_is_sent_before_a_slow_close(serve_app):
    go_on = threading.Event()

    class Body:
        def __iter__(self):
            return iter([b"done"])

        def close(self):
            assert go_on.wait(TIMEOUT)

    def app(environ, start_response):
        start_response("200 OK", [*PLAIN, ("Content-Length", "4")])
        return Body()

    served = serve_app(app)
    assert served.get()[2] == b"done"
    go_on.set()
    served.stop()
    assert served.errors == []


def test_too_many_requests_are_refused(serve_app, hanging, caplog):
    served = serve_app(hanging, threads=1, max_queued=1)
    waiting = [served.connect() for _ in range(2)]
    for number, connection in enumerate(waiting, 1):
        connection.request("GET", "/")
        served.until(lambda number=number: served.supervisor.call_count == number)
    for body in (None, b"x" * 10):
        status, headers, _ = served.get(method="POST", body=body)
        assert (status, headers["Retry-After"]) == (503, "1")
    [message] = caplog.messages  # not one for each
    assert message.startswith("1 requests were refused with 503: ")
    hanging.go_on.set()
    for connection in waiting:
        assert connection.getresponse().read() == b"onetwo"
        connection.close()


def test_a_request_whose_client_has_left_is_not_run(serve_app, hanging):
    served = serve_app(hanging, threads=1)
    first = served.connect()
    first.request("GET", "/")
    assert hanging.entered.acquire(timeout=TIMEOUT)
    with served.connect_raw() as second:
        second.sendall(GET)
        served.until(lambda: served.supervisor.call_count == 2)
        second.setsockopt(*RESET_ON_CLOSE)
    served.until(lambda: served.reactor.stats.connections == 1)
    hanging.go_on.set()
    assert first.getresponse().read() == b"onetwo"
    first.close()
    served.stop()
    assert hanging.calls == 1
    assert served.errors == []


@pytest.mark.parametrize("where", ["call", "first", "later", "close"])
def test_a_client_may_leave_while_the_application_computes(serve_app, where):
    app = Hanging(where)
    served = serve_app(app, threads=1)
    with served.connect_raw() as sock:
        sock.sendall(GET)
        assert app.entered.acquire(timeout=TIMEOUT)
        sock.setsockopt(*RESET_ON_CLOSE)
    served.until(lambda: served.reactor.stats.connections == 0)
    app.go_on.set()
    assert app.closed.wait(TIMEOUT)
    served.stop()
    assert served.errors == []


def test_stopping_waits_for_running_calls(serve_app, hanging):
    served = serve_app(hanging)
    connection = served.connect()
    connection.request("GET", "/")
    assert hanging.entered.acquire(timeout=TIMEOUT)
    served.reactor.call_soon_threadsafe(served.reactor.stop, TIMEOUT)
    served.in_loop(lambda: None)
    hanging.go_on.set()
    response = connection.getresponse()
    assert response.read() == b"onetwo"
    assert response.headers["Connection"] == "close"
    connection.close()
    served.stop()
    assert served.errors == []


@pytest.mark.parametrize("write", [False, True], ids=["iterable", "write"])
def test_a_thread_that_waits_is_woken_when_the_grace_is_over(serve_app, write):
    app = Endless(write)
    served = serve_app(app, max_spool=0)
    with served.connect_raw(SMALL_BUFFER) as sock:
        sock.sendall(GET)
        assert sock.recv(100)
        wait_until_it_blocks(served, app)
        served.stop(grace=0)
        assert app.closed.wait(TIMEOUT)


def test_a_thread_that_continues_after_the_reactor_is_closed_ends_its_call(serve_app):
    running, go_on = threading.Event(), threading.Event()
    app = Endless()

    def slow(environ, start_response):
        running.set()
        assert go_on.wait(TIMEOUT)
        return app(environ, start_response)

    served = serve_app(slow)
    with served.connect_raw() as sock:
        sock.sendall(GET)
        assert running.wait(TIMEOUT)
        served.stop(grace=0)
    go_on.set()
    assert app.closed.wait(TIMEOUT)
