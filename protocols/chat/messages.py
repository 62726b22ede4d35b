"""What the hub sends to its members: messages, and the batches that carry them.

A message is an event, not a piece of text: who did what, where and when. The way in decides how it
looks: as a line in a terminal (``render.py``), a frame for a browser, or a command of IRC.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, TypeVar

Rendering = TypeVar("Rendering")

# What a message costs in addition to its text, in characters: its time, its names, and an object.
_OVERHEAD = 64


class ChatError(Exception):
    """What a member requested cannot be done. The text is one line for the member: the reason, or
    what it can do instead."""


class Kind(Enum):
    """What happened. The comments say what ``sender`` and ``text`` are in such a message."""

    SAID = "said"  # who spoke; the words
    ACTION = "action"  # who did something (``/me``); what
    PRIVATE = "private"  # who spoke to ``target`` alone; the words
    ENTERED = "entered"  # the member's own name, now that it is in ``room``; empty
    JOINED = "joined"  # who came into the room; empty
    LEFT = "left"  # who went to another room; empty
    QUIT = "quit"  # who left the chat; the reason, or empty
    CROWD = "crowd"  # empty; how many came or left, and some of their names
    RENAMED = "renamed"  # the old name; the new name
    TOPIC = "topic"  # who set the topic, or empty for a newcomer; the topic
    REPLY = "reply"  # empty; the answer to what a member asked
    ERROR = "error"  # empty; why something could not be done
    NOTICE = "notice"  # empty; what the server has to say


class Message(NamedTuple):
    """One event.

    ``time`` is in seconds since the epoch; ``room`` is the room's name, even if the message is for
    one member alone; ``target`` is the name of the member that a PRIVATE message is for.
    """

    kind: Kind
    time: float
    room: str
    sender: str = ""
    text: str = ""
    target: str = ""

    @property
    def size(self) -> int:
        """The message's size in characters, for limits."""
        return len(self.text) + _OVERHEAD


class Batch:
    """Messages delivered together: what happened in a room during one turn of the loop, in order.

    All members of a room get the same batch, so it is rendered once and stores the rendering.
    """

    __slots__ = ("_renderings", "messages")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self.messages = messages
        self._renderings: dict[Any, Any] = {}

    def rendered(self, renderer: Callable[[tuple[Message, ...]], Rendering]) -> Rendering:
        """Return ``renderer(messages)``, which is called at most once for this batch.

        Pass the same function each time: it is the key under which the result is kept.
        """
        try:
            return self._renderings[renderer]  # type: ignore[no-any-return]
        except KeyError:
            rendering = self._renderings[renderer] = renderer(self.messages)
            return rendering
