"""What a client on a terminal needs: a line to type in that incoming text does not tear.

Nothing here knows a socket or the reactor. `LineEditor` turns the bytes of the keyboard into
lines, and lines to show into bytes for the screen; `RawTerminal` holds the terminal in the mode
that this needs and gives it back. POSIX only. On a pipe use neither: plain lines in, plain lines
out.
"""

from protocols.console.terminal.editor import Control, Line, LineEditor
from protocols.console.terminal.rawmode import RawTerminal, is_interactive

__all__ = ["Control", "Line", "LineEditor", "RawTerminal", "is_interactive"]
