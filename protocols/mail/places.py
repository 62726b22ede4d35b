"""The connections that a server allows at a time, in all and from each address."""

from __future__ import annotations

from typing import Any, Final

from reactor.sockets.addresses import LOOPBACK, AddressLimit, Networks

_THIS_MACHINE: Final = Networks(LOOPBACK)


class Places:
    """``limit``: the most connections; ``limit_per_address``: of one address, 0 for no limit. This
    machine's own connections count for no address. ``connections``: those that are open, with those
    that are one too many and only get a reply."""

    def __init__(self, limit: int, limit_per_address: int) -> None:
        self.connections = 0
        self._limit = limit
        self._per_address = AddressLimit(limit_per_address or None, _THIS_MACHINE.__contains__)

    def enter(self, peer: Any) -> tuple[bool, bytes | None]:
        """Count a connection from the socket address ``peer``. Returns whether it may be served,
        and what ``leave`` needs."""
        self.connections += 1
        key = self._per_address.key(peer)
        if key is not None:
            if self._per_address.is_reached(key):
                return False, None
            self._per_address.add(key)
        return self.connections <= self._limit, key

    def leave(self, key: bytes | None) -> None:
        """A connection has closed."""
        self.connections -= 1
        if key is not None:
            self._per_address.remove(key)
