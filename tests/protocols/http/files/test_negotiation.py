"""Accept-Encoding and compressed neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from protocols.http.files import handler
from protocols.http.files.negotiation import choose_coding

from ....tools.site import Site

BOTH = ["br", "gzip"]


@pytest.mark.parametrize(
    ("accept", "available", "coding"),
    [
        (None, BOTH, None),
        ("", BOTH, None),
        ("gzip", BOTH, "gzip"),
        ("GZip", BOTH, "gzip"),
        ("x-gzip", BOTH, "gzip"),
        ("br", BOTH, "br"),
        ("gzip, br", BOTH, "br"),
        ("gzip, br", ["gzip"], "gzip"),
        ("br", ["gzip"], None),
        ("gzip;q=0.9, br;q=0.8", BOTH, "gzip"),
        ("gzip;q=0", BOTH, None),
        ("gzip; q=0.0", BOTH, None),
        ("gzip;q=0.000, br;q=0", BOTH, None),
        ("gzip;Q=0", BOTH, None),
        ("gzip;q=0.001", BOTH, "gzip"),
        ("gzip ; q=1.000", BOTH, "gzip"),
        ("*", BOTH, "br"),
        ("*;q=0", BOTH, None),
        ("br;q=0, *", BOTH, "gzip"),
        ("gzip, *;q=0", BOTH, "gzip"),
        ("identity;q=0, gzip", BOTH, "gzip"),
        ("identity, gzip;q=0.5", BOTH, None),
        ("identity;q=0.5, gzip;q=0.5", BOTH, "gzip"),
        ("identity;q=0", BOTH, None),  # it is better than nothing
        ("deflate, zstd", BOTH, None),
        ("gzip;q=2", BOTH, None),
        ("gzip;q=1.5", BOTH, None),
        ("gzip;q=0.0001", BOTH, None),
        ("gzip;q=-1", BOTH, None),
        ("gzip;q=nan", BOTH, None),
        ("gzip;q=\u0661", BOTH, None),
        ("gzip;q=", BOTH, None),
        ("gzip q=0", BOTH, None),
        ("xgzip, gzipx", BOTH, None),
        ("gzip;q=0, gzip", BOTH, None),
        (", ,gzip,", BOTH, "gzip"),
    ],
)
def test_the_client_gets_the_coding_that_it_prefers(
    accept: str | None, available: list[str], coding: str | None
) -> None:
    assert choose_coding(accept, available) == coding


@pytest.fixture
def packed(site: Site) -> Site:
    site.write("x.css", b"plain")
    site.write("x.css.br", b"brotli")
    site.write("x.css.gz", b"gzipped")
    return site


@pytest.mark.parametrize(
    ("accept", "coding", "body"),
    [
        ("gzip, br", "br", b"brotli"),
        ("gzip", "gzip", b"gzipped"),
        ("gzip;q=0", None, b"plain"),
        ("identity", None, b"plain"),
    ],
)
def test_a_neighbour_is_sent_in_its_coding(
    packed: Site, accept: str, coding: str | None, body: bytes
) -> None:
    answer = packed.ask("/x.css", Accept_Encoding=accept)
    assert answer.body == body
    assert answer.fields.get("content-encoding") == coding
    assert answer.fields["content-type"] == "text/css; charset=utf-8"
    assert answer.fields["vary"] == "Accept-Encoding"
    head = packed.ask("/x.css", "HEAD", Accept_Encoding=accept)
    assert head.fields["content-length"] == str(len(body))


def test_each_representation_has_its_own_tag(packed: Site) -> None:
    tags = {
        packed.ask("/x.css", Accept_Encoding=accept).fields["etag"]
        for accept in ("br", "gzip", "x")
    }
    assert len(tags) == 3
    gzipped = packed.ask("/x.css", Accept_Encoding="gzip").fields["etag"]
    answer = packed.ask("/x.css", Accept_Encoding="gzip", If_None_Match=gzipped)
    assert answer.status == 304
    assert answer.fields["vary"] == "Accept-Encoding"
    assert packed.ask("/x.css", Accept_Encoding="br", If_None_Match=gzipped).status == 200


def test_each_has_its_own_tag_even_if_they_are_the_same_file(site: Site) -> None:
    path = site.write("x.css", b"text")
    (site.path / "x.css.gz").hardlink_to(path)
    tags = {site.ask("/x.css", Accept_Encoding=accept).fields["etag"] for accept in ("gzip", "x")}
    assert len(tags) == 2


def test_two_accept_encoding_fields_are_one_list(packed: Site) -> None:
    data = (
        b"GET /x.css HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br;q=0\r\nAccept-Encoding: *\r\n\r\n"
    )
    assert packed.world.ask(packed.connect(), data).endswith(b"gzipped")


def test_a_neighbour_requested_by_its_own_name_has_no_coding(packed: Site) -> None:
    answer = packed.ask("/x.css.gz", Accept_Encoding="gzip")
    assert "content-encoding" not in answer.fields
    assert answer.fields["content-type"] == "application/gzip"


def test_without_neighbours_there_is_no_vary(site: Site) -> None:
    site.write("x.css", b"plain")
    assert "vary" not in site.ask("/x.css", Accept_Encoding="gzip").fields


def test_a_neighbour_alone_is_not_found(site: Site) -> None:
    site.write("x.css.gz", b"gzipped")
    assert site.ask("/x.css", Accept_Encoding="gzip").status == 404


def test_a_neighbour_that_is_a_link_out_of_the_root_is_not_sent(site: Site) -> None:
    site.write("x.css", b"plain")
    (site.path / "x.css.gz").symlink_to(site.outside / "secret.txt")
    (site.path / "x.css.br").symlink_to("../outside/secret.txt")
    answer = site.ask("/x.css", Accept_Encoding="gzip, br")
    assert (answer.body, "vary" in answer.fields) == (b"plain", False)


def test_new_neighbours_are_found_after_a_while_and_removed_ones_at_once(site: Site) -> None:
    site.write("x.css", b"plain")
    assert site.ask("/x.css", Accept_Encoding="gzip").body == b"plain"
    path = site.write("x.css.gz", b"gzipped")
    site.world.reactor.advance(2)  # until then it need not look again
    assert site.ask("/x.css", Accept_Encoding="gzip").body == b"gzipped"
    path.unlink()
    assert site.ask("/x.css", Accept_Encoding="gzip").body == b"plain"


def test_an_index_may_have_neighbours(site: Site) -> None:
    site.write("a/index.html", b"plain")
    site.write("a/index.html.gz", b"gzipped")
    answer = site.ask("/a/", Accept_Encoding="gzip")
    assert answer.body == b"gzipped"
    assert answer.fields["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("start", ["gzip", "gzip;", "gzip;q=1"])
def test_white_space_takes_linear_time(start: str) -> None:
    """Quadratic time would be hours: the time-out of all tests would end it."""
    assert choose_coding(start + " " * 1_000_000 + "x", BOTH) is None


def test_a_neighbour_may_be_removed_while_it_is_chosen(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write("x.css", b"plain")
    path = site.write("x.css.gz", b"gzipped")
    choose = handler.choose_coding

    def remove(*arguments: Any) -> str | None:
        path.unlink()
        return choose(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(handler, "choose_coding", remove)
        answer = site.ask("/x.css", Accept_Encoding="gzip")
    assert (answer.status, answer.body) == (200, b"plain")
    assert "content-encoding" not in answer.fields
