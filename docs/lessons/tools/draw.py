"""Draws the system calls of a lesson over time: ``calls.json``, which ``record.py`` makes, as
``calls.svg``.

    python docs/lessons/tools/draw.py docs/lessons/01_blocking

Time runs downwards, with a column for each thread of the server and for each client. A call that
waits is as high as the wait is long, roughly: pauses are compressed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

_LONGEST: Final = 28  # characters of a label
_CHARACTER: Final = 7.42  # the width of one in SF Mono, the widest of the usual fonts, at 12 pixels
_PADDING: Final = 8  # between a label and the edge of its box
_MARGIN: Final = 4  # between a box and the edge of its column
_AXIS: Final = 60  # width of the times on the left
_COLUMN: Final = math.ceil(_LONGEST * _CHARACTER) + 2 * (_PADDING + _MARGIN)
_GAP: Final = 16
_ROW: Final = 26
_BOX: Final = 22
_TOP: Final = 78
_WAITS: Final = 0.002  # seconds; a call that takes longer has waited
_NAMES: Final = {
    "accept4": "accept",
    "clock_nanosleep": "sleep",
    "pselect6": "select",
    "recvfrom": "recv",
    "sendto": "send",
}
_COUNTING: Final = ("epoll_wait", "poll", "select")  # they return what is ready
_MOST_CALLS: Final = 60  # in a column

_STYLE: Final = """
  svg { color-scheme: light dark; font: 12px ui-monospace, monospace; }
  .ground { fill: #fdfcfa; } .text { fill: #1d2625; } .muted { fill: #5c6765; }
  .title { font: 600 15px system-ui, sans-serif; } .head { font: 600 13px system-ui, sans-serif; }
  .line { stroke: #d9d3c8; }
  .work { fill: #cfe6e2; stroke: #0b6e69; } .failed { fill: #fbe0d3; stroke: #b3402a; }
  .wait { fill: #efe9de; stroke: #b0a590; stroke-dasharray: 4 3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #141b1a; } .text { fill: #e3eae8; } .muted { fill: #93a29f; }
    .line { stroke: #2b3633; }
    .work { fill: #17423d; stroke: #5cc9bf; } .failed { fill: #46261d; stroke: #ff9b80; }
    .wait { fill: #222b29; stroke: #5d6a66; }
  }
"""

_CURVES: Final = """
  .curve { fill: none; stroke-width: 2; }
  .curve-0 { stroke: #0b6e69; } .curve-1 { stroke: #b3402a; stroke-dasharray: 6 3; }
  @media (prefers-color-scheme: dark) {
    .curve-0 { stroke: #5cc9bf; } .curve-1 { stroke: #ff9b80; }
  }
"""


@dataclass(slots=True)
class Box:
    """One call in the drawing."""

    column: int
    at: float  # seconds
    took: float
    label: str
    failed: bool
    plain: bool = False  # the label is not a call
    top: float = 0.0
    bottom: float = 0.0

    @property
    def waits(self) -> bool:
        return self.took >= _WAITS


def draw(recorded: dict[str, Any]) -> str:
    """Return the SVG of what ``record.py`` or ``watch.py`` has recorded."""
    if "curves" in recorded:
        return _draw_curves(recorded)
    heads, boxes = _columns(recorded)
    marks = list(_place(boxes))
    width = _AXIS + len(heads) * (_COLUMN + _GAP)
    height = round(max((box.bottom for box in boxes), default=_TOP) + 44)
    size = {"width": str(width), "height": str(height), "viewBox": f"0 0 {width} {height}"}
    root = _new_drawing(size, recorded["title"], " ".join(_sentences(heads, boxes)))
    for number, head in enumerate(heads):
        x = _left(number)
        _text(root, "text head", x + _MARGIN, _TOP - 18, head)
        line = {"x1": x, "x2": x, "y1": _TOP - 10, "y2": height - 34}
        _add(root, "line", {"class": "line", **{key: str(value) for key, value in line.items()}})
    for y, seconds in marks:
        _text(root, "muted", _AXIS - 12, y + 15, f"{seconds:.1f} s", "end")
    for box in boxes:
        _box(root, box)
    _text(root, "muted", 16, height - 12, "dashed: the call waits; red: it failed or had nothing")
    return _as_text(root)


def _new_drawing(size: dict[str, str], title: str, description: str) -> ElementTree.Element:
    root = ElementTree.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size}
    )
    _add(root, "title", {}, title)
    _add(root, "desc", {}, description)
    _add(root, "style", {}, _STYLE)
    _add(root, "rect", {"class": "ground", "width": "100%", "height": "100%", "rx": "8"})
    _text(root, "text title", 16, 28, title)
    return root


def _as_text(root: ElementTree.Element) -> str:
    ElementTree.indent(root, " ")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _draw_curves(recorded: dict[str, Any]) -> str:
    """A chart: how many bytes waited, over time, in each of the runs. Marks are levels."""
    left, top, width, height = 84, 70, 620, 260
    curves, marks = recorded["curves"], recorded["marks"]
    seconds = max(point[0] for curve in curves for point in curve["points"]) + 0.1
    most = max(level["at"] for level in marks) * 1.08

    def place(at: float, size: float) -> tuple[float, float]:
        return left + width * at / seconds, top + height * (1 - size / most)

    bottom = top + height
    total = bottom + 48 + 20 * len(curves)
    size = {"width": str(left + width + 20), "height": str(total)}
    said = [f"{mark['name']}: {mark['at'] // 1024} KiB." for mark in marks]
    said += [f"{c['name']}: at most {max(p[1] for p in c['points'])} bytes." for c in curves]
    view = {"viewBox": f"0 0 {size['width']} {size['height']}"}
    root = _new_drawing({**size, **view}, recorded["title"], " ".join(said))
    _add(root, "style", {}, _CURVES)
    for mark in [*marks, {"name": "", "at": 0}]:
        x, y = place(0, mark["at"])
        line = {"x1": x, "x2": x + width, "y1": round(y, 1), "y2": round(y, 1)}
        _add(root, "line", {"class": "line", **{key: str(value) for key, value in line.items()}})
        _text(root, "muted", left - 8, y + 4, f"{mark['at'] // 1024} KiB", "end")
        _text(root, "muted", left + 8, y - 5, mark["name"])
    for tenth in range(0, int(seconds * 10) + 1, 2):
        _text(root, "muted", place(tenth / 10, 0)[0], bottom + 18, f"{tenth / 10:.1f} s", "middle")
    for number, curve in enumerate(curves):
        kind = f"curve curve-{number}"
        points = []
        before = 0.0
        for at, waits in curve["points"]:  # in steps: in between, nothing changes
            points += [place(at, before), place(at, waits)]
            before = waits
        if before == 0:
            points.append(place(seconds, 0))
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        _add(root, "polyline", {"class": kind, "points": path})
        y = bottom + 42 + 20 * number
        sample = {"x1": str(left), "x2": str(left + 24), "y1": str(y - 4), "y2": str(y - 4)}
        _add(root, "line", {"class": kind, **sample})
        _text(root, "text", left + 32, y, curve["name"])
    return _as_text(root)


def _columns(recorded: dict[str, Any]) -> tuple[list[str], list[Box]]:
    """The heads of the columns, and the calls in all of them in the order of time."""
    heads: list[str] = []
    boxes: list[Box] = []
    for lane in recorded["lanes"]:
        threads = sorted({call.get("thread", 0) for call in lane["calls"]})
        for number, thread in enumerate(threads):
            calls = [call for call in lane["calls"] if call.get("thread", 0) == thread]
            column = len(heads)
            which = f", thread {number + 1}" if len(threads) > 1 else ""
            named = lane.get("threads", [])
            heads.append(named[number] if number < len(named) else f"{lane['name']}{which}")
            boxes += [_new_box(column, call, recorded["names"]) for call in calls[:_MOST_CALLS]]
    return heads, sorted(boxes, key=lambda box: box.at)


def _new_box(column: int, call: dict[str, Any], names: dict[str, str]) -> Box:
    return Box(
        column, call["at"], call["took"], _label(call, names), _failed(call), "label" in call
    )


def _label(call: dict[str, Any], names: dict[str, str]) -> str:
    """As a reader of Python would write the call: ``recv(client) → "one"``."""
    if "label" in call:
        return str(call["label"])
    if "times" in call:
        what = "the same" if call["repeats"] == 1 else f"these {call['repeats']}"
        return f"{what}, {call['times']:,} times more"
    name = _NAMES.get(call["name"], call["name"])
    fd = call.get("fd")
    arguments = [] if fd is None or name in _COUNTING else [names.get(str(fd), str(fd))]
    text = f'"{call["text"]}"' if call["text"] and name != "accept" else ""
    result = str(call.get("result", ""))
    if "size" in call:
        text = _size(call["size"])
    if "timeout" in call:
        arguments = [f"{call['timeout']:.3g}"]
    if "control" in call:
        action, target, events = call["control"]
        arguments = [action, names.get(str(target), str(target)), *([events] if events else [])]
    if name == "recv":
        shown = result if _failed(call) else text or '""'
    else:
        arguments += [text] if text else []
        shown = result if _failed(call) else _ready(call, names) if name in _COUNTING else ""
        if name == "send" and result.isdigit() and int(result) < call.get("size", 0):
            shown = _size(int(result))  # a part of it
    label = f"{name}({', '.join(arguments)})" + (f" → {shown}" if shown else "")
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"


def _ready(call: dict[str, Any], names: dict[str, str]) -> str:
    ready = [names.get(str(fd), str(fd)) for fd in call.get("ready", ())]
    room = [f"room for {names.get(str(fd), str(fd))}" for fd in call.get("writable", ())]
    return ", ".join(ready + room) or "nothing"


def _size(size: int) -> str:
    return f"{size / 1024:.3g} KiB"


def _failed(call: dict[str, Any]) -> bool:
    return str(call.get("result", "")).startswith("E")


def _place(boxes: list[Box]) -> Iterator[tuple[float, float]]:
    """Give each box its place. Yields the marks of the time axis: y, and seconds."""
    moments: list[tuple[float, int, Box]] = []
    for box in boxes:
        moments.append((box.at, 1, box))
        if box.waits:
            moments.append((box.at + box.took, 0, box))  # an end comes before what follows it
    moments.sort(key=lambda moment: moment[:2])
    y, before, marked = float(_TOP), 0.0, -1.0
    for at, begins, box in moments:
        if (pause := at - before) > 0.02:
            y += 16 * math.log10(pause / 0.005)
        before = at
        if begins:
            if round(at, 1) > marked:
                marked = round(at, 1)
                yield y, at
            box.top, box.bottom = y, y + _BOX
            y += _ROW
        else:
            box.bottom = max(y, box.top + _BOX)
            y = max(y, box.bottom + 4)


def _sentences(heads: list[str], boxes: list[Box]) -> Iterator[str]:
    for box in boxes:
        wait = f", which waits {box.took:.1f} s" if box.took >= 0.05 else ""
        what = f": {box.label}" if box.plain else f" calls {box.label}{wait}"
        yield f"{box.at:.1f} s: {heads[box.column]}{what}."


def _box(root: ElementTree.Element, box: Box) -> None:
    kind = "failed" if box.failed else "wait" if box.waits else "work"
    place = {
        "x": _left(box.column) + _MARGIN,
        "y": round(box.top, 1),
        "width": _COLUMN - 2 * _MARGIN,
        "height": round(box.bottom - box.top, 1),
        "rx": 4,
    }
    _add(root, "rect", {"class": kind, **{key: str(value) for key, value in place.items()}})
    _text(root, "text", _left(box.column) + _MARGIN + _PADDING, box.top + 15, box.label)


def _left(column: int) -> int:
    return _AXIS + column * (_COLUMN + _GAP)


def _text(
    root: ElementTree.Element, kind: str, x: float, y: float, text: str, anchor: str = "start"
) -> None:
    place = {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    _add(root, "text", place, text)


def _add(parent: ElementTree.Element, tag: str, attributes: dict[str, str], text: str = "") -> None:
    ElementTree.SubElement(parent, tag, attributes).text = text or None


if __name__ == "__main__":
    for name in sys.argv[1:]:
        calls = json.loads(Path(name, "calls.json").read_text(encoding="utf-8"))
        Path(name, "calls.svg").write_text(draw(calls), encoding="utf-8")
