"""Those who watch the mailbox: pages with a stream of events, and requests that wait for a mail."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from protocols.http import HTTPError, Request
from protocols.page import EventStream
from reactor import Reactor, Timer
from reactor.sockets.addresses import LOOPBACK, AddressLimit, Networks

MAX_STREAMS: Final = 32
MAX_PER_ADDRESS: Final = 16  # except of this machine
INTERVAL: Final = 0.2  # seconds between two events, at least
_MOST_NAMED: Final = 500  # deleted mails that an event names; with more, the page asks for its list

_BUSY: Final = (("Retry-After", "5"),)


class Streams:
    """The streams. ``counts()`` returns the numbers of mails and of unread ones.

    Each event is ``{"total": …, "unread": …, "deleted": [ID, …]}``: the list has changed, and these
    mails are gone; ``deleted`` is null if they are too many to name. A page that reads slowly gets
    fewer events."""

    def __init__(self, reactor: Reactor, counts: Callable[[], tuple[int, int]]) -> None:
        self._reactor = reactor
        self._counts = counts
        self._streams: dict[EventStream, list[str] | None] = {}
        self._changed: set[EventStream] = set()
        self._timer: Timer | None = None  # until the next event
        self._closed = False
        self._addresses = AddressLimit(MAX_PER_ADDRESS, Networks(LOOPBACK).__contains__)

    def __len__(self) -> int:
        """The number of streams."""
        return len(self._streams)

    def open(self, request: Request) -> None:
        """Answer ``request`` with a stream. Raises ``HTTPError`` 503 if there are too many."""
        if self._closed or len(self._streams) >= MAX_STREAMS:
            raise HTTPError(503, f"{MAX_STREAMS} pages watch the mail already.", _BUSY)
        address = self._addresses.key(request.peername)
        if address is not None:
            if self._addresses.is_reached(address):
                raise HTTPError(503, "Your address watches the mail in too many pages.", _BUSY)
            self._addresses.add(address)
        stream = EventStream(request, on_closed=lambda: self._left(stream, address))
        self._streams[stream] = []
        self._send(stream)

    def change(self, deleted: Sequence[str]) -> None:
        """Tell all pages, soon."""
        for stream, named in self._streams.items():
            self._changed.add(stream)
            if named is None or len(named) + len(deleted) > _MOST_NAMED:
                self._streams[stream] = None
            else:
                named.extend(deleted)
        if self._timer is None and self._changed:
            self._timer = self._reactor.call_later(INTERVAL, self._tick)

    def close(self) -> None:
        """End all streams, and accept no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        streams, self._streams = self._streams, {}
        for stream in streams:
            stream.close()

    def _tick(self) -> None:
        self._timer = None
        for stream in tuple(self._changed):
            if not stream.paused:
                self._changed.discard(stream)
                self._send(stream)
        if self._changed:
            self._timer = self._reactor.call_later(INTERVAL, self._tick)

    def _send(self, stream: EventStream) -> None:
        total, unread = self._counts()
        deleted, self._streams[stream] = self._streams[stream], []
        stream.send(json.dumps({"total": total, "unread": unread, "deleted": deleted}), "change")

    def _left(self, stream: EventStream, address: bytes | None) -> None:
        if address is not None:
            self._addresses.remove(address)
        self._streams.pop(stream, None)
        self._changed.discard(stream)
