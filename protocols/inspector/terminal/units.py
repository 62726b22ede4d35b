"""Numbers as people read them, in few characters."""

from __future__ import annotations

UNKNOWN = "-"


def duration(seconds: float | None) -> str:
    """``3.2ms``, ``1.5s``, ``2m05s``, ``3h07m`` or ``4d02h``."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return f"-{duration(-seconds)}" if seconds < -0.0000005 else "0"
    for limit, factor, unit in ((0.001, 1e6, "us"), (1.0, 1e3, "ms")):
        if round(seconds * factor) < limit * factor:
            value = seconds * factor
            return "0" if value < 0.05 else f"{value:.{0 if value >= 9.95 else 1}f}{unit}"
    if seconds < 59.95:
        return f"{seconds:.1f}s" if seconds < 9.95 else f"{seconds:.0f}s"
    whole = round(seconds)
    for size, unit, smaller, small_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // smaller:02}{small_unit}"
    return f"{whole // 60}m{whole % 60:02}s"


def size(count: float | None) -> str:
    """A number of bytes: ``512``, ``1.5K``, ``64K`` or ``2.0M``."""
    return _scaled(count, 1024)


def amount(count: float | None) -> str:
    """A number of things: ``512``, ``1.5k`` or ``20k``."""
    return _scaled(count, 1000).replace("K", "k")


def rate(value: float | None) -> str:
    """Something a second, or a mean."""
    if value is None:
        return UNKNOWN
    return f"{value:.1f}" if value < 99.95 else amount(value)


def share(part: float) -> str:
    """A share of 1 as a percentage."""
    percent = part * 100
    if 0 < percent < 0.05:
        return "<0.1%"
    return f"{percent:.1f}%" if 0 < percent < 9.95 else f"{percent:.0f}%"


def _scaled(count: float | None, base: int) -> str:
    if count is None:
        return UNKNOWN
    if count < base:
        return f"{count:.0f}"
    for unit in "KMGTP":
        count /= base
        if count < 9.95:
            return f"{count:.1f}{unit}"
        if count < base - 0.5:
            return f"{count:.0f}{unit}"
    return f"{count:.0f}E"
