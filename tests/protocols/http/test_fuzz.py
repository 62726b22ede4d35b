"""For any input: nothing crashes, all responses can be read, and nothing depends on how requests
are cut into pieces."""

from __future__ import annotations

import itertools
import re
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocols.http import HTTPServer, Request, Response
from protocols.http.decoding import ChunkedDecoder
from protocols.http.errors import HTTPError
from protocols.http.limits import Limits
from reactor.testing import VirtualReactor

from ...tools.responses import Answer, read_responses

SETTINGS = settings(deadline=None, max_examples=200)
LIMITS = Limits(request_line=200, head=600, fields=10, body=100)


def converse(pieces: list[bytes], limits: Limits = LIMITS) -> tuple[list[Answer], list[Any], bool]:
    """Returns the answers, what the handler saw, and whether the server has closed. Raises if an
    answer cannot be read, or anything failed."""
    seen: list[Any] = []
    failures: list[Any] = []

    def handler(request: Request) -> None:
        def answer(body: bytes) -> Response:
            seen.append(
                (request.method, request.target, request.http_version, request.headers.pairs, body)
            )
            return Response(body)

        request.read(answer)

    with VirtualReactor() as reactor:
        reactor.set_exception_handler(lambda _, context: failures.append(context))
        server = HTTPServer(handler, limits=limits, clock=lambda: 0.0)
        peer = reactor.connect(server)
        for piece in pieces:
            peer.send(piece)
        reactor.settle()
        closed = peer.eof_received
        peer.close()
        reactor.advance(100)
        assert peer.closed
    assert failures == []
    # Methods of the requests that the handler saw; "OPTIONS *" is answered without it.
    methods = [entry[0] for entry in seen]
    if "HEAD" in methods:
        methods = []
    return read_responses(peer.received, methods), seen, closed


