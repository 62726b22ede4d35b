"""Conditional requests (RFC 9110 section 13): does the client already have this version, or expect
another one?"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_tz
from typing import Final

from ..headers import Headers

# Of the year 9999, the last one that HTTP's dates can express. Some file systems go beyond it.
LAST_SECOND: Final = 253_402_300_799
_TAG: Final = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)').match


class Validators:
    """The validators of one representation. ``etag``: with its quotes, and ``W/`` if it is weak.
    ``modified``: in seconds since the epoch."""

    __slots__ = ("etag", "last_modified", "modified")

    def __init__(self, etag: str, modified: int) -> None:
        self.etag = etag
        self.modified = modified = min(max(modified, 0), LAST_SECOND)
        self.last_modified = formatdate(modified, usegmt=True)

    def failed(self, method: str, headers: Headers) -> int | None:
        """The status of the response if a condition fails, 304 or 412; None if all hold. Evaluates
        them in the order of RFC 9110 section 13.2.2."""
        reading = method in ("GET", "HEAD")
        if (tags := headers.get("if-match")) is not None:
            holds = self._matches(tags, weak=False)
        else:
            since = http_date(headers.get("if-unmodified-since"))
            holds = since is None or self.modified <= since
        if not holds:
            return 412
        if (tags := headers.get("if-none-match")) is not None:
            holds = not self._matches(tags, weak=True)
        elif reading:
            since = http_date(headers.get("if-modified-since"))
            holds = since is None or self.modified > since
        if holds:
            return None
        return 304 if reading else 412

    def ranges_apply(self, headers: Headers) -> bool:
        """Whether ``If-Range`` allows ranges (section 13.1.5): only if a strong validator shows
        that the client means exactly this version."""
        value = headers.get("if-range")
        if value is None:
            return True
        if value.startswith(('"', "W/")):
            return value == self.etag and not value.startswith("W/")
        return not self.etag.startswith("W/") and value == self.last_modified

    def _matches(self, field: str, weak: bool) -> bool:
        if field.strip() == "*":
            return True
        mine = self.etag.removeprefix("W/") if weak else self.etag
        if not weak and mine.startswith("W/"):
            return False
        position = 0
        while match := _TAG(field, position):
            theirs = match[1].removeprefix("W/") if weak else match[1]
            if theirs == mine:
                return True
            position = match.end()
        return False


def http_date(value: str | None) -> int | None:
    """A date in any of HTTP's three formats (RFC 9110 section 5.6.7), in seconds since the epoch;
    None if it is not valid, and so to be ignored."""
    if value is None or len(value) > 64:
        return None
    try:
        parsed = parsedate_tz(value)
        if parsed is None:
            return None
        return int(datetime(*parsed[:6], tzinfo=UTC).timestamp()) - (parsed[9] or 0)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
