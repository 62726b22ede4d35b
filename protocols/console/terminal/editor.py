"""The line that the user types at the bottom of the screen, and the incoming text above it.

No I/O happens here: bytes from the keyboard go in and produce events, and changes of the screen
come out as bytes. The line always occupies one row of the screen; a longer line scrolls sideways.
One row can be erased and redrawn without knowing how the terminal wraps, so incoming text never
disturbs it.

This works even if the terminal measures a character differently than we do, for two reasons. The
row is drawn with automatic wrapping off. And the cursor is positioned by having the terminal save
its position there, not by counting cells.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from ...text import clean_text
from .keys import Key, KeyDecoder
from .text import next_boundary, previous_boundary, text_width, window

MIN_COLUMNS = 10
MIN_ROOM = 8  # cells; a prompt that leaves less to the line is not shown

# xterm's ctlseqs names these DECAWM, DECSC, DECRC, EL, ED and CUP.
_WRAP_OFF, _WRAP_ON = "\x1b[?7l", "\x1b[?7h"
_SAVE_CURSOR, _RESTORE_CURSOR = "\x1b7", "\x1b8"
_ERASE_TO_END_OF_ROW = "\x1b[K"
_ERASE_ROW_AND_BELOW = "\r\x1b[J"
_CLEAR = "\x1b[H\x1b[2J"
_BELL = "\a"


@dataclass(frozen=True, slots=True)
class Line:
    """The user entered a line. `refused` characters did not fit into it; the bell said so."""

    text: str
    refused: int = 0


class Control(Enum):
    """A key that is for the client, not for the line."""

    EOF = auto()
    """Ctrl-D on an empty line."""
    INTERRUPT = auto()
    """Ctrl-C, where the terminal sends it as a byte. The line is discarded."""
    CLEAR_SCREEN = auto()
    """Ctrl-L: the caller answers with `LineEditor.clear_screen`."""


class LineEditor:
    """A line editor without I/O.

    `columns` is the terminal's width in cells. `prompt` is shown before the line.
    `max_line_bytes` limits a line, in bytes of UTF-8 without the line end; characters beyond it
    are refused with the bell, and counted. `history_size` limits the lines that Up recalls.

    Write `redraw()` to the terminal at the start and after each `feed`. Write `show` for incoming
    text, `resize` when the width has changed, and `erase` at the end.
    """

    def __init__(
        self,
        columns: int = 80,
        prompt: str = "> ",
        *,
        max_line_bytes: int = 4096,
        history_size: int = 200,
    ) -> None:
        self.columns = columns
        self.prompt = prompt
        self.max_line_bytes = max_line_bytes
        self._keys = KeyDecoder()
        self._text = ""
        self._size = 0  # of the text in bytes
        self._cursor = 0
        self._refused = 0
        self._bell = False
        self._history: deque[str] = deque(maxlen=history_size)
        # The position in the history (one beyond its end is the new line), and the recalled lines
        # as the user has edited them, by position. Entering a line forgets these edits.
        self._place = 0
        self._drafts: dict[int, str] = {}
        self._actions: dict[Key, Callable[[], None]] = {
            Key.LEFT: lambda: self._move(previous_boundary(self._text, self._cursor)),
            Key.RIGHT: lambda: self._move(next_boundary(self._text, self._cursor)),
            Key.WORD_LEFT: lambda: self._move(self._word_start()),
            Key.WORD_RIGHT: lambda: self._move(self._word_end()),
            Key.HOME: lambda: self._move(0),
            Key.END: lambda: self._move(len(self._text)),
            Key.UP: lambda: self._recall(self._place - 1),
            Key.DOWN: lambda: self._recall(self._place + 1),
            Key.BACKSPACE: lambda: self._erase_from(previous_boundary(self._text, self._cursor)),
            Key.DELETE: self._delete,
            Key.DELETE_OR_EOF: self._delete,
            Key.KILL_WORD: lambda: self._erase_from(self._word_start()),
            Key.KILL_TO_START: lambda: self._erase_from(0),
            Key.KILL_TO_END: lambda: self._splice(self._cursor, len(self._text), ""),
        }

    @property
    def text(self) -> str:
        """The line as typed so far."""
        return self._text

    @property
    def cursor(self) -> int:
        """The cursor's position, as an index into `text`."""
        return self._cursor

    def feed(self, data: bytes) -> list[Line | Control]:
        """Process bytes from the keyboard, split anywhere. Return the completed events, in order.

        Several lines pasted at once are entered one after the other. What follows the last line
        end stays in the editor.
        """
        events: list[Line | Control] = []
        for key in self._keys.feed(data):
            event = self.press(key)
            if event is not None:
                events.append(event)
        return events

    def press(self, key: Key | str) -> Line | Control | None:
        """Process one key or character. Return the event that it completes, if it does."""
        if isinstance(key, str):
            self._insert(key)
        elif key is Key.ENTER:
            return self._enter()
        elif key is Key.DELETE_OR_EOF and not self._text:
            return Control.EOF
        elif key is Key.INTERRUPT:
            self._start_line()
            return Control.INTERRUPT
        elif key is Key.CLEAR_SCREEN:
            return Control.CLEAR_SCREEN
        elif key in self._actions:
            self._actions[key]()
        return None

    def redraw(self) -> bytes:
        """Return the bytes that draw the row, with the cursor in its position."""
        prompt = clean_text(self.prompt)
        # The last column stays free: the position of a cursor beyond it is not well defined.
        columns = max(self.columns, MIN_COLUMNS)
        room = columns - 1 - text_width(prompt)
        if room < MIN_ROOM:
            prompt, room = "", columns - 1
        before, after = window(self._text[: self._cursor], self._text[self._cursor :], room)
        bell = _BELL if self._bell else ""
        self._bell = False
        # Switch wrapping outside of save and restore: some terminals save it with the cursor.
        row = (
            f"\r{_WRAP_OFF}{prompt}{before}{_SAVE_CURSOR}"
            f"{after}{_ERASE_TO_END_OF_ROW}{_RESTORE_CURSOR}{_WRAP_ON}{bell}"
        )
        return row.encode()

    def show(self, text: str) -> bytes:
        """Return the bytes that print one or more lines above the row.

        The text is cleaned of everything that a terminal would interpret.
        """
        lines = "".join(clean_text(line) + "\r\n" for line in text.removesuffix("\n").split("\n"))
        return (_ERASE_ROW_AND_BELOW + lines).encode() + self.redraw()

    def resize(self, columns: int) -> bytes:
        """Set the terminal's new width in cells. Return the bytes that redraw the row.

        A terminal that was made narrower may have wrapped the old row by itself. Its upper part
        stays on the screen: a terminal that cut the row instead would lose a line above it.
        """
        self.columns = columns
        return self.erase() + self.redraw()

    def clear_screen(self) -> bytes:
        """Return the bytes that clear the screen and draw the row at its top."""
        return _CLEAR.encode() + self.redraw()

    def erase(self) -> bytes:
        """Return the bytes that erase the row from the screen. The line itself is kept."""
        return _ERASE_ROW_AND_BELOW.encode()

    # Changing the line. Every change except _replace goes through _splice, which updates the size.

    def _splice(self, start: int, end: int, new: str) -> None:
        self._size += len(new.encode()) - len(self._text[start:end].encode())
        self._text = self._text[:start] + new + self._text[end:]
        self._cursor = start + len(new)

    def _insert(self, character: str) -> None:
        if self._size + len(character.encode()) > self.max_line_bytes:
            self._refused += 1
            self._bell = True
        else:
            self._splice(self._cursor, self._cursor, character)

    def _erase_from(self, start: int) -> None:
        self._splice(start, self._cursor, "")

    def _delete(self) -> None:
        self._splice(self._cursor, next_boundary(self._text, self._cursor), "")

    def _enter(self) -> Line:
        line = Line(self._text, self._refused)
        if line.text and (not self._history or self._history[-1] != line.text):
            self._history.append(line.text)
        self._start_line()
        return line

    def _start_line(self) -> None:
        self._replace("")
        self._refused = 0
        self._drafts.clear()
        self._place = len(self._history)

    def replace(self, text: str) -> None:
        """Edit `text` instead of the current line."""
        self._start_line()
        self._replace(text)

    def _replace(self, text: str) -> None:
        self._text = text
        self._size = len(text.encode())
        self._cursor = len(text)

    def _recall(self, place: int) -> None:
        if not 0 <= place <= len(self._history):
            self._bell = True
            return
        self._drafts[self._place] = self._text
        self._place = place
        remembered = self._history[place] if place < len(self._history) else ""
        self._replace(self._drafts.get(place, remembered))

    # Moving the cursor.

    def _move(self, index: int) -> None:
        self._cursor = index

    def _word_start(self) -> int:
        """Return the index where the word before the cursor begins. Spaces separate words."""
        return self._text.rfind(" ", 0, len(self._text[: self._cursor].rstrip(" "))) + 1

    def _word_end(self) -> int:
        """Return the index where the word after the cursor ends."""
        rest = self._text[self._cursor :]
        end = rest.find(" ", len(rest) - len(rest.lstrip(" ")))
        return len(self._text) if end < 0 else self._cursor + end
