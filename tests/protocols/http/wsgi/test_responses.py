"""Responses of applications, in the loop and in threads (PEP 3333)."""

import logging
import sys

import pytest

from protocols.http.wsgi import heads

from ....tools.wsgi import PLAIN


def app_of(body, status="200 OK", headers=PLAIN):
    """An application that always returns ``body``, or what ``body()`` returns."""

    def app(environ, start_response):
        start_response(status, list(headers))
        return body() if callable(body) else body

    return app


def with_length(size):
    return [*PLAIN, ("Content-Length", str(size))]


class Body:
    """An iterable that counts how often it is closed."""

    def __init__(self, pieces):
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        piece = next(self.pieces)
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def close(self):
        self.closed += 1


# -- bodies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "length"),
    [
        ([b"one"], "3"),
        ([b"one", b"", b"two"], "6"),
        ((b"one",), "3"),
        ([], "0"),
        ([b""], "0"),
        ([b"x" * 3_000_000], "3000000"),
    ],
)
def test_the_length_of_a_list_is_computed(ask, pieces, length):
    answer = ask(app_of(pieces))
    assert answer.headers["Content-Length"] == length
    assert answer.body == b"".join(pieces)
    assert answer.errors == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("pieces", [[b"one", b"", b"two"], [b"", b""], [b"x" * 200_000] * 5])
def test_other_iterables_are_streamed(ask, pieces, version):
    body = Body(pieces)
    answer = ask(app_of(body), version=version)
    assert answer.body == b"".join(pieces)
    assert body.closed == 1
    assert answer.errors == []


def test_an_announced_length_is_kept(ask):
    body = Body([b"one", b"two"])
    answer = ask(app_of(body, headers=with_length(6)))
    assert answer.headers["Content-Length"] == "6"
    assert "Transfer-Encoding" not in answer.headers
    assert answer.body == b"onetwo"
    assert body.closed == 1


@pytest.mark.parametrize("kind", [list, Body])
@pytest.mark.parametrize("pieces", [[b"onetwo"], [b"one", b"two"], [b"onet", b"wo", b"three"]])
def test_bytes_beyond_the_announced_length_are_dropped_and_logged(ask, caplog, pieces, kind):
    body = kind(pieces)
    answer = ask(app_of(body, headers=with_length(3)))
    assert answer.body == b"one"
    messages = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert messages == ["GET /: the body has more bytes than the 3 announced"]
    assert getattr(body, "closed", 1) == 1


@pytest.mark.parametrize("kind", [list, Body])
def test_less_than_announced_cuts_the_connection(ask, kind):
    body = kind([b"one", b"two"])
    answer = ask(app_of(body, headers=with_length(7)))
    assert answer.body is None
    assert getattr(body, "closed", 1) == 1


def test_the_answer_to_head_has_the_length_and_no_body(ask):
    body = Body([b"one"])
    answer = ask(app_of(body, headers=with_length(3)), method="HEAD")
    assert answer.headers["Content-Length"] == "3"
    assert answer.data.endswith(b"\r\n\r\n")
    assert body.closed == 1
    assert ask(app_of([b"one"]), method="HEAD").headers["Content-Length"] == "3"
    assert "Content-Length" not in ask(app_of([]), method="HEAD").headers


def test_head_does_not_iterate_an_endless_body(ask):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        while True:
            yield b"again"

    answer = ask(app, method="HEAD")
    assert (answer.status, answer.errors) == (200, [])
    assert answer.data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("kind", [list, Body])
def test_the_body_of_204_and_304_is_dropped(ask, status, kind):
    answer = ask(app_of(kind([b"one"]), status, [("ETag", '"1"')]))
    assert answer.status == int(status[:3])
    assert answer.headers["ETag"] == '"1"'
    assert answer.data.endswith(b"\r\n\r\n")


def test_start_response_may_come_with_the_first_piece(ask):
    def app(environ, start_response):
        yield b""
        start_response("201 Created", PLAIN)
        yield b"one"

    answer = ask(app)
    assert (answer.status, answer.body) == (201, b"one")
    assert ask(app, method="HEAD").status == 201


# -- write() ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", [[], [b"three"], lambda: iter([b"three"])])
def test_written_pieces_come_before_the_iterable(ask, rest):
    def app(environ, start_response):
        write = start_response("200 OK", PLAIN)
        write(b"one")
        write(b"two")
        return rest() if callable(rest) else rest

    answer = ask(app)
    assert answer.body == b"onetwo" + (b"three" if rest != [] else b"")
    assert answer.errors == []


def test_written_pieces_count_towards_the_length(ask):
    def app(environ, start_response):
        write = start_response("200 OK", with_length(6))
        write(b"one")
        return [b"two"]

    answer = ask(app)
    assert (answer.body, answer.headers["Content-Length"]) == (b"onetwo", "6")


def test_write_sends_nothing_for_head(ask):
    def app(environ, start_response):
        start_response("200 OK", with_length(3))(b"one")
        return []

    answer = ask(app, method="HEAD")
    assert (answer.status, answer.headers["Content-Length"]) == (200, "3")
    assert answer.data.endswith(b"\r\n\r\n")


