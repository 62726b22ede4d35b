"""UDP sockets bound to the wildcard address: a reply is sent from the address that got the request.

A TCP connection has one local address. A UDP socket bound to 0.0.0.0 or :: has all of them, and the
system chooses a reply's source address by its route. A machine with two addresses may then reply
from the wrong one, and the client ignores the reply. So we ask the system to report each datagram's
destination address (ip(7), IP_PKTINFO; RFC 3542 section 6), and pass it as the source address of
each reply.

That needs no table: the protocol gets the sender's address as a ``PeerAddress``, which stores our
address too. A reply sent to that object is sent from there."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import suppress
from typing import Any, Final

# Python 3.11 has no name for it. Other systems have IP_PKTINFO too, or IP_RECVDSTADDR and
# IP_SENDSRCADDR, but with different rules. There the system chooses the source of IPv4 replies,
# unless one socket is bound to each address.
IP_PKTINFO: Final[int | None] = 8 if sys.platform == "linux" else None
IPV6_RECVPKTINFO: Final[int | None] = getattr(socket, "IPV6_RECVPKTINFO", None)

_ANCILLARY_SIZE: Final = socket.CMSG_SPACE(20)  # of in6_pktinfo: an address and an interface

# Errors for a source address that is not, or is no longer, this machine's.
_NOT_OURS: Final = frozenset({errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENETUNREACH})

_Ancillary = list[tuple[int, int, bytes]]


class PeerAddress(tuple[Any, ...]):
    """A peer's address: equal to the plain tuple, ``(host, port)`` or ``(host, port, flow,
    scope)``, and used like it. It also stores which of our addresses the peer sent to. A reply to
    this object, but not to a copy of its parts, is sent from that address."""

    ancillary: _Ancillary  # for sendmsg

    @property
    def local_host(self) -> str:
        """Our address that the peer sent to, as text."""
        level, _, info = self.ancillary[0]
        if level == socket.IPPROTO_IP:
            return socket.inet_ntop(socket.AF_INET, info[4:8])
        return socket.inet_ntop(socket.AF_INET6, info[:16])


class WildcardSocket(socket.socket):
    """A UDP socket to be bound to all addresses of its family: ``recvfrom`` returns a
    ``PeerAddress``, and ``sendto`` sends from its ``local_host``."""

    def __init__(self, family: int = socket.AF_INET, *arguments: Any, **options: Any) -> None:
        super().__init__(family, *arguments, **options)
        with suppress(OSError):  # the system does not report it
            if family == socket.AF_INET6 and IPV6_RECVPKTINFO is not None:
                self.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
            elif family == socket.AF_INET and IP_PKTINFO is not None:
                self.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        data, ancillary, _, addr = self.recvmsg(bufsize, _ANCILLARY_SIZE, flags)
        if len(ancillary) != 1:  # the system does not report it
            return data, addr
        level, kind, info = ancillary[0]
        if level == socket.IPPROTO_IP:
            # in_pktinfo is an interface, the local address, and the header's destination. Send
            # without the interface, so that the routing table chooses it.
            info = b"\0\0\0\0" + info[4:8] + b"\0\0\0\0"
        elif info[0] == 0xFF:  # a multicast address cannot be a source
            return data, addr
        elif info[:2] != b"\xfe\x80":  # a link-local address means nothing without its interface
            info = info[:16] + b"\0\0\0\0"
        peer = PeerAddress(addr)
        peer.ancillary = [(level, kind, info)]
        return data, peer

    def sendto(self, data: Any, addr: Any) -> int:  # type: ignore[override]
        if type(addr) is PeerAddress:
            try:
                return self.sendmsg((data,), addr.ancillary, 0, addr)
            except OSError as exc:
                if exc.errno not in _NOT_OURS:
                    raise
                # The address is no longer ours: reply from another one.
        return super().sendto(data, addr)


def udp_socket(family: int, host: str) -> socket.socket:
    """A UDP socket to be bound to ``host``, a numeric address: a ``WildcardSocket`` for all
    addresses, otherwise a plain one, which costs less for each datagram."""
    if host in ("0.0.0.0", "::"):
        return WildcardSocket(family, socket.SOCK_DGRAM)
    return socket.socket(family, socket.SOCK_DGRAM)