def cut(data: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    pieces = (data[a:b] for a, b in itertools.pairwise(bounds))
    return [piece for piece in pieces if piece]


places = st.lists(st.integers(0, 10_000), max_size=12)

# Parts of requests, and bytes that must not be between them. Without HEAD, because a reader of the
# responses must know which request was one.
_PARTS = st.sampled_from(
    [
        *(
            b"GET",
            b"POST",
            b"OPTIONS",
            b"TRACE",
            b"CONNECT",
            b"FROB",
            b" ",
            b"  ",
            b"\t",
            b"/",
            b"*",
        ),
        *(b"http://a/", b"#", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"\r\n", b"\r\n\r\n", b"\r"),
        *(
            b"\n",
            b"\0",
            b"Host: a",
            b"Host: b c",
            b"Content-Length: 3",
            b"Content-Length: +3",
            b":",
        ),
        *(b"Transfer-Encoding: chunked", b"Connection: close", b"Proxy-Connection: close", b"0"),
        *(
            b"Connection: upgrade",
            b"Upgrade: x",
            b"Expect: 100-continue",
            b"abc",
            b"3",
            b";",
            b"3;a",
        ),
        *(b"0\r\n\r\n", b"3\r\nabc\r\n", b"A: b", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\xff"),
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    ]
)
nearly = st.lists(_PARTS | st.binary(max_size=4), max_size=25).map(b"".join)


@given(st.binary(max_size=300) | nearly, places)
@SETTINGS
def test_any_bytes_in_any_pieces_are_answered_at_most_once_with_an_error(data, places):
    answers, seen, closed = converse(cut(data, places))
    refusals = [answer for answer in answers if answer.status >= 400]
    assert len(refusals) <= 1
    if refusals:
        assert answers[-1] is refusals[0]
        assert closed
    assert len(seen) <= len(answers)


@given(nearly, places)
@SETTINGS
@example(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 40, [])
def test_requests_mean_the_same_in_any_pieces(data, places):
    """What is refused may be refused earlier, and with another reason; nothing else differs."""
    limits = Limits()
    answers, seen, closed = converse([data] if data else [], limits)
    for pieces in (cut(data, places), [bytes([byte]) for byte in data]):
        other_answers, other_seen, other_closed = converse(pieces, limits)
        assert other_seen == seen
        assert other_closed == closed

        def final(answers: list[Answer]) -> list[bool]:
            return [answer.status < 400 for answer in answers if answer.status != 100]

        assert final(other_answers) == final(answers)


# -- valid requests --------------------------------------------------------------------------------

_NAME = st.text("!#$%&'*+-.^_`|~0123456789abcXYZ", min_size=1, max_size=8).map(
    lambda name: "X-" + name
)
_VALUE = st.text("".join(map(chr, (*range(33, 127), *range(128, 256), 32, 9))), max_size=12).map(
    lambda value: value.strip(" \t")
)
_BODY = st.binary(max_size=60) | st.sampled_from(
    [b"0\r\n\r\n", b"\r\n\r\n\r\n", b"GET / HTTP/1.1\r\n"]
)


def encode_chunks(body: bytes, places: list[int], extensions: list[str]) -> bytes:
    encoded = b""
    for i, piece in enumerate(cut(body, places)):
        extension = extensions[i % len(extensions)] if extensions else ""
        encoded += b"%x%b\r\n%b\r\n" % (len(piece), extension.encode(), piece)
    return encoded + b"0\r\n"


_EXTENSIONS = st.lists(st.sampled_from(["", ";a", ";a=b", ';a="b;\\"c"', ";a;b=c"]), max_size=3)
_TRAILERS = st.lists(st.tuples(_NAME, _VALUE), max_size=3)


@st.composite
def requests(draw: Any) -> tuple[bytes, Any]:
    """The bytes of a request, and what the handler must see of it."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "REPORT"]))
    target = "/" + draw(st.text("abc/%20?&=;.~+", max_size=10))
    fields = [("Host", "a"), *draw(st.lists(st.tuples(_NAME, _VALUE), max_size=4))]
    body = draw(_BODY)
    framing = draw(st.sampled_from(["none", "length", "chunked"]))
    rest = b""
    if framing == "none":
        body = b""
    elif framing == "length":
        fields.append(("Content-Length", str(len(body))))
        rest = body
    else:
        fields.append(("Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"]))))
        trailers = "".join(f"{name}: {value}\r\n" for name, value in draw(_TRAILERS))
        rest = encode_chunks(body, draw(places), draw(_EXTENSIONS))
        rest += trailers.encode("latin-1") + b"\r\n"
    fields = draw(st.permutations(fields))
    space = draw(st.sampled_from(["", " ", "\t ", "  "]))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}:{space}{value}" for name, value in fields)]
    head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    pairs = tuple((name.lower(), value) for name, value in fields)
    return head + rest, (method, target, "1.1", pairs, body)


@given(st.lists(requests(), min_size=1, max_size=4), places, st.sampled_from([b"", b"\r\n"]))
@SETTINGS
def test_valid_requests_are_understood_in_any_pieces(made, places, between):
    data = between + between.join(data for data, _ in made)
    expected = [entry for _, entry in made]
    for pieces in ([data], cut(data, places), [bytes([byte]) for byte in data]):
        answers, seen, closed = converse(pieces, Limits())
        assert seen == expected
        assert [answer.body for answer in answers] == [entry[4] for entry in expected]
        assert not closed


# -- chunks ----------------------------------------------------------------------------------------


def decode(pieces: list[bytes]) -> tuple[str, bytes, bytes]:
    decoder = ChunkedDecoder(Limits())
    body = b""
    try:
        for i, piece in enumerate(pieces):
            data, rest = decoder.decode(piece)
            body += data
            if decoder.complete:
                return "complete", body, rest + b"".join(pieces[i + 1 :])
            assert rest == b""
    except HTTPError:
        return "refused", b"", b""
    return "partial", body, b""


@given(_BODY, places, _EXTENSIONS, _TRAILERS, places, st.binary(max_size=20))
@SETTINGS
def test_encoded_chunks_are_decoded_to_the_same_body(
    body, chunks, extensions, trailers, places, rest
):
    data = encode_chunks(body, chunks, extensions)
    data += "".join(f"{name}: {value}\r\n" for name, value in trailers).encode("latin-1") + b"\r\n"
    for pieces in ([data + rest], cut(data + rest, places)):
        assert decode(pieces) == ("complete", body, rest)
    assert decode([data[:-1]])[0] == "partial"


# The grammar of RFC 9112 section 7.1, as this server understands it, in one expression per part.
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)((?:;[^\r\n\0]*)?)\r\n")
_TRAILER = re.compile(rb"(?:[^\r\n:]+:[^\r\n\0]*\r\n)*\r\n")


def end_of_chunks(data: bytes) -> int | None:
    """Where a chunked body ends, found in the simplest way."""
    at = 0
    while match := _CHUNK.match(data, at):
        size = int(match[1], 16)
        at = match.end() + size
        if not size:
            trailer = _TRAILER.match(data, at)
            return trailer.end() if trailer else None
        if data[at : at + 2] != b"\r\n":
            return None
        at += 2
    return None


_CHUNKISH = st.lists(
    st.sampled_from(
        [b"0", b"1", b"3", b"a", b"\r\n", b"\r", b"\n", b";", b"x", b"abc", b"A: b", b":"]
    )
    | st.sampled_from(
        [b" ", b'"', b"\0", b"0\r\n\r\n", b"1\r\nx\r\n", b"3\r\nabc\r\n", b"\r\n\r\n"]
    )
    | st.sampled_from([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"0\r\nA: b\r\n\r\n"]),
    max_size=12,
).map(b"".join)


@given(_CHUNKISH, places)
@settings(deadline=None, max_examples=500)
def test_nothing_behind_the_end_is_consumed(data, places):
    outcome, body, rest = decode([data] if data else [])
    if outcome == "complete":
        end = end_of_chunks(data)
        assert end is not None
        assert rest == data[end:]
    for pieces in (cut(data, places), [bytes([byte]) for byte in data]):
        assert decode(pieces) == (outcome, body, rest)
