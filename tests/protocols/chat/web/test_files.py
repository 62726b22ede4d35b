"""The page's files: what is served, to whom, and with which fields."""

from __future__ import annotations

import gzip

import pytest

from protocols.http import HTTPServer
from protocols.page import PageFiles


class Answer:
    """A response."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        self.status = int(line.split()[1])
        self.fields = {
            name.lower(): value for name, value in (field.split(": ", 1) for field in fields)
        }


@pytest.fixture
def ask(site):
    def ask(path="/", fields="", *, method="GET", host="localhost"):
        peer = site.reactor.connect(site.server.http)
        peer.send(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
        site.reactor.settle()
        return Answer(peer.read())

    return ask


def test_the_page(ask):
    answer = ask()
    assert answer.status == 200
    assert answer.body.startswith(b"<!doctype html>")
    assert answer.fields["content-type"] == "text/html; charset=utf-8"
    assert answer.fields["cache-control"] == "no-cache"
    assert answer.fields["x-content-type-options"] == "nosniff"
    assert answer.fields["referrer-policy"] == "no-referrer"
    assert answer.fields["cross-origin-opener-policy"] == "same-origin"
    assert answer.fields["cross-origin-resource-policy"] == "same-origin"
    assert answer.fields["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/index.html", "text/html; charset=utf-8"),
        ("/icon.svg", "image/svg+xml; charset=utf-8"),
        ("/parts/chat.js", "text/javascript; charset=utf-8"),
        ("/?room=tea", "text/html; charset=utf-8"),
    ],
)
def test_files(ask, path, media_type):
    answer = ask(path)
    assert answer.status == 200
    assert answer.fields["content-type"].partition(";")[0] == media_type.partition(";")[0]
    assert "content-security-policy" in answer.fields


@pytest.mark.parametrize(
    "path",
    ["/notes.txt", "/parts", "/parts/", "/../index.html", "/%2e%2e/x", "/nothing.js", "//", "/a/"],
)
def test_nothing_else_is_found(ask, path):
    answer = ask(path)
    assert answer.status == 404
    assert answer.fields["content-security-policy"].startswith("default-src 'none'")


def test_head(ask):
    answer, whole = ask(method="HEAD"), ask()
    assert answer.status == 200
    assert answer.body == b""
    assert answer.fields["content-length"] == whole.fields["content-length"]
    assert answer.fields["etag"] == whole.fields["etag"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(ask, method):
    answer = ask(method=method, fields="Content-Length: 0\r\n")
    assert answer.status == 405
    assert answer.fields["allow"] == "GET, HEAD"


def test_a_known_version_is_not_sent_again(ask):
    tag = ask().fields["etag"]
    answer = ask(fields=f"If-None-Match: {tag}\r\n")
    assert (answer.status, answer.body) == (304, b"")
    assert answer.fields["etag"] == tag
    assert ask(fields='If-None-Match: "other"\r\n').status == 200


def test_compression(ask):
    plain, zipped = ask(), ask(fields="Accept-Encoding: br, gzip\r\n")
    assert zipped.fields["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body
    assert zipped.fields["etag"] != plain.fields["etag"]
    assert zipped.fields["vary"] == plain.fields["vary"] == "Accept-Encoding"
    assert "content-encoding" not in ask("/icon.svg", "Accept-Encoding: gzip\r\n").fields


def test_the_tag_is_that_of_the_content(ask, folder, site):
    before = ask().fields["etag"]
    (folder / "index.html").write_text("another page")
    assert ask().fields["etag"] == before  # read when the server starts
    site.server._page = PageFiles(folder)
    assert ask().fields["etag"] != before


def test_without_a_folder_there_is_no_page(site, tmp_path):
    empty = PageFiles(tmp_path / "nowhere")
    site.server._page = empty
    peer = site.reactor.connect(HTTPServer(site.server._handle))
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    site.reactor.settle()
    assert peer.read().startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("path", ["/", "/parts/chat.js", "/nothing"])
def test_on_a_loopback_address_the_host_is_this_machine(ask, path, monkeypatch):
    """Otherwise a page could make its own name resolve to this address."""
    assert ask(path, host="evil.example").status in (200, 404)
    monkeypatch.setattr("protocols.http.Request.sockname", property(lambda _: ("127.0.0.1", 8580)))
    assert ask(path, host="evil.example").status == 403
    assert ask(path, host="localhost:8580").status in (200, 404)
    assert ask(path, HANDSHAKE, host="evil.example").status == 403


HANDSHAKE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://localhost", 101), ("https://evil.example", 403), ("null", 403), ("", 101)],
)
def test_pages_of_other_origins_may_not_connect(ask, origin, status):
    fields = HANDSHAKE + (f"Origin: {origin}\r\n" if origin else "")
    assert ask(fields=fields).status == status


def test_origins_and_hosts_can_be_allowed(make_site, monkeypatch):
    monkeypatch.setattr("protocols.http.Request.sockname", property(lambda _: ("127.0.0.1", 8580)))
    site = make_site(origins=["https://example.com"], hosts=["chat.example"])
    peer = site.reactor.connect(site.server.http)
    peer.send(
        f"GET / HTTP/1.1\r\nHost: chat.example\r\nOrigin: https://example.com\r\n{HANDSHAKE}\r\n"
        "".encode()
    )
    site.reactor.settle()
    assert peer.read().startswith(b"HTTP/1.1 101 ")


def test_an_offer_of_another_protocol_is_declined(ask):
    answer = ask(fields="Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n")
    assert answer.status == 200


def test_websockets_are_at_the_root_alone(ask):
    assert ask("/icon.svg", HANDSHAKE).status == 200
    assert ask("/chat", HANDSHAKE).status == 404


def test_an_unknown_subprotocol_means_lines(ask):
    answer = ask(fields=HANDSHAKE + "Sec-WebSocket-Protocol: soap, wamp\r\n")
    assert answer.status == 101
    assert "sec-websocket-protocol" not in answer.fields
    assert b"You are guest1 in lobby" in answer.body
    answer = ask(fields=HANDSHAKE + "Sec-WebSocket-Protocol: soap, chat.v1+json\r\n")
    assert answer.fields["sec-websocket-protocol"] == "chat.v1+json"
    assert answer.body == b""
