"""Pages and programs at the chat's web server, in memory."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from websockets.frames import Opcode

from protocols.chat.flood import FloodPolicy
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from protocols.chat.web.events import SUBPROTOCOL
from protocols.chat.web.server import WEBSOCKET_LIMITS, WebServer
from protocols.page import PageFiles
from reactor.testing import VirtualReactor

from ....tools.chat import UNLIMITED, WALL_TIME, Person, RecordingSink
from ...websocket.browser import Browser

Event = dict[str, Any]


class Site:
    """A chat with its web server. ``folder``: the page's files."""

    def __init__(
        self,
        reactor: VirtualReactor,
        folder: Path,
        *,
        limits: Limits | None = None,
        flood: FloodPolicy = UNLIMITED,
        **options: Any,
    ) -> None:
        self.reactor = reactor
        self.scheduler = reactor  # as ``tools.chat.Person`` knows it
        self.hub = Hub(reactor, limits=limits, flood=flood, clock=lambda: WALL_TIME)
        options.setdefault("limits", WEBSOCKET_LIMITS)
        self.server = WebServer(self.hub, reactor, page=PageFiles(folder), **options)

    def page(self, **hello: Any) -> Page:
        """A page that has said hello."""
        page = self.socket()
        page.says("hello", **hello)
        return page

    def pages(self, *names: str) -> list[Page]:
        """Pages in the lobby, that have taken all events so far."""
        pages = [self.page(name=name) for name in names]
        for page in pages:
            page.events()
        return pages

    def socket(self, **options: Any) -> Page:
        """A page that has said nothing yet."""
        return Page(self, **options)

    def program(self) -> Program:
        """A program that speaks lines."""
        return Program(self)

    def arrive(self, name: str, room: str | None = None) -> Person:
        """A member by another way in."""
        sink = RecordingSink()
        return Person(self, self.hub.join(sink, name=name, room=room), sink)


class Page:
    """The end of a connection that a page has."""

    def __init__(self, site: Site, **options: Any) -> None:
        self.browser = Browser(
            site.reactor, server=site.server.http, offers=[SUBPROTOCOL], **options
        )
        self.reactor = site.reactor
        self.session = ""
        self._ref = 0

    def says(self, type: str, **fields: Any) -> None:
        """Send a message."""
        self.sends(json.dumps({"type": type, **fields}))

    def sends(self, *messages: str | bytes) -> None:
        """Send messages as they are."""
        self.browser.send(*messages)

    def types(self, *lines: str, room: str | None = "lobby") -> None:
        """Send lines that were typed in ``room``, with growing refs."""
        for line in lines:
            self._ref += 1
            self.says("line", ref=self._ref, room=room, text=line)

    def events(self) -> list[Event]:
        """The events since the last call."""
        self.reactor.settle()
        events: list[Event] = []
        for message in self.browser.messages():
            frame = json.loads(message)
            assert isinstance(frame, list)
            assert frame
            events += frame
        for event in events:
            if event["type"] == "welcome":
                self.session = event["session"]
        return events

    def sees(self) -> list[Event]:
        """The same, without times, ids, codes and what is the same in each welcome."""
        return [_stripped(event) for event in self.events()]

    def kinds(self) -> list[str]:
        """The types of the events since the last call."""
        return [event["type"] for event in self.events()]

    def vanishes(self) -> None:
        """The connection breaks."""
        self.browser.peer.reset()
        self.reactor.settle()

    def close_code(self) -> int:
        """The code that the server closed with."""
        self.reactor.settle()
        return self.browser.close_frame()[0]


class Program:
    """A client without a subprotocol."""

    def __init__(self, site: Site) -> None:
        self.browser = Browser(site.reactor, server=site.server.http)
        texts = [frame for frame in self.browser.early if frame.opcode is Opcode.TEXT]
        self.early = [frame.data.decode() for frame in texts]
        self.reactor = site.reactor

    def types(self, *lines: str) -> None:
        self.browser.send(*lines)

    def sees(self) -> list[str]:
        """The messages since the last call, without the time."""
        self.reactor.settle()
        early, self.early = self.early, []
        return [
            re.sub(r"^\[\d\d:\d\d:\d\d\]", "[time]", message, flags=re.MULTILINE)
            for message in early + self.browser.messages()
        ]


def _stripped(event: Event) -> Event:
    hidden = {"time", "id", "session", "server", "limits", "commands"}
    if event["type"] == "error":
        hidden.add("code")
    stripped = {name: value for name, value in event.items() if name not in hidden}
    if "events" in stripped:
        stripped["events"] = [_stripped(line) for line in stripped["events"]]
    return stripped
