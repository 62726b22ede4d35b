"""Proof that an address is not forged, before the server sends it more than a few bytes over UDP.

The source address of a datagram can be forged. If every first datagram were answered with all
further messages of the lobby, a few bytes could turn this server against any victim
("amplification"). So an address has to prove that it receives our datagrams: it sends back a token
that only its owner can have read. Until then each answer is one line, of at most three times the
bytes that were received, headers included. This is QUIC's limit (RFC 9000, section 8.1).

Addresses of this machine need no proof, because they cannot be forged from outside. An option
can name more networks. Nothing is stored for an address before its proof.
"""

from __future__ import annotations

from typing import Any, Final

from reactor.sockets.addresses import Networks, subscriber

from .flood import TokenBucket
from .tokens import Tokens

# An answer to an address without proof may have this many times the bytes of its datagram. The
# headers count in both directions: 20 bytes for IPv4 (IPv6 has more), and 8 for UDP.
AMPLIFICATION: Final = 3
HEADERS: Final = 28

# Addresses share these buckets by their hash. The table cannot grow, and a flood of forged
# addresses evicts nothing from it.
_BUCKETS: Final = 1024


class Proofs:
    """Which addresses need a proof, what counts as one, and what may be sent to an address without.

    ``trusted``: the networks that need no proof. ``max_answers``, ``max_answers_per_address``: how
    many answers all addresses, and one, may get in a second, and at once.

    Read-only: ``unanswered``, how many datagrams got no answer because of a limit.
    """

    __slots__ = ("_answers", "_buckets", "_max_per_address", "_tokens", "_trusted", "unanswered")

    def __init__(
        self, trusted: Networks, max_answers: float, max_answers_per_address: float
    ) -> None:
        self.unanswered = 0
        self._trusted = trusted
        self._tokens = Tokens()
        self._answers = TokenBucket(max_answers, max_answers)
        self._max_per_address = max_answers_per_address
        self._buckets: list[TokenBucket | None] = [None] * _BUCKETS

    def is_trusted(self, addr: Any) -> bool:
        """Return whether ``addr`` needs no proof."""
        # The path of a Unix socket is on this machine.
        return not isinstance(addr, tuple) or addr[0] in self._trusted

    def token(self, addr: Any, now: float) -> str:
        """Return the token that proves ``addr``. ``now``: the reactor's time in seconds."""
        return self._tokens.make(addr, now)

    def is_proven(self, addr: Any, text: str, now: float) -> bool:
        """Return whether ``text``, which came from ``addr``, has a valid token in it."""
        return self._tokens.found_in(text, addr, now)

    def may_answer(self, addr: Any, now: float) -> bool:
        """Return whether the limits allow an answer to ``addr``, which is not proven. If so, count
        it."""
        index = hash(subscriber(addr[0]) if isinstance(addr, tuple) else addr) % _BUCKETS
        bucket = self._buckets[index]
        if bucket is None:
            rate = self._max_per_address
            bucket = self._buckets[index] = TokenBucket(rate, rate)
        if bucket.pay(now, 1) and self._answers.pay(now, 1):
            return True
        self.unanswered += 1
        return False

    def is_short_enough(self, answer: bytes, received: int) -> bool:
        """Return whether ``answer`` may follow a datagram of ``received`` bytes."""
        if HEADERS + len(answer) <= AMPLIFICATION * (HEADERS + received):
            return True
        self.unanswered += 1
        return False
