"""Requests for the list: answered when the index knows enough, or when a mail has arrived."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Final

from protocols.http import HTTPError, Request, Response
from reactor import Reactor, Timer

from .answers import as_json, in_list
from .index import Entry, Index
from .parsing import Summary
from .query import Query

MAX_WAITING: Final = 100  # requests
INDEXING: Final = 20.0  # seconds to wait for the index; then the answer has what was read so far
PAUSE: Final = 0.05  # seconds between two looks at a changed index, at least
_BUSY: Final = (("Retry-After", "1"),)


class Lists:
    """Answers requests for lists of ``index``."""

    def __init__(self, reactor: Reactor, index: Index) -> None:
        self._reactor = reactor
        self._index = index
        self._waiting: dict[_Waiting, None] = {}
        self._timer: Timer | None = None  # until the next look
        self._closed = False

    def answer(self, request: Request, query: Query) -> None:
        """Answer ``request`` with the mails that ``query`` asks for. Raises ``HTTPError`` 503 if
        too many requests wait."""
        self._wait(request, query.wait, partial(self._answer, request, query))

    def select(self, request: Request, query: Query, use: Callable[[list[str]], object]) -> None:
        """Call ``use`` with the identities of all mails that ``query`` asks for. Raises
        ``HTTPError`` 503 if too many requests wait."""

        def attempt(is_read: bool, is_last: bool) -> bool:
            if is_read or is_last:
                use([entry.mail.identity for entry, _ in self._matches(query)])
            return is_read or is_last

        self._wait(request, 0.0, attempt)

    def changed(self) -> None:
        """The index has changed: look soon whether there is now what requests wait for."""
        if self._timer is None and self._waiting:
            self._timer = self._reactor.call_later(PAUSE, self._look)

    def close(self) -> None:
        """Answer all requests that wait, and let no more wait."""
        self._closed = True
        self._look()

    def _wait(
        self, request: Request, seconds: float, attempt: Callable[[bool, bool], bool]
    ) -> None:
        if len(self._waiting) >= MAX_WAITING:
            raise HTTPError(503, f"{MAX_WAITING} requests wait already.", _BUSY)
        self._index.refresh()
        waiting = _Waiting(self._reactor, self._index, seconds, attempt)
        self._waiting[waiting] = None
        request.on_lost(partial(self._end, waiting))
        if waiting.look(is_last=self._closed):
            self._end(waiting)
        else:
            for delay in {seconds, INDEXING}:
                waiting.timers.append(self._reactor.call_later(delay, self._look))

    def _end(self, waiting: _Waiting) -> None:
        self._waiting.pop(waiting, None)
        for timer in waiting.timers:
            timer.cancel()

    def _look(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in tuple(self._waiting):
            if waiting.look(is_last=self._closed):
                self._end(waiting)

    def _answer(self, request: Request, query: Query, is_read: bool, is_last: bool) -> bool:
        found = list(islice(self._matches(query, skip=is_read or is_last), query.limit + 1))
        if not is_last and (not found or (len(found) <= query.limit and not is_read)):
            return False
        request.respond(self._response(query, found))
        return True

    def _matches(self, query: Query, *, skip: bool = True) -> filter[tuple[Entry, Summary]]:
        return filter(
            lambda pair: query.matches(pair[1]), self._index.newest(query.before, skip=skip)
        )

    def _response(self, query: Query, found: list[tuple[Entry, Summary]]) -> Response:
        return as_json(
            {
                "total": self._index.total,
                "unread": self._index.unread,
                "more": len(found) > query.limit,
                "messages": [in_list(entry, summary) for entry, summary in found[: query.limit]],
            }
        )


class _Waiting:
    """A request that waits. ``attempt(is_read, is_last)`` returns whether it is done. ``is_read``:
    every mail was read that was there when the request came; ``is_last``: the time is over."""

    def __init__(
        self,
        reactor: Reactor,
        index: Index,
        seconds: float,
        attempt: Callable[[bool, bool], bool],
    ) -> None:
        self.timers: list[Timer] = []
        self._reactor = reactor
        self._index = index
        self._seconds = seconds
        self._attempt = attempt
        self._began = reactor.time()
        self._pending: frozenset[str] | None = None  # the mails that are to be read

    def look(self, *, is_last: bool) -> bool:
        """Returns whether it is done."""
        if self._pending is None and self._index.is_listed:
            self._pending = self._index.missing
        is_read = self._pending is not None and self._index.has_read(self._pending)
        passed = self._reactor.time() - self._began
        is_over = passed >= self._seconds and (is_read or passed >= INDEXING)
        return self._attempt(is_read, is_last or is_over)
