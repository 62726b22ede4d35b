"""UDP sockets bound to all addresses: answers go out from the address that was asked.

A TCP connection has one local address. A UDP socket bound to 0.0.0.0 or :: has all of them, and the
system would choose the source of an answer by its route. A machine with two addresses then answers
from the wrong one, and the client, who asked the other, does not hear it. So the system is asked to
tell with each datagram which address it was sent to (ip(7), IP_PKTINFO; RFC 3542 section 6), and
told with each answer which one to send from.

Nothing is stored for that: the sender's address, as the protocol gets it, knows which of ours was
asked, and an answer that is sent to that very object goes out from there."""

from __future__ import annotations

import errno
import socket
import sys
from contextlib import suppress
from typing import Any, Final

# Python 3.11 has no name for it. Other systems have it too, or IP_RECVDSTADDR and IP_SENDSRCADDR,
# each with rules of its own: there the system chooses for IPv4, unless one socket is bound to each
# address.
IP_PKTINFO: Final[int | None] = 8 if sys.platform == "linux" else None
IPV6_RECVPKTINFO: Final[int | None] = getattr(socket, "IPV6_RECVPKTINFO", None)

_ANCILLARY_SIZE: Final = socket.CMSG_SPACE(20)  # of in6_pktinfo: an address and an interface

# What a system says to a source address that is not its own, or no more.
_NOT_OURS: Final = frozenset({errno.EINVAL, errno.EADDRNOTAVAIL, errno.ENETUNREACH})

_Ancillary = list[tuple[int, int, bytes]]


class PeerAddress(tuple[Any, ...]):
    """The address of a peer: equal to the plain tuple, ``(host, port)`` or ``(host, port, flow,
    scope)``, and used like it. It knows which of our addresses the peer sent to; an answer that is
    sent to this object, and not to a copy of its parts, goes out from there."""

    ancillary: _Ancillary

    @property
    def local_host(self) -> str:
        """Our address that the peer sent to."""
        level, _, info = self.ancillary[0]
        if level == socket.IPPROTO_IP:
            return socket.inet_ntop(socket.AF_INET, info[4:8])
        return socket.inet_ntop(socket.AF_INET6, info[:16])


class WildcardSocket(socket.socket):
    """A UDP socket that is to be bound to all addresses of its family: ``recvfrom`` gives
    ``PeerAddress``, and ``sendto`` respects it."""

    def __init__(self, family: int = socket.AF_INET, *arguments: Any, **options: Any) -> None:
        super().__init__(family, *arguments, **options)
        with suppress(OSError):  # then the system cannot tell
            if family == socket.AF_INET6 and IPV6_RECVPKTINFO is not None:
                self.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
            elif family == socket.AF_INET and IP_PKTINFO is not None:
                self.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Any]:
        data, ancillary, _, addr = self.recvmsg(bufsize, _ANCILLARY_SIZE, flags)
        if len(ancillary) != 1:  # the system cannot tell
            return data, addr
        level, kind, info = ancillary[0]
        if level == socket.IPPROTO_IP:
            # in_pktinfo is an interface, the local address and the header's destination. Not the
            # interface: by which one the answer leaves is the routing table's to say.
            info = b"\0\0\0\0" + info[4:8] + b"\0\0\0\0"
        elif info[0] == 0xFF:  # multicast is never a source
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
                # The address is not ours any more: better from another one than not at all.
        return super().sendto(data, addr)


def udp_socket(family: int, host: str) -> socket.socket:
    """A UDP socket that is to be bound to ``host``, a numeric address. Only where that means all
    addresses it is one of ours: a plain one costs less for each datagram."""
    if host in ("0.0.0.0", "::"):
        return WildcardSocket(family, socket.SOCK_DGRAM)
    return socket.socket(family, socket.SOCK_DGRAM)
