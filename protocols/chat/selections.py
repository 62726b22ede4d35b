"""Batches for members who must not get all messages of a turn.

A member without echo does not get its own lines. One that ignores others does not get theirs. One
that came in the middle of the turn does not get what was sent before. If each of them got a batch
of its own, a thousand speakers without echo would cost a thousand renderings of the whole turn.

So the messages are cut into chunks, and each chunk is a batch that many members share. A member
gets batches of its own only where something is missing for it. Few messages are a single chunk, so
such a member usually gets one batch, like all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .interfaces import Listener
from .messages import SPOKEN, Batch, Message

CHUNK: Final = 32  # messages


class Selections:
    """Cuts ``messages`` into batches for each member.

    ``whole``: all of them as a batch; None if more messages will be appended to them.
    """

    __slots__ = ("_chunks", "_messages", "_own", "_whole")

    def __init__(self, messages: Sequence[Message], whole: Batch | None = None) -> None:
        self._messages = messages
        self._whole = whole
        self._chunks: list[_Chunk] = []  # those that are full
        # Members for whom the same messages are missing share their batches, too. The key is the
        # identity of each message, which is much cheaper to compare than the messages.
        self._own: dict[tuple[int, ...], Batch] = {}

    def batches(self, member: Listener, offset: int = 0) -> list[Batch]:
        """Return the messages from ``offset`` on that are for ``member``."""
        messages = self._messages
        whole = self._whole
        if whole is not None and not offset and member.echo and not member.ignores_some:
            return [whole]
        if len(messages) - offset <= CHUNK:
            wanted = member.wanted(messages[offset:])
            if whole is not None and len(wanted) == len(messages):
                return [whole]
            return [self._batch(wanted)] if wanted else []
        batches: list[Batch] = []
        own: list[Message] = []
        for start in range(offset - offset % CHUNK, len(messages), CHUNK):
            chunk = self._full_chunk(start) if start >= offset else None
            if chunk is not None and chunk.is_for(member):
                if own:
                    batches.append(self._batch(own))
                    own = []
                batches.append(chunk.batch)
            else:
                own += member.wanted(messages[max(start, offset) : start + CHUNK])
        if own:
            batches.append(self._batch(own))
        return batches

    def _full_chunk(self, start: int) -> _Chunk | None:
        """Return the chunk that begins at ``start``; None if it is not full."""
        while len(self._chunks) <= start // CHUNK:
            first = len(self._chunks) * CHUNK
            messages = self._messages[first : first + CHUNK]
            if len(messages) < CHUNK:
                return None
            self._chunks.append(_Chunk(messages))
        return self._chunks[start // CHUNK]

    def _batch(self, messages: Sequence[Message]) -> Batch:
        key = tuple(map(id, messages))
        batch = self._own.get(key)
        if batch is None:
            batch = self._own[key] = Batch(tuple(messages))
        return batch


class _Chunk:
    """A batch of consecutive messages, and the names of those who speak in it."""

    __slots__ = ("_speakers", "batch")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.batch = Batch(tuple(messages))
        self._speakers = {message.sender for message in messages if message.kind in SPOKEN}

    def is_for(self, member: Listener) -> bool:
        """Return whether ``member`` wants all of it."""
        if not member.ignores_some and (member.echo or member.name not in self._speakers):
            return True  # a shortcut for nearly all
        return len(member.wanted(self.batch.messages)) == len(self.batch.messages)
