"""Where a request came from: the connection's peer, or what a trusted proxy says.

Only trusted proxies count, and only the kind of field that they are known to send. A proxy passes
the other kind on as the client sent it: trusting both would mean trusting any client.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from reactor.sockets.addresses import Networks, parse_address

from .errors import HTTPError
from .target import check_authority

if TYPE_CHECKING:
    from .headers import Headers
    from .interfaces import AskedRequest as Request

_MAX_HOPS: Final = 32  # proxies in a row; those beyond are ignored
_MAX_LENGTH: Final = 4096  # characters of Forwarded, which must be parsed from its start

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
# A forwarded-pair and its delimiter (RFC 7239 section 4, RFC 9110 section 5.6.1).
_PAIR: Final = re.compile(rf"[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|{_QUOTED}))?[ \t]*([;,]|$)").match
_WITH_PORT: Final = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}").fullmatch


class Origin(NamedTuple):
    """``client``: an address without a port; "" if unknown. ``scheme``: http or https. ``host``:
    with the port if the client named one; "" if unknown."""

    client: str
    scheme: str
    host: str


_UNKNOWN: Final = Origin("", "", "")


class TrustedProxies:
    """The proxies that are trusted to name the client.

    ``networks``: their addresses and networks, as text; "unix" stands for all clients of the Unix
    socket. ``forwarded``: the proxies send ``Forwarded`` (RFC 7239), not ``X-Forwarded-For``,
    ``-Proto`` and ``-Host``. ``trusts_anyone``: whether there is any trusted proxy. Raises
    ``ValueError`` for a network that is not valid."""

    def __init__(self, networks: Iterable[str] = (), *, forwarded: bool = False) -> None:
        names = frozenset(networks)
        self._trusts_unix = "unix" in names
        self._networks = Networks(names - {"unix"})
        self.trusts_anyone = bool(names)
        self._read_hops = _forwarded if forwarded else _x_forwarded

    def origin(self, request: Request) -> Origin:
        """The client, scheme and host of ``request``."""
        peer = request.peername
        client: str = peer[0] if type(peer) is tuple else ""
        scheme = "https" if request.is_tls else "http"
        direct = Origin(client, scheme, request.head.authority)
        if not self.trusts_anyone or not (self.trusts(client) if client else self._trusts_unix):
            return direct
        hops = self._read_hops(request.head.headers)
        # From the nearest hop to the farthest: the first that is not a trusted proxy is the client.
        for number, hop in enumerate(hops, 1):
            client = hop.client
            if number == len(hops) or not client or not self.trusts(client):
                return Origin(client, hop.scheme or direct.scheme, hop.host or direct.host)
        return direct

    def client(self, request: Request) -> str:
        """``origin(request).client``; fast if there is no trusted proxy."""
        if self.trusts_anyone:
            return self.origin(request).client
        peer = request.peername
        return peer[0] if type(peer) is tuple else ""

    def trusts(self, address: str) -> bool:
        """Whether ``address`` is a trusted proxy's."""
        return address in self._networks


def _node(text: str) -> str | None:
    """The address in ``text``, which may have a port; "" if the proxy hides it (RFC 7239 section
    6); None if it is not valid."""
    if text.lower() == "unknown" or re.fullmatch(r"_[A-Za-z0-9._-]+(?::[0-9]{1,5})?", text):
        return ""
    match = _WITH_PORT(text)
    address = parse_address((match[1] or match[2] or "") if match else text)
    return None if address is None else str(address)


def _scheme(text: str) -> str:
    return text.lower() if text.lower() in ("http", "https") else ""


def _host(text: str) -> str:
    try:
        return check_authority(text)
    except HTTPError:
        return ""


# -- reading the fields: each returns the hops, from the nearest to the farthest -------------------


def _x_forwarded(headers: Headers) -> list[Origin]:
    """``X-Forwarded-For`` has a client for each hop. The other fields have as many members, or one
    for all hops."""
    clients = _members(headers, "x-forwarded-for")
    schemes = _members(headers, "x-forwarded-proto")
    hosts = _members(headers, "x-forwarded-host")
    hops: list[Origin] = []
    for number, text in enumerate(clients):
        client = _node(text)
        if client is None:
            break  # nothing beyond it can be trusted
        scheme = schemes[min(number, len(schemes) - 1)] if schemes else ""
        host = hosts[min(number, len(hosts) - 1)] if hosts else ""
        hops.append(Origin(client, _scheme(scheme), _host(host)))
    return hops


def _members(headers: Headers, name: str) -> list[str]:
    """The members of a list, the last one first."""
    value = headers.get(name, "")
    assert value is not None
    if not value:
        return []
    members = [member.strip(" \t") for member in value.rsplit(",", _MAX_HOPS)]
    return members[: -_MAX_HOPS - 1 : -1]


def _forwarded(headers: Headers) -> list[Origin]:
    """``Forwarded`` has an element for each hop. After a syntax error it is unclear where elements
    end, so the client is unknown. Don't fall back to the proxy's address: a client could use that
    to impersonate it."""
    value = headers.get("forwarded", "")
    assert value is not None
    if not value:
        return []
    if len(value) > _MAX_LENGTH:
        return [_UNKNOWN]
    elements: list[dict[str, str]] = [{}]
    position = 0
    while True:
        match = _PAIR(value, position)
        if match is None:
            return [_UNKNOWN]
        name, plain, quoted, end = match.groups()
        if name is not None:
            if name.lower() in elements[-1]:
                return [_UNKNOWN]
            text = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            elements[-1][name.lower()] = text
        if not end:
            break
        if end == "," and elements[-1]:  # empty elements do not count (RFC 9110 section 5.6.1.2)
            elements.append({})
        position = match.end()
    hops: list[Origin] = []
    for element in [e for e in reversed(elements) if e][:_MAX_HOPS]:
        client = _node(element.get("for", "unknown"))
        if client is None:
            break
        hops.append(
            Origin(client, _scheme(element.get("proto", "")), _host(element.get("host", "")))
        )
    return hops
