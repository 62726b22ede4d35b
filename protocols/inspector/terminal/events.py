"""Parses a stream of server-sent events as its bytes arrive (WHATWG HTML, section 9.2.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_EVENT: Final = 8 << 20  # bytes; a state document with all its lists full has about 1 MB

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """``kind``: its type, "message" if the server gives none."""

    kind: str
    data: str


class EventParser:
    """Turns bytes, split anywhere, into events. ``max_size``: bytes that an event may have."""

    def __init__(self, max_size: int = MAX_EVENT) -> None:
        self._max_size = max_size
        self._after_return = False  # the last byte was CR: an LF belongs to the same line end
        self._line = bytearray()
        self._size = 0  # bytes of the event so far
        self._kind = ""
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete. Raises ``ValueError`` if one is too long."""
        if self._after_return and data.startswith(b"\n"):
            data = data[1:]
            self._after_return = False
        if data:
            self._after_return = data.endswith(b"\r")
        events: list[Event] = []
        *lines, rest = _LINE_END.split(data)
        for line in lines:
            self._extend(line)
            event = self._end_line()
            if event is not None:
                events.append(event)
        self._extend(rest)
        return events

    def _extend(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_size:
            raise ValueError(f"an event has more than {self._max_size} bytes")
        self._line += piece

    def _end_line(self) -> Event | None:
        line = bytes(self._line)
        self._line.clear()
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
        return None

    def _end_event(self) -> Event | None:
        kind, data = self._kind, self._data
        self._kind, self._data, self._size = "", [], 0
        if not data:
            return None
        return Event(kind or "message", b"\n".join(data).decode("utf-8", "replace"))
