"""The descriptors on screen: sorted, filtered, and only as many as the viewer shows.

A server can have 20,000 of them, and the time that this takes is taken from the watched loop. So a
pass over all of them reads a few attributes of each, and is made rarely: a pass that takes more
than a millisecond at most once a second, and all passes together take at most a thirtieth of the
time. The loop can run in between (slices.py). Only what is on screen is described in full, each
time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self
from urllib.parse import parse_qsl
from weakref import ref

from reactor import Loop, Traffic, describe_descriptor, sort_key, watched

from .filters import Pair, check_filter, is_closing, is_paused, last_event, make_filter

MOST_ROWS: Final = 200
_CHEAP: Final = 0.001  # seconds: a pass that takes less is made each time
_EVERY: Final = 1.0  # seconds between two passes that take longer
_SHARE: Final = 30  # and this many times as long as a pass took, for each viewer's
_PIECE: Final = 100  # descriptors to look at before the loop may run
_MOST_LISTINGS: Final = 8  # one for each viewer

#: What the table can be sorted by: the fields of a row, and how long ago two of them were.
COLUMNS: Final = (
    "fd",
    "kind",
    "protocol",
    "peer",
    "interest",
    "last_event",
    "received",
    "sent",
    "queued",
    "state",
    "age",
    "silence",
    "opened",
    "last_time",
)
ORDERS: Final = ("asc", "desc")


@dataclass(frozen=True, slots=True)
class View:
    """What a viewer looks at.

    ``sort``: one of ``COLUMNS``; ``order``: "asc" or "desc"; ``filter``: see filters.py;
    ``first`` and ``count``: the rows on screen. Raises ``ValueError`` with one line if that is not
    possible."""

    sort: str = "fd"
    order: str = "asc"
    filter: str = ""
    first: int = 0
    count: int = 40

    def __post_init__(self) -> None:
        if self.sort not in COLUMNS:
            raise ValueError(f"sort must be one of {', '.join(COLUMNS)}, not {self.sort!r}")
        if self.order not in ORDERS:
            raise ValueError(f"order must be asc or desc, not {self.order!r}")
        if self.first < 0:
            raise ValueError("first must not be negative")
        if not 0 <= self.count <= MOST_ROWS:
            raise ValueError(f"count must be 0 to {MOST_ROWS}, not {self.count}")
        check_filter(self.filter)

    @classmethod
    def parse(cls, query: str) -> Self:
        """The view of a URL's query, such as ``sort=queued&order=desc&filter=kind:TLS``. What is
        missing or empty has its default, and names of others are ignored. Raises ``ValueError``
        with one line."""
        try:
            given = dict(parse_qsl(query, errors="strict", max_num_fields=20))
        except ValueError:
            raise ValueError("the query cannot be read") from None
        texts = {name: given[name] for name in ("sort", "order", "filter") if name in given}
        numbers = {name: _number(name, given[name]) for name in ("first", "count") if name in given}
        return cls(**texts, **numbers)  # type: ignore[arg-type]


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError(f"{name} must be a number, not {text[:20]!r}")
    return int(text)


class _Listing:
    """The result of one pass: what matches, in order."""

    def __init__(
        self, loop: Loop, traffic: Traffic, view: View, breathe: Callable[[], object]
    ) -> None:
        pairs = watched(loop)
        self.total = len(pairs)
        self.kinds = dict(Counter(map(sort_key("kind"), _gently(pairs, breathe))))
        matches = make_filter(view.filter, traffic, loop.time())
        if matches is not None:
            pairs = [pair for pair in _gently(pairs, breathe) if matches(pair)]
        key, newest_first = _key(view.sort, traffic)
        keys = {pair[0]: key(pair) for pair in _gently(pairs, breathe)}
        reverse = newest_first != (view.order == "desc")
        self.order = sorted(keys, key=keys.__getitem__, reverse=reverse)
        # Weak, because a connection that is closed should not be kept in memory by this.
        handlers = loop._handlers
        self._unwatched = {
            fd: ref(owner) for fd, owner in pairs if fd not in handlers and owner is not None
        }

    def owner(self, loop: Loop, fd: int) -> Pair | None:
        """Who handles ``fd`` now; None if it was closed."""
        handler = loop._handlers.get(fd)
        if handler is not None:
            return fd, _owner(handler)
        known = self._unwatched.get(fd)
        owner = None if known is None else known()
        return None if owner is None or getattr(owner, "_fd", -1) != fd else (fd, owner)


def _gently(pairs: list[Pair], breathe: Callable[[], object]) -> Iterator[Pair]:
    """``pairs``, while the loop can run between pieces of them."""
    for start in range(0, len(pairs), _PIECE):
        breathe()
        yield from pairs[start : start + _PIECE]


def _owner(handler: Any) -> Any:
    """The object whose method ``handler`` is, also in a ``partial`` or in debug mode's wrapper."""
    # Only of a partial: a callable object may have an attribute ``func`` that means something else,
    # and a Mock has one in each ``func``.
    while not hasattr(handler, "__self__"):
        inner = handler.func if isinstance(handler, partial) else None
        handler = getattr(handler, "__wrapped__", None) if inner is None else inner
        if handler is None:
            return None
    return handler.__self__


