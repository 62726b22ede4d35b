"""Applications that raise a ``BaseException``: that ends their request, never the server."""

import asyncio

import pytest

from ....tools.sockets import read_to_end
from ....tools.wsgi import PLAIN, Answer


class Custom(BaseException):
    """An exception that an application defines."""


BASE_EXCEPTIONS = [GeneratorExit, asyncio.CancelledError, SystemExit, Custom]


def app_that_raises(where, kind):
    """An application that raises ``kind`` when called, after its first piece, and so on."""

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
def test_a_base_exception_costs_one_request(serve_both, where, kind, caplog):
    served = serve_both(app_that_raises(where, kind))
    for _ in range(3):
        with served.connect_raw() as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = Answer(read_to_end(sock), "GET", [])
        if where == "close":
            assert (answer.status, answer.body) == (200, b"onetwo")
        elif where in ("later", "write") and answer.status != 500:
            assert answer.body is None  # a part was sent: the connection is cut
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
def test_a_keyboard_interrupt_in_a_thread_costs_one_request(serve_app, where):
    served = serve_app(app_that_raises(where, KeyboardInterrupt))
    with served.connect_raw() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        read_to_end(sock)
    assert served.get("/well")[2] == b"well"


@pytest.mark.parametrize("where", ["call", "later", "close"])
def test_a_keyboard_interrupt_in_the_loop_ends_it(in_memory, where):
    gateway = in_memory(app_that_raises(where, KeyboardInterrupt))
    gateway.connect().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    with pytest.raises(KeyboardInterrupt):
        gateway.reactor.settle()