# -- errors ----------------------------------------------------------------------------------------


def fails(error, *pieces):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        yield from pieces
        raise error

    return app


def at_once(error):
    def app(environ, start_response):
        raise error

    return app


@pytest.mark.parametrize("error", [ValueError("<secret>"), SystemExit(3), OSError(32, "pipe")])
@pytest.mark.parametrize("make", [fails, at_once])
def test_an_error_before_the_body_is_500(ask, make, error):
    answer = ask(make(error))
    assert answer.status == 500
    assert b"secret" not in answer.body
    [reported] = answer.errors
    assert error in (reported, reported.__cause__)


def test_debug_shows_the_traceback(serve_app):
    served = serve_app(at_once(ValueError("<secret>")), debug=True)
    status, _, body = served.get()
    assert status == 500
    assert b"ValueError: &lt;secret&gt;" in body


@pytest.mark.parametrize("error", [ValueError("oops"), SystemExit(3)])
def test_an_error_within_the_body_cuts_the_connection(ask, error):
    answer = ask(fails(error, b"one", b"two"))
    assert answer.body is None
    assert answer.errors == [error]


def test_an_error_after_the_announced_length_is_only_reported(ask):
    body = Body([b"one", b"two", ValueError("too late")])
    answer = ask(app_of(body, headers=with_length(6)))
    assert answer.body == b"onetwo"
    assert [str(error) for error in answer.errors] == ["too late"]
    assert body.closed == 1


def test_an_error_after_the_announced_length_leaves_the_connection_open(in_memory):
    gateway = in_memory(
        lambda environ, start_response: (
            start_response("200 OK", with_length(6))
            and Body([b"one", b"two", ValueError("too late")])
        )
    )
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    assert gateway.send(request * 2).count(b"onetwo") == 2
    assert len(gateway.errors) == 2


@pytest.mark.parametrize(
    "result",
    [None, 1, ["text"], [1], "text", b"bytes", [bytearray(b"x")], lambda: iter(["text"])],
)
def test_an_invalid_body_is_500(ask, result):
    answer = ask(app_of(result))
    assert answer.status == 500
    assert [type(error) for error in answer.errors] == [TypeError]


@pytest.mark.parametrize("result", [[b"x"], [], lambda: iter([b"x"]), lambda: iter([])])
def test_start_response_must_be_called(ask, result):
    answer = ask(lambda environ, start_response: result() if callable(result) else result)
    assert answer.status == 500
    assert "start_response" in str(answer.errors[0])


@pytest.mark.parametrize(
    "status",
    [
        "",
        "200OK",
        "20 OK",
        "100 Continue",
        "101 Switching Protocols",
        "2000 OK",
        " 200 OK",
        "-20 OK",
        "200 O\r\nK",
        "\u0662\u0660\u0660 OK",
        b"200 OK",
        None,
        200,
    ],
)
def test_an_invalid_status_is_500(ask, status):
    answer = ask(app_of([b"x"], status))
    assert answer.status == 500
    assert answer.headers["X-Content-Type-Options"] == "nosniff"  # our page
    assert len(answer.errors) == 1


def test_the_reason_phrase_is_the_registered_one(ask):
    assert ask(app_of([b"x"], "404 Nothing <b>here</b>")).data.startswith(
        b"HTTP/1.1 404 Not Found\r\n"
    )
    assert ask(app_of([b"x"], "299 Whatever")).data.startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize(
    "header",
    [
        ("X-Split", "a\r\nSet-Cookie: b"),
        ("X-Split", "a\nb"),
        ("X-Nul", "a\0b"),
        ("X-Wide", "\u20ac"),
        ("X Name", "a"),
        ("", "a"),
        ("X:", "a"),
        ("Content-Length", "+1"),
        ("Content-Length", "1_0"),
        ("Content-Length", "-1"),
        ("Content-Length", " 1"),
        ("Content-Length", "\u0661"),
        ("Content-Length", ""),
        ["X-List", "a"],
        ("X-Three", "a", "b"),
        ("X-Bytes", b"a"),
        (b"X-Bytes", "a"),
        ("X-Number", 1),
        "text",
        None,
    ],
    ids=repr,
)
def test_an_invalid_header_is_500(ask, header):
    answer = ask(app_of([b"x"], headers=[*PLAIN, header]))
    assert answer.status == 500
    assert b"Set-Cookie" not in answer.data
    assert len(answer.errors) == 1


HOP_BY_HOP = [
    ("Connection", "keep-alive"),
    ("Transfer-Encoding", "chunked"),
    ("keep-alive", "1"),
    ("Upgrade", "websocket"),
    ("TE", "trailers"),
    ("Trailer", "X"),
    ("Proxy-Authenticate", "Basic"),
    ("Proxy-Connection", "close"),
]


