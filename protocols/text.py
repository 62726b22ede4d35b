"""Cleaning text, once, where it enters: what others write must not work on one's terminal.

A terminal obeys what it displays: escape sequences move the cursor, rename the window, or ask for
answers that look as if they had been typed; bidirectional controls make a line read differently
from what it says. ``clean`` turns the bytes of one line into text in which nothing of that is left.
Everything behind it (hub, rooms, renderers) relies on it and cleans nothing again.
"""

from __future__ import annotations

import re
from unicodedata import category

# A whole escape sequence goes, not only its ESC, or its remains ("[31m") would clutter the line.
# ECMA-48, section 5.4: a control sequence has parameter bytes, intermediate bytes and a final byte;
# section 5.6: a control string goes on to ST, or to BEL as xterm has it; an unfinished one ends
# with the line, as a terminal would swallow that much. Each introducer has a one-character form as
# well (C1). Every alternative consumes what it matches, so the time is linear.
_ESCAPE_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x18\x1a\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)

_BREAKS = frozenset("\t\n\v\f\r\x85")

# Invisible, and yet needed: ZERO WIDTH NON-JOINER and JOINER shape Persian and most scripts of
# India, and join emoji.
_JOINERS = frozenset("\u200c\u200d")

# "Format" characters of Arabic and Syriac that are signs in their own right, such as the year and
# the end of a verse.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")

# Hebrew, Vietnamese and Tibetan need up to half as many on one letter; what goes beyond is made to
# bury the lines around it.
MAX_MARKS = 8


def clean(raw: bytes | bytearray) -> str:
    """Return the clean text of ``raw``, one line; U+FFFD stands for what is not UTF-8."""
    return clean_text(raw.decode("utf-8", "replace"))


def clean_text(text: str) -> str:
    """Return ``text`` as one line of visible characters.

    * Escape sequences, control characters and surrogates are left out; tabs, line breaks and all
      kinds of spaces become a space.
    * Format characters (category Cf) are left out: bidirectional overrides, embeddings, isolates
      and marks, zero-width spaces, soft hyphens, tags. Kept are the two joiners, and signs that are
      "format" in name only.
    * Private-use characters are left out, as they mean nothing between strangers. So are unassigned
      ones where the reserved ones may prove to be format characters; in the planes of scripts and
      emoji they are newer than this Python, and stay.
    * At most ``MAX_MARKS`` combining marks and joiners follow one another.
    """
    # Nearly every line is of this kind, and has nothing to be looked at one by one: all spaces but
    # the usual one count as not printable, and the combining marks begin at U+0300.
    if text.isprintable() and (text.isascii() or max(text) < "\u0300"):
        return text
    kept: list[str] = []
    marks = 0
    for char in _ESCAPE_SEQUENCES.sub("", text):
        kind = category(char)
        if kind in {"Mn", "Me"} or char in _JOINERS:
            marks += 1
            if marks <= MAX_MARKS:
                kept.append(char)
            continue
        if kind[0] == "Z" or char in _BREAKS:
            char = " "  # noqa: PLW2901
        elif kind[0] == "C" and char not in _VISIBLE_FORMAT and not _may_be_new(kind, ord(char)):
            continue
        marks = 0
        kept.append(char)
    return "".join(kept)


def _may_be_new(kind: str, code: int) -> bool:
    """Whether an unassigned character lies where Unicode adds scripts, emoji and ideographs."""
    return kind == "Cn" and 0x10000 <= code < 0x40000 and code & 0xFFFE != 0xFFFE
