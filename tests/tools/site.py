"""A folder, and a server in memory that serves it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from protocols.http.files.handler import FileHandler
from reactor.testing import StreamPeer

from .http import HTTPWorld
from .responses import Answer, read_responses

OLD = 1_000_000_000  # 9 September 2001, 01:46:40 UTC
OLD_DATE = "Sun, 09 Sep 2001 01:46:40 GMT"


def parse(data: bytes, method: str = "GET") -> Answer:
    """The only response in ``data``."""
    (answer,) = read_responses(data, [method])
    return answer


def request(target: str, method: str = "GET", **fields: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a"]
    lines += (f"{name.replace('_', '-')}: {value}" for name, value in fields.items())
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Site:
    """The folder ``path``, which is served, and beside it ``outside``, with a secret file."""

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
        """The answer to one request. All requests use one connection while it is open."""
        if self._peer is None or self._peer.closed:
            self._peer = self.connect()
        answer = self.world.ask(self._peer, request(target, method, **fields))
        return parse(answer, method)

    def close(self) -> None:
        while self._handlers:
            self._handlers.pop().close()
