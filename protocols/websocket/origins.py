"""Which pages may open a WebSocket: browsers send the origin of the page (RFC 6455 section 10.2).

The same-origin policy does not cover WebSockets, so without this check any page on the web could
connect to a server with its visitor's cookies. Clients other than browsers usually send no
``Origin``, and could send any: they are accepted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from protocols.http import HTTPError

if TYPE_CHECKING:
    from protocols.http import Request

ANY: Final = "*"
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


def check_origin(request: Request, origins: Collection[str]) -> None:
    """Raise ``HTTPError`` 403 unless the page is of the same origin, or of one in ``origins``:
    ``https://example.com`` (with the port, if it is not the scheme's own); "*" is any."""
    claimed = request.headers.get_all("origin")
    if not claimed or ANY in origins:
        return
    own = request.origin
    if len(claimed) > 1 or not (
        _normalized(claimed[0]) == _normalized(f"{own.scheme}://{own.host}")
        or claimed[0].lower() in map(str.lower, origins)
    ):
        raise HTTPError(403, "Pages of this origin may not open a WebSocket here.")


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
    local = host == "localhost" or host.endswith(".localhost") or _is_loopback(host)
    if not local and host not in map(str.lower, hosts):
        raise HTTPError(403, "The host is not this machine.")


def _normalized(origin: str) -> tuple[str, str, str]:
    """Scheme, host and port."""
    scheme, _, authority = origin.lower().partition("://")
    host = _host_name(authority)
    port = authority[len(host) :].rpartition(":")[2]
    if authority.startswith("["):
        port = authority.rpartition("]")[2].removeprefix(":")
    return scheme, host, port or _DEFAULT_PORTS.get(scheme, "")


def _host_name(authority: str) -> str:
    """Without the port, and without the brackets of an IPv6 address."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0].lower()
    return authority.partition(":")[0].lower()


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
