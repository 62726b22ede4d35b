"""What the hub sends to its members: messages, and the batches that carry them.

A message is an event, not a piece of text: who did what, where and when. The way in decides how it
looks: as a line in a terminal (``render.py``), a frame for a browser, or a command of IRC.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from itertools import chain
from typing import Any, NamedTuple, TypeVar

Rendering = TypeVar("Rendering")

# What a message costs in addition to its text, in characters: its time, its names, and an object.
_OVERHEAD = 64


class ErrorCode(Enum):
    """Why a request is refused. The value is a word for programs; ways in with error codes of their
    own translate it.
    """

    OTHER = "refused"
    NO_CHANGE = "no-change"  # it is so already
    BAD_NAME = "bad-name"
    NAME_IN_USE = "name-in-use"
    NO_SUCH_MEMBER = "no-such-member"
    NO_SUCH_ROOM = "no-such-room"
    NOT_IN_ROOM = "not-in-room"  # the member itself is not
    MEMBER_NOT_IN_ROOM = "member-not-in-room"  # the other member is not
    IN_ROOM_ALREADY = "in-room-already"
    MEMBER_IN_ROOM_ALREADY = "member-in-room-already"
    NOT_OPERATOR = "not-operator"
    CANNOT_SPEAK = "cannot-speak"
    NO_TEXT = "no-text"
    TOO_LONG = "too-long"
    BANNED = "banned"
    INVITE_ONLY = "invite-only"
    WRONG_KEY = "wrong-key"
    ROOM_FULL = "room-full"
    TOO_MANY_ROOMS = "too-many-rooms"
    LIST_FULL = "list-full"  # of bans, of those who are ignored
    BUSY = "busy"  # too much is said in the room just now
    TOO_FAST = "too-fast"  # the member sends too fast: the line was dropped
    CHAT_FULL = "chat-full"
    GONE = "gone"  # the member has left


class ChatError(Exception):
    """A request of a member that fails. The text is one line for the member: the reason, or what it
    can do instead. ``code``: the reason, for programs."""

    def __init__(self, text: str, code: ErrorCode = ErrorCode.OTHER) -> None:
        super().__init__(text)
        self.code = code


class Kind(Enum):
    """What happened. The comments say what ``sender`` and ``text`` are in such a message."""

    SAID = "said"  # who spoke; the words
    ACTION = "action"  # who did something (``/me``); what
    NOTE = "note"  # the same as SAID or, with a ``target``, as PRIVATE, but written by a program
    PRIVATE = "private"  # who spoke to ``target`` alone; the words
    ENTERED = "entered"  # the member's own name, now that it is in ``room``; empty
    JOINED = "joined"  # who came into the room; empty
    LEFT = "left"  # who left the room; the reason, or empty
    QUIT = "quit"  # who left the chat; the reason, or empty
    KICKED = "kicked"  # who put ``target`` out of the room; the reason, or empty
    CROWD = "crowd"  # empty; how many came or left, and some of their names
    RENAMED = "renamed"  # the old name; the new name
    TOPIC = "topic"  # who set the topic, or empty for a newcomer; the topic
    MODE = "mode"  # who changed a mode, or empty for the hub; "+o", "-k"; ``target`` is its value
    INVITED = "invited"  # who invited ``target`` into ``room``; empty
    AWAY = "away"  # who is away; why, or empty for one that is back
    REPLY = "reply"  # empty; the answer to what a member asked
    ERROR = "error"  # empty; why something could not be done
    NOTICE = "notice"  # empty; what the server has to say

    # As fast as the members' identity, which is how they compare. Enum's is a function in Python.
    __hash__ = object.__hash__


# What a member says itself, as opposed to what happens to it.
SPOKEN = frozenset({Kind.SAID, Kind.ACTION, Kind.NOTE})

# What happens to a member in all of its rooms. Another member gets one message, however many rooms
# the two share.
EVERYWHERE = frozenset({Kind.QUIT, Kind.RENAMED, Kind.AWAY})


class Message(NamedTuple):
    """One event.

    ``time`` is in seconds since the epoch. ``room`` is the name of the room where it happened,
    also if the message is for one member alone; it is empty for what happens to a member in all of
    its rooms (QUIT, RENAMED, AWAY), and for what is for one member alone and about no room.
    ``target`` is the other member that it is about, or the value of a mode. An AWAY message with a
    ``target`` is for this member alone, who has just written to ``sender``.

    ``id`` is a number for each event that other members get, and for each private line. Later ones
    have higher ids, also after a restart of the server. A line has the same id when it is shown
    again from a room's history. Other messages have 0.

    ``names``, only in a CROWD: all the members that it is about. ``target`` then is what they did
    in ``room``: "joined", "left" or "quit".

    ``tags``: names and values that the sender's client adds to the line for other clients. The hub
    passes them on without reading them.

    A NOTE may be a program's answer to another program. No program may answer a NOTE: otherwise two
    of them would never stop (RFC 2812 section 3.3.2).
    """

    kind: Kind
    time: float
    room: str
    sender: str = ""
    text: str = ""
    target: str = ""
    id: int = 0
    names: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()

    @property
    def size(self) -> int:
        """The message's size in characters, for limits."""
        size = len(self.text) + _OVERHEAD
        return size + sum(map(len, chain(*self.tags))) if self.tags else size


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
