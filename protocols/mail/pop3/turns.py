"""Who may send a piece of a listing, and when: one piece in each turn of the loop, for all
connections together."""

from __future__ import annotations

from collections.abc import Callable

from reactor import Reactor


class Turns:
    """The connections whose listings go on, the one that has waited longest first."""

    def __init__(self) -> None:
        self._waiting: dict[Callable[[], object], None] = {}
        self._scheduled = False

    def wait(self, reactor: Reactor, send: Callable[[], object]) -> None:
        """Call ``send()`` once, in a later turn. It makes one piece, and waits again if there are
        more."""
        self._waiting[send] = None
        self._schedule(reactor)

    def _schedule(self, reactor: Reactor) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            reactor.call_soon(self._send, reactor)

    def _send(self, reactor: Reactor) -> None:
        self._scheduled = False
        send = next(iter(self._waiting))
        del self._waiting[send]
        try:
            send()
        finally:  # an error costs one listing
            self._schedule(reactor)
