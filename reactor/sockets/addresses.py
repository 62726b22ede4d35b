"""IP addresses: networks as options name them, and what counts as one subscriber."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# This machine's own. Packets with such a source that come from outside are dropped by every system
# (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
LOOPBACK: Final = ("127.0.0.0/8", "::1")

_IPV4_MAPPED: Final = bytes(10) + b"\xff\xff"
_REMEMBERED: Final = 1024  # addresses whose look-up is remembered


class Networks:
    """A set of networks: ``"192.0.2.7" in Networks(["192.0.2.0/24"])``.

    ``names``: addresses and networks as text. Raises ``ValueError``. An IPv4 address that comes as
    an IPv6 one (``::ffff:192.0.2.7``) counts as what it is.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._networks = tuple(parse_network(name) for name in sorted(set(names)))
        self._known: dict[str, bool] = {}

    def __contains__(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            parsed = parse_address(address.partition("%")[0])
            known = parsed is not None and any(parsed in network for network in self._networks)
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[address] = known
        return known


def parse_network(text: str) -> Network:
    """An address, or a network such as ``10.0.0.0/8``. Raises ``ValueError``."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as exc:
        if str(exc).endswith("has host bits set"):
            meant = ipaddress.ip_network(text, strict=False)
            raise ValueError(f"{text} is no network; {meant} is") from None
        raise ValueError(f"neither an address nor a network: {text!r}") from None


def parse_address(text: str) -> Address | None:
    """An IP address, an IPv4 one also where it comes as an IPv6 one; None if it is not valid."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:  # means nothing to others, and may hold anything
            return None
        return address.ipv4_mapped or address
    return address


def subscriber(address: str) -> bytes:
    """What the connections of one subscriber are counted by: the IPv4 address, also where it comes
    as an IPv6 one (RFC 4291 section 2.5.5.2), or the first 64 bits of the IPv6 address."""
    if ":" not in address:
        return socket.inet_pton(socket.AF_INET, address)
    packed = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    return packed[12:] if packed.startswith(_IPV4_MAPPED) else packed[:8]
