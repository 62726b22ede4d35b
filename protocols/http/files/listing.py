"""The page that shows what is in a folder. Pages are kept for a while: a large folder takes tens of
milliseconds to read, and blocks the loop meanwhile."""

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
KEPT: Final = 8 << 20  # bytes of pages
# Seconds that a page is kept. A new name in the folder, or one that is gone, changes the folder's
# mtime and so is seen at once; a file's size or date is not, and may be shown as it was until then.
KEPT_FOR: Final = 5.0
# Seconds. A folder that was modified so lately may change once more with the same mtime, as the
# file system's clock can be this coarse (FAT).
_COARSE: Final = 2.0
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
    """A file or folder. ``modified``: seconds since the epoch."""

    name: bytes
    is_folder: bool
    size: int
    modified: float


_KEYS: Final[dict[str, Callable[[Entry], object]]] = {
    "name": lambda entry: entry.name.lower(),
    "size": lambda entry: entry.size,
    "time": lambda entry: entry.modified,
}


class _Kept(NamedTuple):
    """A page, the folder's mtime when it was made, and until when it is good."""

    modified_ns: int
    until: float
    page: Response


class Listings:
    """Pages for folders. The latest are kept, up to ``KEPT`` bytes: the oldest goes first."""

    def __init__(self) -> None:
        self._kept: dict[_Key, _Kept] = {}
        self._size = 0

    def page(self, fd: int, path: str, query: str, follow: Follow, now: float) -> Response:
        """The page for the folder that ``fd`` is open on.

        ``path``: for people to read. ``query`` may say ``sort=name|size|time`` and
        ``order=asc|desc``. ``follow(name)`` gives the status of what a symbolic link leads to, or
        None. ``now``: the loop's time."""
        asked = dict(pair.split("=", 1) for pair in query.split("&")[:4] if "=" in pair)
        sort = asked.get("sort", "name")
        if sort not in _KEYS:
            sort = "name"
        order = "desc" if asked.get("order") == "desc" else "asc"
        status = os.fstat(fd)  # before the folder is read: what changes meanwhile is seen later
        key = (status.st_dev, status.st_ino, path, sort, order)
        kept = self._kept.get(key)
        if kept is not None:
            if kept.modified_ns == status.st_mtime_ns and now < kept.until:
                return kept.page
            self._forget(key)
        page = _page(fd, path, sort, order, follow)
        if time.time() - status.st_mtime > _COARSE and len(page.body) <= KEPT:
            self._kept[key] = _Kept(status.st_mtime_ns, now + KEPT_FOR, page)
            self._size += len(page.body)
            while self._size > KEPT:
                self._forget(next(iter(self._kept)))
        return page

    def _forget(self, key: _Key) -> None:
        self._size -= len(self._kept.pop(key).page.body)


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
        lines.append(f"<p>There is more: only {MAX_ENTRIES} entries are shown.</p>")
    lines.append("</body></html>\n")
    return Response("\n".join(lines).encode("utf-8", "replace"), 200, _FIELDS)


def _column(name: str, sort: str, order: str) -> str:
    towards = "desc" if (name, order) == (sort, "asc") else "asc"
    arrow = "" if name != sort else " &uarr;" if order == "asc" else " &darr;"
    link = f'<a href="?sort={name}&amp;order={towards}">{name.capitalize()}</a>'
    unit = " (UTC)" if name == "time" else ""
    return f"<th>{link}{unit}{arrow}</th>"


def _row(entry: Entry) -> str:
    # "./" first, or a name such as "a:b" would be taken for another scheme (RFC 3986 section 4.2).
    slash = "/" if entry.is_folder else ""
    href = "./" + quote_from_bytes(entry.name) + slash
    text = html.escape(entry.name.decode("utf-8", "replace")) + slash
    size = "" if entry.is_folder else str(entry.size)
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(min(max(entry.modified, 0), LAST_SECOND)))
    return (
        f'<tr><td><a href="{html.escape(href)}">{text}</a></td><td>{size}</td><td>{when}</td></tr>'
    )


def _read(fd: int, follow: Follow) -> tuple[list[Entry], bool]:
    """The entries that a request would find, and whether there are more than are looked at."""
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
            except OSError:  # gone by now
                continue
            if status is not None and stat.S_ISLNK(status.st_mode):
                status = follow(name)
            if status is None:
                continue
            if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                folder = stat.S_ISDIR(status.st_mode)
                entries.append(Entry(name, folder, status.st_size, status.st_mtime))
    return entries, False
