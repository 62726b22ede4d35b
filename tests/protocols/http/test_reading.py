"""The reader of requests, without a connection: bytes in, heads and bodies out."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from protocols.http.errors import HTTPError
from protocols.http.head import HeadParser
from protocols.http.limits import UNREAD_BODY, Limits
from protocols.http.reading import RequestReader

from .raw_requests import CASES, PROBE, Case, chunked, get, post


@dataclass
class Outcome:
    """What was read: method, target and body of each request, and the status of the error."""

    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    error: int | None = None
    in_body: bool = False


def read(pieces: list[bytes], limits: Limits | None = None) -> Outcome:
    """Read all requests in ``pieces``, as a connection would whose handler wants all bodies."""
    reader = RequestReader(HeadParser(limits or Limits()))
    outcome = Outcome()
    try:
        for piece in pieces:
            reader.feed(piece)
            while reader.buffer:
                if not reader.in_body:
                    head = reader.read_head()
                    if head is None:
                        break
                    outcome.requests.append((head.method, head.target, b""))
                    reader.expect_body(head.fields)
                else:
                    method, target, body = outcome.requests[-1]
                    outcome.requests[-1] = (method, target, body + reader.read_body())
    except HTTPError as error:
        outcome.error = error.status
    outcome.in_body = reader.in_body
    return outcome


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_cut_in_two_at_each_position(case: Case) -> None:
    data = case.data + PROBE
    whole = read([data])
    assert whole.error is None or whole.error in case.statuses or "not wanted" in case.name
    step = max(1, len(data) // 1000)  # of the longest, not every position
    for place in range(0, len(data) + 1, step):
        pieces = read([data[:place], data[place:]])
        assert (pieces.requests[:-1], pieces.in_body) == (whole.requests[:-1], whole.in_body)
        assert (pieces.error is None) == (whole.error is None)
        if whole.error is None:
            assert pieces.requests == whole.requests


def test_a_head_is_returned_when_it_is_complete() -> None:
    reader = RequestReader(HeadParser(Limits()))
    data = get()
    for byte in data[:-1]:
        reader.feed(bytes([byte]))
        assert reader.read_head() is None
    reader.feed(data[-1:] + b"more")
    head = reader.read_head()
    assert head is not None
    assert head.target == "/"
    assert reader.buffer == b"more"


def test_empty_lines_before_a_head_are_dropped() -> None:
    reader = RequestReader(HeadParser(Limits()), b"\r\n\r\n\r")
    assert reader.read_head() is None
    assert reader.buffer == b"\r"
    reader.feed(b"\n" + get())
    assert reader.read_head() is not None


def test_a_body_comes_in_pieces_and_ends_where_it_was_announced() -> None:
    reader = RequestReader(HeadParser(Limits()), post(b"Content-Length: 5", body=b"ab"))
    head = reader.read_head()
    assert head is not None
    assert not reader.in_body
    reader.expect_body(head.fields)
    assert reader.read_body() == b"ab"
    assert reader.in_body
    reader.feed(b"cdeGET")
    assert reader.read_body() == b"cde"
    assert not reader.in_body
    assert reader.clear() == b"GET"
    assert reader.buffer == b""


def reader_in_body(data: bytes, limits: Limits | None = None) -> RequestReader:
    reader = RequestReader(HeadParser(limits or Limits()), data)
    head = reader.read_head()
    assert head is not None
    reader.expect_body(head.fields)
    return reader


def test_an_announced_body_over_the_limit_is_refused_at_once() -> None:
    with pytest.raises(HTTPError) as caught:
        reader_in_body(post(b"Content-Length: 11"), Limits(body=10))
    assert caught.value.status == 413


def test_a_chunked_body_is_refused_at_the_first_byte_over_the_limit() -> None:
    reader = reader_in_body(chunked(b"a\r\n0123456789\r\n"), Limits(body=10))
    assert reader.read_body() == b"0123456789"
    reader.feed(b"1\r\na\r\n")
    with pytest.raises(HTTPError) as caught:
        reader.read_body()
    assert caught.value.status == 413


def test_a_discarded_body_has_its_own_limit() -> None:
    size = UNREAD_BODY
    reader = reader_in_body(chunked(b"3\r\nabc\r\n"), Limits(body=3))
    reader.read_body()
    reader.discard_body()
    reader.feed(b"%x\r\n" % size + b"a" * size + b"\r\n")
    assert len(reader.read_body()) == size
    reader.feed(b"1\r\na\r\n")
    with pytest.raises(HTTPError):
        reader.read_body()


@pytest.mark.parametrize(
    ("data", "can_be_discarded"),
    [
        (get(), True),
        (post(b"Content-Length: %d" % UNREAD_BODY), True),
        (post(b"Content-Length: %d" % (UNREAD_BODY + 1)), False),
        (post(b"Content-Length: %d" % (UNREAD_BODY + 1), body=b"a"), False),
        (chunked(b""), True),
        (post(b"Expect: 100-continue", b"Content-Length: 5"), False),
        (post(b"Expect: 100-continue", b"Content-Length: 5", body=b"a"), True),
    ],
)
def test_which_bodies_can_be_discarded(data: bytes, can_be_discarded: bool) -> None:
    assert reader_in_body(data).can_discard_body() == can_be_discarded


class CountedBytes(bytes):
    """Bytes that count how many of them ``find`` looks at, and stay so when more is added."""

    searched = 0

    def find(self, what: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
        stop = len(self) if end is None else min(end, len(self))
        CountedBytes.searched += max(0, stop - start)
        return super().find(what, start, stop)

    def __add__(self, other: bytes) -> CountedBytes:  # type: ignore[override]
        return CountedBytes(super().__add__(other))


def test_a_head_that_comes_byte_by_byte_is_searched_once() -> None:
    data = get(b"X: " + b"a" * 20_000)
    CountedBytes.searched = 0
    reader = RequestReader(HeadParser(Limits()), CountedBytes())  # type: ignore[arg-type]
    for byte in data:
        reader.feed(bytes([byte]))
        head = reader.read_head()
    assert head is not None
    assert len(data) <= CountedBytes.searched <= 6 * len(data)
