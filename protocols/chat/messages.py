"""What the hub tells its members: messages, and the batches in which they come.

A message is an event, not a piece of text: who did what, where and when. How it looks, as a line in
a terminal, a frame for a browser or a command of IRC, is decided by the way in that shows it
(``render.py`` has the lines).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple, TypeVar

Rendering = TypeVar("Rendering")


class ChatError(Exception):
    """What a member asked for cannot be done: one line for it that says why, or what can be."""


class Kind(Enum):
    """What happened; beside it, what ``sender`` and ``text`` are in such a message."""

    SAID = "said"  # who spoke; the words
    ACTION = "action"  # who did something (``/me``); what
    PRIVATE = "private"  # who spoke to ``target`` alone; the words
    ENTERED = "entered"  # the member's own name: it is in ``room`` now
    JOINED = "joined"  # who came into the room
    LEFT = "left"  # who went to another room
    QUIT = "quit"  # who left the chat; why, or nothing
    CROWD = "crowd"  # nobody; how many came or left, and some of their names
    RENAMED = "renamed"  # the old name; the new name
    TOPIC = "topic"  # who set the topic, or nobody if it stands; the topic
    REPLY = "reply"  # nobody; the answer to what a member asked
    ERROR = "error"  # nobody; why something could not be done
    NOTICE = "notice"  # nobody; what the server has to say


class Message(NamedTuple):
    """One event.

    ``time`` is in seconds since the epoch; ``room`` is the room's name, also in what concerns one
    member alone; ``target`` is the name of whom a PRIVATE message is for.
    """

    kind: Kind
    time: float
    room: str
    sender: str = ""
    text: str = ""
    target: str = ""


class Batch:
    """Messages delivered together: what happened in a room during one turn of the loop, in order.

    A thousand members are given the same batch. So whatever is made of it is made once, and kept
    with it: ``rendered``.
    """

    __slots__ = ("_renderings", "messages")

    def __init__(self, messages: tuple[Message, ...]) -> None:
        self.messages = messages
        self._renderings: dict[Any, Any] = {}

    def rendered(self, renderer: Callable[[tuple[Message, ...]], Rendering]) -> Rendering:
        """Return ``renderer(messages)``, called at most once for this batch.

        Give the same function each time: the result is found by it.
        """
        try:
            return self._renderings[renderer]  # type: ignore[no-any-return]
        except KeyError:
            rendering = self._renderings[renderer] = renderer(self.messages)
            return rendering
