"""Request targets (RFC 9112 section 3.2) and the authorities in them: host and port."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

from .errors import HTTPError

# Letters, digits, and the other characters of names in use. RFC 3986 allows more ("!$&'()*+,;=" and
# percent-encoding), but no name in use has them, and a comma may mean that a proxy joined two Host
# fields.
_AUTHORITY: Final = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{0,5}))?").fullmatch
_ABSOLUTE: Final = re.compile(r"(?i:https?)://([^/?]*)([^?]*)(?:\?(.*))?").fullmatch


@lru_cache(256)
def check_authority(authority: str) -> str:
    """Returns ``authority``, a host with or without a port. Raises ``HTTPError`` 400 if it is not
    valid."""
    match = _AUTHORITY(authority)
    if match is None:
        raise HTTPError(400, "The host is not valid.")
    if match[2] and int(match[2]) > 65535:
        raise HTTPError(400, "The port is not valid.")
    if authority.startswith("["):
        try:
            ipaddress.IPv6Address(match[1][1:-1])
        except ValueError:
            raise HTTPError(400, "The host is not valid.") from None
    return authority


def split_target(method: str, target: str) -> tuple[str | None, str, str]:
    """The authority (None if ``target`` has none), the path, and the query, all as they were sent.

    The path is "*" for ``OPTIONS *``, and "" for CONNECT. Raises ``HTTPError`` 400."""
    if method == "CONNECT":
        if ":" not in target.rpartition("]")[2] or target.endswith(":"):
            raise HTTPError(400, "CONNECT needs a host and a port.")
        return check_authority(target), "", ""
    if "#" in target:
        raise HTTPError(400, "The target has a fragment.")
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return None, path, query
    if target == "*":
        if method != "OPTIONS":
            raise HTTPError(400, "The target * is for OPTIONS only.")
        return None, "*", ""
    match = _ABSOLUTE(target)
    if match is None:
        raise HTTPError(400, "The target is neither a path nor an http URI.")
    path = match[2] or ("*" if method == "OPTIONS" and match[3] is None else "/")
    return check_authority(match[1]), path, match[3] or ""
