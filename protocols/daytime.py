"""Daytime (RFC 867): sends the time as text, over TCP and UDP.

Over TCP the server sends the time at once and closes; it discards what the client sends. Over UDP
it answers each datagram, whatever it contains, with one datagram.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from reactor import DatagramProtocol, Protocol, Reactor, StreamTransport
from reactor.command import Application, add_udp_arguments, serve_both


def daytime(now: datetime | None = None) -> bytes:
    """Return the time as RFC 867 suggests: ``Tuesday, February 22, 1982 17:37:43-PST``.

    The zone is given as an offset (``-0800``), because abbreviations like PST are ambiguous.
    ``now`` is an aware time; None: the current time, in the local zone.
    """
    now = now or datetime.now().astimezone()
    # Not %A and %B: they depend on the locale, and the protocol is in English.
    date = f"{_DAYS[now.weekday()]}, {_MONTHS[now.month - 1]} {now.day}, {now.year}"
    return f"{date} {now:%H:%M:%S%z}\r\n".encode("ascii")


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


class Daytime(Protocol):
    """The time over a stream."""

    __slots__ = ()

    def connection_made(self, transport: StreamTransport) -> None:
        transport.write(daytime())
        transport.close()


class DaytimeDatagrams(DatagramProtocol):
    """The time over datagrams.

    Do not offer this to the Internet: the answer, of about 35 bytes, is longer than an empty
    request, so a forged source address turns the server into a (weak) amplifier.
    """

    __slots__ = ()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(daytime(), addr)


class DaytimeApplication(Application):
    """``--protocol time``: a server over TCP and UDP on the same port number."""

    name = "time"
    default_port = 8013  # the standard port, 13, requires root

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_udp_arguments(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        return serve_both(reactor, options, Daytime, DaytimeDatagrams)


app = DaytimeApplication()
