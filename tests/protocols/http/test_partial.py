"""Heads that come in pieces: refused as early as possible, and each byte is checked only once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.http import Limits, Response, partial
from protocols.http.errors import HTTPError
from protocols.http.head import HeadParser
from protocols.http.partial import PartialHead

from ...tools.http import HTTPWorld
from .raw_requests import get

LIMITS = Limits(request_line=200)
parser = HeadParser(LIMITS)


def new() -> PartialHead:
    return PartialHead(parser.check_line, LIMITS.request_line)


def refusal(data: bytes, size: int = 1) -> tuple[int, int] | None:
    """The status, and how much had come by then, when ``data`` comes in pieces of ``size``."""
    head = new()
    for end in range(size, len(data) + size, size):
        if head.find_end(data[:end]) >= 0:
            return None
        try:
            head.check(data[:end])
        except HTTPError as error:
            return error.status, min(end, len(data))
    return None


def expected(data: bytes) -> int | None:
    """The status for ``data``, found by regular expressions over all of it."""
    if b"\n" in data or len(data) > LIMITS.request_line:
        try:
            parser.check_line(data)
        except HTTPError as error:
            return error.status
        return 400 if re.search(rb"(?<!\r)\n", data) else None
    start = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*(?: [!-~]*(?: [HTP/0-9.]*\r?)?)?"
    return None if re.fullmatch(start, data) else 400


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_no_start_of_a_valid_head_is_refused(size: int) -> None:
    assert refusal(get(b"A: b"), size) is None


@pytest.mark.parametrize("name", [b"Content-Length", b"Transfer-Encoding", b"Host", b"Expect"])
def test_a_line_that_ends_with_lf_alone_is_refused_at_once(name: bytes) -> None:
    data = b"GET / HTTP/1.1\r\nHost: a\r\n" + name + b": 1\n"
    assert refusal(data) == (400, len(data))
    assert refusal(data + b"more", 4) is not None


@pytest.mark.parametrize(
    ("data", "status", "size"),
    [
        (b"\x16\x03\x01", 400, 1),
        (b"GET / HTTP/1.1\n", 400, 15),
        (b"GET / HTTP/1.1\rX", 400, 16),
        (b"GET / HTTP/1.1\rH", 400, 16),
        (b"GET / HTTP/1.1 ", 400, 15),
        (b"GET /\r\n", 400, 6),
        (b"GET\r\n", 400, 4),
        (b"GET  / HTTP/1.1\r\n", 400, 7),
        (b"GET / FTP/1.1", 400, 7),
        (b"GET / HTTP/2.0\r\n", 505, 16),
        (b"GET /" + b"a" * 300, 414, 201),
    ],
)
def test_an_error_is_refused_at_its_first_byte(data: bytes, status: int, size: int) -> None:
    assert refusal(data) == (status, size)


_bits = st.sampled_from(
    [
        b"GET",
        b" ",
        b"/",
        b"HTTP/1.1",
        b"HTTP/2.0",
        b"\r",
        b"\n",
        b"\r\n",
        b"A: b",
        b"x" * 90,
        b"\x00",
    ]
)


@given(st.lists(_bits, max_size=12).map(b"".join), st.integers(1, 20))
def test_a_head_in_pieces_is_refused_like_a_whole_one(data: bytes, size: int) -> None:
    head = new()
    for end in range(size, len(data) + size, size):
        seen = data[:end]
        if seen.startswith(b"\r") or b"\r\n\r\n" in seen:
            return
        status = None
        try:
            assert head.find_end(seen) == -1
            head.check(seen)
        except HTTPError as error:
            status = error.status
        assert status == expected(seen)
        if status is not None:
            return


class Spied(bytes):
    """Bytes that count how many of them are searched."""

    searched = 0

    def find(self, what: Any, start: int = 0, end: int | None = None) -> int:
        Spied.searched += (len(self) if end is None else min(end, len(self))) - start
        return super().find(what, start, len(self) if end is None else end)


def count_matching(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of bytes that each regular expression looked at."""
    lengths: list[int] = []

    def counting(method: Any) -> Any:
        def call(data: bytes, start: int = 0) -> Any:
            found = method(data, start)
            lengths.append((found.end() if found else len(data)) - start)
            return found

        return call

    monkeypatch.setattr(partial, "_BARE_LF", counting(partial._BARE_LF))
    parts = tuple((counting(match), end) for match, end in partial._PARTS)
    monkeypatch.setattr(partial, "_PARTS", parts)
    return lengths


@pytest.mark.parametrize(
    "data",
    [b"GET /" + b"a" * 8000, b"GET / HTTP/1.1\r\n" + b"Field: value\r\n" * 2000],
    ids=["line", "fields"],
)
def test_each_byte_is_checked_once(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    lengths = count_matching(monkeypatch)
    lines: list[bytes] = []
    head = PartialHead(lines.append, 8192)
    Spied.searched = 0
    for end in range(1, len(data) + 1):
        seen = Spied(data[:end])
        assert head.find_end(seen) == -1
        head.check(seen)
    assert Spied.searched <= 4 * len(data)  # three bytes back each time
    assert sum(lengths) <= 2 * len(data)
    assert len(lines) <= 1


def test_a_connection_checks_each_byte_of_a_head_once(
    world: HTTPWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """31 KiB of a head, byte by byte."""
    lengths = count_matching(monkeypatch)
    checks: list[int] = []
    check_line = HeadParser.check_line

    def counted(self: HeadParser, data: bytes) -> Any:
        checks.append(len(data))
        return check_line(self, data)

    monkeypatch.setattr(HeadParser, "check_line", counted)
    data = get(b"X: " + b"a" * 31_000)
    for first in (b"", b"\r\n", get()):
        peer = world.connect(lambda request: Response.text("fine"))
        world.ask(peer, first)
        lengths.clear()
        checks.clear()
        assert world.ask(peer, data, 1).startswith(b"HTTP/1.1 200 ")
        assert sum(lengths) <= 2 * len(data)
        assert len(checks) <= 2
