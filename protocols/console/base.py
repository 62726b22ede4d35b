"""The user's side of a client: lines from standard input, lines to standard output.

A ``Console`` adds standard input and output to the reactor, as two more descriptors, and never
blocks. If the reader of our output is slow (``| less``), the client stops reading from the server.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reactor import Protocol, Reactor, StreamTransport

LineCallback = Callable[[str], object]
Callback = Callable[[], object]


class Console:
    """Reads lines from a user and shows lines to the user. The base class of ``PipeConsole`` and
    ``TerminalConsole``.

    ``opened()`` is a context manager to put around ``Reactor.run``. It opens the descriptors, and
    restores their modes at the end. Nothing is read before ``resume()``.

    Set these attributes to be called back: ``on_line(line)``; ``on_line_too_long()``, for a line
    that was discarded; ``on_eof()``; ``on_output_paused()`` and ``on_output_resumed()``, when
    standard output accepts no more data for now, and when it does again; ``on_output_lost(exc)``,
    when its reader has gone (``BrokenPipeError``), or the disk is full.
    """

    #: Whether a person types the lines, and can type one again.
    interactive = False

    def __init__(self, reactor: Reactor) -> None:
        self.on_line: LineCallback = lambda line: None
        self.on_line_too_long: Callback = lambda: None
        self.on_eof: Callback = lambda: None
        self.on_output_paused: Callback = lambda: None
        self.on_output_resumed: Callback = lambda: None
        self.on_output_lost: Callable[[Exception], object] = lambda exc: None
        self._reactor = reactor
        self._input: StreamTransport | None = None
        self._output: StreamTransport | None = None
        self._paused = True

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open duplicates of standard input and output; restore their modes at the end.

        Raises OSError if they cannot be duplicated.
        """
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
            os.set_blocking(1, blocking)  # the shell shares the open file

    def resume(self) -> None:
        """Read lines and pass them to ``on_line``."""
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
        """Show something to the user that does not come from the server."""
        raise NotImplementedError

    def closing(self) -> None:
        """Called before the output closes, for the last writes."""

    def _input_protocol(self) -> Protocol:
        raise NotImplementedError

    def _write(self, data: bytes) -> None:
        if self._output is not None:
            self._output.write(data)


def _duplicate(fd: int, stream: object) -> int:
    """Return a duplicate of ``fd``, or of ``/dev/null`` if it was closed at the start (``<&-``)."""
    # Without a stream, the number may belong to something else now, such as the poller.
    return os.open(os.devnull, os.O_RDWR) if stream is None else os.dup(fd)


class _Output(Protocol):
    def __init__(self, console: Console) -> None:
        self._console = console

    def pause_writing(self) -> None:
        self._console.on_output_paused()

    def resume_writing(self) -> None:
        self._console.on_output_resumed()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._console.on_output_lost(exc)

    def shutdown_requested(self) -> None:
        self._console.closing()
        self.transport.close()
