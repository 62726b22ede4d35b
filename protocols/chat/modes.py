"""The modes of rooms and of their members, which are those of IRC (RFC 2811, section 4), and bans.

A mode says what is allowed in a room. ``rules.py`` applies it; operators change it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Mode(Enum):
    """A mode, with its letter in IRC. The comments say what its value is, if it has one."""

    OPERATOR = "o"  # a member decides in the room; the member's name
    VOICE = "v"  # a member may speak when the room is moderated; the member's name
    INSIDE = "n"  # only members of the room can speak in it
    TOPIC = "t"  # only operators set the topic
    MODERATED = "m"  # only operators and members with a voice can speak
    INVITED = "i"  # only members who are invited can enter, and only operators invite
    SECRET = "s"  # only members of the room see it in lists
    KEY = "k"  # only those who know the key can enter; the key
    LIMIT = "l"  # only so many members can enter; a number
    BAN = "b"  # those who match a mask can neither enter nor speak; the mask


FLAGS = (Mode.INSIDE, Mode.TOPIC, Mode.MODERATED, Mode.INVITED, Mode.SECRET)  # without a value


class Ban(NamedTuple):
    """Keeps those out of a room who match ``mask``.

    ``name``: whom it was made for, or empty; ``setter``: the name of who made it; ``time``: when,
    in seconds since the epoch.
    """

    mask: str
    name: str
    setter: str
    time: float


def full_mask(mask: str) -> str:
    """Return ``mask`` in the form ``name!name@host``. The parts that it does not have are ``*``."""
    rest, at, host = mask.partition("@")
    name, mark, user = rest.partition("!")
    if at and not mark:
        name, user = "*", name
    return f"{name or '*'}!{user or '*'}@{host or '*'}"


def matches(mask: str, text: str) -> bool:
    """Return whether ``mask`` describes all of ``text``, without regard to case.

    ``*`` stands for any characters, ``?`` for one. The time is at most proportional to the product
    of the lengths, whatever the mask.
    """
    mask, text = mask.lower(), text.lower()
    position = star = retry = 0
    after_star = False
    index = 0
    while index < len(text):
        char = mask[position] if position < len(mask) else ""
        if char == "*":
            star, retry, after_star = position, index, True
            position += 1
        elif char and char in ("?", text[index]):
            position += 1
            index += 1
        elif after_star:  # let the last star stand for one character more
            retry += 1
            position, index = star + 1, retry
        else:
            return False
    return not mask[position:].strip("*")
