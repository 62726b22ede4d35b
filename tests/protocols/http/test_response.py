"""Responses as they are sent: their framing, and that no handler can split one in two."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from protocols.http import Request, Response
from protocols.http.errors import HTTPError, error_page
from protocols.http.response import render_head

from ...tools.http import HTTPWorld
from ...tools.responses import Answer, read_responses
from .raw_requests import get

CONTROL = [chr(code) for code in (*range(9), *range(10, 32), 127)]


def ask(world: HTTPWorld, handler, data: bytes = get(), method: str = "GET") -> Answer:
    (answer,) = read_responses(world.ask(world.connect(handler), data), [method])
    return answer


# -- splitting -------------------------------------------------------------------------------------


@pytest.mark.parametrize("character", [*CONTROL, "\u0100", "\u560d", "\u560a", "\u2028", "\ud800"])
def test_a_value_with_a_control_character_is_refused(character):
    """U+560A and U+560D become CR and LF where characters are truncated to bytes."""
    for value in (character, "a" + character, character + "a", f"a{character}b: c"):
        with pytest.raises(ValueError, match="control character"):
            render_head(200, [("A", value)])


@pytest.mark.parametrize("character", [*CONTROL, "\t", " ", ":", "(", "/", '"', "\xe4", "\u212a"])
def test_a_name_that_is_not_a_token_is_refused(character):
    for name in (character, "A" + character, character + "A"):
        with pytest.raises(ValueError, match="field name"):
            render_head(200, [(name, "a")])


def test_an_empty_name_is_refused():
    with pytest.raises(ValueError, match="field name"):
        render_head(200, [("", "a")])


@pytest.mark.parametrize(
    "name", ["Content-Length", "content-length", "TRANSFER-ENCODING", "Connection", "Keep-Alive"]
)
def test_framing_fields_are_refused(name):
    with pytest.raises(ValueError, match="server's"):
        render_head(200, [(name, "0")])


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 103, 199, 1000, 20000])
def test_a_status_out_of_range_is_refused(status):
    with pytest.raises(ValueError, match="status"):
        render_head(status, [])


@pytest.mark.parametrize("status", [200.0, "200", "200 OK\r\nA: b", None, b"200"])
def test_a_status_that_is_not_an_integer_is_refused(status):
    with pytest.raises((ValueError, TypeError)):
        render_head(status, [])


@pytest.mark.parametrize("pair", [("A", b"b"), (b"A", "b"), ("A", None), ("A", 1)])
def test_fields_that_are_not_text_are_refused(pair):
    with pytest.raises(TypeError):
        render_head(200, [pair])


def test_a_head_has_a_status_line_and_fields():
    assert render_head(200, [("A", "b"), ("B", "\xe4\t ~")]) == (
        b"HTTP/1.1 200 OK\r\nA: b\r\nB: \xe4\t ~\r\n"
    )
    assert render_head(HTTPStatus.NOT_FOUND, []) == b"HTTP/1.1 404 Not Found\r\n"
    assert render_head(799, []) == b"HTTP/1.1 799 \r\n"  # the space is not optional


SPLIT = "x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _start(request: Request) -> None:
    request.start(200, [("A", SPLIT)])


def _start_with_length(request: Request) -> None:
    request.start(200, [("Content-Length", "5")], content_length=6)


def _respond_later(request: Request) -> None:
    with pytest.raises(ValueError, match="control"):
        request.respond(Response(b"", headers=[("A", SPLIT)]))
    request.respond(Response(b"", 500))  # nothing was sent: there is another chance


def _raise(request: Request) -> Response:
    raise HTTPError(400, headers=(("A", SPLIT),))


@pytest.mark.parametrize(
    "handler",
    [
        lambda request: Response(b"", headers=[("A", SPLIT)]),
        lambda request: Response(b"", headers=[("A\r\nB", "c")]),
        lambda request: Response(b"", headers=(("A", "b"), ("Content-Length", "5"))),
        lambda request: Response.text("", headers=[("Transfer-Encoding", "chunked")]),
        lambda request: Response.html("", headers=[("A", SPLIT)]),
        lambda request: Response.redirect(SPLIT),
        lambda request: Response.redirect("/\n"),
        lambda request: Response(b"", 101),
        lambda request: Response(b"", 100),
        _start,
        _start_with_length,
        _respond_later,
        _raise,
    ],
)
def test_no_handler_splits_a_response(world, handler):
    peer = world.connect(handler)
    first = world.ask(peer, get())
    (answer,) = read_responses(first)
    assert answer.status == 500
    assert "a" not in answer.fields


def test_an_invalid_head_is_refused_each_time(world):
    peer = world.connect(lambda request: Response(b"", headers=(("A", "b\r\n"),)))
    for _ in range(3):
        assert [answer.status for answer in read_responses(world.ask(peer, get()))] == [500]


@pytest.mark.parametrize("text", [SPLIT, "<script>alert(1)</script>", "\0\x1b[31m", "\ud800"])
def test_the_detail_of_an_error_appears_only_in_the_page(world, text):
    """tornado CVE-2025-67724: a reason in the status line and, as it is, in the page."""

    def handler(request: Request) -> Response:
        raise HTTPError(404, text)

    answer = ask(world, handler)
    assert answer.status == 404
    assert b"<script>" not in answer.body
    assert not any("script" in value or value == "x" for value in answer.fields.values())


def test_page_of_an_error_escapes_detail_and_traceback():
    body = error_page(500, "<a>&", traceback='<b>"').body
    assert b"<a>" not in body
    assert b"<b>" not in body
    assert b"&lt;a&gt;&amp;" in body


def test_page_of_an_error_fits_a_telephone_and_a_dark_screen():
    body = error_page(404).body
    assert b'<meta name="viewport" content="width=device-width' in body
    assert b"color-scheme:light dark" in body


# -- framing ---------------------------------------------------------------------------------------

HEAD = get(line=b"HEAD / HTTP/1.1")
OLD = get(line=b"GET / HTTP/1.0")
OLD_KEPT = get(b"Connection: keep-alive", line=b"GET / HTTP/1.0")


def whole(body: bytes, status: int = 200):
    return lambda request: Response(body, status)


def bit_by_bit(pieces: list[bytes], status: int = 200, length: int | None = None):
    def handler(request: Request) -> None:
        writer = request.start(status, content_length=length)
        for piece in pieces:
            writer.write(piece)
        writer.end()

    return handler


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
@pytest.mark.parametrize("make", [whole, lambda body, status: bit_by_bit([body], status)])
def test_some_statuses_have_no_body(world, status, method, make):
    peer = world.connect(make(b"abc", status))
    received = world.ask(peer, get(line=method + b" / HTTP/1.1") * 2)
    assert b"abc" not in received
    answers = read_responses(received, [method.decode()] * 2)
    assert [answer.status for answer in answers] == [status] * 2
    assert all("content-length" not in answer.fields for answer in answers)
    assert all("transfer-encoding" not in answer.fields for answer in answers)


@pytest.mark.parametrize("handler", [whole(b"abc"), bit_by_bit([b"a", b"bc"], length=3)])
def test_head_has_the_fields_of_get_and_no_body(world, handler):
    head = ask(world, handler, HEAD, "HEAD")
    other = ask(world, handler)
    assert other.body == b"abc"
    assert head == Answer(200, other.fields, b"")


def test_head_of_a_body_without_length(world):
    peer = world.connect(bit_by_bit([b"abc"]))
    received = world.ask(peer, HEAD + get())
    head, other = read_responses(received, ["HEAD", "GET"])
    assert (head.body, other.body) == (b"", b"abc")


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 65535, 65536, 1 << 20])
@pytest.mark.parametrize("request_head", [get(), OLD, OLD_KEPT, get(b"Connection: close")])
def test_a_whole_body_has_its_length(world, size, request_head):
    answer = ask(world, whole(b"x" * size), request_head)
    assert answer.fields["content-length"] == str(size)
    assert len(answer.body) == size


@pytest.mark.parametrize("type_", [bytes, bytearray, memoryview])
def test_a_body_may_be_any_bytes_like_object(world, type_):
    assert ask(world, whole(type_(b"abc")), OLD).body == b"abc"
    assert ask(world, whole(type_(b"abc"))).body == b"abc"


def test_a_body_that_is_text_causes_a_500(world):
    assert ask(world, whole("abc")).status == 500  # type: ignore[arg-type]
    assert ask(world, whole("abc"), OLD).status == 500  # type: ignore[arg-type]
    assert len(world.failures) == 2


def test_chunks_for_1_1_and_the_end_of_the_connection_for_1_0(world):
    """uvicorn with httptools sends chunks to HTTP/1.0 clients."""
    handler = bit_by_bit([b"abc", b"", b"x" * 20000])
    body = b"abc" + b"x" * 20000
    new = ask(world, handler)
    assert (new.fields["transfer-encoding"], new.body) == ("chunked", body)
    for data in (OLD, OLD_KEPT):
        peer = world.connect(handler)
        received = world.ask(peer, data)
        (old,) = read_responses(received)
        assert old.body == body
        assert old.closes
        assert "transfer-encoding" not in old.fields
        assert peer.eof_received


@pytest.mark.parametrize(
    ("data", "connection", "closed"),
    [
        (get(), None, False),
        (get(b"Connection: keep-alive"), None, False),
        (get(b"Connection: close"), "close", True),
        (OLD, "close", True),
        (OLD_KEPT, "keep-alive", False),
    ],
)
@pytest.mark.parametrize("handler", [whole(b"abc"), bit_by_bit([b"abc"], length=3)])
def test_the_connection_field_says_whether_it_closes(world, data, connection, closed, handler):
    peer = world.connect(handler)
    (answer,) = read_responses(world.ask(peer, data))
    assert answer.fields.get("connection") == connection
    assert peer.eof_received == closed


def test_date_and_server_are_added_unless_given(world):
    answer = ask(world, whole(b""))
    assert answer.fields["server"] == "select-reactor"
    assert answer.fields["date"].endswith(" GMT")
    given = ask(world, lambda _: Response(b"", headers=[("DATE", "a"), ("server", "b")]))
    assert (given.fields["date"], given.fields["server"]) == ("a", "b")
