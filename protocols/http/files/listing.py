"""The page that lists a folder. Pages are cached: reading a large folder takes tens of
milliseconds, and blocks the loop meanwhile."""

from __future__ import annotations

import html
import os
import stat
import time
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes

from ..response import Response
from .conditions import LAST_SECOND

MAX_ENTRIES: Final = 2000
MAX_CACHED: Final = 8 << 20  # bytes of pages
# Seconds that a page is cached. Adding or removing a name changes the folder's mtime, so it is
# visible at once. The size and date of a file may be outdated for this long.
MAX_AGE: Final = 5.0
# Seconds. The clock of a file system can be this coarse (FAT). So a folder that was modified more
# recently may change again and keep its mtime.
_COARSEST_CLOCK: Final = 2.0
_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.2rem .8rem .2rem 0}"
    "td:first-child{overflow-wrap:anywhere}"
    "td:nth-child(2),th:nth-child(2){text-align:right}"
    "td:last-child,th:last-child{white-space:nowrap;font-variant-numeric:tabular-nums}"
    "tr:nth-child(even) td{background:#8881}"
)
_FIELDS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("Cache-Control", "no-cache"),
)

_Key = tuple[int, int, str, str, str]
Follow = Callable[[bytes], os.stat_result | None]


class Entry(NamedTuple):
    """A file or folder. ``size``: in bytes. ``modified``: in seconds since the epoch."""

    name: bytes
    is_folder: bool
    size: int
    modified: float


_KEYS: Final[dict[str, Callable[[Entry], object]]] = {
    "name": lambda entry: entry.name.lower(),
    "size": lambda entry: entry.size,
    "time": lambda entry: entry.modified,
}


class _CachedPage(NamedTuple):
    """``modified_ns``: the folder's mtime when the page was made. ``expires``: in seconds of the
    loop."""

    modified_ns: int
    expires: float
    page: Response


class Listings:
    """Pages for folders. They are cached, up to ``MAX_CACHED`` bytes: the oldest is dropped
    first."""

    def __init__(self) -> None:
        # Not a FIFOCache: page sizes differ by a factor of a thousand, so a limit by number is not
        # enough.
        self._pages: dict[_Key, _CachedPage] = {}
        self._size = 0

    def page(self, fd: int, path: str, query: str, follow: Follow, now: float) -> Response:
        """The page for the folder whose descriptor is ``fd``.

        ``path``: for people to read. ``query``: ``sort=name|size|time`` and ``order=asc|desc`` have
        a meaning. ``follow(name)``: returns the status of the file that a symbolic link leads to,
        or None. ``now``: in seconds of the loop. Raises ``OSError``."""
        asked = dict(pair.split("=", 1) for pair in query.split("&")[:4] if "=" in pair)
        sort = asked.get("sort", "name")
        if sort not in _KEYS:
            sort = "name"
        order = "desc" if asked.get("order") == "desc" else "asc"
        # Before the folder is read: after a change meanwhile, the page counts as outdated.
        status = os.fstat(fd)
        key = (status.st_dev, status.st_ino, path, sort, order)
        cached = self._pages.get(key)
        if cached is not None:
            if cached.modified_ns == status.st_mtime_ns and now < cached.expires:
                return cached.page
            self._forget(key)
        page = _page(fd, path, sort, order, follow)
        if time.time() - status.st_mtime > _COARSEST_CLOCK and len(page.body) <= MAX_CACHED:
            self._pages[key] = _CachedPage(status.st_mtime_ns, now + MAX_AGE, page)
            self._size += len(page.body)
            while self._size > MAX_CACHED:
                self._forget(next(iter(self._pages)))
        return page

    def _forget(self, key: _Key) -> None:
        self._size -= len(self._pages.pop(key).page.body)


def _page(fd: int, path: str, sort: str, order: str, follow: Follow) -> Response:
    entries, more = _read(fd, follow)
    entries.sort(key=_KEYS["name"])  # type: ignore[arg-type]
    entries.sort(key=_KEYS[sort], reverse=order == "desc")  # type: ignore[arg-type]
    entries.sort(key=lambda entry: not entry.is_folder)
    title = html.escape(f"Index of {path}")
    lines = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1><table><thead><tr>",
        *(_column(name, sort, order) for name in _KEYS),
        "</tr></thead><tbody>",
    ]
    if path != "/":
        lines.append('<tr><td><a href="../">../</a></td><td></td><td></td></tr>')
    lines += map(_row, entries)
    lines.append("</tbody></table>")
    if more:
        lines.append(f"<p>There are more entries: only {MAX_ENTRIES} are shown.</p>")
    lines.append("</body></html>\n")
    return Response("\n".join(lines).encode("utf-8", "replace"), 200, _FIELDS)


def _column(name: str, sort: str, order: str) -> str:
    next_order = "desc" if (name, order) == (sort, "asc") else "asc"
    arrow = "" if name != sort else " &uarr;" if order == "asc" else " &darr;"
    link = f'<a href="?sort={name}&amp;order={next_order}">{name.capitalize()}</a>'
    unit = " (UTC)" if name == "time" else ""
    return f"<th>{link}{unit}{arrow}</th>"


def _row(entry: Entry) -> str:
    # "./", because in a name such as "a:b" the "a:" would be a scheme (RFC 3986 section 4.2).
    slash = "/" if entry.is_folder else ""
    href = "./" + quote_from_bytes(entry.name) + slash
    text = html.escape(entry.name.decode("utf-8", "replace")) + slash
    size = "" if entry.is_folder else str(entry.size)
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(min(max(entry.modified, 0), LAST_SECOND)))
    return (
        f'<tr><td><a href="{html.escape(href)}">{text}</a></td><td>{size}</td><td>{when}</td></tr>'
    )


def _read(fd: int, follow: Follow) -> tuple[list[Entry], bool]:
    """The entries that a request would find, up to ``MAX_ENTRIES``, and whether there are more."""
    entries: list[Entry] = []
    with os.scandir(fd) as found:
        for item in found:
            if len(entries) == MAX_ENTRIES:
                return entries, True
            name = os.fsencode(item.name)
            if name.startswith(b".") or b"\\" in name:
                continue
            try:
                status: os.stat_result | None = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError:  # removed meanwhile
                continue
            if status is not None and stat.S_ISLNK(status.st_mode):
                status = follow(name)
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                folder = stat.S_ISDIR(status.st_mode)
                entries.append(Entry(name, folder, status.st_size, status.st_mtime))
    return entries, False
