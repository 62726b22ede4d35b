"""Bar charts of the results, as one SVG file: ``--chart FILE``.

A chart shows one column of a table. The file follows the reader's dark or light colour scheme,
needs nothing from elsewhere, and has the figures as text, for screen readers as well."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

WIDTH = 760
_NAME_WIDTH = 190  # of the names on the left
_VALUE_WIDTH = 110  # of the figures on the right
_BAR = 20
_GAP = 8
_TITLE = 52  # height of a chart's title and subtitle
_SPACE = 26  # between two charts
_MARGIN = 20

_STYLE = """
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
  .ground { fill: #fdfcfa; } .text { fill: #1d2625; } .muted { fill: #5c6765; }
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


def chart_of(title: str, column: str, names: Iterable[str], cells: Iterable[str]) -> Chart:
    """Return the chart of a column of a table. Of costs less is better, of what is done in a second
    more."""
    figures = list(cells)
    bars = [(name, _number(cell)) for name, cell in zip(names, figures, strict=True)]
    return Chart(title, column, not column.endswith("/s"), bars, figures)


def _number(cell: str) -> float:
    match = re.search(r"[\d,.]+", cell)
    return float(match[0].replace(",", "")) if match else 0.0


def write_charts(path: str | Path, charts: Sequence[Chart], machine: str) -> None:
    """Write ``charts`` to the file ``path``. ``machine``: where they were measured, shown below
    them. Raises ``OSError``."""
    heights = [_TITLE + len(chart.bars) * (_BAR + _GAP) + _SPACE for chart in charts]
    footer = machine.split("\n")
    height = _MARGIN + sum(heights) + len(footer) * 18 + _MARGIN
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {WIDTH} {height}",
            "width": str(WIDTH),
            "height": str(height),
            "role": "img",
        },
    )
    _add(root, "title", {}, "; ".join(chart.title for chart in charts))
    _add(root, "desc", {}, " ".join(map(_description, charts)))
    _add(root, "style", {}, _STYLE)
    _add(root, "rect", {"class": "ground", "width": "100%", "height": "100%", "rx": "8"})
    top = _MARGIN
    for chart, own_height in zip(charts, heights, strict=True):
        _draw(root, chart, top)
        top += own_height
    for number, line in enumerate(footer):
        _text(root, "muted", _MARGIN, top + 14 + number * 18, line)
    ElementTree.ElementTree(root).write(path, encoding="unicode")


def _description(chart: Chart) -> str:
    bars = zip(chart.bars, chart.figures, strict=True)
    return f"{chart.column}: {', '.join(f'{name} {figure}' for (name, _), figure in bars)}."


def _draw(root: ElementTree.Element, chart: Chart, top: int) -> None:
    better = "less" if chart.less_is_better else "more"
    heading, _, details = chart.title.partition(", ")
    _text(root, "text title", _MARGIN, top + 14, f"{heading}: {chart.column} ({better} is better)")
    _text(root, "muted", _MARGIN, top + 34, details)
    room = WIDTH - 2 * _MARGIN - _NAME_WIDTH - _VALUE_WIDTH
    longest = max((value for _, value in chart.bars), default=0.0) or 1.0
    y = top + _TITLE
    for (name, value), figure in zip(chart.bars, chart.figures, strict=True):
        length = max(value / longest * room, 2.0)
        left = _MARGIN + _NAME_WIDTH
        _text(root, "text", left - 10, y + 15, name, anchor="end")
        kind = "bar ours" if "reactor" in name else "bar"
        shape = {"x": left, "y": y, "width": f"{length:.1f}", "height": _BAR, "rx": 3}
        _add(root, "rect", {"class": kind, **{key: str(shape[key]) for key in shape}})
        _text(root, "text figure", left + length + 8, y + 15, figure)
        y += _BAR + _GAP


def _text(
    root: ElementTree.Element, kind: str, x: float, y: float, text: str, anchor: str = "start"
) -> None:
    place = {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    _add(root, "text", place, text)


def _add(
    parent: ElementTree.Element, tag: str, attributes: dict[str, str], text: str = ""
) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, attributes)
    element.text = text or None
    return element
