"""Which pages may use a server on this machine: browsers send the origin of the page, and the host
that it named.

The same-origin policy does not cover WebSockets (RFC 6455 section 10.2), and lets any page send
simple POST requests. So without these checks any page on the web could use a server through its
visitor's browser. Clients other than browsers usually send no ``Origin``, and could send any: they
are accepted.
"""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from .errors import HTTPError

if TYPE_CHECKING:
    from .request import Request

logger = logging.getLogger(__name__)

ANY: Final = "*"
_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._~-]*)(?::([0-9]{1,5}))?"
).fullmatch
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def check_origin(request: Request, origins: Collection[str]) -> None:
    """Raise ``HTTPError`` 403 unless the page is of the same origin, or of one in ``origins``:
    ``https://example.com``, with the port if it is not the scheme's own; "*" is any."""
    claimed = request.headers.get_all("origin")
    if not claimed or ANY in origins:
        return
    own = request.origin
    allowed = map(normalized, (f"{own.scheme}://{own.host}", *origins))
    if len(claimed) > 1 or normalized(claimed[0]) not in allowed:
        logger.info("refused a page of %s at %s://%s", claimed, own.scheme, own.host)
        raise HTTPError(403, "Pages of this origin may not use this server (--allow-origin).")


def check_host(request: Request, hosts: Collection[str]) -> None:
    """Raise ``HTTPError`` 403 if the connection came to a loopback address, and ``Host`` names
    something else.

    A page of any site can make its own host name resolve to 127.0.0.1 after it was loaded (DNS
    rebinding); its origin is then the same as the host. ``hosts``: further names to accept, without
    a port; "*" is any."""
    sockname = request.sockname
    if not isinstance(sockname, tuple) or not _is_loopback(sockname[0]) or ANY in hosts:
        return
    host = _host_name(request.origin.host)
    # An address that means "any of this machine" is what a server on all addresses announces. Like
    # every address it cannot be rebound.
    local = host == "localhost" or host.endswith(".localhost") or _is_local(host)
    if not local and host not in map(str.lower, hosts):
        logger.info("refused %r, which is no name of this machine", host)
        raise HTTPError(403, "The host is not this machine (--allow-host).")


def is_origin(text: str) -> bool:
    """Whether ``text`` is what a browser may send; "*" is not."""
    return text == "null" or _ORIGIN(text.lower()) is not None


def normalized(origin: str) -> str:
    """In lower case, and without the scheme's own port. What is no origin equals only itself."""
    origin = origin.lower()
    match = _ORIGIN(origin)
    if match is not None and match[3] == _DEFAULT_PORTS.get(match[1], ""):
        return f"{match[1]}://{match[2]}"
    return origin


def _host_name(authority: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address is not None and address.is_loopback


def _is_local(host: str) -> bool:
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
