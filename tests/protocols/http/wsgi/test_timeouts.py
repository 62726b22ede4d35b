"""Calls that hang in their threads, slow readers that occupy no thread, and requests whose clients
have left."""

import contextlib
import socket
import threading

import pytest

from protocols.http.wsgi.input import Spool
from protocols.http.wsgi.supervision import Supervisor
from reactor import ThreadCall
from reactor.testing import VirtualReactor

from ....tools.clock import Clock
from ....tools.sockets import read_to_end
from ....tools.waiting import TIMEOUT
from ....tools.wsgi import PLAIN, Hanging

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SMALL_BUFFER = 8192


class SupervisedClock(Clock):
    """The loop's time, which passes in the supervisor's steps."""

    def advance(self, served, seconds):
        """Let ``seconds`` pass, one by one: the supervisor counts its checks, one a second."""
        for _ in range(seconds):
            self.now += 1
            served.run_timers()


@pytest.fixture
def clock():
    return SupervisedClock()


def begin(served, app):
    sock = served.connect_raw()
    sock.sendall(GET)
    assert app.entered.acquire(timeout=TIMEOUT)
    return sock


# -- calls that hang -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["call", "first"])
def test_a_call_that_hangs_is_answered_and_its_thread_is_replaced(
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
        assert message.startswith("GET /: no progress in 60 s: the call is given up.")
        assert "self.hang_here()" in message  # the stack
        assert served.get("/quick")[2] == b"quick"
    pool = served.supervisor.pool
    assert served.in_loop(lambda: pool.abandoned) == 1
    hanging.go_on.set()
    assert hanging.closed.wait(TIMEOUT)
    served.until(lambda: pool.abandoned == 0)
    served.stop()
    assert served.errors == []
    assert len(caplog.messages) == 1


def test_a_call_that_hangs_after_the_head_is_cut(serve_app, clock, hanging):
    hanging.where = "later"
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging) as sock:
        clock.advance(served, 65)
        data = read_to_end(sock)
        assert data.endswith(b"3\r\none\r\n")  # and no last chunk
        assert served.get("/quick")[2] == b"quick"


def test_a_call_that_hangs_in_close_is_given_up(serve_app, clock, hanging, caplog):
    hanging.where = "close"
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging):
        clock.advance(served, 65)
        assert "in close" in caplog.text
        assert served.get("/quick")[2] == b"quick"


def test_a_file_returned_by_a_call_that_was_given_up_is_closed(serve_app, clock, hanging, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    file = (tmp_path / "file").open("rb")

    def app(environ, start_response):
        hanging.hang_here()
        start_response("200 OK", PLAIN)
        return environ["wsgi.file_wrapper"](file)

    served = serve_app(app, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging) as sock:
        clock.advance(served, 65)
        assert sock.recv(100).startswith(b"HTTP/1.1 503 ")
    hanging.go_on.set()
    served.until(lambda: file.closed)


def test_a_file_returned_just_before_the_call_is_given_up_is_closed(
    serve_app, clock, hanging, tmp_path
):
    """The thread has ended, and the loop does not know it yet."""
    (tmp_path / "file").write_bytes(b"content")
    file = (tmp_path / "file").open("rb")
    closed = []

    def app(environ, start_response):
        hanging.hang_here()
        start_response("200 OK", PLAIN)
        wrapper = environ["wsgi.file_wrapper"](file)
        wrapper.close = lambda: (file.close(), closed.append(1))
        return wrapper

    served = serve_app(app, threads=1, clock=clock, request_timeout=60)
    reactor = served.reactor
    tell_loop = reactor.call_soon_threadsafe
    returned = threading.Event()

    def tell_and_note(callback, *arguments):
        tell_loop(callback, *arguments)
        returned.set()

    def let_return():
        reactor.call_soon_threadsafe = tell_and_note
        hanging.go_on.set()
        assert returned.wait(TIMEOUT)
        clock.now += 0.01  # the supervisor's timer is due: it comes first in the next turn

    with begin(served, hanging) as sock:
        clock.advance(served, 60)
        clock.now += 0.99
        served.in_loop(let_return)
        assert sock.recv(100).startswith(b"HTTP/1.1 503 ")
    served.until(lambda: file.closed)
    served.until(lambda: served.supervisor.call_count == 0)
    assert closed == [1]


def test_a_response_handed_over_at_the_last_moment_is_sent(serve_app, clock, hanging):
    """The supervisor gives up the call before the loop sends the response."""
    closing, go_on = threading.Event(), threading.Event()

    class Body:
        def __iter__(self):
            hanging.hang_here()
            yield b"done"

        def close(self):
            closing.set()
            assert go_on.wait(TIMEOUT)

    def app(environ, start_response):
        start_response("200 OK", [*PLAIN, ("Content-Length", "4")])
        return Body()

    served = serve_app(app, threads=1, clock=clock, request_timeout=60)

    def hand_over():
        hanging.go_on.set()
        assert closing.wait(TIMEOUT)
        clock.now += 0.01  # the supervisor's timer is due: it comes first in the next turn

    with begin(served, hanging) as sock:
        clock.advance(served, 60)
        clock.now += 0.99
        served.in_loop(hand_over)
        answer = sock.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\ndone")
        assert served.in_loop(lambda: served.supervisor.pool.abandoned) == 1
        go_on.set()


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


def test_a_timeout_of_0_is_none(serve_app, clock, hanging, caplog):
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=0)
    with begin(served, hanging) as sock:
        clock.advance(served, 300)
        assert caplog.messages == []
        hanging.go_on.set()
        assert sock.recv(100).startswith(b"HTTP/1.1 200 ")


