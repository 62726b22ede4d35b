"""The user's side of a client: lines from standard input, lines to standard output.

On a terminal a line editor keeps what is being typed apart from what comes in. In a pipe, lines are
lines. Both are served by the reactor, as two more descriptors beside the connection: nothing here
waits. A reader of ours that is slow (``| less``) makes us stop reading from the server.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reactor import LineProtocol, Protocol, Reactor, StreamTransport

from ..text import clean_text
from .terminal import Control, LineEditor, RawTerminal, is_interactive

LineCallback = Callable[[str], object]
Callback = Callable[[], object]


class Console:
    """Lines from and to a user. ``PipeConsole`` and ``TerminalConsole`` are the two kinds.

    ``opened()`` is a context manager around ``Reactor.run``: it opens the descriptors, and gives
    the terminal back at the end. Input begins with ``resume()``.
    """

    #: Whether a person types the lines, who can be asked to type one again.
    interactive = False

    def __init__(self, reactor: Reactor) -> None:
        self.on_line: LineCallback = lambda line: None
        self.on_left_out: Callback = lambda: None  # a line was too long to be handed over
        self.on_eof: Callback = lambda: None
        self.on_slow: Callback = lambda: None  # standard output takes no more for now
        self.on_fast: Callback = lambda: None  # and now it does again
        self.on_broken: Callback = lambda: None  # standard output is gone
        self._reactor = reactor
        self._input: StreamTransport | None = None
        self._output: StreamTransport | None = None
        self._paused = True

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open standard input and output, in duplicates, and restore their modes at the end."""
        blocking = os.get_blocking(1)
        try:
            output = _duplicate(1, sys.stdout)
            self._output = self._reactor.connect_write_pipe(lambda: _Output(self), output)
            self._input = self._reactor.connect_read_pipe(
                self._input_protocol, _duplicate(0, sys.stdin)
            )
            if self._paused:
                self._input.pause_reading()
            yield
        finally:
            os.set_blocking(1, blocking)  # the open file is the shell's as well

    def resume(self) -> None:
        """Read lines and hand them to ``on_line``."""
        self._paused = False
        if self._input is not None:
            self._input.resume_reading()

    def pause(self) -> None:
        """Read no more lines until ``resume()``."""
        self._paused = True
        if self._input is not None:
            self._input.pause_reading()

    def show(self, lines: list[str]) -> None:
        """Print what the server sent."""
        raise NotImplementedError

    def notice(self, text: str) -> None:
        """Tell the user something that the server did not say."""
        raise NotImplementedError

    def _input_protocol(self) -> Protocol:
        raise NotImplementedError

    def _write(self, data: bytes) -> None:
        if self._output is not None:
            self._output.write(data)

    def _closing(self) -> None:
        """The last chance to write."""


class PipeConsole(Console):
    """Plain lines in, plain lines out; notices go to standard error."""

    def show(self, lines: list[str]) -> None:
        if os.isatty(1):  # which would obey what a file or pipe only holds
            lines = [clean_text(line) for line in lines]
        text = "".join(f"{line}\n" for line in lines)
        self._write(text.encode("utf-8", "replace"))

    def notice(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _input_protocol(self) -> Protocol:
        return _PipeInput(self)


class TerminalConsole(Console):
    """A line to edit at the bottom of the screen; all else scrolls above it."""

    interactive = True

    def __init__(self, reactor: Reactor, prompt: str = "> ") -> None:
        super().__init__(reactor)
        self._terminal = RawTerminal(resumed=lambda: reactor.call_soon_threadsafe(self._resized))
        self._editor = LineEditor(80, prompt)

    @contextmanager
    def opened(self) -> Iterator[None]:
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # Before the terminal does: the loop's end says goodbye to the server, and then gives
            # the terminal back.
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

    def _input_protocol(self) -> Protocol:
        return _Keyboard(self)

    def keys(self, data: bytes) -> None:
        """Some keys were pressed."""
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

    def _resized(self) -> None:
        self._write(self._editor.resize(self._terminal.columns))

    def _closing(self) -> None:
        self._write(self._editor.erase())


def make_console(reactor: Reactor) -> Console:
    """The kind of console that standard input and output want."""
    return TerminalConsole(reactor) if is_interactive() else PipeConsole(reactor)


def _duplicate(fd: int, stream: object) -> int:
    """Return a duplicate of ``fd``, or of ``/dev/null`` if it was closed at the start (``<&-``)."""
    # Without a stream, the number belongs to something else by now: the poller, perhaps.
    return os.open(os.devnull, os.O_RDWR) if stream is None else os.dup(fd)


class _PipeInput(LineProtocol):
    """Lines of a pipe or file. Lines of one reading go to the server together."""

    max_line_length = 65536  # the server says what it takes; this only bounds our memory

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def line_received(self, line: str) -> None:
        self._console.on_line(line)

    def line_too_long(self) -> None:
        self._console.notice(f"reactor: a line of over {self.max_line_length} bytes was left out")
        self._console.on_left_out()

    def eof_received(self) -> bool:
        super().eof_received()
        self._console.on_eof()
        return False


class _Keyboard(Protocol):
    def __init__(self, console: TerminalConsole) -> None:
        self._console = console

    def data_received(self, data: bytes) -> None:
        self._console.keys(data)

    def eof_received(self) -> bool:  # the terminal is gone
        self._console.on_eof()
        return False


class _Output(Protocol):
    def __init__(self, console: Console) -> None:
        self._console = console

    def pause_writing(self) -> None:
        self._console.on_slow()

    def resume_writing(self) -> None:
        self._console.on_fast()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:  # EPIPE: whoever read our output has gone, as `head` does
            self._console.on_broken()

    def shutdown_requested(self) -> None:
        self._console._closing()
        self.transport.close()
