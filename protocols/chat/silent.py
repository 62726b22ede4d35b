"""Which member a full chat dismisses for a newcomer: the one that has been silent for longest.

Members are not kept in order of silence: that would cost time for each line and memory for each
member. Instead, a full chat searches all members, at most once a second, and one search finds
enough for many newcomers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import nsmallest
from operator import attrgetter
from typing import Final

from .member import Member

SEARCH_INTERVAL: Final = 1.0  # seconds
MAX_FOUND: Final = 1000  # members found in one search

_spoke: Final[Callable[[Member], float]] = attrgetter("spoke")


class SilentMembers:
    """Finds members who have been silent for ``silence`` seconds, the longest silent first."""

    __slots__ = ("_found", "_next_search", "_silence")

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._found: list[tuple[float, Member]] = []  # the longest silent is the last
        self._next_search = 0.0

    def pop(self, members: Iterable[Member], now: float) -> Member | None:
        """Return a member to be dismissed, or None if none is known to have been silent for long.

        ``members``: all members, to be searched. ``now``: the scheduler's time in seconds.
        """
        if now >= self._next_search and not self._found:
            self._search(members, now)
        while self._found:
            spoke, member = self._found.pop()
            if not member.gone and member.spoke == spoke:
                return member
        return None

    def _search(self, members: Iterable[Member], now: float) -> None:
        found = nsmallest(MAX_FOUND, members, key=_spoke)
        # Before this time no member can have been silent for long enough, even if members come and
        # go.
        soonest = found[0].spoke + self._silence if found else now
        self._next_search = max(soonest, now + SEARCH_INTERVAL)
        self._found = [
            (member.spoke, member)
            for member in reversed(found)
            if member.spoke + self._silence <= now
        ]