def _key(column: str, traffic: Traffic) -> tuple[Callable[[Pair], Any], bool]:
    """What to sort by, and whether that is the other way round."""
    if column == "age":
        return sort_key("opened", traffic), True
    if column == "silence":
        return sort_key("last_time", traffic), True
    if column == "last_event":
        return lambda pair: last_event(pair, traffic), False
    if column == "state":
        return lambda pair: 2 * is_closing(pair) + is_paused(pair), False
    return sort_key(column, traffic), False


class Table:
    """The descriptors of ``loop``, for viewers. ``traffic``: an observer of it. ``clock``:
    monotonic seconds; ``cpu``: seconds that this thread has used the processor. ``breathe``: see
    ``Slices``."""

    def __init__(
        self,
        loop: Loop,
        traffic: Traffic,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
        breathe: Callable[[], object] = lambda: None,
    ) -> None:
        self._loop = loop
        self._traffic = traffic
        self._clock = clock
        self._cpu = cpu
        self._breathe = breathe
        # By what they depend on, the one that was used last at the end, with the time until which
        # it is good enough.
        self._listings: dict[tuple[str, str, str], tuple[_Listing, float]] = {}

    def document(self, view: View) -> dict[str, Any]:
        """What the viewer shows: "descriptors" in the state document."""
        listing = self._listing(view)
        matching = len(listing.order)
        first = min(view.first, max(matching - view.count, 0))
        rows: dict[str, dict[str, Any]] = {}
        for fd in listing.order[first : first + view.count]:
            self._breathe()
            pair = listing.owner(self._loop, fd)
            if pair is not None:
                rows[str(fd)] = self.row(*pair)
        return {
            "total": listing.total,
            "matching": matching,
            "kinds": listing.kinds.copy(),
            "first": first,
            "order": [int(fd) for fd in rows],
            "rows": rows,
        }

    def row(self, fd: int, owner: Any) -> dict[str, Any]:
        """One descriptor, as the state document shows it."""
        row = describe_descriptor(self._loop, fd, owner, self._traffic)
        for name in ("opened", "last_time"):
            if row[name] is not None:
                row[name] = round(row[name], 3)
        return row

    def row_of(self, fd: int) -> dict[str, Any]:
        """The same of a watched descriptor, or only its number if it is closed."""
        handler = self._loop._handlers.get(fd)
        return {"fd": fd} if handler is None else self.row(fd, _owner(handler))

    def _listing(self, view: View) -> _Listing:
        key = (view.sort, view.order, view.filter)
        now = self._clock()
        known = self._listings.pop(key, None)
        if known is None or now >= known[1]:
            before = self._cpu()
            listing = _Listing(self._loop, self._traffic, view, self._breathe)
            took = self._cpu() - before
            share = _SHARE * (len(self._listings) + 1)
            fresh = now + (0.0 if took < _CHEAP else max(_EVERY, share * took))
            known = listing, fresh
        self._listings[key] = known
        if len(self._listings) > _MOST_LISTINGS:
            del self._listings[next(iter(self._listings))]
        return known[0]
