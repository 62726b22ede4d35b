"""Sending whole files, in memory and through sockets, also while they change."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable
from http.client import HTTPConnection, HTTPSConnection, IncompleteRead
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from protocols.http.cache import FIFOCache
from protocols.http.files.representation import SMALL

from ....tools.descriptors import open_descriptors
from ....tools.site import Site, parse, request
from ....tools.waiting import TIMEOUT

SIZES = [0, 1, 4096, SMALL - 1, SMALL, SMALL + 1, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_is_sent_whole(site: Site, size: int) -> None:
    data = os.urandom(size)
    site.write("x.bin", data)
    for _ in range(2):  # the second time it is cached
        answer = site.ask("/x.bin")
        assert answer.status == 200
        assert answer.body == data
        assert answer.fields["content-length"] == str(size)
        assert answer.fields["content-type"] == "application/octet-stream"
        assert answer.fields["x-content-type-options"] == "nosniff"
        head = site.ask("/x.bin", "HEAD")
        assert head.body == b""
        assert head.fields == answer.fields


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_not_allowed(site: Site, method: str) -> None:
    site.write("x", b"x")
    answer = site.ask("/x", method)
    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert (site.path / "x").read_bytes() == b"x"


def test_options_are_answered_with_the_methods(site: Site) -> None:
    answer = site.ask("/x", "OPTIONS")
    assert (answer.status, answer.fields["allow"], answer.body) == (204, "GET, HEAD, OPTIONS", b"")


def test_a_missing_file_is_404_and_an_invalid_path_400(site: Site) -> None:
    assert site.ask("/none").status == 404
    assert site.ask("/none/").status == 404
    assert site.ask("/bad%").status == 400


def test_a_file_that_changes_within_a_tick_of_the_clock_is_sent_as_it_is(site: Site) -> None:
    for content in (b"one", b"two", b"three", b"2"):
        (site.path / "x").write_bytes(content)
        assert site.ask("/x").body == content
    (site.path / "x").unlink()
    assert site.ask("/x").status == 404


def test_each_request_sees_the_file_as_it_is(site: Site) -> None:
    path = site.write("x", b"one")
    assert site.ask("/x").body == b"one"
    site.write("x", b"two!")
    assert site.ask("/x").body == b"two!"
    path.unlink()
    assert site.ask("/x").status == 404
    path.mkdir()
    assert site.ask("/x").status == 301
    path.rmdir()
    site.write("x", b"three")
    assert site.ask("/x").body == b"three"


def test_more_files_than_are_cached(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    caches: list[FIFOCache[str, object]] = []

    def make(entries: int, largest: int) -> FIFOCache[str, object]:
        caches.append(FIFOCache(3, largest))
        return caches[-1]

    monkeypatch.setattr("protocols.http.files.handler.FIFOCache", make)
    for number in range(10):
        site.write(f"{number}", b"%d" % number)
    for number in [*range(10), 0, 5, 9]:
        assert site.ask(f"/{number}").body == b"%d" % number
    assert [len(cache) for cache in caches] == [3]


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.ENOMEM, 503),
        (errno.EACCES, 403),
        (errno.ENXIO, 404),
        (errno.EIO, 404),
    ],
)
def test_a_file_that_cannot_be_opened_is_answered_by_the_reason(
    site: Site, monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    site.write("x", b"x")
    site.ask("/x")

    def fail(*_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        answer = site.ask("/x")
    assert answer.status == status
    assert (answer.fields.get("retry-after") == "1") is (status == 503)


@pytest.mark.parametrize("by", [-1, 1])
def test_a_small_file_that_changes_between_fstat_and_read(
    site: Site, monkeypatch: pytest.MonkeyPatch, by: int
) -> None:
    path = site.write("x", b"12345")
    site.ask("/x")
    read = os.read

    def change(fd: int, size: int) -> bytes:
        os.truncate(path, 5 + by)
        return read(fd, size)

    with monkeypatch.context() as patch:
        patch.setattr(os, "read", change)
        answer = site.ask("/x")
    assert answer.status == 503
    assert int(answer.fields["content-length"]) == len(answer.body)


def test_a_large_file_that_shrinks_closes_short(site: Site) -> None:
    path = site.write("x", b"x" * 500_000)
    peer = site.connect()
    peer.stall(1000)
    begun = site.world.ask(peer, request("/x"))
    os.truncate(path, 100_000)
    peer.resume()
    site.world.reactor.settle()
    assert peer.closed
    head, _, body = (begun + peer.read()).partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 500000" in head
    assert len(body) < 500_000


def test_a_large_file_that_grows_keeps_its_length(site: Site) -> None:
    path = site.write("x", b"x" * 500_000)
    peer = site.connect()
    peer.stall(1000)
    begun = site.world.ask(peer, request("/x"))
    with path.open("ab") as file:
        file.write(b"y" * 1000)
    peer.resume()
    site.world.reactor.settle()
    assert not peer.closed
    assert parse(begun + peer.read()).body == b"x" * 500_000


def test_a_large_file_that_is_replaced_is_sent_as_it_was(site: Site) -> None:
    site.write("x", b"x" * 500_000)
    peer = site.connect()
    peer.stall(1000)
    begun = site.world.ask(peer, request("/x"))
    site.write("y", b"y").rename(site.path / "x")
    peer.resume()
    site.world.reactor.settle()
    assert parse(begun + peer.read()).body == b"x" * 500_000


def test_a_client_that_leaves_keeps_no_file_open(site: Site) -> None:
    site.write("x", b"x" * 500_000)
    before = open_descriptors()
    peer = site.connect()
    peer.stall(1000)
    site.world.ask(peer, request("/x"))
    peer.reset()
    site.world.reactor.settle()
    site.close()
    assert open_descriptors() == before


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_bytes(b"index")
    (tmp_path / "small.bin").write_bytes(bytes(range(256)) * 16)
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 20_000)
    return tmp_path


def check_all(connection: HTTPConnection, files: Path) -> None:
    for name in ("index.html", "small.bin", "large.bin", "index.html"):
        connection.request("GET", f"/{name}")
        response = connection.getresponse()
        assert response.read() == (files / name).read_bytes()
    connection.request("GET", "/large.bin", headers={"Range": "bytes=100000-4000000"})
    response = connection.getresponse()
    assert response.status == 206
    assert response.read() == (files / "large.bin").read_bytes()[100000:4000001]
    connection.request("HEAD", "/large.bin")
    response = connection.getresponse()
    assert response.getheader("Content-Length") == "5120000"
    assert response.read() == b""


def test_files_arrive_through_sockets(serve: Callable[..., Any], files: Path) -> None:
    server = serve("--protocol", "http", "--port", "0", "--root", str(files))
    connection = HTTPConnection("127.0.0.1", server.ports["http"], timeout=TIMEOUT)
    try:
        check_all(connection, files)
    finally:
        connection.close()


def test_files_arrive_through_tls(serve: Callable[..., Any], files: Path, certificate: Any) -> None:
    server = serve(
        *("--protocol", "http", "--port", "0", "--root", str(files)),
        *("--tls-cert", certificate.chain, "--tls-key", certificate.key),
    )
    context = ssl.create_default_context(cafile=certificate.ca)
    connection = HTTPSConnection(
        "localhost", server.ports["https"], timeout=TIMEOUT, context=context
    )
    try:
        check_all(connection, files)
    finally:
        connection.close()


def test_a_file_that_shrinks_while_it_is_sent_is_seen_to_be_incomplete(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    size = 50_000_000  # more than any socket's buffers
    with (tmp_path / "x").open("wb") as file:
        file.truncate(size)
    server = serve("--protocol", "http", "--port", "0", "--root", str(tmp_path))
    connection = HTTPConnection("127.0.0.1", server.ports["http"], timeout=TIMEOUT)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    try:
        connection.request("GET", "/x")
        response = connection.getresponse()
        assert response.length == size
        os.truncate(tmp_path / "x", 1000)
        with pytest.raises((IncompleteRead, ConnectionError)):
            response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("seconds", [2**40, 2**62, -(2**40)])
def test_times_that_no_date_can_express_do_no_harm(
    site: Site, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    site.write("x", b"x")
    real_fstat, real_stat = os.fstat, os.stat

    def odd(status: os.stat_result) -> Any:
        return SimpleNamespace(
            st_mode=status.st_mode,
            st_size=status.st_size,
            st_ino=status.st_ino,
            st_dev=status.st_dev,
            st_mtime=float(seconds),
            st_mtime_ns=seconds * 10**9,
        )

    with monkeypatch.context() as patch:
        patch.setattr(os, "fstat", lambda fd: odd(real_fstat(fd)))
        patch.setattr(os, "stat", lambda *a, **k: odd(real_stat(*a, **k)))
        assert site.ask("/x").body == b"x"
        assert b'href="./x"' in site.ask("/").body
