"""Turns: how much time requests get in one turn of the loop, and which connections wait for more.

A limit by number is not enough: 32 requests take a millisecond if each takes 25 us, and a second if
each takes 30 ms. New input is served first, so that a client that requests much at once delays
itself and not the others. A single request cannot be interrupted. Pieces of bodies count like
requests, because reading many tiny chunks takes milliseconds; they wait sooner, so that they do not
delay new requests.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reactor import Loop

    from .interfaces import Waiting

ARRIVALS: Final = 0.03  # seconds of a turn for new requests, a thousand quick ones; more waits
BODIES: Final = 0.01  # seconds of a turn after which pieces of bodies wait
WAITING: Final = 0.03  # seconds of a turn for waiting connections: new ones cannot starve them
CONNECTION: Final = 0.01  # seconds of a turn for one connection
REQUESTS: Final = 32  # requests and pieces of bodies of one connection in a turn


class Turns:
    """The connections of a server that have more input than a turn has time for. They continue one
    after another, in the order in which they began to wait."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._is_scheduled = False

    def __len__(self) -> int:
        """The number of connections that wait."""
        return len(self._waiting)

    def wait(self, connection: Waiting) -> None:
        """Call ``connection.go_on()`` once, when it is its turn."""
        self._waiting.append(connection)
        if not self._is_scheduled:
            self._is_scheduled = True
            connection.reactor.call_soon(self._serve, connection.reactor)

    def _serve(self, reactor: Loop) -> None:
        waiting = self._waiting
        until = reactor.time() + WAITING
        try:
            for _ in range(len(waiting)):
                waiting.popleft().go_on()
                if reactor.time() >= until:
                    break
        finally:
            self._is_scheduled = bool(waiting)
            if waiting:
                reactor.call_soon(self._serve, reactor)
