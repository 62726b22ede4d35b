"""Validators, conditions, ranges, and which neighbour is sent."""

from __future__ import annotations

import email
import os
import re
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.http.files.conditions import http_date
from protocols.http.files.handler import FileHandler
from protocols.http.files.negotiation import choose_coding
from protocols.http.files.ranges import MAX_RANGES, parse_ranges

from ..conftest import HTTPWorld

MODIFIED = 1_600_000_000  # Sun, 13 Sep 2020 12:26:40 GMT
DATE = "Sun, 13 Sep 2020 12:26:40 GMT"
LATER = "Sun, 13 Sep 2020 12:26:41 GMT"
EARLIER = "Sun, 13 Sep 2020 12:26:39 GMT"
CONTENT = b"0123456789"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "file.txt", CONTENT)
    return tmp_path


def write(path: Path, content: bytes) -> None:
    """A file of old: its validators are strong."""
    path.write_bytes(content)
    os.utime(path, (MODIFIED, MODIFIED))


class Answer:
    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        self.status = int(line.split()[1])
        self.fields: Message = email.message_from_bytes(fields)

    def __getitem__(self, name: str) -> str | None:
        return self.fields[name]


def ask(world: HTTPWorld, root: Path, *fields: str, method: str = "GET") -> Answer:
    lines = "".join(field + "\r\n" for field in fields)
    request = f"{method} /file.txt HTTP/1.1\r\nHost: a\r\n{lines}\r\n"
    return Answer(world.ask(world.connect(FileHandler(root)), request.encode()))


def etag(world: HTTPWorld, root: Path, *fields: str) -> str:
    tag = ask(world, root, *fields)["ETag"]
    assert tag is not None
    return tag


def test_validators(world: HTTPWorld, root: Path) -> None:
    answer = ask(world, root)
    assert answer["Last-Modified"] == DATE
    assert re.fullmatch('"[0-9a-f-]+"', etag(world, root))
    before = etag(world, root)
    os.utime(root / "file.txt", ns=(0, MODIFIED * 10**9 + 1))
    assert etag(world, root) != before


def test_a_file_that_was_written_just_now_has_a_weak_validator(
    world: HTTPWorld, root: Path
) -> None:
    (root / "file.txt").write_bytes(CONTENT)
    tag = etag(world, root)
    assert tag.startswith('W/"')
    assert ask(world, root, f"If-None-Match: {tag}").status == 304
    assert ask(world, root, f"If-Match: {tag}").status == 412
    assert ask(world, root, "Range: bytes=0-1", f"If-Range: {tag}").status == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (["If-None-Match: TAG"], 304),
        (["If-None-Match: W/TAG"], 304),
        (['If-None-Match: "x", TAG'], 304),
        (['If-None-Match: "x"', "If-None-Match: TAG"], 304),
        (["If-None-Match: *"], 304),
        (['If-None-Match: "x"'], 200),
        (["If-None-Match: x"], 200),
        (["If-Match: TAG"], 200),
        (['If-Match: "x",TAG'], 200),
        (["If-Match: *"], 200),
        (["If-Match: W/TAG"], 412),
        (['If-Match: "x"'], 412),
        ([f"If-Modified-Since: {DATE}"], 304),
        ([f"If-Modified-Since: {LATER}"], 304),
        ([f"If-Modified-Since: {EARLIER}"], 200),
        (["If-Modified-Since: Sunday, 13-Sep-20 12:26:40 GMT"], 304),
        (["If-Modified-Since: Sun Sep 13 12:26:40 2020"], 304),
        (["If-Modified-Since: yesterday"], 200),
        ([f"If-Unmodified-Since: {DATE}"], 200),
        ([f"If-Unmodified-Since: {EARLIER}"], 412),
        (["If-Unmodified-Since: never"], 200),
        # The order of RFC 9110 section 13.2.2: tags go before dates, and If-Match first.
        (['If-None-Match: "x"', f"If-Modified-Since: {LATER}"], 200),
        (["If-Match: TAG", f"If-Unmodified-Since: {EARLIER}"], 200),
        (['If-Match: "x"', "If-None-Match: TAG"], 412),
        (["If-Match: TAG", "If-None-Match: TAG"], 304),
        (["If-None-Match: TAG", "Range: bytes=0-1"], 304),
        (["If-Match: TAG", "Range: bytes=0-1"], 206),
    ],
)
def test_conditions(world: HTTPWorld, root: Path, fields: list[str], status: int) -> None:
    tag = etag(world, root)
    answer = ask(world, root, *(field.replace("TAG", tag) for field in fields))
    assert answer.status == status
    if status == 304:
        assert answer["ETag"] == tag
        assert answer["Content-Length"] is None
        assert answer.body == b""
    if status == 200:
        assert answer.body == CONTENT


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("TAG", 206),
        ("W/TAG", 200),
        ('"x"', 200),
        (DATE, 206),
        (LATER, 200),
        (EARLIER, 200),
        ("x", 200),
        ("TAG, TAG", 200),
    ],
)
def test_if_range(world: HTTPWorld, root: Path, value: str, status: int) -> None:
    value = value.replace("TAG", etag(world, root))
    answer = ask(world, root, "Range: bytes=2-3", f"If-Range: {value}")
    assert (answer.status, answer.body) == (status, b"23" if status == 206 else CONTENT)


