"""Conditional requests, in the order of RFC 9110 section 13.2.2."""

from __future__ import annotations

import time

import pytest

from protocols.http.files.conditions import Validators, http_date
from protocols.http.headers import Headers

from ....tools.http import EPOCH
from ....tools.site import OLD, OLD_DATE, Site

EARLIER = "Sun, 09 Sep 2001 01:46:39 GMT"
LATER = "Sun, 09 Sep 2001 01:46:41 GMT"

IF_MATCH, IF_NONE, IF_SINCE, IF_UNSINCE = (
    *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"),
)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, None),
        ({IF_MATCH: '"a"'}, None),
        ({IF_MATCH: "*"}, None),
        ({IF_MATCH: '"b", "a"'}, None),
        ({IF_MATCH: '"b"'}, 412),
        ({IF_MATCH: 'W/"a"'}, 412),  # strong comparison
        ({IF_MATCH: ""}, 412),
        ({IF_MATCH: "a"}, 412),
        ({IF_MATCH: '"b,"a"'}, 412),
        ({IF_NONE: '"a"'}, 304),
        ({IF_NONE: 'W/"a"'}, 304),  # weak comparison
        ({IF_NONE: '"b" , W/"a"'}, 304),
        ({IF_NONE: "*"}, 304),
        ({IF_NONE: '"b"'}, None),
        ({IF_NONE: '"A"'}, None),
        ({IF_NONE: "a"}, None),
        ({IF_NONE: '"a'}, None),
        ({IF_SINCE: OLD_DATE}, 304),
        ({IF_SINCE: LATER}, 304),
        ({IF_SINCE: EARLIER}, None),
        ({IF_SINCE: "yesterday"}, None),
        ({IF_UNSINCE: OLD_DATE}, None),
        ({IF_UNSINCE: LATER}, None),
        ({IF_UNSINCE: EARLIER}, 412),
        ({IF_UNSINCE: "yesterday"}, None),
        # If-Match goes before If-Unmodified-Since, If-None-Match before If-Modified-Since.
        ({IF_MATCH: '"a"', IF_UNSINCE: EARLIER}, None),
        ({IF_MATCH: '"b"', IF_UNSINCE: LATER}, 412),
        ({IF_NONE: '"b"', IF_SINCE: LATER}, None),
        ({IF_NONE: '"a"', IF_SINCE: EARLIER}, 304),
        # The first two before the last two.
        ({IF_MATCH: '"b"', IF_NONE: '"a"'}, 412),
        ({IF_MATCH: '"a"', IF_NONE: '"a"'}, 304),
        ({IF_UNSINCE: EARLIER, IF_SINCE: LATER}, 412),
    ],
)
def test_the_status_follows_from_the_conditions(fields: dict[str, str], status: int | None) -> None:
    validators = Validators('"a"', OLD)
    for method in ("GET", "HEAD"):
        assert validators.failed(method, Headers(tuple(fields.items()))) == status


def test_for_unsafe_methods_a_failed_condition_is_412() -> None:
    validators = Validators('"a"', OLD)
    assert validators.failed("PUT", Headers((("if-none-match", "*"),))) == 412
    assert validators.failed("PUT", Headers((("if-modified-since", LATER),))) is None


def test_a_weak_tag_never_matches_strongly() -> None:
    validators = Validators('W/"a"', OLD)
    assert validators.failed("GET", Headers((("if-match", 'W/"a"'),))) == 412
    assert validators.failed("GET", Headers((("if-match", '"a"'),))) == 412
    assert validators.failed("GET", Headers((("if-none-match", '"a"'),))) == 304


@pytest.mark.parametrize(
    ("tag", "value", "apply"),
    [
        ('"a"', None, True),
        ('"a"', '"a"', True),
        ('"a"', '"b"', False),
        ('"a"', 'W/"a"', False),
        ('W/"a"', 'W/"a"', False),
        ('W/"a"', '"a"', False),
        ('"a"', OLD_DATE, True),
        ('"a"', LATER, False),
        ('"a"', EARLIER, False),
        ('"a"', "rubbish", False),
        ('"a"', "", False),
        ('W/"a"', OLD_DATE, False),
    ],
)
def test_if_range_allows_ranges_of_this_version_only(
    tag: str, value: str | None, apply: bool
) -> None:
    fields = () if value is None else (("if-range", value),)
    assert Validators(tag, OLD).ranges_apply(Headers(fields)) is apply


