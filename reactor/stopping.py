"""Stopping with a grace: all that is open is asked to close; what is left in the end is aborted.

A loop has a ``Shutdown`` from ``stop(grace)`` to the end of ``run()``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from .errors import FATAL

if TYPE_CHECKING:
    from .interfaces import Endpoint
    from .loop import Loop


class Shutdown:
    """Asks ``endpoints``, what is open on ``loop``, to close, and stops the loop when all is closed
    or ``grace`` seconds have passed. ``endpoints`` changes meanwhile."""

    def __init__(self, loop: Loop, endpoints: Collection[Endpoint], grace: float) -> None:
        self._loop = loop
        self._endpoints = endpoints
        self._is_over = False
        self._deadline = loop.call_later(grace, self._grace_over)

    def begin(self) -> None:
        """Ask all that is open."""
        for endpoint in list(self._endpoints):
            self.request(endpoint)
        self.check()

    def request(self, endpoint: Endpoint) -> None:
        """Ask ``endpoint`` to close, if it is still open."""
        if endpoint in self._endpoints:
            guard(self._loop, endpoint.request_shutdown, endpoint)

    def check(self) -> None:
        """If nothing is open any more, stop the loop, behind what the last endpoint has queued."""
        if not self._endpoints:
            self._loop.call_soon(self._stop_if_closed)

    def end(self) -> None:
        """The loop has stopped."""
        self._is_over = True
        self._deadline.cancel()

    def _stop_if_closed(self) -> None:
        if not self._endpoints:  # else a callback has opened something
            self._stop()

    def _grace_over(self) -> None:
        abort_all(self._loop, self._endpoints)
        self._loop.call_soon(self._stop)  # behind the calls of connection_lost

    def _stop(self) -> None:
        if not self._is_over:
            self._loop.stop()


def abort_all(loop: Loop, endpoints: Collection[Endpoint]) -> None:
    """Close ``endpoints`` without sending what is queued."""
    for endpoint in list(endpoints):
        guard(loop, endpoint.abort, endpoint)


def guard(loop: Loop, callback: Callable[[], object], endpoint: Endpoint) -> None:
    """Call ``callback``; if it raises, that is reported, and the others still have their turn."""
    try:
        callback()
    except FATAL:
        raise
    except BaseException as exc:
        loop.call_exception_handler(
            {"message": "shutdown failed:", "exception": exc, "transport": endpoint}
        )
