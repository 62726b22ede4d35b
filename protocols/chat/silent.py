"""Who has to go when the chat is full: those who have said nothing for longest.

Nothing is kept in order of silence, which would cost each line and each idle member something. When
the chat is full, everybody is looked at, but not more than once a second, and those found are good
for as many newcomers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from operator import attrgetter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .member import Member

SEARCH_INTERVAL: Final = 1.0  # seconds
MAX_FOUND: Final = 1000  # members found in one search

_spoke: Final[Callable[[Member], float]] = attrgetter("spoke")


class SilentMembers:
    """Finds members who have been silent for ``silence`` seconds, the longest silent first."""

    __slots__ = ("_found", "_next_search", "_silence")

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._found: list[tuple[float, Member]] = []  # the longest silent last
        self._next_search = 0.0

    def take(self, members: Iterable[Member], now: float) -> Member | None:
        """Return one of ``members``, or None if nobody is known to be silent for so long."""
        if now >= self._next_search and not self._found:
            self._search(members, now)
        while self._found:
            spoke, member = self._found.pop()
            if not member.gone and member.spoke == spoke:
                return member
        return None

    def _search(self, members: Iterable[Member], now: float) -> None:
        found = nsmallest(MAX_FOUND, members, key=_spoke)
        # Before that time no member can have been silent for so long, even if others come or go.
        soonest = found[0].spoke + self._silence if found else now
        self._next_search = max(soonest, now + SEARCH_INTERVAL)
        self._found = [
            (member.spoke, member)
            for member in reversed(found)
            if member.spoke + self._silence <= now
        ]