@pytest.mark.parametrize(
    ("field", "body", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", CONTENT, "bytes 0-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"),
        ("Bytes=1-1", b"1", "bytes 1-1/10"),
        ("bytes= 1-1 ,", b"1", "bytes 1-1/10"),
        ("bytes=1-3,2-5", b"12345", "bytes 1-5/10"),
        ("bytes=4-5,1-3", b"12345", "bytes 1-5/10"),
        ("bytes=1-1,99-", b"1", "bytes 1-1/10"),
    ],
)
def test_one_range(
    world: HTTPWorld, root: Path, field: str, body: bytes, content_range: str
) -> None:
    answer = ask(world, root, f"Range: {field}")
    assert (answer.status, answer.body) == (206, body)
    assert answer["Content-Range"] == content_range
    assert answer["Content-Length"] == str(len(body))


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=99-100", "bytes=-0", "bytes=10-,11-"])
def test_no_such_range(world: HTTPWorld, root: Path, field: str) -> None:
    answer = ask(world, root, f"Range: {field}")
    assert answer.status == 416
    assert answer["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "field",
    [
        *("bytes", "bytes=a-b", "bytes=3-2", "bytes=+1-2", "bytes=1_0-", "bytes=1-2;", "lines=1-2"),
        *("bytes=--1", "bytes=1--2", "bytes=0x1-", "bytes=-", "bytes=1 - 2", "bytes=\u00b2-"),
        "bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)),
        "bytes=" + "0" * 2000 + "-",
    ],
)
def test_ranges_that_are_ignored(world: HTTPWorld, root: Path, field: str) -> None:
    assert ask(world, root, f"Range: {field}").status == 200


def test_ranges_are_for_get(world: HTTPWorld, root: Path) -> None:
    answer = ask(world, root, "Range: bytes=1-2", method="HEAD")
    assert (answer.status, answer["Content-Length"]) == (200, "10")


def test_several_ranges(world: HTTPWorld, root: Path) -> None:
    answer = ask(world, root, "Range: bytes=8-,0-1,4-4")
    assert answer.status == 206
    assert answer["Content-Length"] == str(len(answer.body))
    message = email.message_from_bytes(
        f"Content-Type: {answer['Content-Type']}\r\n\r\n".encode() + answer.body
    )
    parts = [
        (part["Content-Range"], part["Content-Type"], part.get_payload(decode=True))
        for part in message.get_payload()
        if isinstance(part, Message)
    ]
    assert parts == [
        ("bytes 8-9/10", "text/plain; charset=utf-8", b"89"),
        ("bytes 0-1/10", "text/plain; charset=utf-8", b"01"),
        ("bytes 4-4/10", "text/plain; charset=utf-8", b"4"),
    ]


