"""A folder and an in-memory server for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocols.http.files.handler import FileHandler
from reactor.testing import StreamPeer

from ..conftest import HTTPWorld
from ..responses import Answer, read_responses

OLD = 1_000_000_000  # 9 September 2001, 01:46:40 UTC
OLD_DATE = "Sun, 09 Sep 2001 01:46:40 GMT"


def parse(data: bytes) -> Answer:
    """One response, whose body may have been cut short."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    pairs = (field.split(": ", 1) for field in fields)
    return Answer(int(line.split(" ")[1]), {name.lower(): value for name, value in pairs}, body)


def request(target: str, method: str = "GET", **fields: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a"]
    lines += (f"{name.replace('_', '-')}: {value}" for name, value in fields.items())
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Site:
    """Serves the folder ``path``. Beside it is ``outside``, with a secret."""

    def __init__(self, world: HTTPWorld, folder: Path) -> None:
        self.world = world
        self.path = folder / "root"
        self.path.mkdir()
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.write("../outside/secret.txt", b"secret")
        self._handlers: list[FileHandler] = []
        self._peer: StreamPeer | None = None

    def write(self, name: str | bytes, data: bytes = b"", modified: float = OLD) -> Path:
        path = self.path / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (modified, modified))
        return path

    def connect(self, **options: Any) -> StreamPeer:
        self._handlers.append(FileHandler(self.path, **options))
        return self.world.connect(self._handlers[-1])

    def ask(self, target: str, method: str = "GET", **fields: str) -> Answer:
        """The answer to one request. All requests go over one connection."""
        if self._peer is None or self._peer.closed:
            self._peer = self.connect()
        data = self.world.ask(self._peer, request(target, method, **fields))
        [answer] = read_responses(data, [method])
        return answer

    def close(self) -> None:
        while self._handlers:
            self._handlers.pop().close()


@pytest.fixture
def site(world: HTTPWorld, tmp_path: Path) -> Iterator[Site]:
    site = Site(world, tmp_path)
    before = open_descriptors()
    yield site
    assert site.world.failures == []
    site.close()
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))
