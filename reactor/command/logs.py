"""How the command line writes its log and its errors.

Messages and tracebacks may contain data from peers: ``ValueError(f"no such item: {name}")``. That
data must not look like a line of the log, nor control the terminal that shows it.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any, Final, TextIO

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# C0 and C1 except tab and LF, and Unicode's line and paragraph separators.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (9, 10)
} | {code: f"\\u{code:x}" for code in (0x2028, 0x2029)}


class LogFormatter(logging.Formatter):
    """Escapes control characters in messages and tracebacks, as ``\\xHH``, and indents all lines of
    a record but the first, so that no line begins with data from a peer."""

    def __init__(self) -> None:
        super().__init__(FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "    " + _escaped(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return "    " + _escaped(super().formatStack(stack_info))


def complain(message: object) -> None:
    """Print one line on standard error. If that is closed or cannot be written to (a full disk, a
    reader that has exited), the program continues, with the same exit status."""
    if sys.stderr is None:
        return
    try:
        print(f"reactor: {message}", file=sys.stderr, flush=True)
    except OSError:
        redirect_to_null(sys.stderr)


def redirect_to_null(stream: TextIO) -> None:
    """Discard what is written to ``stream`` from now on. Otherwise Python would report a failed
    flush when it exits."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)


def _escaped(text: str) -> str:
    return text.translate(_CONTROLS).replace("\n", "\n    ")
