"""Names of members and rooms: which are valid, and how they are compared."""

from __future__ import annotations

import re

from .messages import ChatError, ErrorCode

# Only ASCII. A name says who speaks, and Unicode has thousands of letters that only look alike (UTS
# #39), with which one member could pass for another. Also, everyone can type an ASCII name. IRC
# allows the brackets and the other signs (RFC 2812 section 2.3.1).
_NAME = re.compile(r"[A-Za-z0-9_.\-\[\]{}\\|^`]+")


def check_name(name: str, limit: int) -> None:
    """Raise ChatError if ``name`` is not valid, or has more than ``limit`` characters."""
    if not _NAME.fullmatch(name) or len(name) > limit:
        raise ChatError(
            f"A name has 1 to {limit} characters: letters from A to Z, digits, and"
            r" _ - . [ ] { } \ | ^ `",
            ErrorCode.BAD_NAME,
        )


def folded(name: str) -> str:
    """Return ``name`` in lower case, or ``name`` itself if it is: this saves memory."""
    lower = name.lower()
    return name if name == lower else lower


def shortened(text: str) -> str:
    """Return ``text``, which may not be a name at all, short enough for an error."""
    return text if len(text) <= 40 else text[:39] + "\u2026"
