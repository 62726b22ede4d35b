"""One chat room, written in the obvious way, on any of the loops: each line is formatted once and
written to each member's transport."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any, ClassVar

from .loops import serve


class Member(asyncio.Protocol):
    members: ClassVar[dict[Member, Any]] = {}
    numbers = itertools.count(1)

    def __init__(self) -> None:
        self.name = f"guest{next(self.numbers)}"
        self.tail = b""

    def connection_made(self, transport: Any) -> None:
        self.members[self] = transport

    def data_received(self, data: bytes) -> None:
        *lines, self.tail = (self.tail + data).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            out = f"[{time.strftime('%H:%M:%S')}] {self.name}: {text}\n".encode()
            for transport in self.members.values():
                transport.write(out)

    def connection_lost(self, exc: Exception | None) -> None:
        del self.members[self]


serve(Member)
