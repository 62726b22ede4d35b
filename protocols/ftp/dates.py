"""Dates in listings, in facts, in MFMT and in the log. Names of months are always English: those of
``strftime`` depend on the locale."""

from __future__ import annotations

import calendar
import re
import time
from typing import Final

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FORMAT: Final = "%Y%m%d%H%M%S"
_TIME: Final = re.compile(r"([0-9]{14})(?:\.[0-9]+)?").fullmatch
_DAY: Final = 86_400  # seconds
_HALF_A_YEAR: Final = 180 * _DAY


def format_time(seconds: float) -> str:
    """Return a time as RFC 3659 section 2.3 writes it: ``20261122021509``, in UTC."""
    return time.strftime(_FORMAT, time.gmtime(seconds))


def parse_time(text: str) -> int:
    """Return the time that ``format_time`` writes as ``text``, in seconds since the epoch. A
    fraction is dropped. Raises ValueError."""
    match = _TIME(text)
    if match is None:
        raise ValueError("not a time")
    return calendar.timegm(time.strptime(match[1], _FORMAT))


def format_ls_date(seconds: float) -> str:
    """Return a date as ``ls -l`` prints it, in UTC: ``Nov 22 02:15``, or ``Nov 22  2020`` if it is
    older than half a year, or more than a day in the future."""
    then = time.gmtime(seconds)
    if -_DAY < time.time() - seconds < _HALF_A_YEAR:
        when = f"{then.tm_hour:02}:{then.tm_min:02}"
    else:
        when = f"{then.tm_year:5}"
    return f"{_MONTHS[then.tm_mon - 1]} {then.tm_mday:2} {when}"


def format_log_date(seconds: float) -> str:
    """Return a date as ``xferlog`` has it, in local time: ``Sun Nov 22 02:15:09 2026``."""
    local = time.localtime(seconds)
    day, month = _DAYS[local.tm_wday], _MONTHS[local.tm_mon - 1]
    return time.strftime(f"{day} {month} %d %H:%M:%S %Y", local)
