"""The width of text on a terminal, in cells, and the places where text may be cut."""

import unicodedata
from functools import lru_cache

ZERO_WIDTH_JOINER = "\u200d"


@lru_cache(maxsize=4096)
def cell_width(character: str) -> int:
    """Return how many cells one character covers: 0, 1 or 2. Terminals differ on rare ones."""
    if " " <= character <= "~":
        return 1
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    if unicodedata.category(character) == "Cf":
        return int(character == "\u00ad")  # only the soft hyphen is drawn
    if "\u1160" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7fb":
        return 0  # Hangul vowels and finals are drawn into the cell of the initial before them
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def text_width(text: str) -> int:
    """Return how many cells the text covers."""
    return sum(map(cell_width, text))


def previous_boundary(text: str, index: int) -> int:
    """Return where the character that the user sees before `index` begins; 0 at the start."""
    index -= 1
    while index > 0 and _belongs_to_previous(text, index):
        index -= 1
    return max(index, 0)


def next_boundary(text: str, index: int) -> int:
    """Return where the character that the user sees at `index` ends; at most the text's length."""
    index += 1
    while index < len(text) and _belongs_to_previous(text, index):
        index += 1
    return min(index, len(text))


def _belongs_to_previous(text: str, index: int) -> bool:
    character = text[index]
    return (
        cell_width(character) == 0
        or unicodedata.category(character) == "Mc"
        or text[index - 1] == ZERO_WIDTH_JOINER
    )


def window(before: str, after: str, room: int) -> tuple[str, str]:
    """Return the part of a line that fits into `room` cells (8 or more), as the text before and
    after the cursor. `<` and `>` mark where it is cut.

    The part depends only on the line and the cursor, not on what was shown earlier. It moves by
    half of `room` at a time, so that typing at the end does not shift the row with each key.
    """
    at = text_width(before)
    if at + text_width(after) < room:
        return before, after
    half = room // 2
    # The smallest number of halves that leaves room for the mark and for a wide character at the
    # cursor.
    left = half * max(0, -((room - 3 - at) // half))
    if left:
        before = "<" + _withoutcut_to_width(before, left + 1)
    rest = left + room - 1 - at
    shown = cut_to_width(after, rest)
    if shown != after:
        shown += " " * (rest - text_width(shown)) + ">"
    return before, shown


def _withoutcut_to_width(text: str, cells: int) -> str:
    """Return the text after the first `cells` cells. Half of a wide character becomes a space."""
    position = 0
    for index, character in enumerate(text):
        width = cell_width(character)
        if position >= cells and width:  # marks on a hidden character are hidden, too
            return " " * (position - cells) + text[index:]
        position += width
    return " " * (position - cells)


def cut_to_width(text: str, cells: int) -> str:
    """Return what fits into `cells` cells of the text, with the marks on its last character."""
    position = 0
    for index, character in enumerate(text):
        position += cell_width(character)
        if position > cells:
            return text[:index]
    return text
