"""Cleans text once, where it enters: what one user writes must not control another's terminal.

A terminal interprets the text that it displays. Escape sequences move the cursor, rename the
window, or make the terminal send answers that look like typed input. Bidirectional controls change
the order in which a line's characters are displayed. ``clean`` turns the bytes of one line into
text without any of these. The hub, the rooms and the renderers rely on it, and do not clean again.
"""

from __future__ import annotations

import re
from unicodedata import category

# Remove the whole escape sequence, not only its ESC: the rest ("[31m") would clutter the line.
# ECMA-48, section 5.4: a control sequence has parameter bytes, intermediate bytes and a final byte.
# Section 5.6: a control string ends with ST; xterm also accepts BEL. An unfinished one ends with
# the line, because a terminal would swallow that much. Each introducer also has a one-character
# form (C1). Every alternative consumes what it matches, so matching takes linear time.
_ESCAPE_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x18\x1a\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)

_BREAKS = frozenset("\t\n\v\f\r\x85")

# Invisible but necessary: ZERO WIDTH NON-JOINER and JOINER shape Persian and most scripts of India,
# and join emoji.
_JOINERS = frozenset("\u200c\u200d")

# "Format" characters of Arabic and Syriac that are visible signs, such as the year sign and the end
# of a verse.
_VISIBLE_FORMAT = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")

# Hebrew, Vietnamese and Tibetan need up to half as many on one letter. Higher stacks only serve to
# cover the lines around them.
MAX_MARKS = 8


def clean(raw: bytes | bytearray) -> str:
    """Return ``raw`` as one line of clean text. Bytes that are not UTF-8 become U+FFFD."""
    return clean_text(raw.decode("utf-8", "replace"))


def clean_text(text: str) -> str:
    """Return ``text`` as one line of visible characters.

    * Escape sequences, control characters and surrogates are removed. Tabs, line breaks and all
      kinds of spaces become a space.
    * Format characters (category Cf) are removed: bidirectional overrides, embeddings, isolates and
      marks, zero-width spaces, soft hyphens, tags. The two joiners, and signs that are "format" in
      name only, are kept.
    * Private-use characters are removed, because their meaning is not standardized. Unassigned
      characters are removed where a future Unicode may define format characters. In the planes of
      scripts and emoji they are kept: there they are probably newer than this Python.
    * At most ``MAX_MARKS`` combining marks and joiners in a row are kept.
    """
    # The fast path, for nearly every line: all spaces except U+0020 count as not printable, and
    # combining marks begin at U+0300, so no character needs a closer look.
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
    """Return whether an unassigned character is where Unicode adds scripts, emoji, ideographs."""
    return kind == "Cn" and 0x10000 <= code < 0x40000 and code & 0xFFFE != 0xFFFE
