"""What applications raise that is no ``Exception``: it costs their request, never the server."""

import asyncio

import pytest

from ....tools.sockets import read_to_end
from ....tools.wsgi import Answer

PLAIN = [("Content-Type", "text/plain")]


class OurOwn(BaseException):
    """An application's own exception below BaseException."""


BASE_EXCEPTIONS = [GeneratorExit, asyncio.CancelledError, SystemExit, OurOwn]


def app_that_raises(where, kind):
    """An application that raises ``kind`` at its call, after its first piece, and so on."""

    class Body:
        def __iter__(self):
            if where == "first":
                raise kind
            yield b"one"
            if where == "later":
                raise kind
            yield b"two"

        def close(self):
            if where == "close":
                raise kind

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/well":
            start_response("200 OK", PLAIN)
            return [b"well"]
        if where == "call":
            raise kind
        write = start_response("200 OK", PLAIN)
        if where == "write":
            write(b"one")
            raise kind
        return Body()

    return app


@pytest.mark.parametrize("where", ["call", "first", "later", "write", "close"])
@pytest.mark.parametrize("kind", BASE_EXCEPTIONS)
def test_exceptions_that_are_no_exception_cost_one_request(serve_both, where, kind, caplog):
    served = serve_both(app_that_raises(where, kind))
    for _ in range(3):
        with served.connect_raw() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = Answer(read_to_end(sock), "GET", [])
        if where == "close":
            assert (answer.status, answer.body) == (200, b"onetwo")
        elif where in ("later", "write") and answer.status != 500:
            assert answer.body is None  # a part is sent already: the connection is cut
        else:
            assert answer.status == 500
    assert served.get("/well")[2] == b"well"
    served.stop()
    if where == "close":
        assert caplog.text.count("close() failed") == 3
        assert f"{kind.__name__}" in caplog.text
    else:
        raised = [context["exception"] for context in served.errors]
        assert [kind in (type(exc), type(exc.__cause__)) for exc in raised] == [True] * 3


@pytest.mark.parametrize("where", ["call", "later", "close"])
def test_an_interrupt_of_an_applications_own_stays_in_its_thread(serve_app, where):
    served = serve_app(app_that_raises(where, KeyboardInterrupt))
    with served.connect_raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        read_to_end(sock)
    assert served.get("/well")[2] == b"well"


@pytest.mark.parametrize("where", ["call", "later", "close"])
def test_an_interrupt_in_the_loops_thread_may_be_a_signals(in_memory, where):
    gateway = in_memory(app_that_raises(where, KeyboardInterrupt))
    gateway.connect().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(KeyboardInterrupt):
        gateway.reactor.settle()
