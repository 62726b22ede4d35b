"""Lines of styled text for a screen, and the bytes that draw them.

A line is a list of spans: a text and the name of its style. Texts are cleaned here, and only here:
nothing that a peer has sent can reach the terminal as a control character. Everything is measured
in cells, as a wide character covers two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from protocols.console.terminal import cut_to_width, text_width
from protocols.text import clean_text

Span = tuple[str, str]
Line = list[Span]

# Parameters of SGR (ECMA-48, section 8.3.117). Only the 16 colours that every theme defines.
_COLOURS: Final = {
    "": "",
    "bold": "1",
    "dim": "2",
    "reverse": "7",
    "heading": "1;36",
    "good": "32",
    "warning": "33",
    "bad": "1;31",
    "read": "1;32",
    "write": "1;33",
    "key": "1;36",
    "alarm": "1;37;41",
    "caution": "30;43",
    "step1": "30;46",
    "step2": "37;44",
    "step3": "30;46",
    "step4": "30;42",
    "step5": "30;43",
    "step6": "37;45",
    "step7": "30;47",
    "step8": "37;41",
}
# With NO_COLOR (https://no-color.org): the attributes that are no colour.
_MONOCHROME: Final = {
    "bold": "1",
    "dim": "2",
    "reverse": "7",
    "heading": "1",
    "warning": "1",
    "bad": "1",
    "read": "1",
    "write": "1",
    "key": "1",
    "alarm": "1;7",
    "caution": "7",
    "step2": "7",
    "step4": "7",
    "step6": "7",
    "step8": "7",
}


@dataclass(frozen=True)
class Look:
    """How the screen may be drawn. ``unicode``: whether it can show more than ASCII; ``colour``:
    whether colours are wanted."""

    unicode: bool = True
    colour: bool = True

    @property
    def ramp(self) -> str:
        """Characters for a value from nothing to all."""
        return " ▁▂▃▄▅▆▇█" if self.unicode else " .:-=+*#@"

    @property
    def full(self) -> str:
        """A cell of a bar that is filled."""
        return "█" if self.unicode else "#"

    @property
    def empty(self) -> str:
        """A cell of a bar that is not filled."""
        return "░" if self.unicode else "."

    @property
    def more(self) -> str:
        """What marks a text that was cut."""
        return "…" if self.unicode else "~"

    def arrow(self, descending: bool) -> str:
        """What marks the column that is sorted by."""
        return ("▼" if descending else "▲") if self.unicode else ("v" if descending else "^")

    def sgr(self, style: str) -> str:
        """The escape sequence that begins a style, which resets the one before."""
        parameters = (_COLOURS if self.colour else _MONOCHROME).get(style, "")
        return f"\x1b[0;{parameters}m" if parameters else "\x1b[0m"

    def encode(self, text: str) -> bytes:
        """``text`` as the terminal can show it."""
        return text.encode("utf-8" if self.unicode else "ascii", "replace")


def fit(text: str, cells: int, *, right: bool = False, more: str = "…") -> str:
    """Clean ``text``, and cut or pad it to exactly ``cells`` cells. ``right``: align it right."""
    text = clean_text(text)
    width = text_width(text)
    if width > cells:
        text = cut_to_width(text, cells - 1) + more if cells > 0 else ""
        width = text_width(text)
    padding = " " * (cells - width)
    return padding + text if right else text + padding


def width_of(line: Line) -> int:
    """The cells that a line covers."""
    return sum(text_width(clean_text(text)) for text, _ in line)


def cut(line: Line, cells: int) -> Line:
    """Clean a line, and cut it to at most ``cells`` cells."""
    shown: Line = []
    for raw, style in line:
        text = clean_text(raw)
        width = text_width(text)
        if width > cells:
            shown.append((cut_to_width(text, cells), style))
            break
        shown.append((text, style))
        cells -= width
    return shown


def pad(line: Line, cells: int, style: str = "") -> Line:
    """Cut or pad a line to exactly ``cells`` cells."""
    shown = cut(line, cells)
    return [*shown, (" " * (cells - width_of(shown)), style)]


def beside(left: list[Line], right: list[Line], cells: int) -> list[Line]:
    """Two panels next to each other, in ``cells`` cells."""
    half = (cells - 2) // 2
    height = max(len(left), len(right))
    rows = zip(
        left + [[]] * (height - len(left)), right + [[]] * (height - len(right)), strict=True
    )
    return [[*pad(one, half), ("  ", ""), *cut(other, cells - half - 2)] for one, other in rows]


def plain(line: Line) -> str:
    """The text of a line, without styles."""
    return "".join(clean_text(text) for text, _ in line).rstrip()


def draw(line: Line, columns: int, look: Look) -> bytes:
    """The bytes that draw a line at the cursor, and erase the rest of its row."""
    shown = cut(line, columns)
    pieces = [look.sgr(style) + text for text, style in shown if text]
    # After the last column the cursor stays on it, and erasing would include it.
    erase = "\x1b[K" if width_of(shown) < columns else ""
    return look.encode("".join(pieces) + "\x1b[0m" + erase)
