"""``wsgi.errors``: a stream that writes what applications print to the log."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterable
from typing import Final

LONGEST_LINE: Final = 8192  # characters; a longer line is logged in parts

# Applications print what clients sent. It must not control the terminal on which the log is read
# (CVE-2020-7694, in uvicorn).
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != ord("\t")
}


class ErrorStream:
    """A text stream that logs each line as one record of level ERROR.

    ``pending``: the incomplete line of each thread, by its identifier, so that the lines of
    different threads are not mixed."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self.pending: dict[int, str] = {}

    def write(self, text: str) -> int:
        """Log the complete lines in ``text``, and keep the rest."""
        thread = threading.get_ident()
        *lines, rest = (self.pending.pop(thread, "") + text).split("\n")
        for line in lines:
            self._log(line)
        while len(rest) >= LONGEST_LINE:
            self._log(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        if rest:
            self.pending[thread] = rest
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """``write`` each of them."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log the incomplete line, if there is one. The server does this at the end of each
        request."""
        rest = self.pending.pop(threading.get_ident(), "")
        if rest:
            self._log(rest)

    def writable(self) -> bool:
        """As text streams say it."""
        return True

    def readable(self) -> bool:
        """As text streams say it."""
        return False

    def seekable(self) -> bool:
        """As text streams say it."""
        return False

    def isatty(self) -> bool:
        """As text streams say it."""
        return False

    def fileno(self) -> int:
        """Raises ``OSError``, as text streams without a descriptor do."""
        raise io.UnsupportedOperation("fileno")

    def _log(self, line: str) -> None:
        self._logger.error("%s", line.rstrip("\r").translate(_CONTROLS))


ERRORS: Final = ErrorStream(logging.getLogger(__name__))
