"""Where members come from, for the limit on members of one address."""

from __future__ import annotations

from typing import Any, Final

from reactor.sockets.addresses import LOOPBACK, Networks, subscriber

_LOOPBACK: Final = Networks(LOOPBACK)


def origin(address: Any) -> bytes | None:
    """Return what members at ``address``, as sockets give it, are counted by.

    It is None for this machine's own addresses and for Unix sockets, which are not counted.
    """
    if not isinstance(address, tuple) or address[0] in _LOOPBACK:
        return None
    return subscriber(address[0])
