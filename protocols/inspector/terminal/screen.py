"""A terminal that one program fills: keys come in, whole pictures go out.

A picture is one write of the rows that have changed, so nothing flickers. While the terminal is
slow, pictures are left out instead of queued."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from protocols.console.base import Console
from protocols.console.terminal import Key, KeyDecoder, RawTerminal
from reactor import Protocol, Reactor, Timer

ESCAPE_DELAY: Final = 0.05  # seconds for the rest of a key's sequence to follow

_CLEAR: Final = b"\x1b[0m\x1b[2J"
_NO_WRAP: Final = b"\x1b[?7l"
_HIDE_CURSOR, _SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


class Screen(Console):
    """A full-screen console. ``on_key(key)`` gets keys and characters. ``on_resize()`` is called
    when the size has changed or all has to be drawn again, and ``on_ready()`` when a picture was
    left out and the next one can be shown."""

    interactive = True

    def __init__(self, reactor: Reactor) -> None:
        super().__init__(reactor)
        self.on_key: Callable[[Key | str], object] = lambda key: None
        self.on_resize: Callable[[], object] = lambda: None
        self.on_ready: Callable[[], object] = lambda: None
        self.on_output_paused = self._output_paused
        self.on_output_resumed = self._output_resumed
        self._terminal = RawTerminal(
            full_screen=True, resumed=lambda: reactor.call_soon_threadsafe(self._resized)
        )
        self._keys = KeyDecoder()
        self._escape: Timer | None = None
        self._shown: list[bytes] = []  # the rows on the screen
        self._blank = True  # what is on the screen is not known
        self._has_cursor = False
        self._slow = self._left_out = False

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows, in cells."""
        return self._terminal.size

    @contextmanager
    def opened(self) -> Iterator[None]:
        with self._terminal, super().opened():
            assert self._output is not None
            self._output.set_write_buffer_limits(high=0)  # pause while a picture is on its way
            self._reactor.add_signal_handler(signal.SIGWINCH, self._resized)
            self.resume()
            try:
                yield
            finally:
                self._reactor.remove_signal_handler(signal.SIGWINCH)

    def redraw(self) -> None:
        """Draw all rows with the next picture, whatever is on the screen."""
        self._blank = True

    def draw(self, rows: list[bytes], cursor: bytes = b"") -> None:
        """Show ``rows``, which draw themselves from the left edge on and erase the rest. ``cursor``
        is written after that, and leaves the cursor visible where it ends; "" hides it."""
        if self._slow:
            self._left_out = True
            return
        pieces = [_HIDE_CURSOR]
        if self._blank:
            pieces.append(_CLEAR)
            self._shown, self._blank = [], False
        for number, row in enumerate(rows):
            if number >= len(self._shown) or self._shown[number] != row:
                pieces.append(b"\x1b[%d;1H%b" % (number + 1, row))
        if len(rows) < len(self._shown):
            pieces.append(b"\x1b[%d;1H\x1b[0m\x1b[J" % (len(rows) + 1))
        if cursor:
            pieces += [cursor, _NO_WRAP, _SHOW_CURSOR]
        elif len(pieces) == 1 and not self._has_cursor:
            return  # nothing has changed
        self._shown, self._has_cursor = rows, bool(cursor)
        self._write(b"".join(pieces))

    def show(self, lines: list[str]) -> None:
        """Not used: the program draws pictures."""

    def notice(self, text: str) -> None:
        """Not used: the program draws pictures."""

    def keys_received(self, data: bytes) -> None:
        """Handle bytes from the keyboard."""
        if self._escape is not None:
            self._escape.cancel()
            self._escape = None
        for key in self._keys.feed(data):
            self.on_key(key)
        if self._keys.after_escape:
            self._escape = self._reactor.call_later(ESCAPE_DELAY, self._escape_pressed)

    def _escape_pressed(self) -> None:
        self._escape = None
        for key in self._keys.end_sequence():
            self.on_key(key)

    def _input_protocol(self) -> Protocol:
        return _Keyboard(self)

    def _resized(self) -> None:
        self._blank = True
        self.on_resize()

    def _output_paused(self) -> None:
        self._slow = True

    def _output_resumed(self) -> None:
        self._slow = False
        if self._left_out:
            self._left_out = False
            self.on_ready()


class _Keyboard(Protocol):
    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def data_received(self, data: bytes) -> None:
        self._screen.keys_received(data)

    def eof_received(self) -> bool:  # the terminal was closed
        self._screen.on_eof()
        return False
