"""Work in threads for requests: a few jobs at a time, so that mail that arrives finds a thread; and
large responses, which take memory until the client has read them."""

from __future__ import annotations

import logging
import queue
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from protocols.http import HTTPError, Request, Response
from reactor import Reactor, ThreadCall

logger = logging.getLogger(__name__)

AT_A_TIME: Final = 2  # each may have a mail in memory, some times its size
MAX_WAITING: Final = 100
MAX_UNREAD: Final = 256 << 20  # bytes of large responses that clients have not read yet: 503
LARGE: Final = 1 << 20  # bytes of a response; smaller ones are not counted
_PIECE: Final = 256 << 10  # bytes that are written at a time

#: For 503.
BUSY: Final = (("Retry-After", "1"),)


class Jobs:
    """Runs jobs in threads of ``reactor``. ``refused(error)`` makes a response of an error."""

    def __init__(self, reactor: Reactor, refused: Callable[[HTTPError], Response]) -> None:
        self._reactor = reactor
        self._refused = refused
        self._running = 0
        self._waiting: deque[tuple[Request, Callable[..., Response], tuple[Any, ...]]] = deque()
        self._unread = 0  # bytes

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
                self._refuse(request, 503, "There is no thread free.", BUSY)
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
            self._respond(request, call.result())
        elif isinstance(error, HTTPError):
            request.respond(self._refused(error))
        elif isinstance(error, FileNotFoundError):
            self._refuse(request, 404, "There is no such mail.")
        else:
            if isinstance(error, OSError):
                logger.error("cannot read a mail: %s", error)
            else:
                context = {"message": "a request for mail failed:", "exception": error}
                self._reactor.call_exception_handler(context)
            self._refuse(request, 500, "The mail cannot be read.")

    def _refuse(self, request: Request, status: int, why: str, fields: Any = ()) -> None:
        request.respond(self._refused(HTTPError(status, why, fields)))

    # -- large responses ---------------------------------------------------------------------------

    def _respond(self, request: Request, response: Response) -> None:
        size = len(response.body)
        if size < LARGE or request.method == "HEAD":
            request.respond(response)
        elif self._unread + size > MAX_UNREAD:
            self._refuse(request, 503, "Clients have to read other mails first.", BUSY)
        else:
            self._unread += size
            _Sending(request, response, partial(self._sent, size))

    def _sent(self, size: int) -> None:
        self._unread -= size


class _Sending:
    """Sends a response in pieces. ``on_end`` is called once: it was sent, or the client has
    left."""

    def __init__(self, request: Request, response: Response, on_end: Callable[[], object]) -> None:
        self._on_end = on_end
        self._rest = memoryview(response.body)
        self._writer = request.start(response.status, response.headers, len(response.body))
        request.on_lost(self._end)
        self._writer.on_writable = self._write
        self._write()

    def _write(self) -> None:
        writer = self._writer
        while self._rest and not writer.paused and not writer.is_closed:
            writer.write(bytes(self._rest[:_PIECE]))
            self._rest = self._rest[_PIECE:]
        if not self._rest:
            writer.end()
            self._end()

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, _nothing
        self._rest = memoryview(b"")
        self._writer.on_writable = None
        on_end()


def _nothing() -> None:
    """There is no more to tell."""
