"""Bodies end at the right byte, however they are cut into pieces."""

from __future__ import annotations

import contextlib
import gc

import httptools
import pytest

from protocols.http import decoding
from protocols.http.decoding import BodyDecoder, ChunkedDecoder, FixedLengthDecoder
from protocols.http.errors import HTTPError
from protocols.http.limits import FRAMING, Limits

NEXT = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
# Bytes of one read. The limit of framing may be exceeded by this much.
READ_SIZE = 65536


def decode(decoder: BodyDecoder, data: bytes, size: int | None = None) -> tuple[bytes, bytes]:
    """Returns the body, and what follows it."""
    body = b""
    size = size or len(data)
    for start in range(0, len(data), size):
        piece, rest = decoder.decode(data[start : start + size])
        body += piece
        if decoder.complete:
            return body, rest + data[start + size :]
        assert rest == b""
    return body, b""


def chunked(limits: Limits | None = None) -> ChunkedDecoder:
    return ChunkedDecoder(limits or Limits())


def refusal(data: bytes, size: int | None = None) -> int:
    with pytest.raises(HTTPError) as caught:
        decode(chunked(), data, size)
    return caught.value.status


SIZES = (None, *range(1, 18), 100)


@pytest.mark.parametrize("size", SIZES)
def test_a_body_of_a_fixed_length_ends_there(size):
    decoder = FixedLengthDecoder(5)
    assert decode(decoder, b"abcde" + NEXT, size) == (b"abcde", NEXT)
    assert decoder.complete


def test_a_body_below_its_length_is_not_complete():
    decoder = FixedLengthDecoder(5)
    assert decode(decoder, b"abcd", 1) == (b"abcd", b"")
    assert not decoder.complete
    assert decoder.left == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("rest", [b"", NEXT, b"\r\n", b"\r\n\r\n" + NEXT, b"\0", b"0\r\n\r\n"])
