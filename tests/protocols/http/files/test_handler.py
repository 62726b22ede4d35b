"""Files and folders as a browser meets them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from protocols.http import HTTPServer
from protocols.http.files import listing as listing_module
from protocols.http.files.handler import FileHandler
from protocols.http.files.media_types import media_type
from protocols.http.files.representation import SMALL
from reactor import Reactor

from ....tools.certificates import tls_contexts
from ....tools.descriptors import open_descriptors
from ....tools.http import HTTPWorld
from ....tools.sockets import read_to_end
from ....tools.threads import running
from ....tools.waiting import TIMEOUT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture(autouse=True)
def no_descriptor_is_left(world: HTTPWorld) -> Iterator[None]:
    before = open_descriptors()
    yield
    # The root's own, where the handler was not closed, and nothing else.
    assert open_descriptors() - before <= 1


def get(world: HTTPWorld, root: Path, target: str, method: str = "GET", **options: Any) -> bytes:
    handler = FileHandler(root, **options)
    peer = world.connect(handler)
    answer = world.ask(peer, f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode("latin-1"))
    handler.close()
    return answer


def location(answer: bytes) -> str:
    match = re.search(rb"\r\nLocation: ([^\r]*)\r\n", answer)
    assert match is not None
    return match[1].decode()


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 300_000])
def test_sizes(world: HTTPWorld, root: Path, size: int) -> None:
    content = os.urandom(size)
    (root / "file").write_bytes(content)
    answer = get(world, root, "/file")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %d" % size in head
    assert body == content
    head_alone = get(world, root, "/file", "HEAD")
    assert b"\r\nContent-Length: %d" % size in head_alone
    assert head_alone.endswith(b"\r\n\r\n")


def test_methods(world: HTTPWorld, root: Path) -> None:
    (root / "file").write_bytes(b"x")
    answer = get(world, root, "/file", "OPTIONS")
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in answer
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = get(world, root, "/file", method)
        assert answer.startswith(b"HTTP/1.1 405 ")
        assert b"\r\nAllow: GET, HEAD, OPTIONS\r\n" in answer


def test_a_file_that_changes_is_sent_as_it_is(world: HTTPWorld, root: Path) -> None:
    peer = world.connect(FileHandler(root))
    request = b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n"
    for content in (b"one", b"two", b"three", b"2"):
        (root / "file").write_bytes(content)
        assert world.ask(peer, request).endswith(b"\r\n\r\n" + content)
    (root / "file").unlink()
    assert world.ask(peer, request).startswith(b"HTTP/1.1 404 ")


def test_a_file_that_shrinks_while_it_is_sent_closes_short(world: HTTPWorld, root: Path) -> None:
    (root / "file").write_bytes(b"a" * 500_000)
    peer = world.connect(FileHandler(root))
    peer.stall(1000)
    world.ask(peer, b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
    os.truncate(root / "file", 100_000)
    peer.resume()
    world.reactor.settle()
    assert b"a" not in peer.received or len(peer.received) < 200_000
    assert peer.closed


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.HTM", "text/html; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.wasm", "application/wasm"),
        ("a.pdf", "application/pdf"),
        ("a.woff2", "font/woff2"),
        ("a.tar.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a.none", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("data:text/html,a", "application/octet-stream"),
    ],
)
def test_media_types(name: str, expected: str) -> None:
    assert media_type(name) == expected


def test_index(world: HTTPWorld, root: Path) -> None:
    (root / "index.html").write_bytes(b"<p>index")
    answer = get(world, root, "/")
    assert answer.endswith(b"<p>index")
    assert b"text/html" in answer
    assert get(world, root, "/?a=b").endswith(b"<p>index")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/folder", "/folder/"),
        ("/folder?a=b&c", "/folder/?a=b&c"),
        ("/f%6Flder", "/f%6Flder/"),
        ("http://evil/folder", "/folder/"),
    ],
)
def test_a_folder_without_its_slash(
    world: HTTPWorld, root: Path, target: str, expected: str
) -> None:
    (root / "folder").mkdir()
    answer = get(world, root, target)
    assert answer.startswith(b"HTTP/1.1 301 ")
    assert location(answer) == expected


@pytest.mark.parametrize("target", ["//evil", "//evil/..", "/%2f/evil", "//folder", "/\\evil"])
def test_nobody_is_sent_elsewhere(world: HTTPWorld, root: Path, target: str) -> None:
    (root / "evil").mkdir()
    (root / "folder").mkdir()
    assert b"Location" not in get(world, root, target)


NAMES = [
    *(b"plain.txt", b"<b>&\"'.txt", b"a:b", b"javascript:alert(1)", b"a b+c%20d#e?f", b"..x"[1:]),
    *("é ü.txt".encode(), b"\xff\xfe", b"a\nb", b"CAPITAL", b"?sort=size", b"&amp;"),
]


def test_every_link_of_a_listing_leads_to_its_file(world: HTTPWorld, root: Path) -> None:
    shown = [name for name in NAMES if not name.startswith(b".")]
    for name in NAMES:
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(b"content of " + name)
    (root / "folder").mkdir()
    page = get(world, root, "/").partition(b"\r\n\r\n")[2].decode()
    body = page.partition("<tbody>")[2]
    links = re.findall(r'<a href="([^"]*)">', body)
    assert links[0] == "./folder/"
    found = set()
    for link in links[1:]:
        assert link.startswith("./")
        answer = get(world, root, link[1:])
        name = unquote_to_bytes(link[2:])
        found.add(name)
        assert answer.endswith(b"content of " + name)
    assert found == set(shown)
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def rows(world: HTTPWorld, root: Path, query: str) -> list[str]:
    page = get(world, root, f"/{query}").partition(b"\r\n\r\n")[2].decode()
    return re.findall(r'<tr><td><a href="./([^"]*)">', page)


def test_sorting(world: HTTPWorld, root: Path) -> None:
    for name, size, when in (("a", 3, 2000), ("B", 1, 3000), ("c", 2, 1000)):
        (root / name).write_bytes(b"x" * size)
        os.utime(root / name, (when, when))
    (root / "z").mkdir()
    assert rows(world, root, "") == ["z/", "a", "B", "c"]
    assert rows(world, root, "?sort=name&order=desc") == ["z/", "c", "B", "a"]
    assert rows(world, root, "?sort=size&order=asc") == ["z/", "B", "c", "a"]
    assert rows(world, root, "?sort=time&order=desc") == ["z/", "B", "a", "c"]
    assert rows(world, root, "?sort=<x>&order=%00&a&=&sort") == ["z/", "a", "B", "c"]
    page = get(world, root, "/?sort=size&order=asc")
    assert b'<a href="?sort=size&amp;order=desc">Size</a>' in page
    assert b"1970-01-01 00:50" in page  # the time of B, in UTC


def test_listing_of_a_folder(world: HTTPWorld, root: Path) -> None:
    (root / "<i>" / "x").mkdir(parents=True)
    page = get(world, root, "/%3Ci%3E/")
    assert b"Index of /&lt;i&gt;/" in page
    assert b'<a href="../">' in page
    assert b'<a href="../">' not in get(world, root, "/")
    assert b"Content-Security-Policy: default-src 'none'" in page
    assert get(world, root, "/", listing=False).startswith(b"HTTP/1.1 404 ")
    assert get(world, root, "/", "HEAD").endswith(b"\r\n\r\n")


def test_a_listing_has_an_end(
    world: HTTPWorld, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing_module, "MAX_ENTRIES", 3)
    for number in range(5):
        (root / f"{number}").touch()
    assert len(rows(world, root, "")) == 3
    assert b"only 3 entries are shown" in get(world, root, "/")


@pytest.mark.parametrize("secret", [False, True])
def test_large_files_over_sockets(root: Path, secret: bool) -> None:
    content = os.urandom(3_000_000)
    (root / "file").write_bytes(content)
    context, client = tls_contexts() if secret else (None, None)
    handler = FileHandler(root)
    reactor = Reactor()
    listener = reactor.listen_tcp(HTTPServer(handler), "127.0.0.1", 0, tls=context)
    with running(reactor), socket.create_connection(listener.addresses[0], TIMEOUT) as plain:
        sock = client.wrap_socket(plain, server_hostname="127.0.0.1") if client else plain
        sock.sendall(b"GET /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = read_to_end(sock)
        sock.close()
    assert answer.partition(b"\r\n\r\n")[2] == content
    handler.close()
