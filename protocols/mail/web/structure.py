"""Takes a mail apart into its parts, within limits: the parser of ``email`` has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Compat32, compat32
from typing import Any, Final

from .charsets import decode

MAX_HEAD: Final = 65536  # bytes of the header that are read
MAX_DEPTH: Final = 20  # of parts in parts
_MAX_BOUNDARIES: Final = 500
# The parser keeps each line, and compares it with each boundary of the parts around it.
_MAX_WORK: Final = 5_000_000
_LINE: Final = 4  # how many comparisons a line costs by itself
# A notification (message/delivery-status) has a part for each block of its text (RFC 3464).
_MAX_MADE: Final = 1000

# What the parser gets at a time. A call in C of many megabytes would keep the loop waiting: the
# thread that makes it has the lock of the interpreter.
_BLOCK: Final = 256 << 10  # bytes
_LINE_END: Final = re.compile(rb"\r\n(?![ \t])")  # but not within a field

_BOUNDARY: Final = re.compile(rb"boundary\s*\*?[0-9*]*\s*=|message/", re.IGNORECASE)
# The parser takes time that is quadratic in the length of the fields that describe a part.
_LONG_FIELD: Final = re.compile(
    rb"^(content-[a-z-]{1,30}:(?:[^\n]|\n[ \t]){2000})(?:[^\r\n]|\r?\n[ \t])++",
    re.IGNORECASE | re.MULTILINE,
)


class TooMuchError(Exception):
    """Parsing the mail would take too much time or memory."""


class _TooManyPartsError(Exception):
    """The first parts are enough."""


class Structure:
    """The parts of a mail. ``is_complete``: False if it has more parts, or deeper ones.

    Raises ``TooMuchError``."""

    def __init__(self, data: bytes) -> None:
        self._made: list[_Part] = []
        self.is_complete = True
        parser = BytesFeedParser(self._make)
        lines = boundaries = 0
        try:
            for block in _blocks(data):
                lines += block.count(b"\n")
                boundaries += sum(1 for _ in _BOUNDARY.finditer(block))
                if boundaries > _MAX_BOUNDARIES or lines * (_LINE + boundaries) > _MAX_WORK:
                    raise TooMuchError
                parser.feed(_LONG_FIELD.sub(rb"\1", block))
            self._root: Message = parser.close()
        except (RecursionError, _TooManyPartsError):
            self.is_complete = False
            # The parser makes one that it does not use, to see how it is called.
            self._root = self._made[1]

    def _make(self, policy: Compat32 = compat32) -> _Part:
        if len(self._made) > _MAX_MADE:
            raise _TooManyPartsError
        self._made.append(_Part(policy))
        return self._made[-1]

    def leaves(self) -> Iterator[Message]:
        """The parts that have no parts, and whole mails, in their order."""
        waiting = [(self._root, 0)]
        while waiting:
            part, depth = waiting.pop()
            if not part.is_multipart() or part.get_content_maintype() == "message":
                yield part
            elif depth < MAX_DEPTH:
                children: Any = part.get_payload()
                waiting += [(child, depth + 1) for child in reversed(children)]
            else:
                self.is_complete = False


class _Part(Message):
    """A part. Its methods would look up the charsets that it names, which may be any name."""

    def get_param(
        self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True
    ) -> Any:
        value: Any = super().get_param(param, failobj, header, unquote)
        if isinstance(value, tuple):  # RFC 2231: charset, language, bytes as characters
            value = decode(value[2].encode("raw-unicode-escape"), value[0] or "utf-8")
        return value


def _blocks(data: bytes) -> Iterator[bytes]:
    """The mail in pieces, without the end of a header that is too long."""
    start = 0
    end = data.find(b"\r\n\r\n")
    if end > MAX_HEAD:
        cut = data.rfind(b"\r\n", 0, MAX_HEAD)
        yield data[: cut if cut >= 0 else MAX_HEAD]
        start = end
    while start < len(data):
        match = _LINE_END.search(data, start + _BLOCK)
        end = match.end() if match else len(data)
        yield data[start:end]
        start = end
