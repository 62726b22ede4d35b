"""The line that is typed at the bottom of the screen, and the text that comes in above it.

No I/O happens here: bytes of the keyboard go in and give events, and what has to change on the
screen comes out as bytes. The line has one row of the screen, however long it is: a longer one
scrolls sideways. One row is what can always be erased and drawn anew without knowing how the
terminal wraps, and so incoming text never tears it.

Two habits make that true even where the terminal measures a character otherwise than we do: the
row is drawn with automatic wrapping off, and the cursor is put in its place by having the terminal
save it there, not by counting cells.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from protocols.console.terminal.keys import Key, KeyDecoder
from protocols.console.terminal.text import next_boundary, previous_boundary, text_width, window
from protocols.text import clean_text

MIN_COLUMNS = 10
MIN_ROOM = 8  # What the prompt must leave to the line, else it is not shown.

# xterm's ctlseqs names these DECAWM, DECSC, DECRC, EL, ED and CUP.
_WRAP_OFF, _WRAP_ON = "\x1b[?7l", "\x1b[?7h"
_SAVE_CURSOR, _RESTORE_CURSOR = "\x1b7", "\x1b8"
_ERASE_TO_END_OF_ROW = "\x1b[K"
_ERASE_ROW_AND_BELOW = "\r\x1b[J"
_CLEAR = "\x1b[H\x1b[2J"
_BELL = "\a"


@dataclass(frozen=True, slots=True)
class Line:
    """A line was entered. `refused` characters had no room in it, which was told by the bell."""

    text: str
    refused: int = 0


class Control(Enum):
    """A key that concerns the client, not the line."""

    EOF = auto()
    """Ctrl-D on an empty line."""
    INTERRUPT = auto()
    """Ctrl-C, where the terminal sends it as a byte; the line is dropped."""
    CLEAR_SCREEN = auto()
    """Ctrl-L: to be answered with `LineEditor.clear_screen`."""


class LineEditor:
    """A line editor without I/O.

    `columns` is the terminal's width in cells, `prompt` stands before the line,
    `max_line_bytes` bounds a line in bytes of UTF-8 without its end (what goes beyond is refused
    with the bell, and counted), `history_size` bounds the lines that Up brings back.

    Write `redraw()` once to begin and after each `feed`; write `show` for text that comes in,
    `resize` when the width has changed, and `erase` at the end.
    """

    def __init__(
        self,
        columns: int = 80,
        prompt: str = "> ",
        *,
        max_line_bytes: int = 4096,
        history_size: int = 200,
    ) -> None:
        self.columns = max(columns, MIN_COLUMNS)
        self.prompt = prompt
        self.max_line_bytes = max_line_bytes
        self._keys = KeyDecoder()
        self._text = ""
        self._size = 0  # of the text in bytes
        self._cursor = 0
        self._refused = 0
        self._bell = False
        self._history: deque[str] = deque(maxlen=history_size)
        # While looking back: the place in the history (one beyond its end is the new line), and
        # the lines as they were left, by place. Entering a line forgets these edits.
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
        """The cursor's place, as an index of `text`."""
        return self._cursor

    def feed(self, data: bytes) -> list[Line | Control]:
        """Take bytes from the keyboard, cut anywhere, and return what they complete, in order.

        Several lines pasted at once are entered one after the other; what follows the last line
        end stays to be edited.
        """
        events: list[Line | Control] = []
        for key in self._keys.feed(data):
            if isinstance(key, str):
                self._insert(key)
            elif key is Key.ENTER:
                events.append(self._enter())
            elif key is Key.DELETE_OR_EOF and not self._text:
                events.append(Control.EOF)
            elif key is Key.INTERRUPT:
                self._start_anew()
                events.append(Control.INTERRUPT)
            elif key is Key.CLEAR_SCREEN:
                events.append(Control.CLEAR_SCREEN)
            else:
                self._actions[key]()
        return events

    def redraw(self) -> bytes:
        """The row drawn anew, the cursor in its place."""
        prompt = clean_text(self.prompt)
        # The last column stays free: a cursor beyond it would be in no well-defined place.
        room = self.columns - 1 - text_width(prompt)
        if room < MIN_ROOM:
            prompt, room = "", self.columns - 1
        before, after = window(self._text[: self._cursor], self._text[self._cursor :], room)
        bell = _BELL if self._bell else ""
        self._bell = False
        # Wrapping is switched outside of save and restore: some terminals save it as well.
        row = (
            f"\r{_WRAP_OFF}{prompt}{before}{_SAVE_CURSOR}"
            f"{after}{_ERASE_TO_END_OF_ROW}{_RESTORE_CURSOR}{_WRAP_ON}{bell}"
        )
        return row.encode()

    def show(self, text: str) -> bytes:
        """One or more lines printed above the row, cleaned of all that a terminal would obey."""
        lines = "".join(clean_text(line) + "\r\n" for line in text.removesuffix("\n").split("\n"))
        return (_ERASE_ROW_AND_BELOW + lines).encode() + self.redraw()

    def resize(self, columns: int) -> bytes:
        """Take the terminal's new width in cells; the row for it.

        A terminal that was made narrower may have wrapped the old row by itself. Its upper part is
        left standing: erasing upwards would erase what others said where it was cut instead.
        """
        self.columns = max(columns, MIN_COLUMNS)
        return self.erase() + self.redraw()

    def clear_screen(self) -> bytes:
        """The screen emptied, the row at its top."""
        return _CLEAR.encode() + self.redraw()

    def erase(self) -> bytes:
        """The row taken from the screen, the cursor at its beginning; the line is kept."""
        return _ERASE_ROW_AND_BELOW.encode()

    # Changing the line. All changes but taking a whole line go through _splice, which keeps count.

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
        self._start_anew()
        return line

    def _start_anew(self) -> None:
        self._take("")
        self._refused = 0
        self._drafts.clear()
        self._place = len(self._history)

    def _take(self, text: str) -> None:
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
        self._take(self._drafts.get(place, remembered))

    # Moving in the line.

    def _move(self, index: int) -> None:
        self._cursor = index

    def _word_start(self) -> int:
        """Where the word before the cursor begins; a word ends at a space."""
        return self._text.rfind(" ", 0, len(self._text[: self._cursor].rstrip(" "))) + 1

    def _word_end(self) -> int:
        """Where the word after the cursor ends."""
        rest = self._text[self._cursor :]
        end = rest.find(" ", len(rest) - len(rest.lstrip(" ")))
        return len(self._text) if end < 0 else self._cursor + end
