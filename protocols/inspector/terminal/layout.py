"""Puts the parts together: which of them a screen of a certain size has room for."""

from __future__ import annotations

from dataclasses import dataclass

from .cells import Line, Look, beside
from .descriptors import Scene, View, draw_table
from .documents import Document, entries, text
from .panels import (
    TURN_ROWS,
    draw_blocked,
    draw_errors,
    draw_slowest,
    draw_timers,
    draw_turn,
)
from .summary import figures, header, steps_bar, steps_legend, strip

_MEDIUM = 16  # rows from which there is room for more than the necessary
_BESIDE = 100  # columns from which two panels stand next to each other
_TABLE_ROWS = 3  # that the table keeps, at least
_FRAME = 5  # rows: the header, the figures, the table's title and heads, the line at the bottom


@dataclass(frozen=True)
class Picture:
    """``lines`` without the one at the bottom, and how many of them are rows of the table."""

    lines: list[Line]
    table_rows: int


def most_table_rows(rows: int) -> int:
    """The rows that the table can have on a screen of ``rows`` rows."""
    return max(1, rows - _FRAME)


def picture(
    hello: Document,
    state: Document,
    view: View,
    size: tuple[int, int],
    *,
    now: float | None,
    look: Look,
    lost: bool,
) -> Picture:
    """The screen. ``size``: columns and rows. ``now``: seconds of the loop's clock. ``lost``:
    whether there is no connection, so that all of this is old."""
    columns, rows = size
    lines = [header(hello, state, lost, columns), figures(hello, state, columns)]
    spare = rows - _FRAME - max(_TABLE_ROWS, (rows - _FRAME) * 2 // 5)
    parts = _summary(hello, state, columns, rows, look)[: max(0, spare)]
    spare -= len(parts)
    parts += _panels(state, columns, spare, now)
    lines += parts
    table_rows = max(0, rows - _FRAME - len(parts))
    if rows - len(lines) > 1:
        table = draw_table(state, view, columns, table_rows, Scene(now, look))
        lines += table[: rows - 1 - len(lines)]
    return Picture(lines, table_rows)


def _summary(hello: Document, state: Document, columns: int, rows: int, look: Look) -> list[Line]:
    if rows < _MEDIUM:
        if _is_stepping(state):
            return []  # the turn is more important
        return [steps_bar(state, columns), strip(hello, state, columns, look)]
    return [
        steps_bar(state, columns),
        steps_legend(state, columns),
        strip(hello, state, columns, look),
    ]


def _is_stepping(state: Document) -> bool:
    return text(state, "control", "mode") in ("paused", "slow")


def _panels(state: Document, columns: int, spare: int, now: float | None) -> list[Line]:
    """What fits into ``spare`` rows, the most important first."""
    lines: list[Line] = []
    if _is_stepping(state):
        if spare >= 2:
            lines += draw_turn(state, min(TURN_ROWS, spare))
    elif spare >= 2 and entries(state, "blocked", "recent"):
        lines += draw_blocked(state, min(4, spare), now)
    if spare - len(lines) >= 1:
        lines += draw_errors(state, 1, now)
    left = spare - len(lines)
    if left < 3:
        return lines
    if columns >= _BESIDE:
        height = min(6, left)
        timers = draw_timers(state, height, now)
        return lines + beside(timers, draw_slowest(state, height), columns)
    lines += draw_timers(state, min(4, left), now)
    left = spare - len(lines)
    return lines + draw_slowest(state, min(5, left)) if left >= 2 else lines
