"""Echo (RFC 862): what comes goes back, over TCP and UDP.

The smallest protocol that gets flow control right. A peer that sends and does not read makes our
write buffer grow; at its high-water mark we stop reading, and then it is the peer who must wait.
"""

from __future__ import annotations

import argparse
from typing import Any

from reactor import DatagramProtocol, Protocol, Reactor
from reactor.application import Application, add_udp_arguments, serve_both

from .lineclient import LineClient, add_client_arguments


class Echo(Protocol):
    """Echo over a stream."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def eof_received(self) -> bool:
        # The peer has finished; what is still queued for it must go out before we close.
        self.transport.close()
        return True

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class EchoDatagrams(DatagramProtocol):
    """Echo over datagrams. A full send queue drops them, as the network may.

    Two echo servers would answer each other for ever, if a forged datagram made one of them think
    that the other had asked: do not offer this to the Internet.
    """

    __slots__ = ()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


class EchoApplication(Application):
    """``--protocol echo``: a server over TCP and UDP on one port number, and a client."""

    name = "echo"
    description = "send back what comes (RFC 862)"
    default_port = 8007  # the standard one, 7, is for root only

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_udp_arguments(parser)
        add_client_arguments(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        return serve_both(reactor, options, Echo, EchoDatagrams)

    def connect(self, reactor: Reactor, options: argparse.Namespace) -> int:
        client = LineClient(
            reactor, options.connect, udp=options.udp, tls=options.tls, reconnect=options.reconnect
        )
        return client.run()


app = EchoApplication()
