"""Where a request came from: the connection's own other end, or what a trusted proxy says.

Only the word of a proxy that was named counts, and only the kind of field that it is known to send.
A proxy passes the other kind on as it came, from anyone: who believed both would believe anyone.
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

_MOST_HOPS: Final = 32  # proxies in a row that are looked at; more than that is nonsense
_LONGEST: Final = 4096  # characters of Forwarded, which must be read from its start

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"((?:[^"\\]|\\.)*)"'
# forwarded-pair, and what ends it (RFC 7239 section 4, RFC 9110 section 5.6.1).
_PAIR: Final = re.compile(rf"[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|{_QUOTED}))?[ \t]*([;,]|$)").match
_WITH_PORT: Final = re.compile(r"\[([^\]]*)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}").fullmatch


class Origin(NamedTuple):
    """``client``: an address without a port, "" if unknown; ``scheme``: http or https; ``host``:
    with the port, if it was named, "" if unknown."""

    client: str
    scheme: str
    host: str


_UNKNOWN: Final = Origin("", "", "")


class TrustedProxies:
    """The proxies whose word about the client counts.

    ``networks``: their addresses and networks, as text, and "unix" for whoever may open the Unix
    socket. ``forwarded``: they send ``Forwarded`` (RFC 7239); else they send ``X-Forwarded-For``,
    ``-Proto`` and ``-Host``. Raises ``ValueError``."""

    def __init__(self, networks: Iterable[str] = (), *, forwarded: bool = False) -> None:
        names = frozenset(networks)
        self._unix = "unix" in names
        self._networks = Networks(names - {"unix"})
        self.trusts_anyone = bool(names)
        self._told = _forwarded if forwarded else _x_forwarded

    def origin(self, request: Request) -> Origin:
        """The client, scheme and host of ``request``."""
        peer = request.peername
        client: str = peer[0] if type(peer) is tuple else ""
        scheme = "https" if request.is_tls else "http"
        direct = Origin(client, scheme, request.head.authority)
        if not self.trusts_anyone or not (self.trusts(client) if client else self._unix):
            return direct
        hops = self._told(request.head.headers)
        # From the nearest hop to the farthest, past those that are ours: the next is the client.
        for number, hop in enumerate(hops, 1):
            client = hop.client
            if number == len(hops) or not client or not self.trusts(client):
                return Origin(client, hop.scheme or direct.scheme, hop.host or direct.host)
        return direct

    def client(self, request: Request) -> str:
        """``origin(request).client``, and quickly where there is no proxy."""
        if self.trusts_anyone:
            return self.origin(request).client
        peer = request.peername
        return peer[0] if type(peer) is tuple else ""

    def trusts(self, address: str) -> bool:
        """Whether ``address`` is one of them."""
        return address in self._networks


def _node(text: str) -> str | None:
    """An address with or without a port; "" for a name that hides it (RFC 7239 section 6); None if
    it is not valid."""
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


# -- what proxies say: the hops, from the nearest to the farthest ----------------------------------


def _x_forwarded(headers: Headers) -> list[Origin]:
    """``X-Forwarded-For`` has a client for each hop, the others as many, or one for all."""
    clients = _members(headers, "x-forwarded-for")
    schemes = _members(headers, "x-forwarded-proto")
    hosts = _members(headers, "x-forwarded-host")
    hops: list[Origin] = []
    for number, text in enumerate(clients):
        client = _node(text)
        if client is None:
            break  # what lies beyond it is no better
        scheme = schemes[min(number, len(schemes) - 1)] if schemes else ""
        host = hosts[min(number, len(hosts) - 1)] if hosts else ""
        hops.append(Origin(client, _scheme(scheme), _host(host)))
    return hops


def _members(headers: Headers, name: str) -> list[str]:
    """The members of the list, the last first."""
    value = headers.get(name, "")
    assert value is not None
    if not value:
        return []
    members = [member.strip(" \t") for member in value.rsplit(",", _MOST_HOPS)]
    return members[: -_MOST_HOPS - 1 : -1]


def _forwarded(headers: Headers) -> list[Origin]:
    """``Forwarded``, in which each hop has its own element. After one mistake, where an element
    ends would be a guess: then the client is unknown. It is not the proxy, for whom somebody could
    pass himself off so."""
    value = headers.get("forwarded", "")
    assert value is not None
    if not value:
        return []
    if len(value) > _LONGEST:
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
    for element in [e for e in reversed(elements) if e][:_MOST_HOPS]:
        client = _node(element.get("for", "unknown"))
        if client is None:
            break
        hops.append(
            Origin(client, _scheme(element.get("proto", "")), _host(element.get("host", "")))
        )
    return hops
