"""The transfer log, in the format of ``xferlog(5)`` that wu-ftpd began and others kept."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final

from reactor import Loop

from ..logfile import LogFile
from .dates import format_log_date

# A space would end the field. What is not ASCII could control the terminal that shows the log.
_UNSAFE: Final = re.compile(r"[^!-~]")


class TransferLog(LogFile):
    """Appends to ``path``; "-" is standard output. ``clock``: returns the time of day in seconds
    since the epoch. Raises ``OSError`` if the file cannot be opened."""

    def __init__(self, reactor: Loop, path: str, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(reactor, path)
        self._clock = clock

    def write(
        self,
        *,
        duration: float,
        host: str,
        size: int,
        path: str,
        ascii_type: bool,
        upload: bool,
        user: str,
        complete: bool,
    ) -> None:
        """Add a line. ``duration``: in seconds. ``size``: bytes that were sent or received.
        ``user``: empty for anonymous users."""
        type_ = "a" if ascii_type else "b"
        direction = "i" if upload else "o"
        access = f"r {_escape(user)}" if user else "a anonymous"
        self.append(
            f"{format_log_date(self._clock())} {round(duration)} {_escape(host)} {size}"
            f" {_escape(path)} {type_} _ {direction} {access} ftp 0 *"
            f" {'c' if complete else 'i'}\n"
        )


def _escape(text: str) -> str:
    return _UNSAFE.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    if match[0] == " ":
        return "_"
    data = match[0].encode("utf-8", "surrogateescape")
    return "".join(f"\\x{byte:02X}" for byte in data)
