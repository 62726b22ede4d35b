"""FIFOCache: a dict of limited size. The oldest entry is dropped first."""

from __future__ import annotations

from array import array
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class FIFOCache(dict[K, V]):
    """A dict of at most ``entries`` entries: adding one more drops the oldest.

    ``largest``: bytes of the largest entry that is kept, as counted by the caller; so the cache is
    bounded in bytes too. Entries are read as from any dict, and added by ``keep`` and ``offer``."""

    __slots__ = ("_entries", "_largest", "_offered")

    def __init__(self, entries: int, largest: int) -> None:
        super().__init__()
        self._entries = entries
        self._largest = largest
        # Hashes of keys, each at an index computed from it. An array takes less memory than a list,
        # in which each number would be an object.
        self._offered = array("q", bytes(8 * entries))

    def keep(self, key: K, value: V, size: int) -> None:
        """Keep ``value``. ``size``: bytes of the key and the value."""
        if size > self._largest:
            return
        if len(self) >= self._entries and key not in self:
            del self[next(iter(self))]  # a dict keeps the order of insertion
        self[key] = value

    def offer(self, key: K, value: V, size: int) -> bool:
        """Keep ``value`` if its key was offered before, not too long ago. Returns whether it was
        kept.

        For keys that usually come only once. Such a key replaces no other, makes no work for the
        garbage collector, and leaves no secret in memory."""
        seen = hash(key)
        place = seen % self._entries
        if self._offered[place] != seen:
            self._offered[place] = seen
            return False
        self.keep(key, value, size)
        return size <= self._largest
