"""IP addresses: networks that options name, and limits of connections per address."""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# This machine's own addresses. Every system drops packets that come from outside with such a source
# (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
LOOPBACK: Final = ("127.0.0.0/8", "::1")

_IPV4_MAPPED: Final = bytes(10) + b"\xff\xff"
_CACHED: Final = 1024  # addresses whose look-up a set of networks remembers


class Networks:
    """A set of networks: ``"192.0.2.7" in Networks(["192.0.2.0/24"])``.

    ``names``: addresses and networks as text. Raises ``ValueError`` for anything else. An
    IPv4-mapped IPv6 address (``::ffff:192.0.2.7``) counts as the IPv4 address. Text that is no
    address is in no network.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        networks = tuple(parse_network(name) for name in sorted(set(names)))

        @functools.lru_cache(maxsize=_CACHED)
        def contains(text: str) -> bool:
            address = parse_address(text.partition("%")[0])
            return address is not None and any(address in network for network in networks)

        self._contains = contains

    def __contains__(self, address: str) -> bool:
        return self._contains(address)


class AddressLimit:
    """Counts the open connections of each peer, up to ``maximum``; with None, counts nothing.

    ``exempt(address)`` returns whether an address has no limit. ``len()`` is the number of peers
    that have connections."""

    def __init__(self, maximum: int | None, exempt: Callable[[str], bool] | None = None) -> None:
        self.maximum = maximum
        self._exempt = exempt
        self._connections: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def key(self, address: Any) -> bytes | None:
        """What a connection from the socket address ``address`` is counted by; None if it is not
        counted."""
        if self.maximum is None or type(address) is not tuple:  # Unix sockets have no addresses
            return None
        if self._exempt is not None and self._exempt(address[0]):
            return None
        return subscriber(address[0])

    def is_reached(self, key: bytes) -> bool:
        """Whether this peer has as many connections as it may have."""
        return self._connections.get(key, 0) == self.maximum

    def add(self, key: bytes) -> None:
        """Count a connection."""
        self._connections[key] = self._connections.get(key, 0) + 1

    def remove(self, key: bytes) -> None:
        """A connection has closed."""
        self._connections[key] -= 1
        if not self._connections[key]:
            del self._connections[key]


def parse_network(text: str) -> Network:
    """An address, or a network such as ``10.0.0.0/8``. Raises ``ValueError``."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as exc:
        if str(exc).endswith("has host bits set"):
            meant = ipaddress.ip_network(text, strict=False)
            raise ValueError(f"{text} is not a network; {meant} is") from None
        raise ValueError(f"neither an address nor a network: {text!r}") from None


def parse_address(text: str) -> Address | None:
    """An IP address; an IPv4-mapped IPv6 address becomes the IPv4 address. None if it is not
    valid."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:  # it means nothing on other machines, and may be any text
            return None
        return address.ipv4_mapped or address
    return address


def subscriber(address: str) -> bytes:
    """What the connections of one subscriber are counted by: the IPv4 address, also when it is
    IPv4-mapped (RFC 4291 section 2.5.5.2), or the first 64 bits of the IPv6 address."""
    if ":" not in address:
        return socket.inet_pton(socket.AF_INET, address)
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return packed[12:] if packed.startswith(_IPV4_MAPPED) else packed[:8]
