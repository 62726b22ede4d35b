"""Signs of life between a client and its server.

The client sends a heartbeat when it has sent nothing else for an interval. It asks a silent server
for a sign of life, and treats it as vanished after a longer silence. Otherwise the client would
only detect a vanished server when TCP gives up, after about 15 minutes (RFC 1122 section 4.2.3.5),
and over UDP never.
"""

from __future__ import annotations

from typing import Final, Protocol

from reactor import Reactor, Timer

# Intervals of silence after which the server is asked for a sign of life, and after which it counts
# as vanished.
_ASK_AFTER: Final = 3
_GONE_AFTER: Final = 6
# If no heartbeat was sent for this many intervals, this process must have been stopped.
_STALLED_AFTER: Final = 2


class HeartbeatUser(Protocol):
    """The methods of a client that its ``Heartbeats`` call."""

    def send_heartbeat(self) -> None:
        """Send a sign of life."""

    def send_ping(self) -> None:
        """The server has been silent: send it a ping."""

    def server_vanished(self, silence: float, /) -> None:
        """The server has been silent for ``silence`` seconds, and counts as vanished."""

    def check_stall(self) -> None:
        """A heartbeat may be due: call ``Heartbeats.stalled()``, and handle a stall."""


class Heartbeats:
    """``interval``: seconds between signs of life; 0 disables heartbeats and the detection of a
    vanished server.

    ``last_received`` is the time, by the reactor's clock, at which the server last sent something.
    """

    def __init__(self, reactor: Reactor, interval: float, user: HeartbeatUser) -> None:
        self.last_received = 0.0
        self.interval = interval
        self._reactor = reactor
        self._user = user
        self._last_sent = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        """A new connection: send a heartbeat now, and then regularly."""
        self.stop()
        self.last_received = self._reactor.now
        self._last_sent = self.last_received - self.interval
        if self.interval:
            self._tick()

    def stop(self) -> None:
        """Send no more heartbeats, and stop watching the server."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def sent(self) -> None:
        """A line was sent. Every line counts as a heartbeat."""
        self._last_sent = self._reactor.now

    def received(self) -> None:
        """The server sent something, or its silence does not count."""
        self.last_received = self._reactor.now

    def silence(self) -> float:
        """Return for how many seconds the server has sent nothing."""
        return self._reactor.now - self.last_received

    def stalled(self) -> bool:
        """Return whether a heartbeat is so late that this process must have been stopped."""
        limit = _STALLED_AFTER * self.interval
        return bool(limit) and self._reactor.now - self._last_sent > limit

    def _tick(self) -> None:
        self._user.check_stall()
        silence = self.silence()
        if silence > _GONE_AFTER * self.interval:
            self._user.server_vanished(silence)
            return
        delay = self.interval - (self._reactor.now - self._last_sent)
        if delay <= 0.001:  # below that, it is rounding of large clock values
            delay = self.interval
            self._user.send_heartbeat()
            if silence >= _ASK_AFTER * self.interval:
                self._user.send_ping()
        self._timer = self._reactor.call_later(delay, self._tick)
