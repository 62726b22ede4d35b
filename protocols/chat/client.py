"""The chat's client: a ``LineClient`` that sends heartbeats, and notices a silent server."""

from __future__ import annotations

from typing import Any, Final

from protocols.lineclient import LineClient
from reactor import Reactor, Timer

from .commands import HEARTBEAT
from .datagrams import CHALLENGE, HELLO, STAY

# Heartbeat intervals of silence after which the server is asked for a sign of life, and those after
# which it counts as gone. Without that, a server that vanishes would be noticed when TCP gives up,
# after some 15 minutes (RFC 1122 section 4.2.3.5), and over UDP never.
_ASK_AFTER: Final = 3
_GONE_AFTER: Final = 6

# Seconds between two answers to a challenge. Each line of a paste is answered with one, and as many
# proofs would be a flood; but one may be lost.
_PROOF_INTERVAL: Final = 1.0

_PING = "/ping"
_PONG = "*** pong"


class ChatClient(LineClient):
    """Over UDP it also proves by itself that it hears the server (see ``datagrams.py``)."""

    farewell = "/quit"

    def __init__(
        self,
        reactor: Reactor,
        address: tuple[str, int],
        *,
        heartbeat_interval: float = 5.0,
        **options: Any,
    ) -> None:
        super().__init__(reactor, address, **options)
        self._interval = heartbeat_interval
        self._heard = 0.0
        self._pinged = False
        self._next_proof = 0.0
        self._beats: Timer | None = None
        self._chosen: dict[str, str] = {}  # the last /nick and /join, to be said again

    def connected(self) -> None:
        self._heard = self._next_proof = self.reactor.now
        if self.udp:
            self.send(HELLO)  # it joins, or is answered with a token
        if self._interval:
            self._beat()
        for line in self._chosen.values():
            self.send(line)

    def disconnected(self) -> None:
        if self._beats is not None:
            self._beats.cancel()

    def lines_received(self, lines: list[str]) -> None:
        self._heard = self.reactor.now
        shown = [line for line in lines if not self._is_for_us(line)]
        if shown:
            super().lines_received(shown)

    def typed(self, line: str) -> None:
        word = line.split(" ", 1)[0].lower()
        if word in {"/quit", "quit"}:
            self.leaving()
        elif word in {"/nick", "/join"}:
            self._chosen[word] = line
        self.send(line)

    def _is_for_us(self, line: str) -> bool:
        """Whether ``line`` is an answer to what the client itself has asked."""
        if self.udp and line.startswith(CHALLENGE):
            if self.reactor.now >= self._next_proof:
                self._next_proof = self.reactor.now + _PROOF_INTERVAL
                self.send(f"{HELLO} {line.removeprefix(CHALLENGE)}")
            return True
        if self._pinged and line == _PONG:
            self._pinged = False
            return True
        # Advice for those who type their heartbeats.
        return bool(self._interval) and line.startswith("*** ") and line.endswith(STAY)

    def _beat(self) -> None:
        silence = self.reactor.now - self._heard
        if silence > _GONE_AFTER * self._interval:
            self.lose(f"nothing was heard of it for {silence:.0f} s")
            return
        self.send(HEARTBEAT)
        if silence >= _ASK_AFTER * self._interval:
            self._pinged = True
            self.send(_PING)
        self._beats = self.reactor.call_later(self._interval, self._beat)
