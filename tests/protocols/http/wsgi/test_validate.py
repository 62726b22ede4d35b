"""``wsgiref.validate`` as middleware: it raises if either side violates PEP 3333."""

from wsgiref.validate import validator

import pytest

HEADERS = [("Content-Type", "text/plain")]
LONG = b"0123456789" * 10_000


def simple(environ, start_response):
    start_response("200 OK", HEADERS)
    return [b"Hello, World!"]


def streaming(environ, start_response):
    start_response("200 OK", HEADERS)
    for number in range(20):
        yield b"%d " % number


def writing(environ, start_response):
    write = start_response("200 OK", HEADERS)
    write(b"one ")
    write(b"two ")
    return [b"three"]


def reading(environ, start_response):
    body = environ["wsgi.input"]
    pieces = [body.read(10), body.readline(), *body.readlines(), *body, body.read(1)]
    start_response("200 OK", [*HEADERS, ("Content-Length", str(sum(map(len, pieces))))])
    return iter(pieces)


def printing(environ, start_response):
    environ["wsgi.errors"].write("a line\n")
    environ["wsgi.errors"].flush()
    environ["wsgi.errors"].writelines(["another\n"])
    start_response("204 No Content", [])
    return []


def lazy(environ, start_response):
    start_response("200 OK", HEADERS)
    yield from ()


KINDS = {
    "GET": ("/a%20b?c=d", {}),
    "HEAD": ("/", {"method": "HEAD"}),
    "POST": ("/", {"method": "POST", "body": b"line\n" * 10}),
    "PUT": ("/", {"method": "PUT", "body": LONG, "spool_size": 1000}),
    "DELETE": ("/x", {"method": "DELETE"}),
    "OPTIONS": ("/", {"method": "OPTIONS"}),
    "HTTP/1.0": ("/", {"version": "1.0"}),
    "absolute": ("http://example.org:8080/x?y", {}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("app", [simple, streaming, writing, reading, lazy])
def test_the_validator_finds_no_mistake(ask, capsys, app, kind):
    target, options = KINDS[kind]
    answer = ask(validator(app), target, "X-Field: a", "X-Field: b", "Cookie: c=d", **options)
    assert answer.errors == []
    assert answer.status == 200
    if app is reading and options.get("method") != "HEAD":
        assert answer.body == options.get("body", b"")
    assert capsys.readouterr().err == ""  # it writes there if something was not closed


def test_wsgi_errors_passes_the_validator(ask):
    answer = ask(validator(printing), method="POST", body=b"x")
    assert (answer.status, answer.errors) == (204, [])


def test_a_chunked_body_passes_the_validator(in_memory):
    gateway = in_memory(validator(reading))
    answer = gateway.send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: text/plain\r\n"
        b"\r\n5\r\none\nt\r\n3\r\nwo\n\r\n0\r\n\r\n"
    )
    assert gateway.errors == []
    assert answer.endswith(b"one\ntwo\n")


def test_the_validator_would_find_a_mistake(ask):
    def wrong(environ, start_response):
        start_response("200 OK", [])  # without a Content-Type
        return [b"x"]

    answer = ask(validator(wrong))
    assert answer.status == 500
    assert "Content-Type" in str(answer.errors[0])