SPECS = st.tuples(st.none() | st.integers(0, 30), st.none() | st.integers(0, 30))


@given(st.lists(SPECS, min_size=1, max_size=MAX_RANGES), st.integers(0, 25))
def test_ranges_against_a_simple_model(
    specs: list[tuple[int | None, int | None]], size: int
) -> None:
    text = ",".join(f"{'' if a is None else a}-{'' if b is None else b}" for a, b in specs)
    valid = all(
        not (a is None and b is None) and (a is None or b is None or a <= b) for a, b in specs
    )
    ranges = parse_ranges(f"bytes={text}", size)
    if not valid:
        assert ranges is None
        return
    wanted: set[int] = set()
    for a, b in specs:
        if a is None:
            wanted |= set(range(max(0, size - (b or 0)), size))
        else:
            wanted |= set(range(a, size if b is None else min(b + 1, size)))
    assert ranges is not None
    found = [byte for first, end in ranges for byte in range(first, end)]
    assert sorted(found) == sorted(wanted)  # each once
    assert all(first < end <= size for first, end in ranges)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.000, br;q=0", None),
        ("gzip;q=0.001", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0", None),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("gzip;q=2", None),
        ("gzip;q=", None),
        ("gzip;q=-1", None),
        ("deflate", None),
        ("gzip;;;,,br;q=0", None),
    ],
)
def test_codings(accept: str | None, coding: str | None) -> None:
    assert choose_coding(accept, ["br", "gzip"]) == coding


def test_neighbours(world: HTTPWorld, root: Path) -> None:
    assert ask(world, root, "Accept-Encoding: gzip")["Vary"] is None
    write(root / "file.txt.gz", b"compressed")
    plain = ask(world, root)
    assert (plain.body, plain["Content-Encoding"]) == (CONTENT, None)
    assert plain["Vary"] == "Accept-Encoding"
    packed = ask(world, root, "Accept-Encoding: br, gzip")
    assert (packed.body, packed["Content-Encoding"]) == (b"compressed", "gzip")
    assert packed["Vary"] == "Accept-Encoding"
    assert packed["Content-Type"] == "text/plain; charset=utf-8"
    assert packed["ETag"] != plain["ETag"]
    write(root / "file.txt.br", b"more so")
    assert ask(world, root, "Accept-Encoding: br, gzip").body == b"more so"
    again = ask(world, root, "Accept-Encoding: gzip", f"If-None-Match: {packed['ETag']}")
    assert (again.status, again["Vary"]) == (304, "Accept-Encoding")
    part = ask(world, root, "Accept-Encoding: gzip", "Range: bytes=0-3")
    assert (part.status, part.body, part["Content-Range"]) == (206, b"comp", "bytes 0-3/10")


def test_a_neighbour_that_is_a_way_out_is_not_taken(world: HTTPWorld, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write(root / "file.txt", CONTENT)
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "file.txt.gz").symlink_to("../secret")
    (root / "file.txt.br").mkdir()
    answer = ask(world, root, "Accept-Encoding: gzip, br")
    assert (answer.body, answer["Content-Encoding"]) == (CONTENT, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (DATE, MODIFIED),
        ("Sunday, 13-Sep-20 12:26:40 GMT", MODIFIED),
        ("Sun Sep 13 12:26:40 2020", MODIFIED),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("x", None),
        ("Sun, 99 Sep 2020 12:26:40 GMT", None),
        ("Sun, 13 Sep 2020 99:26:40 GMT", None),
        ("Sun, 13 Sep 99999 12:26:40 GMT", None),
        (DATE + " " * 100, None),
    ],
)
def test_dates(value: str | None, seconds: int | None) -> None:
    assert http_date(value) == seconds
