"""Addresses: what PORT and EPRT name, and how addresses are compared."""

from __future__ import annotations

import functools
import ipaddress
import re
from typing import Final

from reactor.sockets.addresses import parse_address

LOWEST_ACTIVE_PORT: Final = 1024  # RFC 2577 section 3: well-known ports are other services

_CACHED: Final = 1024  # addresses
_NUMBER: Final = re.compile("[0-9]{1,5}").fullmatch
_DELIMITERS: Final = range(33, 127)  # RFC 2428 section 2


@functools.lru_cache(maxsize=_CACHED)
def normalized(address: str) -> str:
    """Return an address so that it can be compared: IPv4-mapped ones as IPv4, without a scope."""
    parsed = parse_address(address.partition("%")[0])
    return address if parsed is None else str(parsed)


def parse_port_argument(text: str) -> tuple[str, int]:
    """Return the address and port that PORT names: ``h1,h2,h3,h4,p1,p2``. Raises ValueError."""
    numbers = [int(part) for part in text.split(",") if _NUMBER(part.strip())]
    if len(numbers) != 6 or text.count(",") != 5 or max(numbers) > 255:
        raise ValueError("expected h1,h2,h3,h4,p1,p2")
    return ".".join(map(str, numbers[:4])), numbers[4] * 256 + numbers[5]


_EXPECTED: Final = "expected |1|address|port| or |2|address|port|"


class WrongFamily(ValueError):
    """EPRT names a protocol other than IPv4 (1) and IPv6 (2)."""


def parse_extended_port_argument(text: str) -> tuple[str, int]:
    """Return the address and port that EPRT names: ``|1|192.0.2.1|6275|`` (RFC 2428 section 2).
    Raises WrongFamily, and ValueError."""
    delimiter = text[:1]
    parts = text.split(delimiter) if delimiter and ord(delimiter) in _DELIMITERS else []
    if len(parts) != 5 or parts[4]:
        raise ValueError(_EXPECTED)
    _, family, address, port, _ = parts
    if family not in ("1", "2"):
        raise WrongFamily
    if not _NUMBER(port):
        raise ValueError(_EXPECTED)
    kind = ipaddress.IPv4Address if family == "1" else ipaddress.IPv6Address
    number = int(port)
    if number > 65535:
        raise ValueError("no such port")
    return normalized(str(kind(address))), number
