"""The keys of the screen: the most important ones in its last line, all of them on request."""

from __future__ import annotations

from typing import Final

from .cells import Line, width_of

_KEYS: Final = (
    ("q", "quit"),
    ("space", "pause"),
    ("n", "step"),
    ("t", "turn"),
    ("+-", "speed"),
    ("r", "record"),
    ("/", "filter"),
    ("<>", "sort"),
)
_HELP: Final = (
    ("q, Ctrl-C", "quit; a loop that you have paused resumes"),
    ("arrows, page up/down", "scroll; home, end: the first and last descriptor"),
    ("<  >  s", "sort by the column before, the next one"),
    ("i", "turn the order round"),
    ("/", "filter, such as queued>64k; Enter keeps it, Esc does not"),
    ("c", "show all descriptors again"),
    ("space", "pause the loop, and resume it"),
    ("n", "run one step of a paused loop"),
    ("t", "run one turn of a paused loop"),
    ("+  -", "slow motion, 1 to 50 turns a second; faster, slower"),
    ("r", "record turns; again: stop, and save it in this folder"),
    ("Ctrl-L", "draw the screen again"),
)


def keys_line(columns: int) -> Line:
    """The last line. What does not fit is left out as a whole; ``?`` shows it."""
    pieces: list[Line] = [[(f" {key}", "key"), (f" {meaning} ", "dim")] for key, meaning in _KEYS]
    ask: Line = [(" ?", "key"), (" help", "dim")]
    if sum(map(width_of, pieces)) + width_of(ask) > columns:
        ask = ask[:1]
    while pieces and sum(map(width_of, pieces)) + width_of(ask) > columns:
        pieces.pop()
    return [cell for piece in (*pieces, ask) for cell in piece]


def help_lines() -> list[Line]:
    lines: list[Line] = [[("Keys", "heading"), ("   any key closes this help", "dim")], []]
    for keys, meaning in _HELP:
        lines.append([(f"  {keys:<22}", "key"), (meaning, "")])
    return lines