def test_time_in_which_the_process_was_stopped_does_not_count(serve_app, clock, hanging, caplog):
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging):
        clock.advance(served, 2)
        clock.now += 3600
        clock.advance(served, 2)
        assert caplog.messages == []


def test_threads_beyond_the_bound_are_not_replaced(serve_app, clock, hanging, caplog):
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
            served.until(lambda: served.supervisor.call_count == 2)
            assert exhausted == []
            clock.advance(served, 65)
            assert second.recv(100).startswith(b"HTTP/1.1 503 ")
            assert queued.recv(100).startswith(b"HTTP/1.1 503 ")
            assert exhausted == [1]
    assert served.get("/quick")[0] == 503
    hanging.go_on.set()
    served.until(lambda: served.supervisor.pool.abandoned == 0)
    assert served.get("/quick")[0] == 200


def test_all_waiting_calls_are_refused_when_the_last_thread_hangs(serve_app, clock, hanging):
    served = serve_app(hanging, threads=1, clock=clock, request_timeout=60)
    with begin(served, hanging), contextlib.ExitStack() as stack:
        clock.advance(served, 65)
        stack.enter_context(begin(served, hanging))
        queued = [stack.enter_context(served.connect_raw()) for _ in range(20)]
        for sock in queued:
            sock.sendall(GET)
        served.until(lambda: served.supervisor.call_count == 21)
        clock.advance(served, 65)
        for sock in queued:
            assert sock.recv(100).startswith(b"HTTP/1.1 503 ")
    assert served.errors == []


class SilentCall:
    """A call that never makes progress."""

    is_half_closed = False

    def __init__(self):
        self.job = None
        self.is_given_up = False

    def has_progressed(self):
        return False

    def refuse(self):
        raise AssertionError("it has a thread")

    def give_up(self):
        self.is_given_up = True


@pytest.fixture
def silent(hanging):
    """A supervisor, and a call whose thread hangs."""
    with VirtualReactor() as reactor:
        reactor.thread_timeout = 0  # virtual time does not wait for the thread
        supervisor = Supervisor(reactor, 1, max_queued=1, timeout=60, max_spool=0)
        call = SilentCall()
        call.job = supervisor.submit(call, hanging.hang_here)
        assert hanging.entered.acquire(timeout=TIMEOUT)
        yield supervisor, call


def test_the_supervisor_gives_up_a_silent_call(silent):
    supervisor, call = silent
    supervisor.reactor.advance(59)
    assert not call.is_given_up
    supervisor.reactor.advance(2)
    assert call.is_given_up
    assert supervisor.pool.abandoned == 1


def test_a_call_that_returns_just_in_time_is_not_given_up(silent):
    supervisor, call = silent
    supervisor.reactor.advance(59)
    call.job.finish()  # as the pool does; its callbacks come in the next turn
    supervisor.reactor.advance(2)
    assert not call.is_given_up


def test_a_forgotten_call_is_not_given_up(silent):
    supervisor, call = silent
    supervisor.reactor.advance(59)
    supervisor.forget(call)
    assert supervisor.call_count == 0
    supervisor.reactor.advance(60)
    assert not call.is_given_up


def test_the_close_of_a_file_has_its_own_time(silent, hanging):
    """``close`` is a second function for the same call."""
    supervisor, call = silent
    supervisor.reactor.advance(59)
    supervisor.pool.abandon(call.job)
    call.job = supervisor.submit(call, hanging.hang_here)
    assert hanging.entered.acquire(timeout=TIMEOUT)
    supervisor.reactor.advance(50)
    assert not call.is_given_up


# -- requests whose clients have left --------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "close"])
def test_queued_requests_whose_clients_have_left_cost_nothing(serve_app, clock, hanging, how):
    served = serve_app(hanging, threads=1, clock=clock, max_queued=10)
    supervisor = served.supervisor
    with begin(served, hanging):
        for _ in range(3):
            gone = [served.connect_raw() for _ in range(10)]
            for sock in gone:
                sock.sendall(GET)
            served.until(lambda: supervisor.call_count == 11)
            for sock in gone:
                if how == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
            while served.in_loop(lambda: supervisor.call_count) > 1:
                clock.advance(served, 1)
        hanging.go_on.set()
    assert served.get("/quick")[2] == b"quick"
    assert hanging.calls == 2


def take_before_cancel(monkeypatch):
    """A thread takes a call after the loop has looked, and before it cancels the call."""
    cancel = ThreadCall.cancel

    def take_and_cancel(call):
        call.thread = threading.get_ident()  # so ThreadCall.run begins
        return cancel(call)

    monkeypatch.setattr(ThreadCall, "cancel", take_and_cancel)