@pytest.mark.parametrize(
    "value",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_dates_have_three_formats(value: str) -> None:
    assert http_date(value) == 784_111_777


@pytest.mark.parametrize(
    "value",
    [None, "", "x", "0", "\u0661", "Sun, 06 Foo 1994 08:49:37 GMT", "Sun, 6 " * 30],
)
def test_an_invalid_date_is_none(value: str | None) -> None:
    assert http_date(value) is None


def test_a_long_list_of_tags_takes_linear_time() -> None:
    validators = Validators('"a"', OLD)
    assert validators.failed("GET", Headers((("if-none-match", '"b",' * 8000 + '"a"'),))) == 304


def test_304_has_the_fields_that_a_cache_needs(site: Site) -> None:
    site.write("x.txt", b"text")
    tag = site.ask("/x.txt").fields["etag"]
    answer = site.ask("/x.txt", If_None_Match=tag)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.fields["etag"] == tag
    assert answer.fields["last-modified"] == OLD_DATE
    assert "content-type" not in answer.fields


def test_412_is_the_answer_to_another_version(site: Site) -> None:
    site.write("x.txt", b"text")
    assert site.ask("/x.txt", If_Match='"other"').status == 412
    assert site.ask("/x.txt", If_Unmodified_Since=EARLIER).status == 412
    assert site.ask("/x.txt", If_Match="*").body == b"text"


def test_a_change_within_a_second_changes_the_tag(site: Site) -> None:
    site.write("x.txt", b"text")
    tag = site.ask("/x.txt").fields["etag"]
    site.write("x.txt", b"TEXT", OLD + 1e-6)  # the same size, within the same second
    answer = site.ask("/x.txt", If_None_Match=tag)
    assert (answer.status, answer.body) == (200, b"TEXT")
    assert answer.fields["etag"] != tag


def test_another_file_of_the_same_time_and_size_has_another_tag(site: Site) -> None:
    site.write("x.txt", b"text")
    tag = site.ask("/x.txt").fields["etag"]
    site.write("y.txt", b"TEXT").rename(site.path / "x.txt")
    assert site.ask("/x.txt").fields["etag"] != tag


def test_a_file_just_written_has_a_weak_tag(site: Site) -> None:
    """It could change again within a tick of the clock, and look the same."""
    path = site.write("x.txt", b"text", time.time() + 60)
    answer = site.ask("/x.txt")
    assert answer.fields["etag"].startswith('W/"')
    weak = site.ask("/x.txt", If_Range=answer.fields["etag"], Range="bytes=0-0")
    assert weak.status == 200
    site.write(path.name, b"text")
    assert site.ask("/x.txt").fields["etag"].startswith('"')


def test_the_tag_becomes_strong_after_a_second(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("x.txt", b"text")
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: OLD + 0.5)
        weak = site.ask("/x.txt").fields["etag"]
        patch.setattr(time, "time", lambda: OLD + 1.5)
        assert weak == "W/" + site.ask("/x.txt").fields["etag"]


@pytest.mark.parametrize("ahead", [1, 86_400, 10**11])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_last_modified_is_never_after_the_date(site: Site, ahead: float, method: str) -> None:
    """RFC 9110 section 8.8.2.1. In the tests the clock runs from November 2023 on."""
    now = EPOCH + site.world.reactor.time()
    site.write("a.txt", b"x" * 100_000, now + ahead)
    site.write("a.txt.gz", b"x", now + ahead)
    for fields in ({}, {"Accept_Encoding": "gzip"}, {"Range": "bytes=1-2"}):
        for _ in range(2):
            answer = site.ask("/a.txt", method, **fields)
            assert answer.fields["last-modified"] == answer.fields["date"]
    tag = answer.fields["etag"]
    unchanged = site.ask("/a.txt", If_None_Match=tag)
    assert unchanged.status == 304
    assert http_date(unchanged.fields["last-modified"]) <= http_date(unchanged.fields["date"])


def test_a_file_from_the_future_has_the_date_of_each_response_until_then(site: Site) -> None:
    now = EPOCH + site.world.reactor.time()
    site.write("a.txt", b"x", now + 10)
    modified = []
    for _ in range(4):
        modified.append(http_date(site.ask("/a.txt").fields["last-modified"]) - now)
        site.world.reactor.advance(5.0)
    assert modified == [0, 5, 10, 10]
