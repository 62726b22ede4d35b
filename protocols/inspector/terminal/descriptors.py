"""The table of descriptors: which part of it is on the screen, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from . import units
from .cells import Line, Look, fit
from .documents import Document, entries, find, number, table, text

MAX_ROWS: Final = 200  # that an inspector describes
MAX_FILTER: Final = 100  # characters
_WIDE: Final = 80  # columns


@dataclass(frozen=True)
class View:
    """The part of the table that is asked for: ``count`` rows from number ``first`` on, of those
    that match ``filter``."""

    sort: str = "fd"
    descending: bool = False
    filter: str = ""
    first: int = 0
    count: int = 40

    def query(self) -> dict[str, str]:
        """The query of a request."""
        return {
            "sort": self.sort,
            "order": "desc" if self.descending else "asc",
            "filter": self.filter,
            "first": str(self.first),
            "count": str(self.count),
        }

    def sorted_by_next(self, step: int) -> View:
        """Sort by the next column, with -1 by the one before. Numbers begin with the largest."""
        names = list(SORTS)
        name = names[(names.index(self.sort) + step) % len(names)]
        return replace(self, sort=name, descending=SORTS[name], first=0)


@dataclass(frozen=True)
class Scene:
    """What a cell may depend on: ``now``, in seconds of the loop's clock, and the look."""

    now: float | None
    look: Look


@dataclass(frozen=True)
class _Column:
    title: str
    sort: str
    width: int
    needed: int  # columns with the lowest number are kept on a narrow screen
    cell: Callable[[Document, Scene], tuple[str, str]]
    right: bool = False
    wide: int = 0  # cells on a wide screen, before less important columns get any
    most: int = 0  # cells that it may grow to


def _protocol(row: Document, scene: Scene) -> tuple[str, str]:
    return text(row, "protocol") or text(row, "handler"), ""


def _peer(row: Document, scene: Scene) -> tuple[str, str]:
    if peer := text(row, "peer"):
        return peer, ""
    return text(row, "address"), "dim"


def _queue(row: Document, scene: Scene) -> tuple[str, str]:
    queued = number(row, "queued")
    return ("" if queued is None else units.size(queued)), _level(row)


def _queue_bar(row: Document, scene: Scene) -> tuple[str, str]:
    """The queue as a share of its limit, where the writer loses the connection."""
    queued, limit = number(row, "queued"), number(row, "limit")
    if not queued or not limit:
        return "", ""
    cells = min(8, max(1, round(8 * queued / limit)))
    return scene.look.full * cells + scene.look.empty * (8 - cells), _level(row)


def _level(row: Document) -> str:
    """The style of a queue: above the high-water mark the protocol is asked to pause."""
    queued = number(row, "queued") or 0
    high, limit = number(row, "high_water"), number(row, "limit")
    if limit and queued > 0.8 * limit:
        return "bad"
    if high is not None and queued > high:
        return "warning"
    return "" if queued else "dim"


def _condition(row: Document, scene: Scene) -> tuple[str, str]:
    if row.get("closing"):
        return "closing", "warning"
    paused = [
        letter
        for letter, name in (("r", "reading_paused"), ("w", "writing_paused"))
        if row.get(name)
    ]
    if paused:
        return f"{'+'.join(paused)} paused", "warning"
    if row.get("paused"):  # a listener
        return "paused", "warning"
    connections = number(row, "connections")
    return ("" if connections is None else f"{units.amount(connections)} open"), "dim"


def _age(row: Document, scene: Scene) -> tuple[str, str]:
    return _since(row, "opened", scene)


def _silence(row: Document, scene: Scene) -> tuple[str, str]:
    return _since(row, "last_time", scene)


def _since(row: Document, name: str, scene: Scene) -> tuple[str, str]:
    moment = number(row, name)
    if moment is None or scene.now is None:
        return units.UNKNOWN, "dim"
    return units.duration(max(0.0, scene.now - moment)), ""


def _bytes(name: str) -> Callable[[Document, Scene], tuple[str, str]]:
    return lambda row, scene: (units.size(number(row, name)), "")


