"""Heads: what they say, and that parsing one does not affect the next."""

from __future__ import annotations

import pytest

from protocols.http.errors import HTTPError
from protocols.http.fields import Fields
from protocols.http.head import METHODS, HeadParser, RequestHead
from protocols.http.limits import Limits

from .raw_requests import get


@pytest.fixture
def parser():
    return HeadParser(Limits())


def refusal(parser: HeadParser, data: bytes) -> int:
    with pytest.raises(HTTPError) as caught:
        parser.parse(data)
    return caught.value.status


def outcome(parser: HeadParser, data: bytes) -> object:
    """Everything that ``data`` says to the parser, or how it is refused."""
    try:
        head = parser.parse(data)
    except HTTPError as exc:
        return exc.status, str(exc)
    # Without what the parser and others store for later.
    stored = {"base", "fields", "is_kept", "last_head", "last_line", "wsgi_environ"}
    return {
        (cls.__name__, name): repr(getattr(part, name))
        for cls, part in ((RequestHead, head), (Fields, head.fields))
        for name in set(cls.__slots__) - stored
    }


def test_what_a_head_says(parser):
    head = parser.parse(
        get(b"User-Agent: x", b"X-A:  b \t", b"x-a: \xe4", line=b"POST /a%20b?c=d HTTP/1.1")
    )
    assert (head.method, head.target, head.minor) == ("POST", "/a%20b?c=d", 1)
    assert (head.path, head.query, head.authority) == ("/a%20b", "c=d", "a")
    assert head.headers.pairs == (
        ("host", "a"),
        ("user-agent", "x"),
        ("x-a", "b"),
        ("x-a", "\xe4"),
    )
    assert head.headers.get("X-A") == "b, \xe4"
    assert head.headers.get_all("x-A") == ["b", "\xe4"]
    assert "X-a" in head.headers
    assert head.plain


def test_cookies_of_several_fields_are_joined_as_cookies(parser):
    assert parser.parse(get(b"Cookie: a=b", b"Cookie: c=d")).headers.get("cookie") == "a=b; c=d"


@pytest.mark.parametrize("method", sorted(METHODS - {"CONNECT"}))
def test_llhttp_knows_every_method(parser, method):
    assert parser.parse(get(line=f"{method} / HTTP/1.1".encode())).method == method


@pytest.mark.parametrize("method", ["PRI", "SOURCE", "DESCRIBE", "PLAY", "M-SEARCH", "Get", "X"])
def test_other_methods_are_not_implemented(parser, method):
    assert refusal(parser, get(line=f"{method} / HTTP/1.1".encode())) == 501


@pytest.mark.parametrize(
    ("head", "attributes"),
    [
        (get(), {"plain": True, "keep_alive": True, "has_body": False, "conditional": False}),
        (get(b"Content-Length: 0"), {"plain": True, "content_length": 0, "has_body": False}),
        (get(b"Content-Length: 7"), {"plain": False, "content_length": 7, "has_body": True}),
        (
            get(b"Transfer-Encoding: Chunked"),
            {"plain": False, "chunked": True, "has_body": True, "content_length": 0},
        ),
        (get(line=b"HEAD / HTTP/1.1"), {"plain": False}),
        (get(line=b"OPTIONS * HTTP/1.1"), {"plain": False, "path": "*"}),
        (get(line=b"GET / HTTP/1.0"), {"plain": False, "keep_alive": False, "minor": 0}),
        (get(b"Connection: close"), {"plain": False, "keep_alive": False}),
        (get(b"If-None-Match: x"), {"plain": True, "conditional": True}),
        (get(b"RANGE: x"), {"plain": True, "conditional": True}),
        (
            get(b"Connection: a, UPGRADE", b"Upgrade: b", b"Upgrade: c/1"),
            {"plain": False, "upgrade": "b, c/1"},
        ),
        (get(b"Upgrade: b"), {"plain": True, "upgrade": None}),
        (get(b"Connection: upgrade"), {"upgrade": None}),
        (
            get(b"Connection: upgrade", b"Upgrade: b", line=b"GET / HTTP/1.0"),
            {"upgrade": None},  # RFC 9110 section 7.8: not from HTTP/1.0
        ),
        (get(b"Expect: 100-CONTINUE", b"Content-Length: 1"), {"expects_continue": True}),
        (get(b"Expect: 100-continue"), {"expects_continue": False}),
        (
            get(b"Expect: 100-continue", b"Content-Length: 1", line=b"GET / HTTP/1.0"),
            {"expects_continue": False},
        ),
        (
            get(line=b"GET http://b:1/c?d HTTP/1.1"),
            {"authority": "b:1", "path": "/c", "query": "d"},
        ),
        (get(line=b"GET / HTTP/1.0", host=b""), {"authority": ""}),
        (get(b"Content-Length: 000000000000000007"), {"content_length": 7}),
    ],
    ids=repr,
)
def test_fields_set_attributes(parser, head, attributes):
    parsed = parser.parse(head)
    found = {name: getattr(parsed.fields, name, None) for name in attributes}
    found |= {name: getattr(parsed, name) for name in attributes if hasattr(parsed, name)}
    assert found == attributes


def test_underscores_and_dashes_make_different_names(parser):
    headers = parser.parse(get(b"X_User: root", b"X-User: me")).headers
    assert (headers.get("x-user"), headers.get("x_user")) == ("me", "root")


# -- one parser for all ----------------------------------------------------------------------------

_OTHERS = [
    get(b"Content-Length: 5"),
    get(b"Transfer-Encoding: chunked"),
    get(b"Connection: close"),
    get(b"Proxy-Connection: close"),
    get(b"Connection: upgrade", b"Upgrade: x"),
    get(b"Proxy-Connection: upgrade", b"Upgrade: x"),
    get(line=b"CONNECT a:1 HTTP/1.1"),
    get(line=b"GET / HTTP/1.0"),
    get(b"Connection: keep-alive", line=b"GET / HTTP/1.0"),
    get(b"A : b"),
    get(b"A: b\r\n c"),
    get(b"A: \0"),
    get(host=b"Host: x x"),
    get(line=b"GET # HTTP/1.1"),
    get(*[b"A: b"] * 100),
    get(b"A: b")[:-2],
    b"GET / HTTP/1.1\r\n",
]


@pytest.mark.parametrize("second", _OTHERS, ids=repr)
@pytest.mark.parametrize("first", _OTHERS, ids=repr)
def test_a_head_means_the_same_whatever_came_before(first, second):
    used = HeadParser(Limits())
    outcome(used, first)
    for data in (second, get(b"A: b")):
        assert outcome(used, data) == outcome(HeadParser(Limits()), data)


def test_a_head_without_its_end_is_refused(parser):
    assert refusal(parser, get(b"A: b")[:-2]) == 400
    assert parser.parse(get()).plain
