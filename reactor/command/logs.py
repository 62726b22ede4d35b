"""How the command line writes its log: nothing that a peer sent can look like a line of the log, or
control the terminal in which it is read.

Messages and tracebacks may hold what peers sent: ``ValueError(f"no such item: {name}")``.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, Final, TextIO

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# C0 and C1 but for tab and LF, and the line ends of Unicode.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (9, 10)
} | {code: f"\\u{code:x}" for code in (0x2028, 0x2029)}


class LogFormatter(logging.Formatter):
    """Escapes control characters in messages and tracebacks, as ``\\xHH``, and indents all lines of
    a record but the first: what a peer sent never begins a line."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "    " + _escaped(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return "    " + _escaped(super().formatStack(stack_info))


def complain(message: object) -> None:
    """Print one line on standard error. If there is none, or it takes no more (a full disk, a
    reader that has gone), that is no reason to end, nor for another exit status."""
    if sys.stderr is None:
        return
    try:
        print(f"reactor: {message}", file=sys.stderr, flush=True)
    except OSError:
        send_nowhere(sys.stderr)


def send_nowhere(stream: TextIO) -> None:
    """Take what is still written to ``stream``, or Python would complain of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _escaped(text: str) -> str:
    return text.translate(_CONTROLS).replace("\n", "\n    ")
