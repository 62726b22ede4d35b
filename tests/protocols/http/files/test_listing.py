"""The page that lists a folder."""

from __future__ import annotations

import html
import os
import re
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest

from protocols.http.files import listing

from ....tools.site import OLD, Site

ROW = re.compile('<tr><td><a href="([^"]*)">([^<]*)</a></td><td>([^<]*)</td><td>([^<]*)</td></tr>')


def rows(site: Site, target: str = "/") -> list[tuple[str, ...]]:
    """What is shown: href, name, size, time."""
    answer = site.ask(target)
    assert answer.status == 200
    return [tuple(map(html.unescape, row)) for row in ROW.findall(answer.body.decode())]


def names(site: Site, target: str = "/") -> list[str]:
    return [row[1] for row in rows(site, target) if row[1] != "../"]


@pytest.fixture
def full(site: Site) -> Site:
    site.write("b.txt", b"22", OLD + 60)
    site.write("A.txt", b"333", OLD)
    site.write("c.txt", b"1", OLD + 120)
    site.write("z/x")
    os.utime(site.path / "z", (OLD, OLD))
    return site


def test_folders_come_first_then_files_by_name(full: Site) -> None:
    assert rows(full) == [
        ("./z/", "z/", "", "2001-09-09 01:46"),
        ("./A.txt", "A.txt", "3", "2001-09-09 01:46"),
        ("./b.txt", "b.txt", "2", "2001-09-09 01:47"),
        ("./c.txt", "c.txt", "1", "2001-09-09 01:48"),
    ]
    assert rows(full, "/z/")[0][:2] == ("../", "../")


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", "Abc"),
        ("?sort=name&order=desc", "cbA"),
        ("?sort=size", "cbA"),
        ("?sort=size&order=desc", "Abc"),
        ("?sort=time", "Abc"),
        ("?sort=time&order=desc", "cbA"),
        ("?order=desc&sort=time", "cbA"),
        ("?sort=<script>", "Abc"),
        ("?sort", "Abc"),
        ("?" + "&" * 5000, "Abc"),
        ("?sort=<x>&order=%00&a&=&sort", "Abc"),
    ],
)
def test_the_query_sorts(full: Site, query: str, order: str) -> None:
    assert names(full, "/" + query) == ["z/", *(f"{letter}.txt" for letter in order)]


def test_the_heads_of_columns_are_links_that_sort(full: Site) -> None:
    body = full.ask("/?sort=size&order=asc").body.decode()
    links = [html.unescape(link) for link in re.findall(r'<th><a href="([^"]*)"', body)]
    assert links == ["?sort=name&order=asc", "?sort=size&order=desc", "?sort=time&order=asc"]
    assert "Time</a> (UTC)</th>" in body


NASTY = [
    *(b"<script>alert(1)<", b'"onmouseover="x', b"'x'", b"a&b&lt;", b"a:b", b"javascript:alert(1)"),
    *(b"?query", b"#fragment", b"%41", b"a b", b"\xff\xfe", b"caf\xc3\xa9", b"new\nline", b"{x}"),
    *(b"?sort=size", b"&amp;", b"CAPITAL"),
]


def test_names_are_escaped_and_lead_to_their_files(site: Site) -> None:
    for name in NASTY:
        site.write(name, name)
    body = site.ask("/").body
    assert b"<script" not in body
    found = rows(site)
    assert len(found) == len(NASTY)
    for href, *_ in found:
        target = urlsplit(urljoin("http://a/", href))
        assert (target.scheme, target.netloc, target.query, target.fragment) == (
            "http",
            "a",
            "",
            "",
        )
        assert site.ask(target.path).body == unquote_to_bytes(target.path[1:])
    assert "\N{REPLACEMENT CHARACTER}" * 2 in [row[1] for row in found]


def test_the_folders_name_is_escaped(site: Site) -> None:
    site.write("<b>&x/y")
    answer = site.ask("/%3Cb%3E&x/")
    assert b"<h1>Index of /&lt;b&gt;&amp;x/</h1>" in answer.body


def test_the_query_is_not_shown(site: Site) -> None:
    answer = site.ask('/?sort=evil"<b>&order="<i>')
    assert b"evil" not in answer.body
    assert b"<i>" not in answer.body


def test_what_cannot_be_requested_is_not_shown(site: Site) -> None:
    site.write(".hidden")
    site.write(".git/x")
    site.write("back\\slash")
    os.mkfifo(site.path / "fifo")
    (site.path / "dangling").symlink_to("nowhere")
    (site.path / "out").symlink_to("../outside")
    site.write("inside.txt", b"123")
    (site.path / "link").symlink_to("inside.txt")
    assert [row[1:3] for row in rows(site)] == [("inside.txt", "3"), ("link", "3")]


def test_the_number_of_entries_is_limited(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        site.write(f"{number}.txt")
    assert b"There are more" not in site.ask("/").body
    monkeypatch.setattr(listing, "MAX_ENTRIES", 3)
    assert len(rows(site)) == 3
    assert b"There are more entries: only 3 are shown." in site.ask("/").body


def test_the_header_fields_are_those_of_a_page_without_scripts(site: Site) -> None:
    fields = site.ask("/").fields
    assert fields["content-type"] == "text/html; charset=utf-8"
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["content-security-policy"].startswith("default-src 'none';")
    head = site.ask("/", "HEAD")
    assert head.body == b""
    assert head.fields["content-length"] == fields["content-length"]


def test_an_index_is_shown_instead(site: Site) -> None:
    site.write("index.html", b"index")
    answer = site.ask("/")
    assert (answer.body, answer.fields["content-type"]) == (b"index", "text/html; charset=utf-8")
    assert site.ask("/?sort=name").body == b"index"


def test_without_listing_a_folder_needs_an_index(site: Site) -> None:
    site.write("a/x", b"file")
    peer = site.connect(listing=False)

    def status(target: str) -> bytes:
        return site.world.ask(peer, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())[9:12]

    assert [status(target) for target in ("/", "/a/", "/none/", "/a/x")] == [
        *(b"404", b"404", b"404", b"200"),
    ]
    site.write("a/index.html", b"index")
    assert status("/a/") == b"200"
