"""Answers to those who ask again and again, instead of watching the stream of events.

What the inspector's thread computes, the watched loop has to wait for (the GIL). So after each
answer it rests. Requests that come meanwhile wait, and those for the same thing get the same
answer, which is made after all of them came."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Final

from protocols.http import HTTPError, Request, Response
from reactor import Reactor, Timer

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 48  # requests
REST: Final = 48.0  # times as long as an answer took: all of them get about 2 % of the time
LONGEST: Final = 2.0  # seconds


class Polls:
    """Answers requests, within a budget of time. ``cpu_time`` returns seconds of this thread."""

    def __init__(
        self, reactor: Reactor, *, cpu_time: Callable[[], float] = time.thread_time
    ) -> None:
        self._reactor = reactor
        self._cpu_time = cpu_time
        self._waiting: dict[Hashable, dict[Request, Callable[[], Response]]] = {}
        self._number = 0  # of requests that wait
        self._until = float("-inf")  # the rest, by the reactor's clock
        self._timer: Timer | None = None  # at the end of the rest, if requests wait

    def answer(
        self, request: Request, what: Hashable, make: Callable[[], Response]
    ) -> Response | None:
        """Answer ``request`` with ``make()``: now, or later, together with all other requests for
        ``what``. Returns the answer, or None if it comes later. Raises ``HTTPError`` 503 if too
        many requests wait."""
        if not self._waiting and self._reactor.time() >= self._until:
            return self._make(make)
        if self._number >= MOST_WAITING:
            raise HTTPError(503, "Too many requests wait already.", (("Retry-After", "1"),))
        if self._timer is None:
            self._timer = self._reactor.call_at(self._until, self._answer_next)
        self._waiting.setdefault(what, {})[request] = make
        self._number += 1
        request.on_lost(lambda: self._forget(request, what))
        return None

    def _make(self, make: Callable[[], Response]) -> Response:
        before = self._cpu_time()
        try:
            return make()
        finally:
            took = self._cpu_time() - before
            self._until = self._reactor.time() + min(took * REST, LONGEST)

    def _answer_next(self) -> None:
        """Answer all requests for what was asked for first."""
        self._timer = None
        what = next(iter(self._waiting), None)
        if what is None:  # all who waited have left
            return
        requests = self._waiting.pop(what)
        self._number -= len(requests)
        try:
            response = self._make(next(iter(requests.values())))
        except Exception:
            logger.exception("the inspector cannot answer")
            response = Response.text("Internal Server Error\n", 500)
        for request in requests:
            request.respond(response)
        if self._waiting:
            self._timer = self._reactor.call_at(self._until, self._answer_next)

    def _forget(self, request: Request, what: Hashable) -> None:
        """The client has left."""
        requests = self._waiting.get(what, {})
        if requests.pop(request, None) is not None:
            self._number -= 1
            if not requests:
                del self._waiting[what]
