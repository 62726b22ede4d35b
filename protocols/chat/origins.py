"""Where a member comes from, for the limit on members of one address."""

from __future__ import annotations

from typing import Any, Final

from reactor.sockets.addresses import LOOPBACK, Networks, subscriber

_LOOPBACK: Final = Networks(LOOPBACK)


def origin_of(address: Any) -> bytes | None:
    """Return the key by which members at ``address`` are counted; a socket gives the address.

    It is None for this machine's own addresses and for Unix sockets, whose members are not counted.
    """
    if not isinstance(address, tuple) or address[0] in _LOOPBACK:
        return None
    return subscriber(address[0])
