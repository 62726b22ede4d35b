"""Calls that hang in their threads, slow readers that hold none, and requests that nobody waits
for."""

import contextlib
import socket
import threading

import pytest

from protocols.http.wsgi.supervision import Supervisor
from reactor.testing import VirtualReactor

from ....tools.clock import Clock
from ....tools.http import GET
from ....tools.sockets import read_to_end
from ....tools.waiting import TIMEOUT

PLAIN = [("Content-Type", "text/plain")]
SMALL_BUFFER = 8192


class SupervisedClock(Clock):
    """The loop's time, which passes in the supervisor's steps."""

    def advance(self, served, seconds):
        """Let ``seconds`` pass, in steps of the supervisor's looks."""
        supervisor = served.handler._supervisor
        for _ in range(round(seconds / supervisor._interval)):
            self.now += supervisor._interval

            def is_due():
                timer = supervisor._timer
                return timer is not None and timer.when() <= self.now

            while served.in_loop(is_due):
                pass


@pytest.fixture
def clock():
    return SupervisedClock()


class Hanging:
    """An application that hangs until the test lets it go, but for ``/quick``."""

    def __init__(self, where="call"):
        self.where = where
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.closed = threading.Event()
        self.calls = 0

    def hang_here(self):
        self.entered.release()
        assert self.go_on.wait(TIMEOUT)

    def __call__(self, environ, start_response):
        self.calls += 1
        if environ["PATH_INFO"] == "/quick":
            start_response("200 OK", PLAIN)
            return [b"quick"]
        if self.where == "call":
            self.hang_here()
        start_response("200 OK", PLAIN)
        return self

    def __iter__(self):
        if self.where == "first":
            self.hang_here()
        yield b"one"
        if self.where == "later":
            self.hang_here()
        yield b"two"

    def close(self):
        if self.where == "close":
            self.hang_here()
        self.closed.set()


@pytest.fixture
def hanging():
    app = Hanging()
    yield app
    app.go_on.set()


def begin(served, app):
    sock = served.connect_raw()
    sock.sendall(GET)
    assert app.entered.acquire(timeout=TIMEOUT)
    return sock


# -- calls that hang -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["call", "first"])
def test_call_that_hangs_is_answered_and_its_thread_is_replaced(
    serve_app, clock, hanging, where, caplog
):
    hanging.where = where
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging) as sock:
        clock.advance(served, 55)
        assert caplog.messages == []
        clock.advance(served, 10)
        answer = sock.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"too long" in answer
        [message] = caplog.messages
        assert message.startswith("GET /: no progress in 60 s: its thread is written off.")
        assert "self.hang_here()" in message  # the stack
        assert served.get("/quick")[2] == b"quick"
    pool = served.handler._supervisor.pool
    assert served.in_loop(lambda: pool.abandoned) == 1
    hanging.go_on.set()
    assert hanging.closed.wait(TIMEOUT)
    while served.in_loop(lambda: pool.abandoned):
        pass
    served.stop()
    assert served.errors == []
    assert len(caplog.messages) == 1


def test_call_that_hangs_after_the_head_is_cut(serve_app, clock, hanging):
    hanging.where = "later"
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging) as sock:
        clock.advance(served, 65)
        data = read_to_end(sock)
        assert data.endswith(b"3\r\none\r\n")  # and no last chunk
        assert served.get("/quick")[2] == b"quick"


def test_call_that_hangs_in_close(serve_app, clock, hanging, caplog):
    hanging.where = "close"
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging):
        clock.advance(served, 65)
        assert "in close" in caplog.text
        assert served.get("/quick")[2] == b"quick"


def test_progress_keeps_a_call_alive(serve_app, clock):
    steps = threading.Semaphore(0)

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        for _ in range(5):
            yield b"x"
            assert steps.acquire(timeout=TIMEOUT)

    served = serve_app(app, threads=1, clock=clock, request_timeout=60)
    with served.connect_raw() as sock:
        sock.sendall(GET)
        for number in range(5):
            while sock.recv(100).count(b"\r\nx\r\n") != 1:
                pass
            clock.advance(served, 50)
            if number < 4:
                steps.release()
        steps.release()
        assert sock.recv(100) == b"0\r\n\r\n"


def test_no_timeout(serve_app, clock, hanging, caplog):
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=0)
    with begin(served, hanging) as sock:
        clock.advance(served, 300)
        assert caplog.messages == []
        hanging.go_on.set()
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")


def test_time_in_which_the_process_stood_still_does_not_count(serve_app, clock, hanging, caplog):
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging):
        clock.advance(served, 2)
        clock.now += 3600
        clock.advance(served, 2)
        assert caplog.messages == []


def test_beyond_the_bound_there_are_no_more_threads(serve_app, clock, hanging, caplog):
    exhausted = []
    served = serve_app(
        hanging,
        threads=1,
        clock=clock,
        request_timeout=60,
        on_exhausted=lambda: exhausted.append(1),
    )
    with begin(served, hanging) as first:
        clock.advance(served, 65)
        assert first.recv(100).startswith(b"HTTP/1.1 503 ")
        with begin(served, hanging) as second, served.connect_raw() as queued:
            queued.sendall(GET)
            while len(served.in_loop(lambda: set(served.handler._supervisor.calls))) < 2:
                pass
            assert exhausted == []
            clock.advance(served, 65)
            assert second.recv(100).startswith(b"HTTP/1.1 503 ")
            assert queued.recv(100).startswith(b"HTTP/1.1 503 ")
            assert exhausted == [1]
    assert served.get("/quick")[0] == 503
    hanging.go_on.set()
    while served.in_loop(lambda: served.handler._supervisor.pool.abandoned):
        pass
    assert served.get("/quick")[0] == 200


