"""The console of a client whose user sits at a terminal.

A line editor keeps the line that the user types apart from incoming lines.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from reactor import Protocol, Reactor

from .base import Console
from .terminal import Control, LineEditor, RawTerminal


class TerminalConsole(Console):
    """Shows a line to edit at the bottom of the screen. Everything else scrolls above it."""

    interactive = True

    def __init__(self, reactor: Reactor, prompt: str = "> ") -> None:
        super().__init__(reactor)
        self._terminal = RawTerminal(resumed=lambda: reactor.call_soon_threadsafe(self._resized))
        self._editor = LineEditor(80, prompt)

    @contextmanager
    def opened(self) -> Iterator[None]:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # Before RawTerminal takes SIGTERM: when the loop handles it, the client says goodbye
            # to the server, and the terminal is restored after that.
            self._reactor.add_stop_signal(signal.SIGTERM)
        with self._terminal, super().opened():
            self._reactor.add_signal_handler(signal.SIGWINCH, self._resized)
            self._resized()
            try:
                yield
            finally:
                self._reactor.remove_signal_handler(signal.SIGWINCH)

    def show(self, lines: list[str]) -> None:
        self._write(self._editor.show("\n".join(lines)))

    def notice(self, text: str) -> None:
        self.show([text])

    def closing(self) -> None:
        self._write(self._editor.erase())

    def keys_received(self, data: bytes) -> None:
        """Handle bytes from the keyboard."""
        for event in self._editor.feed(data):
            if event is Control.EOF:
                self.on_eof()
            elif event is Control.INTERRUPT:
                signal.raise_signal(signal.SIGINT)
            elif event is Control.CLEAR_SCREEN:
                self._write(self._editor.clear_screen())
            elif not isinstance(event, Control):
                if event.refused:
                    self.notice(f"*** too long: {event.refused} characters were left out")
                if event.text:
                    self.on_line(event.text)
        self._write(self._editor.redraw())

    def _input_protocol(self) -> Protocol:
        return _Keyboard(self)

    def _resized(self) -> None:
        self._write(self._editor.resize(self._terminal.columns))


class _Keyboard(Protocol):
    def __init__(self, console: TerminalConsole) -> None:
        self._console = console

    def data_received(self, data: bytes) -> None:
        self._console.keys_received(data)

    def eof_received(self) -> bool:  # the terminal was closed
        self._console.on_eof()
        return False