_COLUMNS: Final = (
    _Column("FD", "fd", 5, 0, lambda row, scene: (text(row, "fd"), "bold"), right=True),
    _Column("KIND", "kind", 8, 2, lambda row, scene: (text(row, "kind"), ""), most=10),
    _Column("PROTOCOL", "protocol", 10, 3, _protocol, most=40),
    _Column("PEER", "peer", 14, 1, _peer, wide=21, most=46),
    _Column("RW", "interest", 2, 0, lambda row, scene: (text(row, "interest"), "read")),
    _Column("EV", "last_event", 2, 9, lambda row, scene: (text(row, "last_event"), "")),
    _Column("IN", "received", 5, 5, _bytes("received"), right=True),
    _Column("OUT", "sent", 5, 5, _bytes("sent"), right=True),
    _Column("QUEUE", "queued", 6, 1, _queue, right=True),
    _Column("OF LIMIT", "", 8, 8, _queue_bar),
    _Column("STATE", "", 10, 4, _condition),
    _Column("AGE", "age", 6, 7, _age, right=True),
    _Column("SILENT", "silence", 6, 6, _silence, right=True),
)

#: What the table can be sorted by, and whether that begins with the largest.
SORTS: Final[Mapping[str, bool]] = {
    column.sort: column.sort in ("received", "sent", "queued", "age", "silence")
    for column in _COLUMNS
    if column.sort
}


def draw_table(state: Document, view: View, columns: int, rows: int, scene: Scene) -> list[Line]:
    """A title, the columns' heads, and exactly ``rows`` rows, blank below the last descriptor. A
    row that the server has not described yet has only dots."""
    chosen = _fitting(columns)
    lines = [_title(state, view, rows), _heads(chosen, view, scene)]
    described = table(state, "descriptors", "rows")
    order = entries(state, "descriptors", "order")
    offset = int(number(state, "descriptors", "first") or 0)
    matching = int(number(state, "descriptors", "matching") or 0)
    for index in range(view.first, view.first + rows):
        at = index - offset
        fd = str(order[at]) if 0 <= at < len(order) else None
        if fd is None:
            lines.append([("    .", "dim")] if index < matching else [])
            continue
        row = described.get(fd)
        shown = {"fd": fd, **row} if isinstance(row, dict) else {"fd": fd}
        lines.append(_row(shown, chosen, scene))
    return lines


def _title(state: Document, view: View, rows: int) -> Line:
    matching = int(number(state, "descriptors", "matching") or 0)
    total = int(number(state, "descriptors", "total") or 0)
    last = min(view.first + rows, matching)
    line: Line = [("Descriptors ", "heading")]
    line.append((f"{min(view.first + 1, last)}-{last} of {matching}", ""))
    if view.filter:
        line += [(" of ", "dim"), (str(total), ""), (" with ", "dim"), (view.filter, "key")]
    kinds = [
        f"  {name} {units.amount(value)}"
        for name in table(state, "descriptors", "kinds")
        if (value := number(state, "descriptors", "kinds", name)) is not None
    ]
    return [*line, ("".join(kinds), "dim")]


def _heads(chosen: list[tuple[_Column, int]], view: View, scene: Scene) -> Line:
    line: Line = []
    for column, width in chosen:
        title = column.title
        if column.sort == view.sort:
            title = title[: width - 1] + scene.look.arrow(view.descending)
        line.append((fit(title, width, right=column.right), "reverse"))
        line.append((" ", "reverse"))
    return line


def _row(row: Document, chosen: list[tuple[_Column, int]], scene: Scene) -> Line:
    line: Line = []
    for column, width in chosen:
        value, style = column.cell(row, scene)
        if column.sort == "interest":
            line += _lights(row)
        else:
            shown = fit(value, width, right=column.right, more=scene.look.more)
            line.append((shown, style))
        line.append((" ", ""))
    return line


def _lights(row: Document) -> Line:
    interest: Any = find(row, "interest")
    if not isinstance(interest, str):
        return [("??", "dim")]
    return [
        (letter, style) if letter in interest else ("-", "dim")
        for letter, style in (("R", "read"), ("W", "write"))
    ]


def _fitting(columns: int) -> list[tuple[_Column, int]]:
    """The columns that have room, in their order, and their widths."""
    widths: dict[str, int] = {}
    left = columns + 1  # no space after the last one
    for column in sorted(_COLUMNS, key=lambda column: column.needed):
        width = max(column.width, column.wide if columns >= _WIDE else 0)
        if width + 1 > left:
            break
        widths[column.title] = width
        left -= width + 1
    growing = [column for column in _COLUMNS if column.title in widths and column.most]
    while left > 0 and growing:
        for column in growing:
            if left > 0 and widths[column.title] < column.most:
                widths[column.title] += 1
                left -= 1
        growing = [column for column in growing if widths[column.title] < column.most]
    return [(column, widths[column.title]) for column in _COLUMNS if column.title in widths]
