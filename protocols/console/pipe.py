"""The console of a client whose standard input or output is a pipe or a file: plain lines."""

from __future__ import annotations

import os
import sys

from reactor import LineProtocol, Protocol

from ..text import clean_text
from .base import Console


class PipeConsole(Console):
    """Plain lines in, plain lines out. Notices go to standard error."""

    def show(self, lines: list[str]) -> None:
        if os.isatty(1):  # a terminal interprets escape sequences; a file or pipe only stores them
            lines = [clean_text(line) for line in lines]
        text = "".join(f"{line}\n" for line in lines)
        self._write(text.encode("utf-8", "replace"))

    def notice(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _input_protocol(self) -> Protocol:
        return _PipeInput(self)


class _PipeInput(LineProtocol):
    """Passes the lines of a pipe or file to the console."""

    max_line_length = 65536  # only bounds our memory: the server has its own limit

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def line_received(self, line: str) -> None:
        self._console.on_line(line)

    def line_too_long(self) -> None:
        self._console.notice(f"reactor: a line of over {self.max_line_length} bytes was left out")
        self._console.on_line_too_long()

    def eof_received(self) -> bool:
        super().eof_received()
        self._console.on_eof()
        return False
