"""The messages that a page sends: JSON objects. This module checks each field.

Names are cleaned here, and lines on their way to the hub, so control characters reach nobody.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, NoReturn

from protocols.text import clean_text

MAX_ROOMS: Final = 100  # in a hello; how many a member may be in is the hub's limit
_MAX_NAME: Final = 64  # characters; longer names are cut, and are still too long for the hub
_INTEGER_LIMIT: Final = 2**53  # from here on, JavaScript's numbers skip integers
_MAX_DIGITS: Final = 16
# Brackets and commas, also in text. With 30,000 of them, a message would take 10 ms to parse.
MAX_SIGNS: Final = 6000


class WrongMessage(Exception):
    """The peer sent an invalid message; the text says why."""


class Place(NamedTuple):
    """A room to enter. ``after``: the id of the last line that the page has from it, or 0."""

    name: str
    after: int = 0
    key: str = ""


class Hello(NamedTuple):
    """The first message. ``rooms``: None if there is no such field."""

    session: str
    name: str
    rooms: tuple[Place, ...] | None


class Line(NamedTuple):
    """A typed line. ``room``: where it was typed, or empty. The text is not clean yet."""

    ref: int
    room: str
    text: str


class Rooms(NamedTuple):
    """Asks for the list of the rooms."""


class Ping(NamedTuple):
    """Asks for a pong."""


class Unknown(NamedTuple):
    """A message of a type that this server does not know."""


Request = Hello | Line | Rooms | Ping | Unknown


def parse(text: str | bytes) -> Request:
    """Return the request in ``text``. Raises ``WrongMessage``."""
    if not isinstance(text, str):
        raise WrongMessage("Messages are text, not binary")
    if len(text) > MAX_SIGNS and sum(map(text.count, "[{,")) > MAX_SIGNS:
        raise WrongMessage("A message is a small object")
    try:
        fields = _decode(text)
    except (ValueError, RecursionError):
        raise WrongMessage("A message is a JSON object") from None
    if not isinstance(fields, dict):
        raise WrongMessage("A message is a JSON object")
    match _text(fields, "type"):
        case "hello":
            places = _rooms(fields.get("rooms"))
            return Hello(_text(fields, "session"), _name(fields, "name"), places)
        case "line":
            ref = _integer(fields, "ref")
            if not ref:
                raise WrongMessage("ref is a number of at least 1")
            return Line(ref, _name(fields, "room"), _text(fields, "text"))
        case "rooms":
            return Rooms()
        case "ping":
            return Ping()
        case _:
            return Unknown()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # Python's parser takes NaN and Infinity


def _integer_of(digits: str) -> int:
    return int(digits) if len(digits) <= _MAX_DIGITS else _INTEGER_LIMIT  # int() would be slow


def _float_of(_: str) -> float:
    return 0.5  # any float will do: all fields refuse it


_decode: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_integer_of, parse_float=_float_of
).decode


def _rooms(value: Any) -> tuple[Place, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(room, dict) for room in value):
        raise WrongMessage("rooms is a list of objects")
    if len(value) > MAX_ROOMS:
        raise WrongMessage(f"rooms has at most {MAX_ROOMS} of them")
    return tuple(
        [Place(_name(room, "name"), _integer(room, "after"), _name(room, "key")) for room in value]
    )


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongMessage(f"{name} is a string")
    return value


def _name(fields: dict[str, Any], name: str) -> str:
    """Return a clean name; cut if it is too long."""
    return clean_text(_text(fields, name)[:_MAX_NAME]).strip()


def _integer(fields: dict[str, Any], name: str) -> int:
    value = fields.get(name, 0)
    if type(value) is not int or not 0 <= value < _INTEGER_LIMIT:  # True is an int, too
        raise WrongMessage(f"{name} is a whole number")
    return value