@pytest.mark.parametrize("header", HOP_BY_HOP, ids=repr)
def test_hop_by_hop_fields_are_dropped_with_one_warning(ask, header, caplog):
    heads.warn_once.cache_clear()
    heads.check_head.cache_clear()
    for status in ("200 OK", "404 Not Found"):
        answer = ask(app_of([b"x"], status, [*PLAIN, header, ("X-Kept", "a")]))
        assert (answer.status, answer.body, answer.errors) == (int(status[:3]), b"x", [])
        assert answer.headers["X-Kept"] == "a"
        assert header not in answer.headers.items()
    [message] = caplog.messages
    assert message.lower().startswith(f"the application sets {header[0].lower()}: dropped")


def test_two_lengths_are_500(ask):
    assert ask(app_of([b"x"], headers=[*with_length(1), ("content-length", "1")])).status == 500


def test_an_application_may_handle_the_error_of_an_invalid_head(ask):
    def app(environ, start_response):
        try:
            start_response("200 OK", [("X", "\n")])
        except ValueError:
            start_response("409 Conflict", PLAIN, sys.exc_info())
        return [b"sorry"]

    answer = ask(app)
    assert (answer.status, answer.body, answer.errors) == (409, b"sorry", [])


def test_start_response_twice_is_500(ask):
    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return [b"x"]

    answer = ask(app)
    assert answer.status == 500
    assert "already" in str(answer.errors[0])


def replaces_its_head(written=b""):
    """An application that calls ``start_response`` again, after it wrote something or nothing."""

    def app(environ, start_response):
        write = start_response("200 OK", with_length(6))
        if written:
            write(written)
        try:
            raise ValueError("oops")
        except ValueError:
            start_response("503 Service Unavailable", PLAIN, sys.exc_info())
        return [b"sorry"]

    return app


def test_exc_info_replaces_a_head_that_was_not_sent(ask):
    answer = ask(replaces_its_head())
    assert (answer.status, answer.body, answer.errors) == (503, b"sorry", [])


def test_a_written_piece_is_dropped_with_its_head_or_sent_before(ask):
    answer = ask(replaces_its_head(b"one"))
    if answer.status == 503:  # in the loop, nothing can be sent before the application returns
        assert (answer.body, answer.errors) == (b"sorry", [])
    else:
        assert (answer.body, len(answer.errors)) == (None, 1)


def test_exc_info_is_raised_again_when_the_head_was_sent(ask):
    raised = []

    def app(environ, start_response):
        start_response("200 OK", PLAIN)
        yield b"one"
        try:
            raise ValueError("oops")
        except ValueError:
            try:
                start_response("500 Oops", PLAIN, sys.exc_info())
            except ValueError as error:
                raised.append(error)
                raise

    answer = ask(app)
    assert (answer.status, answer.body) == (200, None)
    assert answer.errors == raised != []


# -- close() ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [[b"one"], [b"one", b"two"], [], [ValueError("a")], [b"one", ValueError("b")], ["text"]],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_close_is_called_once(ask, pieces, method):
    body = Body(pieces)
    ask(app_of(body), method=method)
    assert body.closed == 1


def test_close_of_a_subclass_of_list_is_called(ask):
    class List(list):
        closed = 0

        def close(self):
            self.closed += 1

    body = List([b"one"])
    assert ask(app_of(body)).body == b"one"
    assert body.closed == 1


def test_an_error_in_close_is_logged_and_the_response_stands(ask, caplog):
    class Bad(Body):
        def close(self):
            raise ValueError("oops")

    answer = ask(app_of(Bad([b"one"]), headers=with_length(3)))
    assert (answer.status, answer.body) == (200, b"one")
    assert "GET /: close() failed:" in caplog.messages
    assert "ValueError: oops" in caplog.text


# -- wsgi.errors -----------------------------------------------------------------------------------


def test_wsgi_errors_goes_to_the_log_line_by_line(ask, caplog):
    def app(environ, start_response):
        errors = environ["wsgi.errors"]
        errors.write("one\ntw")
        errors.write("o\r\n")
        errors.writelines(["a\x1b[31m\x9b", "\u20ac\tz"])
        errors.flush()
        print("x" * 20_000, "end", file=errors)
        errors.write("the last")
        start_response("200 OK", PLAIN)
        return [b""]

    assert ask(app).status == 200
    assert [
        record.message
        for record in caplog.records
        if record.name == "protocols.http.wsgi.errors" and record.levelno == logging.ERROR
    ] == [
        "one",
        "two",
        "a\\x1b[31m\\x9b\u20ac\tz",
        "x" * 8192,
        "x" * 8192,
        "x" * (20_000 - 2 * 8192) + " end",
        "the last",
    ]


def test_wsgi_errors_is_a_text_stream(ask):
    def app(environ, start_response):
        errors = environ["wsgi.errors"]
        assert errors.writable()
        assert not any((errors.readable(), errors.seekable(), errors.isatty()))
        with pytest.raises(OSError, match="fileno"):
            errors.fileno()
        handler = logging.StreamHandler(errors)
        handler.emit(logging.makeLogRecord({"msg": "by a handler"}))
        start_response("200 OK", PLAIN)
        return [b""]

    answer = ask(app)
    assert (answer.status, answer.errors) == (200, [])
