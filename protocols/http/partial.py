"""PartialHead: checks a request head that arrives in pieces, and scans each byte only once.

A client may send its head byte by byte. Searching from the start each time would be quadratic, so a
``PartialHead`` remembers how far it has searched and checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from .errors import HTTPError

END_OF_HEAD: Final = b"\r\n\r\n"
_BARE_LF: Final = re.compile(rb"(?<!\r)\n").search
# The parts of a request line, each with the byte that ends it: method, target, version, and the
# empty part between CR and LF.
_PARTS: Final = (
    (re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]*").match, 0x20),
    (re.compile(rb"[!-~]*").match, 0x20),
    (re.compile(rb"[HTP/0-9.]*").match, 0x0D),
    (re.compile(rb"").match, 0x0A),
)


class PartialHead:
    """What is known about the received part of a head.

    ``check_line(data)``: checks a complete request line, or raises ``HTTPError`` for one that can
    no longer be valid. ``max_line``: bytes that the line may have."""

    __slots__ = ("_check_line", "_checked", "_max_line", "_part", "_searched")

    def __init__(self, check_line: Callable[[bytes], object], max_line: int) -> None:
        self._check_line = check_line
        self._max_line = max_line
        self._searched = 0  # bytes searched for the end of the head
        self._checked = 0  # bytes found valid
        self._part = 0  # index of a part of the request line; len(_PARTS) after the line

    def find_end(self, data: bytes) -> int:
        """Where the head at the start of ``data`` ends; -1 if it is incomplete. ``data`` begins
        with the ``data`` of the last call."""
        found = data.find(END_OF_HEAD, max(0, self._searched - 3))
        self._searched = len(data)
        return found + 4 if found >= 0 else -1

    def check(self, data: bytes) -> None:
        """Check ``data``, a head without its end. Raises ``HTTPError``."""
        if self._part < len(_PARTS):
            self._check_request_line(data)
        if self._part == len(_PARTS):
            if _BARE_LF(data, self._checked):
                raise HTTPError(400, "A line ends with LF alone.")
            self._checked = len(data)

    def _check_request_line(self, data: bytes) -> None:
        position = self._checked
        size = len(data)
        while position < size:
            match, end = _PARTS[self._part]
            position = match(data, position).end()  # type: ignore[union-attr]  # it may be empty
            if position == size:
                break
            if data[position] != end:
                if b"\n" in data or size > self._max_line:
                    self._check_line(data)  # its error is more precise
                raise HTTPError(400, "The request line is not valid.")
            position += 1
            self._part += 1
            if self._part == len(_PARTS):
                self._check_line(data)
                break
        self._checked = position
        if position > self._max_line:
            self._check_line(data)
