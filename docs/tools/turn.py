"""Draws the turn of the loop: its eight steps, where it waits, and where the user's code runs.

    python docs/tools/turn.py docs/images/turn.svg

The names of the steps come from the reactor. The picture is narrow, so that a telephone shows it
with letters that can be read, and follows the reader's dark or light colour scheme."""

import sys
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.svg import Element, add, add_text, as_text, new_picture
from reactor import STEPS

WORDS: Final = {
    "timeout": "How long may we wait? Until the next timer.",
    "wait": "The system reports who is ready, or time is up.",
    "clock": "Reads the time, once for the whole turn.",
    "dispatch": "data_received and others, for who is ready",
    "timers": "what call_later has set, if it is due",
    "callbacks": "what call_soon has queued",
    "flush": "Sends what was written: one call per connection.",
    "close": "Gives closed descriptors back to the system.",
}
YOURS: Final = ("dispatch", "timers", "callbacks")  # run the user's code

WIDTH: Final = 480
_TOP: Final = 24
_ROW: Final = 54
_BOX: Final = 46
_LEFT: Final = 92  # of the boxes
_RIGHT: Final = WIDTH - 14
_LINE: Final = 66  # x of the line from step to step
_BACK: Final = 24  # x of the line from the last step to the first
_RADIUS: Final = 14

_STYLE: Final = """
  svg { color-scheme: light dark; font: 13px system-ui, sans-serif; }
  .ground { fill: #fdfcfa; } .text { fill: #1d2625; } .muted { fill: #5c6765; }
  .name { font-size: 15px; font-weight: 600; } .note { font-size: 12px; font-weight: 600; }
  .box { fill: none; stroke: #d9d3c8; } .wait { fill: #efe9de; stroke: #8d8270; }
  .wait { stroke-dasharray: 5 4; } .yours { fill: #cfe6e2; stroke: #0b6e69; }
  .way { fill: none; stroke: #0b6e69; stroke-width: 2; } .tip { fill: #0b6e69; }
  .dot { fill: #0b6e69; } .number { fill: #fdfcfa; font-weight: 600; }
  .code { font-family: ui-monospace, monospace; }
  .asleep { fill: #6d6352; } .awake { fill: #0b5d58; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #141b1a; } .text { fill: #e3eae8; } .muted { fill: #a3b1ae; }
    .box { stroke: #2f3b38; } .wait { fill: #222b29; stroke: #7b8985; }
    .yours { fill: #17423d; stroke: #5cc9bf; }
    .way { stroke: #5cc9bf; } .tip { fill: #5cc9bf; }
    .dot { fill: #5cc9bf; } .number { fill: #0d2421; }
    .asleep { fill: #b3bfbc; } .awake { fill: #8fe0d8; }
  }
"""


def draw() -> str:
    """Return the picture as SVG."""
    height = _TOP + len(STEPS) * _ROW + 28
    steps = [f"{number}. {name}: {WORDS[name]}" for number, name in enumerate(STEPS, 1)]
    title = "The turn of the loop, in eight steps"
    root = new_picture(WIDTH, height, title, " ".join(steps), _STYLE)
    add(root, "rect", {"class": "ground", "width": "100%", "height": "100%", "rx": "8"})
    _draw_way(root)
    _draw_group(root, YOURS)
    for number, name in enumerate(STEPS, 1):
        _draw_step(root, number, name)
    return as_text(root)


def _draw_way(root: Element) -> None:
    """The line through all steps, and back to the first."""
    first, last = _middle(1), _middle(len(STEPS))
    below, above = last + _RADIUS + 22, first - _RADIUS - 14
    bend = (_LINE - _BACK) / 2
    path = (
        f"M{_LINE} {first} V{below - bend} Q{_LINE} {below} {_LINE - bend} {below}"
        f" Q{_BACK} {below} {_BACK} {below - bend} V{above + bend}"
        f" Q{_BACK} {above} {_LINE - bend} {above} Q{_LINE} {above} {_LINE} {first - _RADIUS}"
    )
    add(root, "path", {"class": "way", "d": path})
    x, y = _BACK, (first + last) / 2 - 70
    add(root, "path", {"class": "tip", "d": f"M{x - 6} {y + 5} L{x} {y - 6} L{x + 6} {y + 5} Z"})
    y += 70
    place = {"class": "note awake", "transform": f"translate({x + 16} {y}) rotate(-90)"}
    add(root, "text", place | {"text-anchor": "middle"}, "the next turn")


def _draw_group(root: Element, names: tuple[str, ...]) -> None:
    numbers = [STEPS.index(name) + 1 for name in names]
    top = _middle(numbers[0]) - _BOX / 2
    bottom = _middle(numbers[-1]) + _BOX / 2
    _draw_box(root, "yours", top, bottom - top)


def _draw_step(root: Element, number: int, name: str) -> None:
    middle = _middle(number)
    if name not in YOURS:
        _draw_box(root, "wait" if name == "wait" else "box", middle - _BOX / 2, _BOX)
    add(root, "circle", {"class": "dot", "cx": str(_LINE), "cy": str(middle), "r": str(_RADIUS)})
    add_text(root, "number", _LINE, middle + 4.5, str(number), anchor="middle")
    add_text(root, "text name", _LEFT + 12, middle - 4, name.capitalize())
    add_text(root, "muted", _LEFT + 12, middle + 14, WORDS[name])
    if name == "wait":
        add_text(root, "note asleep", _RIGHT - 10, middle - 5, "the only wait", anchor="end")
    elif name == YOURS[0]:
        add_text(root, "note awake", _RIGHT - 10, middle - 5, "your code runs here", anchor="end")


def _draw_box(root: Element, kind: str, top: float, height: float) -> None:
    shape = {"x": _LEFT, "y": top, "width": _RIGHT - _LEFT, "height": height, "rx": 6}
    add(root, "rect", {"class": kind, **{key: f"{value:g}" for key, value in shape.items()}})


def _middle(number: int) -> float:
    return _TOP + (number - 0.5) * _ROW


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(), encoding="utf-8")
