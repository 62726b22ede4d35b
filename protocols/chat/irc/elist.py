"""The conditions of ``LIST``: which rooms a client wants to see (ISUPPORT ``ELIST=CMNTU``).

    LIST #tea,#coffee       these two
    LIST *tea*              all whose name matches; LIST !*tea* all others
    LIST >10                those with more than ten members; LIST <10 with fewer
    LIST C<60               those created less than an hour ago; LIST C>60 before that
    LIST T<60               those whose topic was set less than an hour ago; LIST T>60 before that

A room must meet all conditions, which commas separate; of names and masks without ``!``, one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ..modes import compiled
from ..room import Room

Condition = Callable[[Room, float], bool]

MAX_CONDITIONS: Final = 20
_MAX_STARS: Final = 5  # in one mask: the time to match it grows with them

_NUMBER: Final = re.compile(r"([CT]?)([<>])([0-9]{1,9})", re.ASCII | re.IGNORECASE)


def parse_conditions(text: str) -> Condition:
    """Return a function of a room and the time of day, in seconds since the epoch. It says whether
    the room is wanted. Conditions that are not understood are ignored."""
    masks: list[re.Pattern[str]] = []
    conditions: list[Condition] = []
    for word in text.split(",")[:MAX_CONDITIONS]:
        if (match := _NUMBER.fullmatch(word)) is not None:
            conditions.append(_comparison(match[1].upper(), match[2], int(match[3])))
        elif word.count("*") > _MAX_STARS:
            continue
        elif word.startswith("!"):
            conditions.append(_unlike(compiled(word[1:])))
        elif word:
            masks.append(compiled(word))

    def wanted(room: Room, now: float) -> bool:
        if masks and not any(mask.fullmatch(f"#{room.name}") for mask in masks):
            return False
        return all(condition(room, now) for condition in conditions)

    return wanted


def _unlike(pattern: re.Pattern[str]) -> Condition:
    return lambda room, _: not pattern.fullmatch(f"#{room.name}")


def _comparison(what: str, sign: str, number: int) -> Condition:
    less = sign == "<"
    if what == "":
        if less:
            return lambda room, _: len(room.members) < number
        return lambda room, _: len(room.members) > number

    def by_age(room: Room, now: float) -> bool:
        when = room.created if what == "C" else room.topic_time
        if not when:
            return False  # it has no topic
        minutes = (now - when) / 60
        return minutes < number if less else minutes > number

    return by_age
