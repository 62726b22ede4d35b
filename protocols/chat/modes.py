"""The modes of rooms and of their members, which are those of IRC (RFC 2811, section 4), and bans.

A mode says what is allowed in a room. ``rules.py`` applies it; operators change it.
"""

from __future__ import annotations

import re
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
    in seconds since the epoch; ``pattern``: the mask, ``compiled``.
    """

    mask: str
    name: str
    setter: str
    time: float
    pattern: re.Pattern[str]


def full_mask(mask: str) -> str:
    """Return ``mask`` in the form ``name!name@host``. The parts that it does not have are ``*``."""
    rest, at, host = mask.partition("@")
    name, mark, user = rest.partition("!")
    if at and not mark:
        name, user = "*", name
    return f"{name or '*'}!{user or '*'}@{host or '*'}"


def compiled(mask: str) -> re.Pattern[str]:
    """Return a pattern for ``mask``, in which ``*`` stands for any characters and ``?`` for one.

    Each star takes as little as it can and is not tried again (that is what ``(?>`` says), which
    finds every match, as only the last part has to be at the end. So the time is at most
    proportional to the product of the two lengths, whatever the mask.
    """
    first, *parts = [re.escape(part).replace(r"\?", ".") for part in mask.split("*")]
    if parts:
        *inner, last = parts
        first += "".join([f"(?>.*?{part})" for part in inner if part]) + f".*{last}"
    return re.compile(first, re.IGNORECASE | re.ASCII)
