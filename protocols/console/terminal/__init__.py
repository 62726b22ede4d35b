"""Line editing at a terminal: incoming text does not disturb the line that the user types.

Nothing here uses a socket or the reactor. ``LineEditor`` turns the bytes from the keyboard into
lines, and lines to show into bytes for the screen. ``RawTerminal`` puts the terminal into the mode
that this needs, and restores it. POSIX only. For pipes, neither is needed.
"""

from .editor import Control, Line, LineEditor
from .keys import Key, KeyDecoder
from .rawmode import RawTerminal, is_interactive
from .text import cell_width, cut_to_width, text_width

__all__ = [
    "Control",
    "Key",
    "KeyDecoder",
    "Line",
    "LineEditor",
    "RawTerminal",
    "cell_width",
    "cut_to_width",
    "is_interactive",
    "text_width",
]
