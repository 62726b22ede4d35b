"""Requests as bytes, and how they must be answered: what is ambiguous is refused, and nothing that
comes after it is read.

``statuses``: of the answers, in order. ``closed``: whether the server closes the connection then.
Each case is followed by a request that would be seen if the end of the first were misread.
"""

from __future__ import annotations

from dataclasses import dataclass

HOST = b"Host: example.com\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """``seen``: the targets that the handler must have seen, in order; by default none for a
    refusal, and that of each answer otherwise. ``then``: what follows."""

    name: str
    data: bytes
    statuses: tuple[int, ...]
    closed: bool = True
    then: bytes = NEXT


def refused(name: str, data: bytes, status: int = 400) -> Case:
    return Case(name, data, (status,))


def head(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = HOST) -> bytes:
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def post(*fields: bytes, body: bytes = b"") -> bytes:
    return head(*fields, line=b"POST / HTTP/1.1") + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return head(*fields, line=line)


def host_field(value: bytes) -> bytes:
    return head(host=b"Host: " + value + b"\r\n")


LENGTH = [
    refused(
        "length and chunked",
        post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    refused(
        "chunked and length",
        post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    ),
    refused("two lengths", post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello")),
    refused(
        "the same length twice", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello")
    ),
    refused("a list of lengths", post(b"Content-Length: 5, 5", body=b"hello")),
    # Python's int() takes all of these.
    refused("plus sign", post(b"Content-Length: +5", body=b"hello")),
    refused("minus sign", post(b"Content-Length: -5", body=b"hello")),
    refused("underscore", post(b"Content-Length: 1_0", body=b"hello")),
    refused("space within", post(b"Content-Length: 1 0", body=b"hello")),
    refused("digits of another script", post("Content-Length: \u0665".encode(), body=b"hello")),
    refused("superscript digit", post(b"Content-Length: \xb2", body=b"hello")),
    refused("hexadecimal", post(b"Content-Length: 0x5", body=b"hello")),
    refused("empty length", post(b"Content-Length:", body=b"hello")),
    refused("fraction", post(b"Content-Length: 5.0", body=b"hello")),
    refused("more than 64 bits", post(b"Content-Length: 18446744073709551616", body=b"hello")),
    refused("too large", post(b"Content-Length: 999999999999"), 413),
]
CODINGS = [
    refused("gzip then chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
    refused("chunked then gzip", post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n")),
    refused("chunked twice", post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")),
    refused(
        "two fields",
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    refused("identity", post(b"Transfer-Encoding: identity")),
    refused("empty coding", post(b"Transfer-Encoding:")),
    refused("xchunked", post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    refused("quoted", post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n")),
    refused("parameter", post(b"Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n")),
    refused(
        "from HTTP/1.0",
        head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0") + b"0\r\n\r\n",
    ),
]
FIELDS = [
    refused("folded", get(b"A: b", b" c")),
    refused("folded with a tab", get(b"A: b", b"\tc")),
    refused("space before the colon", get(b"A : b")),
    refused("tab before the colon", get(b"A\t: b")),
    refused("space before the first field", head(host=b" " + HOST)),
    refused("no colon", get(b"A")),
    refused("no name", get(b": b")),
    refused("parenthesis in the name", get(b"A(: b")),
    refused("high byte in the name", get(b"A\xe9: b")),
    refused("NUL in the name", get(b"A\0: b")),
    refused("NUL", get(b"A: b\0c")),
    refused("control character", get(b"A: b\x01c")),
    refused("escape", get(b"A: b\x1b[2Jc")),
    refused("DEL", get(b"A: b\x7fc")),
    refused("bare CR", get(b"A: b\rc")),
    refused("bare CR before CRLF", get(b"A: b\r")),
    refused("bare LF", get(b"A: b\nC: d")),
    refused("bare LF after the request line", b"GET / HTTP/1.1\n" + HOST + b"\r\n"),
    refused("bare LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n"),
    refused("LF CR", get(b"A: b\n\rC: d")),
]
LINES = [
    refused("HTTP/0.9", b"GET /\r\n"),
    refused("HTTP/0.9 with a space", b"GET / \r\n"),
    refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("HTTP/2.0", get(line=b"GET / HTTP/2.0"), 505),
    refused("HTTP/1.2", get(line=b"GET / HTTP/1.2"), 505),
    refused("HTTP/0.9 by name", get(line=b"GET / HTTP/0.9"), 505),
    refused("HTTP/1.10", get(line=b"GET / HTTP/1.10")),
    refused("HTTP/1", get(line=b"GET / HTTP/1")),
    refused("HTTP/+1.1", get(line=b"GET / HTTP/+1.1")),
    refused("lower case", get(line=b"GET / http/1.1")),
    refused("another protocol", get(line=b"GET / RTSP/1.0")),
    refused("two spaces before the target", get(line=b"GET  / HTTP/1.1")),
    refused("two spaces after the target", get(line=b"GET /  HTTP/1.1")),
    refused("space at the end", get(line=b"GET / HTTP/1.1 ")),
    refused("space at the start", get(line=b" GET / HTTP/1.1")),
    refused("tabs", get(line=b"GET\t/\tHTTP/1.1")),
    refused("space in the target", get(line=b"GET /a b HTTP/1.1")),
    refused("control character in the target", get(line=b"GET /\x01 HTTP/1.1")),
    refused("high byte in the target", get(line=b"GET /\xe9 HTTP/1.1")),
    refused("fragment", get(line=b"GET /#a HTTP/1.1")),
    refused("no slash", get(line=b"GET a HTTP/1.1")),
    refused("star for GET", get(line=b"GET * HTTP/1.1")),
    refused("another scheme", get(line=b"GET ftp://example.com/ HTTP/1.1")),
    refused("userinfo in the target", get(line=b"GET http://a@example.com/ HTTP/1.1")),
    refused("no host in the target", get(line=b"GET http:///a HTTP/1.1")),
    refused("CONNECT without a port", get(line=b"CONNECT example.com HTTP/1.1")),
    refused("CONNECT", get(line=b"CONNECT example.com:443 HTTP/1.1"), 501),
    refused("TRACE", get(line=b"TRACE / HTTP/1.1"), 405),
    refused("unknown method", get(line=b"BREW / HTTP/1.1"), 501),
    refused("method in lower case", get(line=b"get / HTTP/1.1"), 501),
    refused("RTSP's method", get(line=b"DESCRIBE / HTTP/1.1"), 501),
    refused("method that is no token", get(line=b"G@T / HTTP/1.1")),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    refused("long request line", get(line=b"GET /" + b"a" * 8192 + b" HTTP/1.1"), 414),
    refused("long line without an end", b"GET /" + b"a" * 9000, 414),
    refused("long head", get(*[b"A%d: " % i + b"a" * 1000 for i in range(33)]), 431),
    refused("many fields", get(*[b"A: b"] * 100), 431),
]
HOSTS = [
    refused("no host", head(host=b"")),
    refused("two hosts", head(host=HOST * 2)),
    *(
        refused(f"host {value!r}", host_field(value))
        for value in (
            *(b"", b"a b", b"a@b", b"a,b", b"a/b", b"a?b", b"a:b", b"a:-1", b"a:65536", b"a:1:2"),
            *(
                b"[::1",
                b"::1",
                b"[:::]",
                b"[v1.a]",
                b"a\\b",
                b"a%00b",
                b"\xe9",
                b"http://a",
                b"a:\xb2",
            ),
        )
    ),
]
CHUNKS = [
    refused("size with 0x", chunked(b"0x5\r\nhello\r\n0\r\n\r\n")),
    refused("size with a sign", chunked(b"+5\r\nhello\r\n0\r\n\r\n")),
    refused("negative size", chunked(b"-5\r\nhello\r\n0\r\n\r\n")),
    refused("size with an underscore", chunked(b"0_5\r\nhello\r\n0\r\n\r\n")),
    refused("size with a space before", chunked(b" 5\r\nhello\r\n0\r\n\r\n")),
    refused("size with a space after", chunked(b"5 \r\nhello\r\n0\r\n\r\n")),
    refused("no size", chunked(b"\r\nhello\r\n0\r\n\r\n")),
    refused("only an extension", chunked(b";a\r\nhello\r\n0\r\n\r\n")),
    refused("size of more than 64 bits", chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n")),
    refused("data too long", chunked(b"5\r\nhelloXX0\r\n\r\n")),
    refused("no CRLF after the data", chunked(b"5\r\nhello0\r\n\r\n")),
    refused("only LF after the data", chunked(b"5\r\nhello\n0\r\n\r\n")),
    refused("only LF after the size", chunked(b"5\nhello\r\n0\r\n\r\n")),
    refused("only CR after the size", chunked(b"5\rhello\r\n0\r\n\r\n")),
    refused("LF in an extension", chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n")),
    refused("CR in an extension", chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n")),
    refused("long extension", chunked(b"5;" + b"a" * 20000 + b"\r\nhello\r\n0\r\n\r\n"), 431),
    refused(
        "many extensions",
        chunked(b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nh\r\n" * 1500),
        431,
    ),
    refused("long trailer", chunked(b"0\r\nA: " + b"a" * 20000 + b"\r\n\r\n"), 431),
    refused("many trailer fields", chunked(b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n"), 431),
    refused("trailer with a space before the colon", chunked(b"0\r\nA : b\r\n\r\n")),
    refused("trailer with a bare LF", chunked(b"0\r\nA: b\n\r\n\r\n")),
    refused("length in the trailer", chunked(b"0\r\nContent-Length: 5\r\n\r\n")),
]
OTHERS = [refused("expectation", post(b"Expect: 200-ok", b"Content-Length: 5", body=b"hello"), 417)]
FINE = [
    Case("GET", get(), (200, 200), False),
    Case("HEAD", get(line=b"HEAD / HTTP/1.1"), (200, 200), False),
    Case("empty lines before", b"\r\n" * 5 + get(), (200, 200), False),
    Case("length", post(b"Content-Length: 5", body=b"hello"), (200, 200), False),
    Case("length 0", post(b"Content-Length: 0"), (200, 200), False),
    Case("zeros before a length", post(b"Content-Length: 005", body=b"hello"), (200, 200), False),
    Case(
        "white space around a length",
        post(b"Content-Length: \t5 \t", body=b"hello"),
        (200, 200),
        False,
    ),
    Case("chunked", chunked(b"5\r\nhello\r\n0\r\n\r\n"), (200, 200), False),
    Case("CHUNKED", post(b"Transfer-Encoding: Chunked", body=b"0\r\n\r\n"), (200, 200), False),
    Case("extensions", chunked(b'5;a;b=c;d="e;f"\r\nhello\r\n0;x\r\n\r\n'), (200, 200), False),
    Case("trailer", chunked(b"5\r\nhello\r\n0\r\nHost: evil\r\nA: b\r\n\r\n"), (200, 200), False),
    Case("zeros before a size", chunked(b"0005\r\nhello\r\n000\r\n\r\n"), (200, 200), False),
    Case("CRLF CRLF as data", chunked(b"4\r\n\r\n\r\n\r\n0\r\n\r\n"), (200, 200), False),
    Case(
        "a request as data",
        chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(NEXT), NEXT)),
        (200, 200),
        False,
    ),
    Case("absolute form", get(line=b"GET http://example.com/a?b HTTP/1.1"), (200, 200), False),
    Case("OPTIONS *", get(line=b"OPTIONS * HTTP/1.1"), (204, 200), False),
    Case("close", get(b"Connection: close"), (200,)),
    Case("close in a list", get(b"Connection: x, Close"), (200,)),
    Case("close in a second field", get(b"Connection: x", b"Connection: close"), (200,)),
    Case("keep-alive and close", get(b"Connection: keep-alive, close"), (200,)),
    Case("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n", (200,)),
    Case("HTTP/1.0 kept", b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", (200, 200), False),
    Case(
        "HTTP/1.0, kept and closed",
        b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
        (200,),
    ),
    Case(
        "an upgrade that nobody takes",
        get(b"Connection: upgrade", b"Upgrade: x"),
        (200, 200),
        False,
    ),
    Case("bytes beyond ASCII", get(b"A: \xe9\xff"), (200, 200), False),
    Case("a hundred fields", get(*[b"A: b"] * 99), (200, 200), False),
    *(
        Case(f"host {value!r}", host_field(value), (200, 200), False)
        for value in (
            b"a",
            b"a:80",
            b"a:",
            b"127.0.0.1:8080",
            b"[::1]",
            b"[::1]:80",
            b"a_b.c-d.",
            b"A",
        )
    ),
]
CASES = [*LENGTH, *CODINGS, *FIELDS, *LINES, *HOSTS, *CHUNKS, *OTHERS, *FINE]
