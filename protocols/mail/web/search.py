"""A search through the index, in slices: the loop serves others between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from .index import Entry, Index, Key
from .query import Query

SLICE: Final = 1000  # mails of a turn of the loop, at most
SLICE_TIME: Final = 0.005  # seconds; long texts and many words take more time for each mail

_AFTER_ALL: Final[Key] = (float("-inf"), "")


class Budget:
    """What all searches together may do in a turn. ``clock``: returns seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left = SLICE
        self._end = clock() + SLICE_TIME

    def is_left(self) -> bool:
        """Whether another mail can be looked at."""
        return self._left > 0 and self._clock() < self._end

    def take(self) -> bool:
        """Look at one more mail; False if that is for the next turn."""
        if not self.is_left():
            return False
        self._left -= 1
        return True


class Search:
    """The search for what ``query`` asks for, from the newest mail to the oldest. It looks at each
    mail once, also if it lasts for a minute: tell it with ``add`` which mails were read.

    ``most``: it ends when it has found more than that. ``is_at_end``: it has looked at all mails
    that were there when it began."""

    def __init__(self, index: Index, query: Query, most: float) -> None:
        self.found: list[Entry] = []
        self.is_at_end = False
        self._index = index
        self._query = query
        self._most = most
        self._start = _AFTER_ALL
        self._cursor: Key | None = None  # where it is; it has passed the mails from there on
        self._new: deque[Entry] = deque()  # those that it has passed before they were read
        self._skipped = False

    @property
    def is_enough(self) -> bool:
        """Whether it has found more than ``most``."""
        return len(self.found) > self._most

    @property
    def is_complete(self) -> bool:
        """Whether no mail is missing among those that it has found."""
        if self.is_enough:
            return not self._skipped
        return self.is_at_end and self._index.is_complete

    def add(self, entries: Iterable[Entry]) -> None:
        """These mails were read just now."""
        cursor = self._cursor
        if cursor is not None:
            self._new.extend(entry for entry in entries if cursor <= entry.key < self._start)

    def run(self, budget: Budget, *, skip: bool) -> bool:
        """Look at more mails. It stops at one that was not read yet, or skips it.

        Returns False if it can continue in the next turn."""
        if self._cursor is None:
            self._start = self._index.key(self._query.before)
            self._cursor = min(self._start, self._index.end)
        while self._new:
            if not budget.take():
                return False
            self._look_at(self._new.popleft())
        if self.is_at_end:
            return True
        for entry in self._index.newest(self._cursor):
            if self.is_enough or (entry.summary is None and not skip):
                return True
            if not budget.take():
                return False
            self._cursor = entry.key
            self._skipped |= entry.summary is None
            self._look_at(entry)
        self._cursor = _AFTER_ALL
        self.is_at_end = True
        return True

    def forget_deleted(self) -> None:
        """Leave out what was deleted since it was found, and sort the rest, the newest first."""
        found = (entry for entry in self.found if self._index.get(entry.mail.identity) is entry)
        self.found = sorted(found, key=lambda entry: entry.key, reverse=True)

    def _look_at(self, entry: Entry) -> None:
        if entry.summary is not None and self._query.matches(entry.summary):
            self.found.append(entry)