def test_a_client_that_leaves_while_a_thread_takes_its_request_is_forgotten(
    serve_app, clock, hanging, monkeypatch
):
    bodies = []
    rewind = Spool.rewind
    monkeypatch.setattr(Spool, "rewind", lambda spool: bodies.append(rewind(spool)) or bodies[-1])
    served = serve_app(hanging, threads=1, clock=clock, max_bodies=10)
    supervisor = served.supervisor
    with begin(served, hanging), served.connect_raw() as gone:
        gone.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na")
        served.until(lambda: supervisor.call_count == 2)
        take_before_cancel(monkeypatch)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.close()
        served.until(lambda: supervisor.call_count == 1)
        hanging.go_on.set()
    served.until(lambda: supervisor.call_count == 0)
    assert [body.closed for body in bodies] == [True]
    assert served.bodies.available == 10
    assert served.get("/quick")[2] == b"quick"
    assert hanging.calls == 2


@pytest.mark.parametrize("how", ["busy", "hangs"])
def test_a_file_that_was_sent_is_closed_although_no_thread_is_free(
    serve_app, clock, hanging, tmp_path, how
):
    """``close`` waits for a thread. It must not be cancelled like a request whose client has
    finished sending, and not be forgotten when the last thread hangs."""
    (tmp_path / "file").write_bytes(b"content")
    file = (tmp_path / "file").open("rb")
    go_on = threading.Event()

    def app(environ, start_response):
        if environ["PATH_INFO"] != "/file":
            return hanging(environ, start_response)
        start_response("200 OK", PLAIN)
        hanging.entered.release()
        assert go_on.wait(TIMEOUT)
        return environ["wsgi.file_wrapper"](file)

    served = serve_app(app, threads=1, clock=clock, request_timeout=60)
    supervisor = served.supervisor
    with contextlib.ExitStack() as stack:
        if how == "hangs":  # the pool replaces one thread
            stack.enter_context(begin(served, hanging))
            clock.advance(served, 65)
        sock = stack.enter_context(served.connect_raw())
        sock.sendall(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert hanging.entered.acquire(timeout=TIMEOUT)
        other = stack.enter_context(served.connect_raw())
        other.sendall(GET)
        served.until(lambda: supervisor.call_count == 2)
        go_on.set()
        assert read_to_end(sock).endswith(b"content")
        assert hanging.entered.acquire(timeout=TIMEOUT)
        served.until(lambda: supervisor.call_count == 2)
        clock.advance(served, 5)
        assert not file.closed
        if how == "hangs":
            clock.advance(served, 65)
            assert served.in_loop(lambda: file.closed)
        else:
            hanging.go_on.set()
            served.until(lambda: file.closed)
    served.until(lambda: supervisor.call_count == 0)


def test_a_client_that_has_finished_sending_is_answered_at_once(serve_app):
    served = serve_app(Hanging("never"), threads=1)
    with served.connect_raw() as sock:
        sock.sendall(GET)
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock).endswith(b"two\r\n0\r\n\r\n")


# -- slow readers ----------------------------------------------------------------------------------


def numbered(count):
    return (b"%09d\n" % number * 1000 for number in range(count))


def test_a_slow_reader_of_a_stream_occupies_no_thread(serve_app):
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
    budget = served.supervisor.budget
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert done.wait(TIMEOUT)
        assert served.get("/other")[2] == b"quick"
        assert budget.available < 1 << 30
        assert read_to_end(slow).partition(b"\r\n\r\n")[2] == body
    assert budget.available == 1 << 30


def test_a_client_that_leaves_releases_its_part_of_the_budget(serve_app):
    done = threading.Event()

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        yield from numbered(1000)
        done.set()

    served = serve_app(app, threads=1)
    budget = served.supervisor.budget
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(GET)
        assert done.wait(TIMEOUT)
        assert budget.available < 1 << 30
    served.until(lambda: budget.available == 1 << 30)


@pytest.mark.parametrize("max_spool", [0, 16 * 200_000])
def test_the_thread_waits_when_the_budget_is_spent_and_nothing_is_lost(serve_app, max_spool):
    served = serve_app(
        lambda environ, start: start("200 OK", PLAIN) and numbered(1000), max_spool=max_spool
    )
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_to_end(slow).partition(b"\r\n\r\n")[2] == b"".join(numbered(1000))
    assert served.supervisor.budget.available == max_spool


def test_the_thread_waits_when_the_disk_is_full_and_nothing_is_lost(serve_app, monkeypatch, caplog):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("protocols.http.wsgi.overflow.os.pwrite", full)
    served = serve_app(lambda environ, start: start("200 OK", PLAIN) and numbered(1000))
    with served.connect_raw(SMALL_BUFFER) as slow:
        slow.sendall(b"GET / HTTP/1.0\r\n\r\n")
        served.until(lambda: "cannot be spooled: [Errno 28]" in caplog.text)
        assert read_to_end(slow).partition(b"\r\n\r\n")[2] == b"".join(numbered(1000))
