"""Range requests (RFC 9110 section 14)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.http.files.ranges import MAX_RANGES, parse_ranges

from ....tools.descriptors import open_descriptors
from ....tools.site import OLD_DATE, Site, request

TEN = b"0123456789"


@pytest.mark.parametrize(
    ("field", "ranges"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=2-4", [(2, 5)]),
        ("bytes=2-", [(2, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-30", [(0, 10)]),
        ("bytes=2-999", [(2, 10)]),
        ("BYTES=0-0", [(0, 1)]),
        ("bytes= 0-0 ,\t2-2", [(0, 1), (2, 3)]),
        ("bytes=,0-0,,", [(0, 1)]),
        ("bytes=8-9,0-1", [(8, 10), (0, 2)]),  # in the order in which they were asked for
        ("bytes=0-4,2-6", [(0, 7)]),
        ("bytes=0-4,5-6", [(0, 7)]),  # adjacent
        ("bytes=0-1,4-5,1-4", [(0, 6)]),
        ("bytes=0-,0-,0-,-10", [(0, 10)]),
        ("bytes=10-", []),
        ("bytes=10-20", []),
        ("bytes=-0", []),
        ("bytes=10-,0-0", [(0, 1)]),
        ("bytes=4-2", None),
        ("bytes=0-0,4-2", None),
        ("bytes", None),
        ("bytes 0-0", None),
        ("bits=0-0", None),
        ("bytes=", None),
        ("bytes=, ,", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-0-0", None),
        ("bytes=+0-1", None),
        ("bytes=0-+1", None),
        ("bytes=1_0-", None),
        ("bytes=0x1-", None),
        ("bytes=0 - 1", None),
        ("bytes=--1", None),
        ("bytes=\u0660-\u0661", None),  # int() and \d take the digits of all scripts
        ("bytes=\u0660-", None),
        ("bytes=-\u0661", None),
        ("bytes=\u00b2-", None),
        ("bytes=0.0-1", None),
        ("bytes=" + "9" * 5000 + "-", None),
        ("bytes=" + ",".join(["0-0"] * MAX_RANGES), [(0, 1)]),
        ("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)), None),
        ("bytes=" + "," * 500, None),
        ("bytes=" + " " * 2000 + "0-0", None),
    ],
)
def test_a_field_is_parsed(field: str, ranges: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(field, 10) == ranges


def test_an_empty_file_has_no_ranges() -> None:
    for field in ("bytes=0-", "bytes=0-0", "bytes=-0"):
        assert parse_ranges(field, 0) == []


specs = st.one_of(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda t: f"{min(t)}-{max(t)}"),
    st.integers(0, 30).map(lambda first: f"{first}-"),
    st.integers(0, 30).map(lambda length: f"-{length}"),
)


def naive(text: str, size: int) -> set[int]:
    """The positions of the bytes that are asked for, one by one."""
    first, _, last = text.partition("-")
    if not first:
        return set(range(max(0, size - int(last)), size))
    return {n for n in range(size) if n >= int(first) and (not last or n <= int(last))}


@given(st.lists(specs, min_size=1, max_size=MAX_RANGES), st.integers(0, 25))
def test_merged_ranges_cover_the_same_bytes_as_a_naive_model(texts: list[str], size: int) -> None:
    ranges = parse_ranges("bytes=" + ",".join(texts), size)
    assert ranges is not None
    wanted = set[int]().union(*(naive(text, size) for text in texts))
    covered = [n for first, end in ranges for n in range(first, end)]
    assert sorted(covered) == sorted(wanted)  # each byte once
    ends = {end for _, end in ranges}
    assert all(first not in ends for first, _ in ranges)  # and none adjacent
    assert all(0 <= first < end <= size for first, end in ranges)


@given(st.text(st.sampled_from("bytes=0123456789-, \t+_x\u0663"), max_size=40), st.integers(0, 20))
def test_any_text_yields_valid_ranges_or_none(field: str, size: int) -> None:
    for prefix in ("", "bytes="):
        for first, end in parse_ranges(prefix + field, size) or ():
            assert 0 <= first < end <= size


@pytest.mark.parametrize(
    ("field", "status", "content_range", "body"),
    [
        ("bytes=2-4", 206, "bytes 2-4/10", b"234"),
        ("bytes=7-", 206, "bytes 7-9/10", b"789"),
        ("bytes=-1", 206, "bytes 9-9/10", b"9"),
        ("bytes=0-99", 206, "bytes 0-9/10", TEN),
        ("bytes=0-3,2-5", 206, "bytes 0-5/10", b"012345"),
        ("bytes=10-", 416, "bytes */10", None),
        ("bytes=x", 200, None, TEN),
        ("bytes=" + "0-0,2-2," * 20, 200, None, TEN),
        ("lines=1-2", 200, None, TEN),
    ],
)
def test_a_range_is_answered(
    site: Site, field: str, status: int, content_range: str | None, body: bytes | None
) -> None:
    site.write("x.txt", TEN)
    answer = site.ask("/x.txt", Range=field)
    assert answer.status == status
    assert answer.fields.get("content-range") == content_range
    assert int(answer.fields["content-length"]) == len(answer.body)
    if body is not None:
        assert answer.body == body
        assert answer.fields["accept-ranges"] == "bytes"
        assert "etag" in answer.fields


def test_head_ignores_ranges(site: Site) -> None:
    site.write("x.txt", TEN)
    answer = site.ask("/x.txt", "HEAD", Range="bytes=0-0")
    assert (answer.status, answer.fields["content-length"], answer.body) == (200, "10", b"")


def test_ranges_of_another_version_are_ignored(site: Site) -> None:
    site.write("x.txt", TEN)
    tag = site.ask("/x.txt").fields["etag"]
    for value in (tag, OLD_DATE):
        assert site.ask("/x.txt", Range="bytes=0-0", If_Range=value).body == b"0"
    for value in ('"other"', "W/" + tag, "Sun, 09 Sep 2001 01:46:41 GMT", "x"):
        answer = site.ask("/x.txt", Range="bytes=0-0", If_Range=value)
        assert (answer.status, answer.body) == (200, TEN)
        assert "content-range" not in answer.fields
    # A range that cannot be satisfied is not refused if it is meant for another version.
    assert site.ask("/x.txt", Range="bytes=99-", If_Range='"other"').status == 200


def test_conditions_are_evaluated_before_ranges(site: Site) -> None:
    site.write("x.txt", TEN)
    tag = site.ask("/x.txt").fields["etag"]
    assert site.ask("/x.txt", Range="bytes=0-0", If_None_Match=tag).status == 304
    assert site.ask("/x.txt", Range="bytes=99-", If_Match='"other"').status == 412


def parts_of(fields: dict[str, str], body: bytes) -> list[tuple[str, str, bytes]]:
    boundary = re.fullmatch("multipart/byteranges; boundary=([0-9a-f]{32})", fields["content-type"])
    assert boundary is not None
    first, *parts, end = body.split(b"\r\n--" + boundary[1].encode())
    assert (first, end) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, data = part.partition(b"\r\n\r\n")
        values = dict(line.split(": ") for line in head.decode().strip().split("\r\n"))
        found.append((values["Content-Type"], values["Content-Range"], data))
    return found


@pytest.mark.parametrize("size", [10, 200_000])
def test_several_ranges_are_a_multipart_body(site: Site, size: int) -> None:
    data = (TEN * (size // 10))[:size]
    site.write("x.txt", data)
    half = size // 2
    field = f"bytes=-1,0-1,{half}-{size - 2}" if size == 10 else f"bytes=-1,0-1,3-{half}"
    answer = site.ask("/x.txt", Range=field)
    assert answer.status == 206
    assert "content-range" not in answer.fields
    assert int(answer.fields["content-length"]) == len(answer.body)
    parts = parts_of(answer.fields, answer.body)
    text = "text/plain; charset=utf-8"
    if size == 10:  # the last two are adjacent to none but each other
        assert parts == [
            (text, "bytes 0-1/10", data[:2]),
            (text, "bytes 5-9/10", data[5:]),
        ]
    else:
        assert parts == [
            (text, f"bytes {size - 1}-{size - 1}/{size}", data[-1:]),
            (text, f"bytes 0-1/{size}", data[:2]),
            (text, f"bytes 3-{half}/{size}", data[3 : half + 1]),
        ]


def test_each_response_has_another_boundary(site: Site) -> None:
    site.write("x.txt", TEN)
    types = {site.ask("/x.txt", Range="bytes=0-0,2-2").fields["content-type"] for _ in range(5)}
    assert len(types) == 5


def test_ranges_count_in_the_negotiated_coding(site: Site) -> None:
    site.write("x.txt", TEN)
    site.write("x.txt.gz", b"abcdef")
    answer = site.ask("/x.txt", Range="bytes=1-2", Accept_Encoding="gzip")
    assert (answer.body, answer.fields["content-range"]) == (b"bc", "bytes 1-2/6")
    assert answer.fields["content-encoding"] == "gzip"
    tag = site.ask("/x.txt").fields["etag"]  # of the other representation
    answer = site.ask("/x.txt", Range="bytes=1-2", Accept_Encoding="gzip", If_Range=tag)
    assert (answer.status, answer.body) == (200, b"abcdef")


def test_pipelined_range_requests_are_all_answered(site: Site) -> None:
    site.write("x.txt", TEN)
    peer = site.connect()
    data = site.world.ask(peer, request("/x.txt", Range="bytes=0-0,2-2,4-4") * 4)
    assert data.count(b"HTTP/1.1 206") == 4
    assert not peer.closed


def test_a_client_that_leaves_between_the_parts_keeps_no_file_open(site: Site) -> None:
    """The fixture counts the open descriptors."""
    site.write("x.bin", b"x" * 300_000)
    peer = site.connect()
    peer.stall(1000)
    site.world.ask(peer, request("/x.bin", Range="bytes=0-100000,100002-200000,200002-"))
    peer.reset()
    site.world.reactor.settle()
    assert peer.transport.is_closing()


@pytest.mark.parametrize("target", ["/x.txt", "/large.bin"])
def test_pipelined_requests_that_nobody_reads_open_one_file_at_a_time(
    site: Site, target: str
) -> None:
    """Not a hundred files; and all responses are sent in the end."""
    site.write("x.txt", TEN * 20)
    site.write("large.bin", TEN * 10_000)
    field = "bytes=" + ",".join(f"{n * 5}-{n * 5}" for n in range(MAX_RANGES))
    peer = site.connect()
    peer.stall(0)
    before = open_descriptors()
    begun = site.world.ask(peer, request(target, Range=field) * 100 + request(target) * 100)
    assert open_descriptors() <= before + 1
    peer.resume()
    site.world.reactor.settle()
    answers = begun + peer.read()
    assert answers.count(b"HTTP/1.1 206") == 100
    assert answers.count(b"HTTP/1.1 200") == 100
    assert not peer.closed
