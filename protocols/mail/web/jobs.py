"""Work in threads for requests: a few jobs at a time, so that mail that arrives finds a thread."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from protocols.http import HTTPError, Request, Response
from reactor import Reactor, ThreadCall

AT_A_TIME: Final = 2  # each may have a mail in memory, some times its size
MAX_WAITING: Final = 100

#: For 503.
BUSY: Final = (("Retry-After", "1"),)


class Jobs:
    """Runs jobs in threads of ``reactor``. ``refused(error)`` makes a response of an error."""

    def __init__(self, reactor: Reactor, refused: Callable[[HTTPError], Response]) -> None:
        self._reactor = reactor
        self._refused = refused
        self._running = 0
        self._waiting: deque[tuple[Request, Callable[..., Response], tuple[Any, ...]]] = deque()

    def answer(self, request: Request, job: Callable[..., Response], *args: Any) -> None:
        """Answer ``request`` with what ``job(*args)`` returns in a thread. It may raise
        ``HTTPError``, or ``FileNotFoundError`` if there is no such mail.

        Raises ``HTTPError`` 503 if too many jobs wait."""
        if len(self._waiting) >= MAX_WAITING:
            raise HTTPError(503, "Too many requests wait for a thread.", BUSY)
        self._waiting.append((request, job, args))
        self._start()

    def _start(self) -> None:
        while self._waiting and self._running < AT_A_TIME:
            request, job, args = self._waiting.popleft()
            if request.is_lost:
                continue
            try:
                call = self._reactor.run_in_thread(job, *args)
            except (queue.Full, RuntimeError):
                request.respond(self._refused(HTTPError(503, "There is no thread free.", BUSY)))
                continue
            self._running += 1
            call.add_done_callback(partial(self._done, request))

    def _done(self, request: Request, call: ThreadCall[Response]) -> None:
        self._running -= 1
        self._start()
        if request.is_lost:
            return
        error = call.exception()
        if error is None:
            request.respond(call.result())
        elif isinstance(error, HTTPError):
            request.respond(self._refused(error))
        elif isinstance(error, FileNotFoundError):
            request.respond(self._refused(HTTPError(404, "There is no such mail.")))
        else:
            self._reactor.call_exception_handler(
                {"message": "a request for mail failed:", "exception": error}
            )
            request.respond(self._refused(HTTPError(500, "The mail cannot be read.")))