def test_all_that_wait_are_refused_when_the_last_thread_hangs(serve_app, clock, hanging):
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging), contextlib.ExitStack() as stack:
        clock.advance(served, 65)
        stack.enter_context(begin(served, hanging))
        queued = [stack.enter_context(served.connect_raw()) for _ in range(20)]
        for sock in queued:
            sock.sendall(GET)
        while len(served.in_loop(lambda: set(served.handler._supervisor.calls))) < 21:
            pass
        clock.advance(served, 65)
        for sock in queued:
            assert sock.recv(100).startswith(b"HTTP/1.1 503 ")
    assert served.errors == []


class Watched:
    """What the supervisor knows of a call."""

    progress = progress_seen = 0
    waits = False
    age = 0.0


def test_call_that_returns_when_its_time_is_over_is_not_written_off(hanging):
    with VirtualReactor() as reactor:
        reactor.thread_timeout = 0  # it is not waited for
        supervisor = Supervisor(reactor, 1, max_queued=1, timeout=60, max_spool=0)
        call = Watched()
        call.job = supervisor.submit(call, hanging.hang_here)
        assert hanging.entered.acquire(timeout=TIMEOUT)
        reactor.advance(59)
        call.job.finish()  # as the pool does; its callbacks come in the next turn
        reactor.advance(2)
        assert supervisor.pool.abandoned == 0


def test_closing_a_file_has_a_time_of_its_own(hanging):
    with VirtualReactor() as reactor:
        supervisor = Supervisor(reactor, 1, max_queued=1, timeout=60, max_spool=0)
        call = Watched()
        call.age = 59.0  # so long took the application, before it returned the file
        reactor.thread_timeout = 0
        call.job = supervisor.submit(call, hanging.hang_here)
        assert hanging.entered.acquire(timeout=TIMEOUT)
        reactor.advance(50)
        assert supervisor.pool.abandoned == 0


# -- requests that nobody waits for ----------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "close"])
def test_queued_requests_of_vanished_clients_cost_nothing(serve_app, clock, hanging, how):
    served = serve_app(hanging, threads=1, clock=clock, max_queued=10)
    supervisor = served.handler._supervisor
    with begin(served, hanging):
        for _ in range(3):
            gone = [served.connect_raw() for _ in range(10)]
            for sock in gone:
                sock.sendall(GET)
            while served.in_loop(lambda: len(supervisor.calls)) < 11:
                pass
            for sock in gone:
                if how == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
            while served.in_loop(lambda: len(supervisor.calls)) > 1:
                clock.advance(served, 1)
        hanging.go_on.set()
    assert served.get("/quick")[2] == b"quick"
    assert hanging.calls == 2


def test_client_that_has_finished_sending_is_answered_at_once(serve_app):
    served = serve_app(Hanging("never"), threads=1)
    with served.connect_raw() as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock).endswith(b"two\r\n0\r\n\r\n")


# -- slow readers ----------------------------------------------------------------------------------


def numbered(count):
    return (b"%09d\n" % number * 1000 for number in range(count))


def test_slow_reader_of_a_stream_holds_no_thread(serve_app):
    body = b"".join(numbered(1000))  # 10 MB
    done = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] != "/":
            return [b"quick"]
        return stream()

    def stream():
        yield from numbered(1000)
        done.set()

    served = serve_app(app, threads=1)
    room = served.handler._supervisor.room
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert done.wait(TIMEOUT)
        assert served.get("/other")[2] == b"quick"
        assert room._left < 1 << 30
        assert read_to_end(slow).partition(b"\r\n\r\n")[2] == body
    assert room._left == 1 << 30


def test_room_of_a_client_that_leaves_is_given_back(serve_app):
    done = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        yield from numbered(1000)
        done.set()

    served = serve_app(app, threads=1)
    room = served.handler._supervisor.room
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(GET)
        assert done.wait(TIMEOUT)
    while served.in_loop(lambda: room._left) < 1 << 30:
        pass


@pytest.mark.parametrize("max_spool", [0, 16 * 200_000])
def test_thread_waits_when_there_is_no_room_and_nothing_is_lost(serve_app, max_spool):
    served = serve_app(
        lambda environ, start: start("200 OK", PLAIN) and numbered(1000), max_spool=max_spool
    )
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_to_end(slow).partition(b"\r\n\r\n")[2] == b"".join(numbered(1000))
    assert served.handler._supervisor.room._left == max_spool


def test_disk_that_is_full_is_as_no_room(serve_app, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("protocols.http.wsgi.overflow.os.pwrite", full)
    served = serve_app(lambda environ, start: start("200 OK", PLAIN) and numbered(1000))
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while "cannot be spooled: [Errno 28]" not in caplog.text:
            pass
        assert read_to_end(slow).partition(b"\r\n\r\n")[2] == b"".join(numbered(1000))
