"""Where a request came from: the connection's own other end, or what a trusted proxy says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .request import Request


class Origin(NamedTuple):
    """``client``: an address without a port, "" if unknown; ``scheme``: http or https; ``host``:
    with the port, if it was named, "" if unknown."""

    client: str
    scheme: str
    host: str


class TrustedProxies:
    """The proxies whose word about the client counts."""

    def origin(self, request: Request) -> Origin:
        peer = request.peername
        client = peer[0] if isinstance(peer, tuple) else ""
        return Origin(client, "https" if request.is_tls else "http", request.head.authority)
