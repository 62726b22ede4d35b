"""Line editing at a terminal: incoming text does not disturb the line that the user types.

Nothing here uses a socket or the reactor. ``LineEditor`` turns the bytes from the keyboard into
lines, and lines to show into bytes for the screen. ``RawTerminal`` puts the terminal into the mode
that this needs, and restores it. POSIX only. For pipes, neither is needed.
"""

from .editor import Control, Line, LineEditor
from .rawmode import RawTerminal, is_interactive

__all__ = ["Control", "Line", "LineEditor", "RawTerminal", "is_interactive"]
