"""Caching of heads changes their cost, and nothing else."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.http import Response
from protocols.http.head import HeadParser, RequestHead
from protocols.http.limits import Limits

from ...tools.http import HTTPWorld
from ...tools.responses import read_responses
from .raw_requests import get
from .test_head import outcome

BROWSER = (
    b"Connection: keep-alive",
    b'sec-ch-ua: "Chromium";v="140"',
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
    b"Accept: text/html,*/*;q=0.8",
    b"Accept-Language: en-US,en;q=0.9",
)


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the memory of parsers so large that no two of the few lines and blocks of a test share
    a place in it. Where a line's place is follows from its hash, which differs in each process."""
    for name in ("_LINES", "_BLOCKS"):
        monkeypatch.setattr(f"protocols.http.fields.{name}", 1 << 20)


def page(number: int, *fields: bytes) -> bytes:
    return get(*BROWSER, *fields, line=b"GET /%d HTTP/1.1" % number)


@contextmanager
def lines_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The lines that llhttp gets meanwhile, without request lines and line ends."""
    lines: list[bytes] = []
    parser = httptools.HttpRequestParser

    class RecordingParser:
        def __init__(self, protocol: object) -> None:
            self.parser = parser(protocol)

        def feed_data(self, data: bytes) -> None:
            lines.extend(data.split(b"\r\n")[1:-2])
            self.parser.feed_data(data)

    with monkeypatch.context() as patch:
        patch.setattr(httptools, "HttpRequestParser", RecordingParser)
        yield lines


# -- what a request costs --------------------------------------------------------------------------


@pytest.mark.usefixtures("roomy")
def test_known_fields_are_not_read_again_whatever_the_path(monkeypatch):
    parser = HeadParser(Limits())
    numbers = count()
    for _ in range(2):
        parser.parse(page(next(numbers), b"Cookie: a=b"))
    with lines_read(monkeypatch) as lines:
        heads = [parser.parse(page(next(numbers), b"Cookie: a=b")) for _ in range(3)]
    assert lines == []
    assert [head.path for head in heads] == ["/2", "/3", "/4"]
    assert heads[0].headers is heads[1].headers


@pytest.mark.usefixtures("roomy")
def test_only_the_cookie_is_read_if_the_other_fields_are_known(monkeypatch):
    parser = HeadParser(Limits())
    for number in range(2):
        parser.parse(page(number, b"Cookie: a=%d" % number, b"DNT: 1"))
    with lines_read(monkeypatch) as lines:
        head = parser.parse(page(2, b"Cookie: a=2", b"DNT: 1"))
    assert lines == [b"Cookie: a=2"]
    assert head.headers.pairs[1:] == (
        ("connection", "keep-alive"),
        ("sec-ch-ua", '"Chromium";v="140"'),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("accept", "text/html,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.9"),
        ("cookie", "a=2"),
        ("dnt", "1"),
    )


@pytest.mark.usefixtures("roomy")
def test_only_the_new_line_is_read_if_the_others_are_known(monkeypatch):
    parser = HeadParser(Limits())
    for number in range(2):
        parser.parse(page(number, b"X: %d" % number))
    with lines_read(monkeypatch) as lines:
        parser.parse(page(2, b"X: 2"))
    assert lines == [b"X: 2"]


@pytest.mark.parametrize("varied", ["path", "path and cookie"])
def test_varied_requests_leave_no_garbage(world, varied):
    peer = world.connect(lambda request: Response(b"a"))

    def ask(number: int) -> None:
        cookie = b"Cookie: a=%d" % (number if "cookie" in varied else 0)
        peer.send(page(number, cookie))
        world.reactor.settle()
        peer.read()

    for number in range(100):
        ask(number)
    gc.collect()
    before = len(gc.get_objects())
    gc.disable()
    try:
        for number in range(100, 600):
            ask(number)
        after = len(gc.get_objects())
    finally:
        gc.enable()
    assert after - before < 50


# -- what is kept ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("roomy")
@pytest.mark.parametrize("name", [b"Cookie", b"Authorization", b"Proxy-Authorization"])
def test_lines_with_secrets_are_not_kept(name):
    parser = HeadParser(Limits())
    for number in range(5):
        parser.parse(page(number, name + b": secret", b"X-Number: %d" % number))
    assert b"secret" not in b"".join(parser.fields_parser.known_lines)
    assert BROWSER[0] in parser.fields_parser.known_lines


def test_fields_that_come_once_are_not_kept():
    parser = HeadParser(Limits())
    for number in range(5):
        parser.parse(page(number, b"X-Number: %d" % number))
    assert not parser.fields_parser.known


def test_many_new_fields_replace_the_oldest():
    parser = HeadParser(Limits())
    for number in range(1000):
        for _ in range(3):
            parser.parse(page(number, b"X-Number: %d" % number))
    assert len(parser.fields_parser.known) == 512
    newest = [parser.parse(page(0, b"X-Number: %d" % number)) for number in range(990, 1000)]
    assert [head.fields.is_kept for head in newest] == [True] * 10
    assert [head.fields in parser.fields_parser.known.values() for head in newest] == [True] * 10
    assert len(parser.fields_parser.known_lines) <= 1024


def test_a_head_that_comes_twice_in_a_row_is_shared():
    parser = HeadParser(Limits())

    def parse(line: bytes, times: int = 1) -> list[RequestHead]:
        return [parser.parse(get(*BROWSER, line=line + b" HTTP/1.1")) for _ in range(times)]

    parse(b"GET /a", 2)  # now the fields are known
    first, second, *others = parse(b"GET /b?c", 4)
    assert [head.is_kept for head in (first, second)] == [False, True]
    assert first is not second
    assert all(head is second for head in others)
    parse(b"GET /d")
    [head] = parse(b"GET /b?c")
    assert head is not second
    assert not head.is_kept
    assert (head.target, head.path, head.query) == ("/b?c", "/b", "c")


def test_long_request_lines_are_not_kept():
    parser = HeadParser(Limits())
    for _ in range(5):
        head = parser.parse(get(*BROWSER, line=b"GET /%b HTTP/1.1" % (b"a" * 2000)))
    assert head.fields.is_kept
    assert head.fields.last_line == b""
    assert not head.is_kept


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "status"),
    [(Limits(head=300), 431), (Limits(request_line=100), 414)],
    ids=["head", "request line"],
)
@pytest.mark.parametrize("chunk", [None, 50], ids=["in one piece", "in several"])
def test_limits_apply_to_known_fields(world, limits, status, chunk):
    peer = world.connect(lambda request: Response(b"a"), limits)
    for number in range(3):
        assert read_responses(world.ask(peer, page(number), chunk))[0].status == 200
    long = get(*BROWSER, line=b"GET /%b HTTP/1.1" % (b"a" * 200))
    assert read_responses(world.ask(peer, long, chunk))[0].status == status


def test_the_number_of_fields_is_limited_when_all_lines_are_known():
    parser = HeadParser(Limits(fields=10))
    for _ in range(3):
        parser.parse(get(b"A: b"))
    assert outcome(parser, get(*[b"A: b"] * 9))["RequestHead", "plain"] == "True"  # type: ignore[index]
    for _ in range(3):
        assert outcome(parser, get(*[b"A: b"] * 10)) == (
            431,
            "There are more than 10 fields (--max-fields).",
        )


# -- warm and cold ---------------------------------------------------------------------------------

_LINES = (
    *(b"GET / HTTP/1.1", b"GET / HTTP/1.0", b"POST /a?b HTTP/1.1", b"HEAD / HTTP/1.1"),
    *(b"OPTIONS * HTTP/1.1", b"CONNECT a:1 HTTP/1.1", b"CONNECT a:1 HTTP/1.0", b"TRACE / HTTP/1.1"),
    *(b"GET http://b:1/c HTTP/1.1", b"GET * HTTP/1.1", b"GET /#a HTTP/1.1", b"FROB / HTTP/1.1"),
    *(
        b"GET  / HTTP/1.1",
        b"GET / HTTP/2.0",
        b"GET /\xe4 HTTP/1.1",
        b"GET HTTP/1.1 HTTP/1.1",
        b"GET HTTP/1. HTTP/1.1",
        b"GET / HTTP/1.1 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /\x1f HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /",
        b"",
        b"GET a HTTP/1.1",
    ),
)
_FIELDS = (
    *(b"Host: a", b"Host: a", b"host: b", b"Host: a b", b"Host:", b"Host: a\r\n b"),
    *(b"Connection: keep-alive", b"Connection: close", b"Connection: upgrade", b"Connection: x"),
    *(b"Proxy-Connection: close", b"Proxy-Connection: upgrade", b"Upgrade: a", b"Upgrade: b"),
    *(b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: +5", b"Content-Length: 5, 5"),
    *(b"Content-Length:", b"Content-Length: 1\r\n 2", b"Content-Length : 5", b"content-length: 5"),
    *(
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
        b"Transfer-Encoding: gzip, chunked",
    ),
    *(b"Transfer-Encoding: chunked\t", b"Transfer-Encoding:", b"transfer-encoding: Chunked"),
    *(b"Expect: 100-continue", b"Expect: x", b"Range: bytes=0-", b"If-Match: x"),
    *(b"A: b", b"A:b", b"A: \xe4 ", b"A:", b"a_b: c", b"Cookie: a=b", b"Cookie: c=d"),
    *(b"Cookie:", b"cookie:", b"Cookie: \0", b"Cookie : a", b"Cookie: a\r\n b", b"Cookie:c\t"),
    *(b"A : b", b"A", b": b", b" A: b", b"\tA: b", b" c", b"\t", b"A: b\nC: d", b"A: b\rC: d"),
    *(b"\rA: b", b"A: b\r", b"A: \0", b"A\xe4: b", b"", b"\n", b"GET / HTTP/1.1"),
)
_HEAD = st.tuples(
    st.sampled_from(_LINES) | st.just(_LINES[0]),
    st.lists(st.sampled_from(_FIELDS) | st.binary(max_size=6), max_size=5),
    st.sampled_from([b"Host: a", b"Host: a", b"X: y"]),
).map(lambda parts: b"\r\n".join((parts[0], parts[2], *parts[1], b"", b"")))


def is_refused_by_llhttp(data: bytes) -> bool:
    """Whether llhttp refuses the whole head, without our checks."""
    complete: list[bool] = []

    class Protocol:
        def on_headers_complete(self) -> None:
            complete.append(True)

    try:
        httptools.HttpRequestParser(Protocol()).feed_data(data)
    except httptools.HttpParserUpgrade:
        return False
    except httptools.HttpParserError:
        return True
    return complete != [True]


@given(st.lists(_HEAD, min_size=1, max_size=6))
@settings(deadline=None, max_examples=300)
@example([get(b"Content-Length: 5"), get(b"Content-Length: 5", b"Content-Length: 5")])
@example([get(b"Transfer-Encoding: chunked"), get(b"Content-Length: 5"), get(b"A: b", b" c")])
@example([get(), get(line=b"GET / HTTP/1.0"), get(line=b"CONNECT a:1 HTTP/1.1")])
@example([get(b"cookie:", b"Cookie: a", b"Cookie: b"), get(b"Cookie: a", b"Cookie:")])
@example([get(b"Cookie: a", b" b"), get(b"Cookie: a"), get(b"Cookie: \r"), get(b"Cookie: a\nb")])
@example([get(b"A: b", b"", b"C: d"), get(b"A: b"), get(b"C: d")])
def test_a_head_means_the_same_to_a_parser_with_a_cache(heads):
    warm = HeadParser(Limits())
    in_a_row = [data for data in heads for _ in range(4)]
    for data in [*heads, *heads, *in_a_row, *reversed(heads)]:
        expected = outcome(HeadParser(Limits()), data)
        assert outcome(warm, data) == expected
        if is_refused_by_llhttp(data):
            assert isinstance(expected, tuple), "llhttp refuses it"


def test_requests_with_known_fields_look_the_same_to_the_handler(world: HTTPWorld):
    seen: list[Any] = []

    def handler(request: Any) -> Response:
        seen.append((request.method, request.target, request.host, dict(request.headers)))
        return Response(b"")

    peer = world.connect(handler)
    lines = (b"GET /a?b", b"POST /", b"GET http://c/d", b"DELETE //e")
    for line in lines * 4:
        world.ask(peer, get(*BROWSER, line=line + b" HTTP/1.1"))
    assert seen == seen[:4] * 4
    assert [entry[:3] for entry in seen[:4]] == [
        ("GET", "/a?b", "a"),
        ("POST", "/", "a"),
        ("GET", "http://c/d", "c"),
        ("DELETE", "//e", "a"),
    ]
