"""Range requests (RFC 9110 section 14)."""

from __future__ import annotations

import re
from typing import Final

MAX_RANGES: Final = 16  # a field with more is ignored, as section 14.2 allows
_MAX_LENGTH: Final = 1024
_SPEC: Final = re.compile(r"[ \t]*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))[ \t]*").fullmatch

Range = tuple[int, int]  # first byte, and the one after the last


def parse_ranges(field: str, size: int) -> list[Range] | None:
    """The ranges that ``field`` requests of a file of ``size`` bytes. Ranges that overlap or touch
    are merged; those beyond the end of the file are dropped.

    Returns None for a field to be ignored, which is not valid or has too many ranges."""
    unit, equals, specs = field.partition("=")
    if not equals or unit.strip().lower() != "bytes" or len(field) > _MAX_LENGTH:
        return None
    parts = specs.split(",")
    if len(parts) > MAX_RANGES:
        return None
    if not specs.strip(" \t,"):
        return None
    ranges: list[Range] = []
    for part in parts:
        if not part.strip(" \t"):
            continue  # an empty member of a list (section 5.6.1)
        match = _SPEC(part)
        if match is None:
            return None
        found = _resolve(match, size)
        if found is None:
            return None
        if found[0] < found[1]:
            ranges = _merge(ranges, found)
    return ranges


def _resolve(match: re.Match[str], size: int) -> Range | None:
    """One range; an empty one if it cannot be satisfied; None if it is not valid."""
    if match[3] is not None:
        return max(0, size - int(match[3])), size
    first = int(match[1])
    if not match[2]:
        return first, max(first, size)
    last = int(match[2])
    if last < first:
        return None
    return first, max(first, min(last + 1, size))


def _merge(ranges: list[Range], new: Range) -> list[Range]:
    """``ranges`` and ``new``, in the order in which they were requested."""
    merged: list[Range] = []
    for old in ranges:
        if old[0] <= new[1] and new[0] <= old[1]:
            new = min(old[0], new[0]), max(old[1], new[1])
        else:
            merged.append(old)
    merged.append(new)
    return merged
