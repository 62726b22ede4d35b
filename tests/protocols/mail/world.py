"""An SMTP server in memory that notes what it receives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protocols.mail import Limits, MailServer, Message, Settings
from reactor.testing import StreamPeer, VirtualReactor

HOSTNAME = "mx.example.org"


class SMTPWorld:
    """``messages``: what was accepted; ``on_message`` replaces that."""

    def __init__(
        self,
        reactor: VirtualReactor,
        on_message: Callable[[Message], Any] | None = None,
        limits: Limits | None = None,
        **settings: Any,
    ) -> None:
        self.reactor = reactor
        self.messages: list[Message] = []
        self.server = MailServer(
            on_message or self.messages.append,
            Settings(hostname=HOSTNAME, limits=limits or Limits(), **settings),
        )

    def connect(self, address: str = "192.0.2.1") -> StreamPeer:
        """A connection that has been greeted."""
        peer = self.reactor.connect(self.server, (address, 50000))
        self.reactor.advance(0)
        assert peer.read().startswith(b"220 mx.example.org ")
        return peer

    def ask(self, peer: StreamPeer, data: bytes, chunk: int | None = None) -> str:
        """Send ``data``, in pieces of ``chunk`` bytes if given. Returns what comes back at once."""
        peer.send(data, chunk)
        self.reactor.settle()
        return peer.read().decode()

    def begin(self, *recipients: str) -> StreamPeer:
        """A connection on which a message can be sent: the server waits for it after DATA."""
        peer = self.connect()
        lines = [f"RCPT TO:<{recipient}>" for recipient in recipients or ["bob@example.org"]]
        for line in ["EHLO client.example", "MAIL FROM:<ada@example.com>", *lines, "DATA"]:
            reply = self.ask(peer, f"{line}\r\n".encode())
        assert reply.startswith("354")
        return peer


def codes(text: str) -> list[str]:
    """The codes of the replies in ``text``."""
    return [line[:3] for line in text.splitlines() if line[3:4] == " "]
