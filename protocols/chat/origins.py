"""Where a member comes from, for the limit on members of one address, and for bans."""

from __future__ import annotations

import base64
import os
from collections import Counter
from hashlib import blake2s
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


class OriginCounter(Counter[bytes | None]):
    """Counts something by origin, and forgets an origin of which there is none left."""

    def release(self, origin: bytes | None) -> None:
        """Count one less of ``origin``."""
        self[origin] -= 1
        if not self[origin]:
            del self[origin]


class Hosts:
    """Names for origins, which bans can use, and which give no address away."""

    __slots__ = ("_secret",)

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def name(self, origin: bytes | None) -> str:
        """Return the name of ``origin``, the same as long as the process lives."""
        if origin is None:
            return "local"
        digest = blake2s(origin, key=self._secret, digest_size=5).digest()
        return base64.b32encode(digest).decode().lower()
