"""FIFOCache: a dict of what was made before, with a bound."""

from __future__ import annotations

from array import array
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FIFOCache(dict[K, V]):
    """A dict of at most ``entries`` entries: one more drops the oldest.

    It is bounded in bytes as well: an entry whose ``size``, which the caller counts, is more than
    ``largest`` is not kept. Entries are read as from any dict."""

    __slots__ = ("_entries", "_largest", "_offered")

    def __init__(self, entries: int, largest: int) -> None:
        super().__init__()
        self._entries = entries
        self._largest = largest
        # Hashes of keys, each at its own place; not a list, whose numbers would be objects.
        self._offered = array("q", bytes(8 * entries))

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep ``value``, of ``size`` bytes together with its key."""
        if size > self._largest:
            return
        if len(self) >= self._entries and key not in self:
            del self[next(iter(self))]  # a dict has the order in which its keys came
        self[key] = value

    def offer(self, key: K, value: V, size: int) -> bool:
        """Keep ``value`` if its key was offered before, of late. Returns whether it was kept.

        Where most keys never come again, one that comes once costs the others no place, costs the
        garbage collector no work, and leaves nothing of what it says in memory."""
        seen = hash(key)
        place = seen % self._entries
        if self._offered[place] != seen:
            self._offered[place] = seen
            return False
        self.keep(key, value, size)
        return size <= self._largest
