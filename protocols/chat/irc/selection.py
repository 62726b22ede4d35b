"""Selects the lines of a history that a client asks for (IRCv3 ``chathistory``).

A client gives the id of a line, or a timestamp. Lines are in order, so both are positions in the
history, even if the line is no longer there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from ..messages import Message

# The server-time specification: ISO 8601 in UTC with milliseconds.
_TIMESTAMP: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z", re.ASCII
)
_ID: Final = re.compile(r"[0-9]{1,18}", re.ASCII)


class Point(NamedTuple):
    """A position. ``key`` returns the id or the time of a message, to compare with ``value``."""

    key: Callable[[Message], int]
    value: int

    def precedes(self, message: Message) -> bool:
        """Return whether ``message`` is after this position."""
        return self.key(message) > self.value

    def follows(self, message: Message) -> bool:
        """Return whether ``message`` is before this position."""
        return self.key(message) < self.value


def milliseconds(message: Message) -> int:
    """Return when ``message`` was sent, in the milliseconds that clients get."""
    return int(message.time * 1000)


def _id(message: Message) -> int:
    return message.id


def parse_point(text: str) -> Point | None:
    """Return the position for ``msgid=...`` or ``timestamp=...``; None if it is neither."""
    kind, _, value = text.partition("=")
    if kind == "msgid" and _ID.fullmatch(value):
        return Point(_id, int(value))
    if kind == "timestamp" and _TIMESTAMP.fullmatch(value):
        try:
            when = datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:  # the 31st of February
            return None
        seconds = (when - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
        return Point(milliseconds, round(seconds * 1000))
    return None


def latest(messages: Sequence[Message], after: Point | None, limit: int) -> Sequence[Message]:
    """Return the last ``limit`` messages, or those of them that follow ``after``."""
    return _last([m for m in messages if after is None or after.precedes(m)], limit)


def before(messages: Sequence[Message], point: Point, limit: int) -> Sequence[Message]:
    """Return the last ``limit`` messages before ``point``."""
    return _last([m for m in messages if point.follows(m)], limit)


def after(messages: Sequence[Message], point: Point, limit: int) -> Sequence[Message]:
    """Return the first ``limit`` messages after ``point``."""
    return [m for m in messages if point.precedes(m)][:limit]


def around(messages: Sequence[Message], point: Point, limit: int) -> Sequence[Message]:
    """Return ``limit`` messages, with ``point`` in the middle if there are enough."""
    middle = sum(point.follows(m) for m in messages)
    start = max(0, min(middle - (limit - 1) // 2, len(messages) - limit))
    return messages[start : start + limit]


def between(messages: Sequence[Message], start: Point, end: Point, limit: int) -> Sequence[Message]:
    """Return ``limit`` messages between two points, counted from ``start``, which may be the later
    one. They are in order in any case."""
    forward = [m for m in messages if start.precedes(m) and end.follows(m)]
    if forward:
        return forward[:limit]
    return _last([m for m in messages if end.precedes(m) and start.follows(m)], limit)


def _last(messages: list[Message], limit: int) -> list[Message]:
    return messages[-limit:] if limit else []
