"""Decodes the bytes that a keyboard sends into keys and characters.

A terminal sends a character as UTF-8. It sends a key without a character as an escape sequence: for
the up arrow `ESC [ A`, or `ESC O A` in application mode (xterm's ctlseqs, "PC-Style Function
Keys"). Reads may split these anywhere. So the decoder is a state machine that takes one character
at a time and waits for the rest, without a timeout. As a consequence, it notices a press of Escape
alone only with the next key, unless its user calls `end_sequence` when nothing has followed.
"""

import codecs
from collections.abc import Iterator
from enum import Enum, auto

from ...text import clean_text

# The sequences that we know have fewer than ten characters. Longer ones are skipped.
MAX_SEQUENCE = 16


class Key(Enum):
    """A key, or the action of its combination with Ctrl or Alt."""

    ENTER = auto()
    LEFT = auto()
    RIGHT = auto()
    WORD_LEFT = auto()
    WORD_RIGHT = auto()
    HOME = auto()
    END = auto()
    UP = auto()
    DOWN = auto()
    PAGE_UP = auto()
    PAGE_DOWN = auto()
    ESCAPE = auto()
    BACKSPACE = auto()
    DELETE = auto()
    DELETE_OR_EOF = auto()
    KILL_WORD = auto()
    KILL_TO_START = auto()
    KILL_TO_END = auto()
    CLEAR_SCREEN = auto()
    INTERRUPT = auto()


_CONTROL_KEYS = {
    "\x01": Key.HOME,  # Ctrl-A
    "\x02": Key.LEFT,  # Ctrl-B
    "\x03": Key.INTERRUPT,  # Ctrl-C
    "\x04": Key.DELETE_OR_EOF,  # Ctrl-D
    "\x05": Key.END,  # Ctrl-E
    "\x06": Key.RIGHT,  # Ctrl-F
    "\x08": Key.BACKSPACE,  # Ctrl-H
    "\x0b": Key.KILL_TO_END,  # Ctrl-K
    "\x0c": Key.CLEAR_SCREEN,  # Ctrl-L
    "\x0e": Key.DOWN,  # Ctrl-N
    "\x10": Key.UP,  # Ctrl-P
    "\x15": Key.KILL_TO_START,  # Ctrl-U
    "\x17": Key.KILL_WORD,  # Ctrl-W
    "\x7f": Key.BACKSPACE,
}
_ALT_KEYS = {
    "b": Key.WORD_LEFT,
    "f": Key.WORD_RIGHT,
    "\x08": Key.KILL_WORD,
    "\x7f": Key.KILL_WORD,
}
_FINAL_KEYS = {
    "A": Key.UP,
    "B": Key.DOWN,
    "C": Key.RIGHT,
    "D": Key.LEFT,
    "H": Key.HOME,
    "F": Key.END,
}
_TILDE_KEYS = {
    "1": Key.HOME,
    "3": Key.DELETE,
    "4": Key.END,
    "5": Key.PAGE_UP,
    "6": Key.PAGE_DOWN,
    "7": Key.HOME,
    "8": Key.END,
}
_WITH_MODIFIER = {Key.LEFT: Key.WORD_LEFT, Key.RIGHT: Key.WORD_RIGHT}


class KeyDecoder:
    """Turns bytes, split anywhere, into keys and printable characters.

    Pasted text (between `ESC [ 200 ~` and `ESC [ 201 ~`) produces only characters and `Key.ENTER`:
    a control character in it is not a key that the user pressed.
    """

    def __init__(self) -> None:
        self._decode_utf8 = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._after_escape = False
        self._sequence: str | None = None  # what followed ESC [ or ESC O; None outside a sequence
        self._after_return = False
        self._pasting = False

    def feed(self, data: bytes) -> Iterator[Key | str]:
        """Yield the keys that these bytes complete. Each character is a separate string."""
        for character in self._decode_utf8(data):
            key = self._decode_character(character)
            if key:
                yield key

    @property
    def after_escape(self) -> bool:
        """Whether the last byte was Escape: a key of its own, or the start of a sequence."""
        return self._after_escape and not self._pasting

    def end_sequence(self) -> Iterator[Key]:
        """Nothing has followed an Escape for a while: yield the key Escape."""
        if self.after_escape:
            self._after_escape = False
            yield Key.ESCAPE

    def _decode_character(self, character: str) -> Key | str | None:
        if character == "\x1b":
            self._after_escape = True
            self._sequence = None
            return None
        if self._after_escape:
            self._after_escape = False
            if character in "[O":
                self._sequence = ""
                return None
            if not self._pasting and character in _ALT_KEYS:
                return _ALT_KEYS[character]
        elif self._sequence is not None:
            if " " <= character <= "~":
                return self._continue_sequence(self._sequence, character)
            self._sequence = None  # not part of a sequence: an ordinary character
        return self._plain(character)

    def _continue_sequence(self, sequence: str, character: str) -> Key | None:
        # The Linux console sends ESC [ [ A for F1: the second bracket does not end the sequence.
        if character < "@" or (character == "[" and not sequence):
            self._sequence = (sequence + character)[:MAX_SEQUENCE]
            return None
        self._sequence = None
        if character == "~" and sequence in ("200", "201"):
            self._pasting = sequence == "200"
            return None
        if self._pasting or sequence.startswith("[") or len(sequence) == MAX_SEQUENCE:
            return None
        first, _, modifier = sequence.partition(";")
        if character == "~":
            return _TILDE_KEYS.get(first)
        key = _FINAL_KEYS.get(character)
        return _WITH_MODIFIER.get(key, key) if key and modifier not in ("", "1") else key

    def _plain(self, character: str) -> Key | str | None:
        second_half = character == "\n" and self._after_return
        self._after_return = character == "\r"
        if character in "\r\n":
            return None if second_half else Key.ENTER
        if not self._pasting and character in _CONTROL_KEYS:
            return _CONTROL_KEYS[character]
        return clean_text(character)