@pytest.mark.parametrize(
    ("encoded", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"00\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
        (b'A;a;b=c;d="e\\"f;"\r\n0123456789\r\n0;g\r\n\r\n', b"0123456789"),
        (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n"),
        (b"5\r\n0\r\n\r\n\r\n1\r\n\r\r\n1\r\n\n\r\n0\r\n\r\n", b"0\r\n\r\n\r\n"),
        (b"0\r\nA: b\r\n\r\n", b""),
        (b"1;a\r\n\r\r\n0\r\nA: b\r\nC:\r\n\r\n", b"\r"),
        (b"0\r\nConnection: close, upgrade\r\nUpgrade: a\r\n\r\n", b""),
    ],
)
def test_a_chunked_body_ends_after_its_last_chunk(encoded, body, rest, size):
    decoder = chunked()
    assert decode(decoder, encoded + rest, size) == (body, rest)
    assert decoder.complete


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("end", range(1, 16))
def test_a_chunked_body_without_its_end_is_not_complete(end, size):
    decoder = chunked()
    decode(decoder, b"3\r\nabc\r\n0\r\nA: b\r\n\r\n"[:end], size)
    assert not decoder.complete


@pytest.mark.parametrize("size", [READ_SIZE, 1, 7, 1000])
@pytest.mark.parametrize(
    "endless",
    [
        b"1;" + b"a" * (FRAMING + READ_SIZE),
        b"1;a=" + b'"' + b"a" * (FRAMING + READ_SIZE),
        b"0;" + b"a" * (FRAMING + READ_SIZE),
        b"0" * (FRAMING + READ_SIZE),
        b"0\r\nA: " + b"b" * (FRAMING + READ_SIZE),
        b"0\r\n" + b"A" * (FRAMING + READ_SIZE),
        b"0\r\n" + b"A:\r\n" * 101 + b"\r\n",
        (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 85,
        # Small chunks earn no credit for a long extension later.
        b"1\r\nx\r\n" * 8000 + b"1;" + b"a" * (FRAMING + READ_SIZE),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_extensions_and_trailers_have_a_limit(endless, size):
    """aiohttp CVE-2026-22815 was about trailers without one."""
    assert refusal(endless, size) == 431


def test_extensions_in_pieces_have_the_same_limit():
    decoder = chunked()
    taken = 0
    with contextlib.suppress(HTTPError):
        for byte in b"1;" + b"a" * (2 * FRAMING):
            decoder.decode(bytes([byte]))
            taken += 1
    assert FRAMING - 64 <= taken <= FRAMING + 64


@pytest.mark.parametrize("size", [None, 1, 7, 1000])
@pytest.mark.parametrize(
    "encoded",
    [
        b"1;" + b"a" * (FRAMING - 100) + b"\r\nx\r\n0\r\n\r\n",
        b"0\r\nA: " + b"b" * (FRAMING - 100) + b"\r\n\r\n",
        b"0\r\n" + b"A:\r\n" * 100 + b"\r\n",
        b"1;abcdefghijkl\r\nx\r\n" * 5000 + b"0\r\n\r\n",
        b"1\r\nx\r\n" * 10000 + b"0\r\n\r\n",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_framing_within_the_limit_is_accepted(encoded, size):
    decoder = chunked()
    decode(decoder, encoded, size)
    assert decoder.complete


@pytest.fixture
def fed(monkeypatch):
    """The sizes of what is given to the parser underneath, call by call."""
    sizes: list[int] = []

    class CountingParser:
        def __init__(self, protocol: object) -> None:
            self._parser = httptools.HttpRequestParser(protocol)

        def feed_data(self, data: bytes) -> None:
            sizes.append(len(data))
            self._parser.feed_data(data)

    class Httptools:
        HttpRequestParser = CountingParser
        HttpParserError = httptools.HttpParserError

    monkeypatch.setattr(decoding, "httptools", Httptools)
    return sizes


@pytest.mark.parametrize("chunk", [b"1\r\nx\r\n", b"4\r\n\r\n\r\n\r\n", b"5\r\nx\r\n\r\n\r\n"])
def test_work_is_linear_in_the_number_of_chunks(fed, chunk):
    """aiohttp CVE-2025-69229 was about many small chunks."""
    calls = []
    for count in (2000, 8000):
        encoded = chunk * count + b"0\r\n\r\n"
        fed.clear()
        decode(chunked(), encoded, READ_SIZE)
        assert sum(fed) == len(ChunkedDecoder.HEAD) + len(encoded)  # each byte once
        calls.append(len(fed))
    assert calls[1] <= 4 * calls[0] + 8


def test_empty_lines_in_data_cost_no_more_than_small_chunks(fed):
    decode(chunked(), b"10000\r\n" + b"\r\n" * 32768 + b"\r\n0\r\n\r\n", READ_SIZE)
    assert len(fed) <= 65536 // 5


def kept(decoder: ChunkedDecoder) -> int:
    """The number of bytes that the decoder refers to, in pieces or not."""
    objects = gc.get_referents(decoder)
    return sum(len(it) for it in objects if isinstance(it, bytes)) + sum(
        len(b"".join(it)) for it in objects if isinstance(it, list)
    )


def test_decoded_data_is_not_kept():
    decoder = chunked()
    decoder.decode(b"ffffff\r\n")
    for _ in range(100):
        assert decoder.decode(b"x" * 1000) == (b"x" * 1000, b"")
    assert kept(decoder) <= 4


def test_single_bytes_are_decoded_once(fed):
    encoded = b"5;" + b"x" * 8000 + b"\r\nhello\r\n0\r\n" + b"X: " + b"y" * 4000 + b"\r\n\r\n"
    decoder = chunked()
    for byte in encoded:
        decoder.decode(bytes([byte]))
        assert kept(decoder) <= 4
    assert decoder.complete
    assert sum(fed) == len(ChunkedDecoder.HEAD) + len(encoded)
