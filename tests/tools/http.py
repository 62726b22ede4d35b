"""An HTTP server in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocols.http import HTTPServer, Limits, Request, Response
from reactor.testing import StreamPeer, VirtualReactor

EPOCH = 1_700_000_000  # 14 November 2023, 22:13:20 UTC
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class HTTPWorld:
    """A reactor in virtual time and servers on it. ``failures``: what its exception handler got."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.failures: list[dict[str, Any]] = []
        self.reactor.set_exception_handler(lambda _, context: self.failures.append(context))

    def connect(
        self,
        handler: Callable[[Request], Response | None],
        limits: Limits | None = None,
        **options: Any,
    ) -> StreamPeer:
        """A connection to a new server."""
        reactor = self.reactor
        server = HTTPServer(handler, limits=limits, clock=lambda: EPOCH + reactor.time(), **options)
        return reactor.connect(server)

    def ask(self, peer: StreamPeer, data: bytes, chunk: int | None = None) -> bytes:
        """Send ``data``, in pieces of ``chunk`` bytes if given. Returns what comes back at once."""
        peer.send(data, chunk)
        self.reactor.settle()
        return peer.read()


def read_ahead(peer: StreamPeer) -> int:
    """The number of bytes of ``peer`` that the server has read and not used yet."""
    reader = peer.transport.get_protocol().reader
    return 0 if reader is None else len(reader.buffer)
