"""Echo (RFC 862): sends back what it receives, over TCP and UDP.

This is the smallest protocol that gets flow control right. A peer that sends and does not read
makes our write buffer grow. At the high-water mark we stop reading, so the peer has to wait.
"""

from __future__ import annotations

import argparse
from typing import Any

from reactor import DatagramProtocol, Protocol, Reactor
from reactor.command import Application, add_udp_arguments, serve_both

from .console.lineclient import UDP_ANSWER_TIMEOUT, LineClient, add_client_arguments
from .console.outbox import Outbox

# Datagrams in flight at a time, and characters in them. The buffers of two sockets easily hold that
# much; beyond their size, datagrams are lost.
_WINDOW = 32
_WINDOW_SIZE = 32768


class Echo(Protocol):
    """Echo over a stream."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def eof_received(self) -> bool:
        # close() sends what is still queued, and then closes.
        self.transport.close()
        return True

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


class EchoDatagrams(DatagramProtocol):
    """Echo over datagrams. A full send queue drops them, as the network may.

    Do not offer this to the Internet: a datagram with a forged source address can make two echo
    servers answer each other forever.
    """

    __slots__ = ()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


class EchoClient(LineClient):
    """Ends when everything that it sent has come back. Over UDP it also reports which lines have
    not."""

    def __init__(self, reactor: Reactor, address: tuple[str, int], **options: Any) -> None:
        super().__init__(reactor, address, **options)
        self._sent = self._heard = 0  # lines
        if self.udp:
            self.outbox = Outbox(
                reactor,
                self._transmit,
                lambda line: line.encode("utf-8", "replace").decode().removesuffix("\r"),
                self._on_progress,
                window=_WINDOW,
                window_size=_WINDOW_SIZE,
                timeout=UDP_ANSWER_TIMEOUT,
            )

    def connected(self) -> None:
        self._sent = self._heard = 0
        if self.outbox is not None:
            self.outbox.open()

    def disconnected(self) -> None:
        if self.outbox is not None:
            self.outbox.drop()
        elif not self.is_ending():
            self.lines_lost += max(self._sent - self._heard, 0)

    def typed(self, line: str) -> None:
        if self.outbox is not None:
            self.outbox.put(line)
            self.progress()
        else:
            self._sent += 1
            self.send(line)

    def lines_received(self, lines: list[str]) -> None:
        self._heard += len(lines)
        super().lines_received(lines)
        if self.outbox is not None:
            for line in lines:
                self.outbox.answered(line)

    def all_answered(self) -> bool:
        return self.outbox is not None or self._heard >= self._sent

    def _transmit(self, line: str) -> bool:
        self.send(line)
        return True

    def _on_progress(self, lost: list[str]) -> None:
        if self.console.interactive:
            for line in lost:
                self.console.notice(f"*** did not come back: {line}")
        self.progress()


class EchoApplication(Application):
    """``--protocol echo``: a server over TCP and UDP on the same port number, and a client."""

    name = "echo"
    default_port = 8007  # the standard port, 7, requires root

    def add_arguments(self, parser: argparse._ActionsContainer) -> None:
        add_udp_arguments(parser)
        add_client_arguments(parser)

    def serve(self, reactor: Reactor, options: argparse.Namespace) -> list[str]:
        return serve_both(reactor, options, Echo, EchoDatagrams)

    def connect(self, reactor: Reactor, options: argparse.Namespace) -> int:
        client = EchoClient(
            reactor, options.connect, udp=options.udp, tls=options.tls, reconnect=options.reconnect
        )
        return client.run()


app = EchoApplication()
