"""Tokens that prove an address: a peer that returns one has read what was sent to the address.

A token is a keyed hash of the address and the time, so nothing is stored for it (as in RFC 6347,
section 4.2.1). The key is random and lives as long as the process.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
from hashlib import blake2s
from itertools import islice
from typing import Any, Final

TOKEN_LENGTH: Final = 8  # letters and digits: 5 bytes in base 32
TOKEN_PERIOD: Final = 300.0  # seconds; a token is valid for one to two periods

# Words of a datagram that are compared. Without a limit one datagram could try thousands of tokens.
MAX_CANDIDATES: Final = 64

_WORD: Final = re.compile(rf"(?<![a-z0-9])[a-z2-7]{{{TOKEN_LENGTH}}}(?![a-z0-9])", re.ASCII)


class Tokens:
    """Makes tokens for addresses, and recognizes them without having stored them."""

    __slots__ = ("_secret",)

    def __init__(self) -> None:
        self._secret = os.urandom(32)

    def make(self, addr: Any, now: float) -> str:
        """Return the token of ``addr`` at ``now``, in seconds."""
        return self._token(addr, int(now // TOKEN_PERIOD))

    def found_in(self, text: str, addr: Any, now: float) -> bool:
        """Return whether a word of ``text`` is a token made for ``addr`` in this period or in the
        one before, at ``now`` in seconds. Case does not matter."""
        words = [match[0] for match in islice(_WORD.finditer(text.lower()), MAX_CANDIDATES)]
        if not words:
            return False
        period = int(now // TOKEN_PERIOD)
        tokens = self._token(addr, period), self._token(addr, period - 1)
        return any(hmac.compare_digest(token, word) for word in words for token in tokens)

    def _token(self, addr: Any, period: int) -> str:
        digest = blake2s(f"{period} {addr!r}".encode(), key=self._secret, digest_size=5).digest()
        return base64.b32encode(digest).decode().lower()
