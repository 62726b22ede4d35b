"""The parameters of ``MODE``: signs and letters, and the values of these letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from ..modes import Mode

MAX_VALUES: Final = 6  # changes with a value in one command (ISUPPORT ``MODES``)

MODES: Final = {mode.value: mode for mode in Mode}

# Modern IRC, "Mode message": which letters take a value. A key takes one also when it is removed;
# any word will do. A limit takes one when it is set. A mask without a value asks for the list.
_ALWAYS: Final = frozenset({"o", "v", "b", "k"})
_WHEN_SET: Final = frozenset({"l"})
_REQUIRED_TO_CLEAR: Final = frozenset({"o", "v"})


class Change(NamedTuple):
    """One change: ``on`` for a plus; ``value`` is None if none was given."""

    on: bool
    letter: str
    value: str | None

    @property
    def asks_for_list(self) -> bool:
        """Whether it only asks for the bans."""
        return self.letter == Mode.BAN.value and self.value is None

    @property
    def lacks_value(self) -> bool:
        """Whether it needs a value and has none."""
        if self.value is not None or self.asks_for_list:
            return False
        return self.letter in (_ALWAYS | _WHEN_SET if self.on else _REQUIRED_TO_CLEAR)


def parse_changes(words: Sequence[str]) -> list[Change]:
    """Return the changes in ``words``: strings of signs and letters, each with its values after it.

    Unknown letters are included. A change is included only once: otherwise a client could ask for
    the bans 400 times in one line. Like other servers, this ignores what follows after
    ``MAX_VALUES`` values.
    """
    changes: dict[Change, None] = {}
    values = 0
    rest = list(words)
    while rest:
        on = True
        for letter in rest.pop(0):
            if letter in "+-":
                on = letter == "+"
                continue
            value: str | None = None
            if rest and _takes_value(letter, on=on):
                value = rest.pop(0)
                values += 1
            if values <= MAX_VALUES:
                changes[Change(on, letter, value)] = None
    return list(changes)


def _takes_value(letter: str, *, on: bool) -> bool:
    return letter in _ALWAYS or (on and letter in _WHEN_SET)
