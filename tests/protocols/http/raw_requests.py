# ruff: noqa: E501 (one line, one case)
"""Raw requests and the answers that they must get: one line, one case.

Each is sent with a further request behind it, ``PROBE``. If the case leaves the connection open,
the probe is answered. If the case is refused, the probe stands for a smuggled request: it must not
be answered, and no handler may see it.
"""

from __future__ import annotations

from dataclasses import dataclass

PROBE = b"GET /probe HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """``seen``: method, target and body of the requests that the handler gets. None: no request if
    the case is refused, else ``GET /``."""

    name: str
    data: bytes
    statuses: tuple[int, ...] = (200,)
    closed: bool = False
    seen: tuple[tuple[str, str, bytes], ...] | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def expected_seen(self) -> list[tuple[str, str, bytes]]:
        seen = self.seen
        if seen is None:
            seen = tuple(("GET", "/", b"") for status in self.statuses if status == 200)
        return [*seen, *([] if self.closed else [("GET", "/probe", b"")])]

    @property
    def expected_statuses(self) -> list[int]:
        return [*self.statuses, *([] if self.closed else [200])]


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes = b"Host: a") -> bytes:
    lines = (line, host, *fields) if host else (line, *fields)
    return b"\r\n".join((*lines, b"", b""))


def post(*fields: bytes, body: bytes = b"", line: bytes = b"POST / HTTP/1.1") -> bytes:
    return get(*fields, line=line) + body


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


def accepted(name: str, data: bytes, *seen: tuple[str, str, bytes]) -> Case:
    return Case(name, data, (200,) * (len(seen) or 1), False, seen or None)


def last(name: str, data: bytes, *seen: tuple[str, str, bytes]) -> Case:
    """Answered, and then the connection is closed."""
    return Case(name, data, (200,) * (len(seen) or 1), True, seen or None)


def refused(name: str, data: bytes, status: int = 400) -> Case:
    return Case(name, data, (status,), True)


def field(name: str, *fields: bytes) -> Case:
    return refused(name, get(*fields))


# A body long enough for what a lenient server would take to be announced.
_REST = b"0123456789" * 2

_FRAMING = [
    # h11, hypercorn, waitress and caddy leave the connection open after these.
    refused("length, then chunked", post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    refused("chunked, then length", post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n")),
    refused("length 0 and chunked", post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    refused("length and identity", post(b"Content-Length: 5", b"Transfer-Encoding: identity", body=b"01234")),
    # waitress GHSA-4ppp-gpcr-7qf6
    refused("two lengths that differ", post(b"Content-Length: 5", b"Content-Length: 6", body=_REST)),
    refused("two equal lengths", post(b"Content-Length: 5", b"Content-Length: 5", body=b"01234")),
    refused("list of lengths", post(b"Content-Length: 5, 5", body=b"01234")),
    refused("list of lengths that differ", post(b"Content-Length: 5, 6", body=_REST)),
    # waitress CVE-2022-24761: what Python's int() takes
    refused("length with plus", post(b"Content-Length: +10", body=_REST)),
    refused("length with minus", post(b"Content-Length: -10", body=_REST)),
    refused("length minus zero", post(b"Content-Length: -0")),
    refused("length with underscore", post(b"Content-Length: 1_0", body=_REST)),
    refused("length with space inside", post(b"Content-Length: 1 0", body=_REST)),
    refused("length with tab inside", post(b"Content-Length: 1\t0", body=_REST)),
    refused("length in hexadecimal", post(b"Content-Length: 0x0a", body=_REST)),
    refused("length in Arabic digits", post("Content-Length: \u0661\u0660".encode(), body=_REST)),
    refused("length in superscript", post(b"Content-Length: \xb2", body=_REST)),
    refused("length after no-break space", post(b"Content-Length: \xa010", body=_REST)),
    refused("length after vertical tab", post(b"Content-Length: \x0b10", body=_REST)),
    refused("length with fraction", post(b"Content-Length: 10.0", body=_REST)),
    refused("length in quotes", post(b'Content-Length: "10"', body=_REST)),
    refused("length with comma", post(b"Content-Length: 10,", body=_REST)),
    refused("length without a number", post(b"Content-Length:")),
    refused("length of spaces", post(b"Content-Length:   ")),
    refused("length beyond 64 bits", post(b"Content-Length: 18446744073709551616")),
    refused("length below 64 bits", post(b"Content-Length: 18446744073709551615"), 413),
    # Beyond 4,300 digits Python's int() raises.
    refused("length of 5,000 digits", post(b"Content-Length: " + b"0" * 5000), 413),
    # cpython gh-119452: nothing is allocated before it comes
    refused("length of a terabyte", post(b"Content-Length: 1099511627776"), 413),
    refused("length one too long", post(b"Content-Length: 16777217"), 413),
    accepted("length 0", post(b"Content-Length: 0"), ("POST", "/", b"")),
    accepted("length with leading zeros", post(b"Content-Length: 0005", body=b"01234"), ("POST", "/", b"01234")),
    accepted("length with spaces around", post(b"Content-Length:\t 5 \t", body=b"01234"), ("POST", "/", b"01234")),
    accepted("length of GET", get(b"Content-Length: 5") + b"01234", ("GET", "/", b"01234")),
    accepted("no length", post(), ("POST", "/", b"")),
    accepted("body like a request", post(b"Content-Length: %d" % len(get()), body=get()), ("POST", "/", get())),
    refused("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
    refused("chunked, gzip", post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n")),
    refused("chunked, identity", post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n")),
    refused("chunked twice in a list", post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")),
    refused("chunked in two fields", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    refused("gzip and chunked in two fields", post(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    refused("chunked and identity in two fields", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n")),
    refused("identity", post(b"Transfer-Encoding: identity")),
    refused("gzip", post(b"Transfer-Encoding: gzip")),
    refused("no coding", post(b"Transfer-Encoding:", body=b"0\r\n\r\n")),
    refused("comma before chunked", post(b"Transfer-Encoding: , chunked", body=b"0\r\n\r\n")),
    refused("comma after chunked", post(b"Transfer-Encoding: chunked,", body=b"0\r\n\r\n")),
    refused("xchunked", post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    refused("chunkedx", post(b"Transfer-Encoding: chunkedx", body=b"0\r\n\r\n")),
    refused("chunked in quotes", post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n")),
    refused("chunked with parameter", post(b"Transfer-Encoding: chunked;q=1", body=b"0\r\n\r\n")),
    # waitress CVE-2019-16789
    refused("vertical tab before chunked", post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n")),
    refused("no-break space before chunked", post(b"Transfer-Encoding: \xa0chunked", body=b"0\r\n\r\n")),
    # aiohttp CVE-2025-69224: beyond ASCII, lower() makes a "k" of the Kelvin sign
    refused("Kelvin sign in chunked", post("Transfer-Encoding: chun\u212aed".encode(), body=b"0\r\n\r\n")),
    # uvicorn and others take it
    refused("chunked of 1.0", post(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0", body=b"0\r\n\r\n")),
    accepted("CHUNKED", post(b"Transfer-Encoding: CHUNKED", body=b"0\r\n\r\n"), ("POST", "/", b"")),
    # llhttp is stricter than RFC 9110 section 5.5 here, which harms no client.
    refused("tab after chunked", post(b"Transfer-Encoding: chunked\t", body=b"0\r\n\r\n")),
    accepted("chunked with spaces around", post(b"Transfer-Encoding: \t chunked  ", body=b"0\r\n\r\n"), ("POST", "/", b"")),
    accepted("underscore is another field", post(b"Transfer_Encoding: chunked", b"Content_Length: 7"), ("POST", "/", b"")),
]  # fmt: skip

_CHUNKS = [
    accepted("no chunk", chunked(b"0\r\n\r\n"), ("POST", "/", b"")),
    accepted("several chunks", chunked(b"3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n"), ("POST", "/", b"abcdefgh")),
    accepted("hexadecimal in both cases", chunked(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), ("POST", "/", _REST)),
    accepted("chunk size with leading zeros", chunked(b"0003\r\nabc\r\n000\r\n\r\n"), ("POST", "/", b"abc")),
    accepted("chunks that look like the end", chunked(b"7\r\n0\r\n\r\n\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n"), ("POST", "/", b"0" + b"\r\n" * 5)),
    accepted("chunk like a request", chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(get()), get())), ("POST", "/", get())),
    accepted("chunk extensions", chunked(b'3;a;b=c;d="e;f"\r\nabc\r\n0;g=h\r\n\r\n'), ("POST", "/", b"abc")),
    accepted("trailers", chunked(b"3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n"), ("POST", "/", b"abc")),
    accepted("trailers that would frame a head", chunked(b"0\r\nConnection: close\r\nHost: b\r\nExpect: x\r\n\r\n"), ("POST", "/", b"")),
    accepted("trailers that would upgrade", chunked(b"0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), ("POST", "/", b"")),
    accepted("two chunked requests", chunked(b"1\r\na\r\n0\r\n\r\n") * 2, ("POST", "/", b"a"), ("POST", "/", b"a")),
    # waitress CVE-2022-24761
    refused("chunk size with plus", chunked(b"+3\r\nabc\r\n0\r\n\r\n")),
    refused("chunk size with 0x", chunked(b"0x3\r\nabc\r\n0\r\n\r\n")),
    refused("chunk size with minus", chunked(b"-3\r\nabc\r\n0\r\n\r\n")),
    refused("chunk size with underscore", chunked(b"0_3\r\nabc\r\n0\r\n\r\n")),
    refused("space before chunk size", chunked(b" 3\r\nabc\r\n0\r\n\r\n")),
    refused("space after chunk size", chunked(b"3 \r\nabc\r\n0\r\n\r\n")),
    refused("tab after chunk size", chunked(b"3\t\r\nabc\r\n0\r\n\r\n")),
    refused("chunk size in Arabic digits", chunked("\u0663\r\nabc\r\n0\r\n\r\n".encode())),
    refused("chunk size that is not a number", chunked(b"g\r\nabc\r\n0\r\n\r\n")),
    refused("no chunk size", chunked(b"\r\nabc\r\n0\r\n\r\n")),
    refused("chunk extension instead of a size", chunked(b";a=b\r\nabc\r\n0\r\n\r\n")),
    refused("chunk size beyond 64 bits", chunked(b"10000000000000003\r\nabc\r\n0\r\n\r\n")),
    # h11 CVE-2025-43859
    refused("two other bytes behind a chunk", chunked(b"3\r\nabcXX0\r\n\r\n")),
    refused("nothing behind a chunk", chunked(b"3\r\nabc0\r\n\r\n")),
    refused("bare LF behind a chunk", chunked(b"3\r\nabc\n0\r\n\r\n")),
    refused("bare CR behind a chunk", chunked(b"3\r\nabc\r0\r\n\r\n")),
    refused("chunk longer than its size", chunked(b"3\r\nabcd\r\n0\r\n\r\n")),
    # Go's net/http CVE-2025-22871
    refused("bare LF after chunk size", chunked(b"3\nabc\r\n0\r\n\r\n")),
    refused("bare LF in chunk extension", chunked(b"3;a\nabc\r\n0\r\n\r\n")),
    refused("bare LF in quoted chunk extension", chunked(b'3;a="\n"\r\nabc\r\n0\r\n\r\n')),
    refused("bare CR after chunk size", chunked(b"3\rabc\r\n0\r\n\r\n")),
    refused("bare CR in chunk extension", chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n")),
    refused("two CR after chunk size", chunked(b"3\r\r\nabc\r\n0\r\n\r\n")),
    refused("NUL in chunk extension", chunked(b"3;\0\r\nabc\r\n0\r\n\r\n")),
    refused("bare LF at the end", chunked(b"0\r\n\n")),
    refused("bare CR at the end", chunked(b"0\r\n\rX")),
    refused("bare LF after last chunk size", chunked(b"0\n\r\n")),
    refused("bare LF in trailer", chunked(b"0\r\nA: b\n\r\n")),
    refused("folded trailer", chunked(b"0\r\nA: b\r\n c\r\n\r\n")),
    refused("white space before trailer", chunked(b"0\r\n A: b\r\n\r\n")),
    refused("white space in trailer's name", chunked(b"0\r\nA : b\r\n\r\n")),
    refused("NUL in trailer", chunked(b"0\r\nA: \0\r\n\r\n")),
    refused("length in trailer", chunked(b"0\r\nContent-Length: 5\r\n\r\n")),
    refused("transfer coding in trailer", chunked(b"0\r\nTransfer-Encoding: chunked\r\n\r\n")),
]  # fmt: skip

_FIELDS = [
    field("folded line", b"A: b\r\n c"),
    field("folded line with tab", b"A: b\r\n\tc"),
    field("folded first line", b" A: b"),
    refused("folded host", b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"),
    refused("white space before the first field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    refused("white space before a smuggled length", b"POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\n"),
    field("space before colon", b"A : b"),
    field("tab before colon", b"A\t: b"),
    field("space before colon of length", b"Content-Length : 5"),
    field("space before colon of coding", b"Transfer-Encoding : chunked"),
    field("space in name", b"A B: c"),
    field("no name", b": b"),
    field("no colon", b"A"),
    field("name beyond ASCII", b"A\xe4: b"),
    field("separator in name", b"A(B): c"),
    field("NUL in name", b"A\0: b"),
    # waitress CVE-2019-16785
    field("bare LF in value", b"A: b\nContent-Length: 5"),
    field("bare LF before value", b"A:\nb"),
    field("bare CR in value", b"A: b\rC: d"),
    field("bare CR before value", b"A:\rb"),
    field("two CR at the end", b"A: b\r"),
    field("bare CR at a line's start", b"\rA: b"),
    refused("bare LF after the fields", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    refused("bare CR after the fields", b"GET / HTTP/1.1\r\nHost: a\r\n\rX"),
    *(
        field(f"control character {byte:#04x} in value", b"A: b%cc" % byte)
        for byte in (*range(9), *range(11, 13), *range(14, 32), 127)
    ),
    accepted("tab in value", get(b"A: b\tc")),
    accepted("bytes beyond ASCII in value", get(b"A: \x80\xff")),
    accepted("empty value", get(b"A:", b"B: ", b"C:\t")),
    accepted("all of a token in a name", get(b"!#$%&'*+-.^_`|~09AZaz: b")),
    accepted("100 fields", get(*[b"A: b"] * 99)),
    refused("101 fields", get(*[b"A: b"] * 100), 431),
    refused("6,000 short fields", get(*[b"A:"] * 6000), 431),
    accepted("32 KiB of head", get(b"A: " + b"b" * (32768 - len(get(b"A: "))))),
    refused("32 KiB and one byte of head", get(b"A: " + b"b" * (32769 - len(get(b"A: ")))), 431),
    refused("no end of fields", b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 40000, 431),
]  # fmt: skip

_LINE = [
    refused("HTTP/0.9", b"GET /\r\n\r\n"),
    refused("HTTP/0.9 with its number", get(line=b"GET / HTTP/0.9"), 505),
    refused("no target", get(line=b"GET HTTP/1.1")),
    refused("no method", get(line=b"/ HTTP/1.1")),
    refused("empty method", get(line=b" / HTTP/1.1")),
    refused("HTTP/1.2", get(line=b"GET / HTTP/1.2"), 505),
    refused("HTTP/2.0", get(line=b"GET / HTTP/2.0"), 505),
    refused("HTTP/3.0", get(line=b"GET / HTTP/3.0"), 505),
    refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    refused("HTTP/2", get(line=b"GET / HTTP/2")),
    refused("HTTP/1.10", get(line=b"GET / HTTP/1.10")),
    refused("HTTP/01.1", get(line=b"GET / HTTP/01.1")),
    refused("HTTP/+1.1", get(line=b"GET / HTTP/+1.1")),
    refused("HTTP/1.", get(line=b"GET / HTTP/1.")),
    refused("http/1.1", get(line=b"GET / http/1.1")),
    refused("HTTPS/1.1", get(line=b"GET / HTTPS/1.1")),
    refused("RTSP/1.0", get(line=b"OPTIONS / RTSP/1.0")),
    refused("ICE/1.0", get(line=b"SOURCE / ICE/1.0")),
    refused("version in Arabic digits", get(line="GET / HTTP/1.\u0661".encode())),
    refused("space at the end", get(line=b"GET / HTTP/1.1 ")),
    refused("space at the start", get(line=b" GET / HTTP/1.1")),
    refused("two spaces after method", get(line=b"GET  / HTTP/1.1")),
    refused("two spaces after target", get(line=b"GET /  HTTP/1.1")),
    refused("tab after method", get(line=b"GET\t/ HTTP/1.1")),
    refused("tab after target", get(line=b"GET /\tHTTP/1.1")),
    refused("space in target", get(line=b"GET /a b HTTP/1.1")),
    refused("bare LF after request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    refused("bare LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n"),
    refused("bare CR after request line", b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    refused("two CR after request line", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    refused("bare LF before request line", b"\n" + get()),
    refused("bare CR before request line", b"\r" + get()),
    refused("NUL before request line", b"\0" + get()),
    refused("NUL in target", get(line=b"GET /a\0b HTTP/1.1")),
    refused("control character in target", get(line=b"GET /a\x01b HTTP/1.1")),
    refused("DEL in target", get(line=b"GET /a\x7fb HTTP/1.1")),
    refused("byte beyond ASCII in target", get(line=b"GET /\xe4 HTTP/1.1")),
    refused("byte beyond ASCII in method", get(line=b"G\xcbT / HTTP/1.1")),
    refused("separator in method", get(line=b"G(T / HTTP/1.1")),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n"),
    refused("unknown method", get(line=b"FROB / HTTP/1.1"), 501),
    refused("method in small letters", get(line=b"get / HTTP/1.1"), 501),
    refused("TRACE", get(line=b"TRACE / HTTP/1.1"), 405),
    refused("CONNECT", get(line=b"CONNECT a:443 HTTP/1.1"), 501),
    refused("CONNECT with a path", get(line=b"CONNECT / HTTP/1.1")),
    refused("CONNECT without a port", get(line=b"CONNECT a HTTP/1.1")),
    accepted("DELETE", get(line=b"DELETE /a HTTP/1.1"), ("DELETE", "/a", b"")),
    accepted("empty lines before", b"\r\n\r\n" + get()),
    accepted("empty lines after a body", post(b"Content-Length: 1", body=b"a\r\n") + get(), ("POST", "/", b"a"), ("GET", "/", b"")),
    accepted("request line of 8 KiB", get(line=b"GET /%b HTTP/1.1" % (b"a" * 8176)), ("GET", "/" + "a" * 8176, b"")),
    refused("request line of one byte more", get(line=b"GET /%b HTTP/1.1" % (b"a" * 8177)), 414),
    refused("no end of request line", b"GET /" + b"a" * 40000, 414),
    refused("no end of method", b"A" * 40000, 414),
]  # fmt: skip

_TARGETS = [
    accepted("query", get(line=b"GET /a?b=c?d HTTP/1.1"), ("GET", "/a?b=c?d", b"")),
    accepted("two slashes", get(line=b"GET //evil/ HTTP/1.1"), ("GET", "//evil/", b"")),
    accepted("absolute form", get(line=b"GET http://b/c?d HTTP/1.1"), ("GET", "http://b/c?d", b"")),
    accepted("absolute form in capitals", get(line=b"GET HTTPS://b HTTP/1.1"), ("GET", "HTTPS://b", b"")),
    refused("absolute form without host", get(line=b"GET http:///c HTTP/1.1")),
    refused("absolute form with userinfo", get(line=b"GET http://u@b/ HTTP/1.1")),
    refused("absolute form with bad port", get(line=b"GET http://b:x/ HTTP/1.1")),
    refused("absolute form of another scheme", get(line=b"GET ftp://b/ HTTP/1.1")),
    refused("absolute form with invalid Host", get(line=b"GET http://b/ HTTP/1.1", host=b"Host: a b")),
    refused("absolute form without Host", get(line=b"GET http://b/ HTTP/1.1", host=b"")),
    refused("no path at all", get(line=b"GET a HTTP/1.1")),
    refused("a version instead of a path", get(line=b"GET HTTP/1.1 HTTP/1.1")),
    refused("query alone", get(line=b"GET ?a HTTP/1.1")),
    refused("authority form", get(line=b"GET a:80 HTTP/1.1")),
    refused("fragment", get(line=b"GET /a#b HTTP/1.1")),
    refused("fragment in absolute form", get(line=b"GET http://b/#c HTTP/1.1")),
    refused("star of another method", get(line=b"GET * HTTP/1.1")),
    Case("OPTIONS *", get(line=b"OPTIONS * HTTP/1.1"), (204,), seen=()),
    Case("OPTIONS * as a proxy forwards it", get(line=b"OPTIONS http://b HTTP/1.1"), (204,), seen=()),
    accepted("OPTIONS /*", get(line=b"OPTIONS /* HTTP/1.1"), ("OPTIONS", "/*", b"")),
]  # fmt: skip

_HOSTS = [
    refused("no Host", get(host=b"")),
    # aiohttp CVE-2026-34525
    refused("two Hosts", get(b"Host: a")),
    refused("two Hosts that differ", get(b"Host: b")),
    refused("two Hosts from 1.0", get(b"Host: b", line=b"GET / HTTP/1.0")),
    *(
        refused(f"Host {value!r}", get(host=b"Host: " + value))
        for value in (
            b"", b"a b", b"a, b", b"a,b", b"u@a", b"u:p@a", b"a/b", b"a?b", b"a#b", b"a\\b", b"a:x",
            b"a:-1", b"a:+80", b"a:65536", b"a:080808", b"a:80:80", b":80", b"http://a", b"a\tb",
            b"[::1", b"::1", b"[::1]80", b"[:::]", b"[1.2.3.4]", b"[v1.a]", b"[fe80::1%25eth0]",
            b"a%00", b"\xe4", "a:\u0661".encode(), b"a;b", b"<b>", b'"a"', b"[]", b"a[::1]",
        )
    ),
    *(
        accepted(f"Host {value!r}", get(host=b"Host: " + value))
        for value in (b"a.example:8080", b"A", b"a:", b"a:0", b"a:65535", b"127.0.0.1", b"[::1]",
                      b"[::1]:80", b"[::ffff:1.2.3.4]", b"a_b", b"\ta ")
    ),
    refused("invalid Host from 1.0", get(line=b"GET / HTTP/1.0", host=b"Host: a b")),
    last("no Host from 1.0", get(line=b"GET / HTTP/1.0", host=b"")),
]  # fmt: skip

_CONNECTIONS = [
    *(
        Case(f"1.{minor} with {fields!r}", get(*fields, line=b"GET / HTTP/1.%d" % minor), closed=closed)
        for minor, closed, fields in [
            (1, False, ()),
            (1, False, (b"Connection: keep-alive",)),
            (1, False, (b"Connection: x",)),
            (1, False, (b"Connection: closed",)),
            (1, False, (b"Connection: clo, se",)),
            (1, False, (b"Connection:",)),
            (1, False, (b"Connection: ,",)),
            (1, False, (b"Connection: x-close",)),
            (1, False, (b"X-Connection: close",)),
            (1, False, (b"Proxy-Connection: keep-alive",)),
            (1, True, (b"Connection: close",)),
            (1, True, (b"connection:close",)),
            (1, True, (b"Connection: CLOSE",)),
            (1, True, (b"Connection: \tclose\t ",)),
            # gunicorn, tornado and waitress look for the whole value
            (1, True, (b"Connection: x, close",)),
            (1, True, (b"Connection: close, x",)),
            (1, True, (b"Connection: x,close,y",)),
            (1, True, (b"Connection: ,\t, close ,",)),
            (1, True, (b"Connection: keep-alive, close",)),
            (1, True, (b"Connection: close, keep-alive",)),
            (1, True, (b"Connection: x", b"Connection: close")),
            (1, True, (b"Connection: close", b"Connection: keep-alive")),
            (0, True, ()),
            (0, True, (b"Connection: x",)),
            (0, True, (b"Connection: close",)),
            (0, True, (b"Connection: keep-alive, close",)),
            (0, True, (b"Connection: keep-alives",)),
            (0, False, (b"Connection: keep-alive",)),
            (0, False, (b"connection: Keep-Alive",)),
            (0, False, (b"Connection: x, keep-alive",)),
            (0, False, (b"Connection: x", b"Connection: keep-alive")),
        ]
    ),
    accepted("upgrade that is not taken", get(b"Connection: upgrade", b"Upgrade: websocket")),
    accepted("upgrade with a body", post(b"Connection: upgrade", b"Upgrade: h2c", b"Content-Length: 1", body=b"a"), ("POST", "/", b"a")),
    last("upgrade and close", get(b"Connection: upgrade, close", b"Upgrade: websocket")),
    accepted("many in one segment", b"".join(get(line=b"GET /%d HTTP/1.1" % i) for i in range(30)), *(("GET", f"/{i}", b"") for i in range(30))),
    last("nothing after close", get() + get(b"Connection: close") + get(), ("GET", "/", b""), ("GET", "/", b"")),
    Case("nothing after a refusal", get() + get(host=b"") + get(), (200, 400), True),
    Case("refusal behind a body", post(b"Content-Length: 1", body=b"a") + get(b"A : b"), (200, 400), True, (("POST", "/", b"a"),)),
    refused("unknown expectation", post(b"Expect: 200-ok", b"Content-Length: 1", body=b"a"), 417),
    refused("two expectations", post(b"Expect: 100-continue, x", b"Content-Length: 1", body=b"a"), 417),
    refused("empty expectation", get(b"Expect:"), 417),
    accepted("expectation without a body", get(b"Expect: 100-continue")),
    Case("expectation from 1.0", post(b"Expect: 100-continue", b"Content-Length: 1", b"Connection: keep-alive", line=b"POST / HTTP/1.0", body=b"a"), seen=(("POST", "/", b"a"),)),
    accepted("body that is not wanted", post(b"Content-Length: 5", body=b"01234", line=b"POST /unread HTTP/1.1") + get(), ("POST", "/unread", b""), ("GET", "/", b"")),
    accepted("chunks that are not wanted", post(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n\r\n", line=b"POST /unread HTTP/1.1") + get(), ("POST", "/unread", b""), ("GET", "/", b"")),
    last("bad chunks that are not wanted", post(b"Transfer-Encoding: chunked", body=b"1\r\naXX0\r\n\r\n", line=b"POST /unread HTTP/1.1") + get(), ("POST", "/unread", b"")),
    accepted("body of 64 KiB that is not wanted", post(b"Content-Length: 65536", body=b"a" * 65536, line=b"POST /unread HTTP/1.1"), ("POST", "/unread", b"")),
    last("chunks of more that are not wanted", post(b"Transfer-Encoding: chunked", body=b"12000\r\n%b\r\n0\r\n\r\n" % (b"a" * 0x12000), line=b"POST /unread HTTP/1.1"), ("POST", "/unread", b"")),
]  # fmt: skip

CASES = [
    *_FRAMING,
    *_CHUNKS,
    *_FIELDS,
    *_LINE,
    *_TARGETS,
    *_HOSTS,
    *_CONNECTIONS,
]
