"""Turns: how long requests may keep one turn of the loop, and which connections wait for the next.

A limit by number is not enough: 32 requests are nothing, or a second, as they take 25 us or 30 ms.
What has just come is served first, so that a client that asks for a lot at once makes itself wait,
and not the others. A single request cannot be interrupted. Pieces of bodies count as requests do: a
read of tiny chunks takes milliseconds. They wait sooner, so that they do not hold up new requests.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from reactor import Loop

ARRIVALS: Final = 0.03  # seconds of a turn after which what comes waits; a thousand quick requests
BODIES: Final = 0.01  # seconds of a turn after which bodies wait
WAITING: Final = 0.03  # seconds of a turn for those that wait: no arrivals can starve them
CONNECTION: Final = 0.01  # seconds of a turn for the requests of one connection
REQUESTS: Final = 32  # of one connection in a turn


class Waiting(Protocol):
    """A connection that waits."""

    @property
    def reactor(self) -> Loop: ...

    def go_on(self) -> None: ...


class Turns:
    """The connections of a server that have more to do than a turn has time for. They go on one
    after the other, in the order in which they came here."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._is_scheduled = False

    def wait(self, connection: Waiting) -> None:
        """Have ``connection.go_on()`` called, once."""
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
