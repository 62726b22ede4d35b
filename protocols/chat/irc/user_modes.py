"""The modes that a client has for itself: ``MODE alice +i``."""

from __future__ import annotations

from enum import Flag
from typing import Final


class UserMode(Flag):
    """What a client has set; ``OPERATOR`` is what the server grants to it."""

    NONE = 0
    INVISIBLE = 1  # masks match it only for those who share a channel with it
    WALLOPS = 2  # it gets WALLOPS from operators
    OPERATOR = 4  # it has given the password of an operator


LETTERS: Final = {
    "i": UserMode.INVISIBLE,
    "o": UserMode.OPERATOR,
    "w": UserMode.WALLOPS,
}


def describe(modes: UserMode) -> str:
    """Return ``modes`` as letters: ``+iw``."""
    return "+" + "".join([letter for letter, mode in LETTERS.items() if mode in modes])
