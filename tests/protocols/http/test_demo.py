"""The demonstration page, without a browser (see test_chromium.py for that)."""

from __future__ import annotations

import html.parser
import xml.etree.ElementTree as ElementTree

import pytest

from protocols.http import HTTPServer
from protocols.http.demo import demonstration
from reactor.testing import VirtualReactor

VOID = {"img", "input", "meta"}


def ask(request: bytes) -> tuple[int, dict[str, str], str]:
    with VirtualReactor() as reactor:
        peer = reactor.connect(HTTPServer(demonstration))
        peer.send(request)
        reactor.settle()
        head, _, body = peer.received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields, body.decode()


def get(path: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    return ask(f"{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


def post(body: bytes, kind: str = "application/x-www-form-urlencoded") -> tuple[int, dict, str]:
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}"
    return ask(head.encode() + b"\r\n\r\n" + body)


class Page(html.parser.HTMLParser):
    """A page, whose elements must all be closed, in order, and whose ids are unique."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.answer: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []
        ids = [attributes["id"] for _, attributes in self.found if "id" in attributes]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in ("dt", "dd", "em"):
            self.answer.append(data)

    def get(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_page_has_a_picture_and_a_form():
    status, fields, body = get("/")
    assert status == 200
    assert fields["Content-Type"] == "text/html; charset=utf-8"
    page = Page(body)
    assert body.startswith("<!DOCTYPE html>\n<html lang=")
    [picture] = page.get("img")
    assert picture["alt"]
    [form] = page.get("form")
    assert (form["method"], form["action"]) == ("post", "/")
    names = {field["id"] for tag in ("input", "textarea") for field in page.get(tag)}
    assert names == {label["for"] for label in page.get("label")}
    assert page.get("script") == []
    assert not page.answer


def test_the_picture_is_valid_and_shown_at_its_size():
    status, fields, body = get("/picture.svg")
    assert (status, fields["Content-Type"]) == (200, "image/svg+xml")
    picture = ElementTree.fromstring(body)
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    [shown] = Page(get("/")[2]).get("img")
    assert (shown["src"], shown["width"]) == ("/picture.svg", picture.get("width"))


def test_the_policy_forbids_scripts_and_other_hosts():
    for path in ("/", "/picture.svg", "/nothing"):
        fields = get(path)[1]
        assert fields["Content-Security-Policy"].startswith("default-src 'none'; img-src 'self'")
        assert "script" not in fields["Content-Security-Policy"]
        assert fields["X-Content-Type-Options"] == "nosniff"


def test_a_favicon_is_answered_with_204():
    assert get("/favicon.ico")[0] == 204


@pytest.mark.parametrize("path", ["/nothing", "//", "/index.html", "/picture.svg/"])
def test_other_paths_are_not_found(path):
    status, _, body = get(path)
    assert status == 404
    assert "only a page at /" in body


def test_head_has_no_body():
    status, fields, body = get("/", "HEAD")
    assert (status, body) == (200, "")
    assert int(fields["Content-Length"]) == len(get("/")[2].encode())


@pytest.mark.parametrize(
    ("path", "methods"), [("/", "GET, HEAD, POST"), ("/picture.svg", "GET, HEAD")]
)
def test_other_methods_are_refused(path, methods):
    assert get(path, "DELETE")[0] == 405
    assert get(path, "DELETE")[1]["Allow"] == methods
    status, fields, _ = get(path, "OPTIONS")
    assert (status, fields["Allow"]) == (204, methods)
    assert get("/picture.svg", "POST")[0] == 405


def test_the_answer_shows_what_was_sent():
    status, fields, body = post(b"name=Gr%C3%A9goire&message=one%0D%0Atwo+%F0%9F%8C%8D")
    assert (status, fields["Cache-Control"]) == (200, "no-store")
    assert Page(body).answer == ["name", "Grégoire", "message", "one\r\ntwo 🌍"]


def test_the_answer_escapes_what_was_sent():
    _, _, body = post(b"%3Cscript%3Ealert(1)%3C/script%3E=%22%3E%3Cimg+src=x%3E&a=%27%26lt;")
    page = Page(body)
    assert page.answer == ["<script>alert(1)</script>", '"><img src=x>', "a", "'&lt;"]
    assert page.get("script") == []
    assert len(page.get("img")) == 1


def test_dollar_signs_are_text():
    assert Page(post(b"a=$answer+$$")[2]).answer == ["a", "$answer $$"]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"a=%FF%C3", ["a", "\N{REPLACEMENT CHARACTER}" * 2]),
        (b"a=\xff", ["a", "\N{REPLACEMENT CHARACTER}"]),
        (b"a=\xc3\xa9", ["a", "é"]),
        (b"a=%zz&b", ["a", "%zz", "b", "nothing"]),
        (b"a=%00%1B", ["a", "\x00\x1b"]),
        (b"a=", ["a", "nothing"]),
    ],
)
def test_a_malformed_form_is_shown_as_well_as_possible(body, answer):
    assert Page(post(body)[2]).answer == answer


def test_an_empty_form_is_said_to_be_empty():
    assert "You sent nothing" in post(b"")[2]
    assert "You sent nothing" in post(b"&&")[2]


def test_forms_have_limits():
    assert post(b"&".join(b"a=1" for _ in range(20)))[0] == 200
    assert post(b"&".join(b"a=1" for _ in range(21)))[0] == 400
    assert post(b"a=" + b"x" * 65534)[0] == 200
    assert post(b"a=" + b"x" * 65535)[0] == 413


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", ""])
def test_other_media_types_are_refused(kind):
    assert post(b"a=1", kind)[0] == 415


def test_the_media_type_may_have_a_parameter_and_capitals():
    assert post(b"a=1", "Application/X-WWW-Form-URLencoded; charset=UTF-8")[0] == 200
