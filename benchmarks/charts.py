"""Bar charts of the results, as SVG files: ``--chart FILE``, and ``python -m benchmarks draw``.

A chart shows one column of a table. The file follows the reader's dark or light colour scheme,
needs nothing from elsewhere, and has the figures as text, for screen readers as well. It is narrow,
so that a telephone shows it with letters that can be read."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .results import Results, Table
from .svg import Element, add, add_text, as_text, new_picture

WIDTH = 480
_LETTER = 7.1  # width of a letter of 13 px, on average
_DETAILS_LETTERS = 70  # in a line of details, which have 12 px
_BAR = 18
_GAP = 7
_LINE = 17
_HEADING = 44  # height of a chart's title and the name of its column
_SPACE = 24  # between two charts
_MARGIN = 18

_STYLE = """
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
  .ground { fill: #fdfcfa; } .text { fill: #1d2625; } .muted { fill: #5c6765; font-size: 12px; }
  .bar { fill: #b9c4c1; } .ours { fill: #0b6e69; }
  .title { font-size: 15px; font-weight: 600; } .figure { font-variant-numeric: tabular-nums; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #141b1a; } .text { fill: #e3eae8; } .muted { fill: #93a29f; }
    .bar { fill: #43524e; } .ours { fill: #5cc9bf; }
  }
"""


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. ``column``: what the bars show, with its unit. ``bars``: names and figures.
    ``figures``: the same as they are in the table."""

    title: str
    column: str
    less_is_better: bool
    bars: Sequence[tuple[str, float]]
    figures: Sequence[str]

    @property
    def heading(self) -> str:
        return self.title.partition(", ")[0]

    @property
    def details(self) -> list[str]:
        return textwrap.wrap(self.title.partition(", ")[2], _DETAILS_LETTERS)

    @property
    def bars_at(self) -> int:
        """How far below the top of the chart its bars begin."""
        return _HEADING + len(self.details) * _LINE

    @property
    def height(self) -> int:
        return self.bars_at + len(self.bars) * (_BAR + _GAP)


def chart_of(title: str, column: str, names: Iterable[str], cells: Iterable[str]) -> Chart:
    """Return the chart of a column of a table. Of costs less is better, of what is done in a second
    more."""
    figures = list(cells)
    bars = [(name, _number(cell)) for name, cell in zip(names, figures, strict=True)]
    return Chart(title, _with_micro(column), not column.endswith("/s"), bars, figures)


def charts_of(tables: Iterable[Table]) -> list[Chart]:
    """Return the charts of those tables that name a column to draw."""
    return [
        chart_of(table.title, table.chart, table.names, table.column(table.chart))
        for table in tables
        if table.chart
    ]


def _number(cell: str) -> float:
    match = re.search(r"[\d,.]+", cell)
    return float(match[0].replace(",", "")) if match else 0.0


def _with_micro(column: str) -> str:
    return re.sub(r"\bus\b", "µs", column)  # terminals may lack the letter, so tables have "us"


def write_all(folder: str | Path, results: Mapping[str, Results]) -> list[Path]:
    """Write a file for each benchmark that has something to draw, named after it. Raises
    ``OSError``. Returns the files."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    for name, of_one in results.items():
        if charts := charts_of(of_one.tables):
            written.append(Path(folder, f"{name}.svg"))
            write_charts(written[-1], charts)
    return written


def write_charts(path: str | Path, charts: Sequence[Chart], machine: str = "") -> None:
    """Write ``charts`` to the file ``path``. ``machine``: where they were measured, shown below
    them. Raises ``OSError``."""
    footer = machine.splitlines()
    height = sum(chart.height + _SPACE for chart in charts) - _SPACE
    height += 2 * _MARGIN + (len(footer) * _LINE + _SPACE if footer else 0)
    title = "; ".join(chart.title for chart in charts)
    root = new_picture(WIDTH, height, title, " ".join(map(_description, charts)), _STYLE)
    add(root, "rect", {"class": "ground", "width": "100%", "height": "100%", "rx": "8"})
    top = _MARGIN
    for chart in charts:
        _draw(root, chart, top)
        top += chart.height + _SPACE
    for number, line in enumerate(footer):
        add_text(root, "muted", _MARGIN, top + 12 + number * _LINE, line)
    Path(path).write_text(as_text(root), encoding="utf-8")


def _description(chart: Chart) -> str:
    bars = zip(chart.bars, chart.figures, strict=True)
    return f"{chart.column}: {', '.join(f'{name} {figure}' for (name, _), figure in bars)}."


def _draw(root: Element, chart: Chart, top: int) -> None:
    better = "less" if chart.less_is_better else "more"
    add_text(root, "text title", _MARGIN, top + 13, chart.heading)
    add_text(root, "text", _MARGIN, top + 33, f"{chart.column} ({better} is better)")
    for number, line in enumerate(chart.details):
        add_text(root, "muted", _MARGIN, top + 50 + number * _LINE, line)
    left = _MARGIN + max((len(name) for name, _ in chart.bars), default=0) * _LETTER + 8
    room = WIDTH - _MARGIN - left - max(map(len, chart.figures), default=0) * _LETTER - 8
    longest = max((value for _, value in chart.bars), default=0.0) or 1.0
    y = top + chart.bars_at
    is_comparison = any("reactor" in name for name, _ in chart.bars)  # otherwise all bars are ours
    for (name, value), figure in zip(chart.bars, chart.figures, strict=True):
        length = max(value / longest * room, 2.0)
        add_text(root, "text", left - 8, y + 14, name, anchor="end")
        kind = "bar" if is_comparison and "reactor" not in name else "bar ours"
        shape = {"x": f"{left:.1f}", "y": str(y), "width": f"{length:.1f}", "height": str(_BAR)}
        add(root, "rect", {"class": kind, **shape, "rx": "3"})
        add_text(root, "text figure", left + length + 8, y + 14, figure)
        y += _BAR + _GAP
