"""Tokens: who knows one may see a page, or control what it shows."""

from __future__ import annotations

import re
import secrets
from typing import Final

# Characters that need no quoting in a URL nor in a header field; enough of them.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{8,128}").fullmatch


def make_token() -> str:
    """A token that cannot be guessed (128 bits)."""
    return secrets.token_urlsafe(16)


def check_token(token: str) -> str:
    """Return ``token``. Raises ``ValueError`` if it cannot be used as one."""
    if not _TOKEN(token):
        raise ValueError("a token has 8 to 128 letters, digits, or characters of . _ ~ -")
    return token
