"""Daytime (RFC 867): tells the time as text, over TCP and UDP.

Over TCP the time is sent at once and the connection closed; what the client says is thrown away.
Over UDP each datagram, whatever it holds, is answered by one.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from reactor import DatagramProtocol, Protocol, Reactor, StreamTransport
from reactor.command import Application, add_udp_arguments, serve_both


def daytime(now: datetime | None = None) -> bytes:
    """The time in the form that RFC 867 suggests: ``Tuesday, February 22, 1982 17:37:43-PST``.

    The zone is given as an offset (``-0800``), which needs no knowledge to be read. ``now`` is an
    aware time; None: the present, in the local zone.
    """
    now = now or datetime.now().astimezone()
    # Not %A and %B, which follow the locale: a protocol speaks English.
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

    The answer is longer than an empty question, so a forged source address gets more bytes than
    its forger had to send: no more than some 35 of them, but do not offer this to the Internet.
    """

    __slots__ = ()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(daytime(), addr)


class DaytimeApplication(Application):
    """``--protocol time``: a server over TCP and UDP on one port number."""

    name = "time"
    default_port = 8013  # the standard one, 13, is for root only

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_udp_arguments(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        return serve_both(reactor, options, Daytime, DaytimeDatagrams)


app = DaytimeApplication()
