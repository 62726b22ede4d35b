"""The last lines of a room, for members who join later."""

from __future__ import annotations

from collections import deque

from .messages import Batch, Message


class History:
    """A ring of messages: at most ``count`` of them, of at most ``size`` characters together.

    Read-only: ``forgotten``, the id of the newest message that it has forgotten, or 0.
    """

    __slots__ = ("_batch", "_count", "_lines", "_max_size", "_size", "forgotten")

    def __init__(self, count: int, size: int) -> None:
        self._count = count
        self._max_size = size
        self._lines: deque[Message] = deque()
        self._size = 0
        self._batch: Batch | None = None
        self.forgotten = 0

    def append(self, message: Message) -> None:
        """Remember ``message``, and forget the oldest ones if there are too many."""
        lines = self._lines
        lines.append(message)
        self._batch = None
        size = self._size + message.size
        while len(lines) > self._count or size > self._max_size:
            oldest = lines.popleft()
            size -= oldest.size
            self.forgotten = oldest.id
        self._size = size

    def since(self, when: float = 0.0, after: int = 0) -> Batch | None:
        """Return the lines said after ``when``, in seconds since the epoch, and after the one whose
        id is ``after``; 0 and 0 for all that are remembered. None if there are none."""
        if when or after:
            missed = tuple([m for m in self._lines if m.time > when and m.id > after])
            return Batch(missed) if missed else None
        # All members that join before the next line share one batch, which is rendered once.
        if self._batch is None and self._lines:
            self._batch = Batch(tuple(self._lines))
        return self._batch
