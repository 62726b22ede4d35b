"""A page without a browser: a client of the chat's events, with a real connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from .waiting import TIMEOUT

SUBPROTOCOLS: Any = ["chat.v1+json"]


class EventPage:
    """A page, with a real connection."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.websocket = websocket
        self.seen: list[dict[str, Any]] = []

    def says(self, type: str, **fields: object) -> None:
        self.websocket.send(json.dumps({"type": type, **fields}))

    def until(self, **wanted: object) -> dict[str, Any]:
        """Read until there is an event with these fields, and return it."""
        while True:
            for index, event in enumerate(self.seen):
                if all(event.get(name) == value for name, value in wanted.items()):
                    del self.seen[: index + 1]
                    return event
            self.seen = json.loads(self.websocket.recv(timeout=TIMEOUT))


@contextmanager
def open_page(port: int, scheme: str = "ws", **options: Any) -> Iterator[EventPage]:
    url = f"{scheme}://localhost:{port}/"
    with connect(url, subprotocols=SUBPROTOCOLS, open_timeout=TIMEOUT, **options) as websocket:
        yield EventPage(websocket)
