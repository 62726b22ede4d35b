"""A server of the page and its API, in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from protocols.mail import Address, Envelope, Maildir, MailStore, Message
from protocols.mail.web.lists import PAUSE
from protocols.mail.web.server import MailWeb
from protocols.page.access import Access
from reactor.testing import StreamPeer, VirtualReactor

from ....tools.responses import Answer, read_responses
from .mails import fill

TOKEN = "secret-token"
CHANGE = "X-Requested-With: test"


class World:
    """A server in memory. ``ids``: of the mails in ``mails``."""

    def __init__(self, reactor: VirtualReactor, folder: Path, *mails: Any, **options: Any) -> None:
        self.reactor = reactor
        self.maildir = Maildir(folder)
        self.ids = fill(self.maildir, *mails)
        self.store = MailStore(reactor, self.maildir, "mx.example.org")
        access = Access(TOKEN, needs_token=options.pop("needs_token", False), what="the mail")
        self.server = MailWeb(reactor, self.store, access, **options)

    def begin(self, target: str, method: str = "GET", *fields: str) -> StreamPeer:
        """Send a request."""
        peer = self.reactor.connect(self.server)
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost:1", *fields, "", ""]
        peer.send("\r\n".join(lines).encode())
        self.reactor.advance(2 * PAUSE)
        return peer

    def ask(self, target: str, method: str = "GET", *fields: str) -> Answer:
        peer = self.begin(target, method, *fields)
        (answer,) = read_responses(bytes(peer.received), [method])
        return answer

    def json(self, target: str, method: str = "GET", *fields: str) -> Any:
        answer = self.ask(target, method, *fields)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    def list(self, query: str = "") -> list[str]:
        """The subjects."""
        return [mail["subject"] for mail in self.json(f"/api/messages{query}")["messages"]]

    def deliver(self, message: Any) -> None:
        envelope = Envelope(Address("ada", "example.com"), [Address("bob", "example.org")])
        self.store.deliver(Message(envelope, bytes(message)))
        self.reactor.settle()
