"""Requests for the list: answered when the index knows enough, or when a mail has arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import Final

from protocols.http import HTTPError, Request, Response
from reactor import Handle, Reactor, Timer

from .answers import as_json, in_list
from .index import Entry, Index
from .query import Query
from .search import Budget, Search

MAX_WAITING: Final = 100  # requests with ``wait``; and as many without, during indexing
INDEXING: Final = 20.0  # seconds to wait for the index; then the answer has what was read so far
PAUSE: Final = 0.05  # seconds between two looks at a changed index, at least
_BUSY: Final = (("Retry-After", "1"),)


class Lists:
    """Answers requests for lists of ``index``."""

    def __init__(self, reactor: Reactor, index: Index) -> None:
        self._reactor = reactor
        self._index = index
        self._waiting: dict[_Waiting, None] = {}
        self._searching: dict[_Waiting, None] = {}  # those that have something to look at
        self._turn: Handle | None = None  # the next slice
        self._timer: Timer | None = None  # until the next look
        self._closed = False

    def answer(self, request: Request, query: Query) -> None:
        """Answer ``request`` with the mails that ``query`` asks for. Raises ``HTTPError`` 503 if
        too many requests wait."""

        def use(search: Search) -> None:
            request.respond(self._response(query, search))

        self._wait(request, query.wait, Search(self._index, query, query.limit), use)

    def select(
        self, request: Request, query: Query, use: Callable[[list[str], bool], object]
    ) -> None:
        """Call ``use(identities, is_complete)`` with all mails that ``query`` asks for. Raises
        ``HTTPError`` 503 if too many requests wait."""

        def use_found(search: Search) -> None:
            use([entry.mail.identity for entry in search.found], search.is_complete)

        self._wait(request, 0.0, Search(self._index, query, inf), use_found)

    def changed(self, read: Sequence[Entry]) -> None:
        """The index has changed, and has read these mails: look soon whether there is now what
        requests wait for."""
        for waiting in self._waiting:
            waiting.search.add(read)
        if self._timer is None and self._waiting:
            self._timer = self._reactor.call_later(PAUSE, self._look)

    def __len__(self) -> int:
        """The number of requests that wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Answer all requests soon, and let no more wait."""
        self._closed = True
        self._look()

    def _wait(
        self, request: Request, seconds: float, search: Search, use: Callable[[Search], object]
    ) -> None:
        # Those that wait for a mail do not keep the page from its list.
        alike = sum((other.seconds > 0) == (seconds > 0) for other in self._waiting)
        if alike >= MAX_WAITING:
            raise HTTPError(503, f"{MAX_WAITING} requests wait already.", _BUSY)
        self._index.refresh()
        waiting = _Waiting(search, use, self._reactor.time(), seconds)
        self._waiting[waiting] = None
        request.on_lost(partial(self._end, waiting))
        for delay in {seconds, INDEXING} - {0.0}:
            waiting.timers.append(self._reactor.call_later(delay, self._continue, waiting))
        self._continue(waiting)

    def _end(self, waiting: _Waiting) -> None:
        self._waiting.pop(waiting, None)
        self._searching.pop(waiting, None)
        for timer in waiting.timers:
            timer.cancel()

    # -- searching ---------------------------------------------------------------------------------

    def _look(self) -> None:
        """Let all continue."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in self._waiting:
            self._continue(waiting)

    def _continue(self, waiting: _Waiting) -> None:
        self._searching[waiting] = None
        if self._turn is None:
            self._turn = self._reactor.call_soon(self._search)

    def _search(self) -> None:
        """Search in this turn, first for the request that has waited longest for its slice."""
        budget = Budget(self._reactor.time)
        try:
            while self._searching and budget.is_left():
                waiting = next(iter(self._searching))
                del self._searching[waiting]
                if not self._advance(waiting, budget):
                    self._searching[waiting] = None
        finally:  # an error costs one request
            self._turn = self._reactor.call_soon(self._search) if self._searching else None

    def _advance(self, waiting: _Waiting, budget: Budget) -> bool:
        """Returns False if the search can continue at once."""
        search = waiting.search
        passed = self._reactor.time() - waiting.began
        is_late = self._closed or passed >= INDEXING
        if not (self._index.is_listed or is_late):
            return True
        if not search.run(budget, skip=is_late):
            return False
        if search.is_enough or search.is_at_end:
            was_enough = search.is_enough
            search.forget_deleted()
            if was_enough and not search.is_enough and not search.is_at_end:
                return False
            if search.found or self._closed or passed >= waiting.seconds:
                self._end(waiting)
                waiting.use(search)
        return True

    def _response(self, query: Query, search: Search) -> Response:
        shown = search.found[: query.limit]
        return as_json(
            {
                "total": self._index.total,
                "unread": self._index.unread,
                "older": self._index.older,
                "more": search.is_enough,
                "complete": search.is_complete,
                "messages": [in_list(entry, entry.summary) for entry in shown if entry.summary],
            }
        )


class _Waiting:
    """A request that waits. ``use(search)`` answers it. ``began``: when it came; ``seconds``: how
    long it waits for a mail."""

    def __init__(
        self, search: Search, use: Callable[[Search], object], began: float, seconds: float
    ) -> None:
        self.search = search
        self.use = use
        self.began = began
        self.seconds = seconds
        self.timers: list[Timer] = []
