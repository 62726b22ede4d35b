"""What the user of a terminal sees while a stop waits for connections."""

from __future__ import annotations

import sys
from typing import Final

from ..reactor import Reactor
from ..transports.stream import StreamTransport
from .logs import complain

DELAY: Final = 0.3  # seconds; ordinary stops are over by then, and nothing is said


class StopNotice:
    """Says once on standard error that a stop waits, for how long, and for what.

    It is one of the resources that a stop asks to close: that is how it gets to know of the stop.
    """

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        reactor.attach(self)

    def request_shutdown(self) -> None:
        """The stop begins."""
        self._reactor.detach(self)
        self._reactor.call_later(DELAY, self._report)

    def abort(self) -> None:
        """The reactor is closed without a graceful stop."""
        self._reactor.detach(self)

    def _report(self) -> None:
        connections = sum(isinstance(each, StreamTransport) for each in self._reactor._open)
        what = f" for {connections} connection{'s' * (connections > 1)}" if connections else ""
        complain(f"waiting up to {self._reactor.grace:g} s{what}; Ctrl+C again stops at once")


def announce_waiting(reactor: Reactor) -> None:
    """Say it when a stop of ``reactor`` has to wait, if standard error is a terminal: elsewhere
    nobody can press Ctrl+C."""
    if sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty():
        StopNotice(reactor)
