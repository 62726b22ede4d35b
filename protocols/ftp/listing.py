"""Listings: lines for LIST, names for NLST, facts for MLSD and MLST (RFC 3659 section 7).

A listing is read in pieces, each in a thread, and sent as it is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from itertools import chain, islice
from typing import Final, NamedTuple

from ..rooted import Names, OpenFile, Root
from .dates import format_ls_date, format_time
from .files import status_of
from .paths import is_listed

MAX_SORTED: Final = 10_000  # names; a larger folder is listed in the system's order
_ENTRIES_PER_READ: Final = 500

FACTS: Final = ("type", "size", "modify", "perm", "unique", "UNIX.mode")


# RFC 3659 section 7.5.1.5. They are neither read nor written.
_SPECIAL: Final = {
    stat.S_IFIFO: "OS.unix=fifo",
    stat.S_IFSOCK: "OS.unix=sock",
    stat.S_IFCHR: "OS.unix=chr",
    stat.S_IFBLK: "OS.unix=blk",
}


class Entry(NamedTuple):
    """A file or folder. For a link, ``status`` is what it leads to."""

    name: bytes
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return stat.S_ISDIR(self.status.st_mode)


Format = Callable[[Entry], bytes]


def long_line(entry: Entry) -> bytes:
    """Return a line as ``ls -l`` prints it. Users and groups are not shown. Times are UTC."""
    status = entry.status
    text = (
        f"{stat.filemode(status.st_mode)} {status.st_nlink:3} ftp      ftp      "
        f"{status.st_size:12} {format_ls_date(status.st_mtime)} "
    )
    return text.encode("ascii") + entry.name + b"\r\n"


class NameLine:
    """Makes lines with the name alone. They begin with ``prefix``, so that each can be the argument
    of RETR (RFC 1123 section 4.1.2.7)."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix

    def __call__(self, entry: Entry) -> bytes:
        """Return the line of ``entry``."""
        return self._prefix + entry.name + b"\r\n"


class FactLine:
    """Makes lines of facts: ``type=file;size=3; a.txt``. ``facts``: those that the client wants.
    ``writable``: whether it may write."""

    def __init__(self, facts: frozenset[str], writable: bool) -> None:
        self._facts = facts
        self._writable = writable

    def __call__(self, entry: Entry) -> bytes:
        """Return the line of ``entry``."""
        return self.text(entry).encode("ascii") + b" " + entry.name + b"\r\n"

    def text(self, entry: Entry) -> str:
        """Return the facts alone."""
        status = entry.status
        kind = _type(status)
        values = {
            "type": kind,
            "size": str(status.st_size) if kind == "file" else None,
            "modify": format_time(status.st_mtime),
            "perm": self._permissions(kind),
            "unique": f"{status.st_dev:x}g{status.st_ino:x}",
            "UNIX.mode": f"{stat.S_IMODE(status.st_mode):04o}",
        }
        chosen = (f"{name}={values[name]};" for name in FACTS if self._shows(name, values))
        return "".join(chosen)

    def _shows(self, name: str, values: dict[str, str | None]) -> bool:
        return name in self._facts and values[name] is not None

    def _permissions(self, kind: str) -> str:
        # RFC 3659 section 7.5.5
        if kind == "dir":
            return "elcdfmp" if self._writable else "el"
        if kind == "file":
            return "radfw" if self._writable else "r"
        return "dfw" if self._writable else ""  # STOR replaces it


def _type(status: os.stat_result) -> str:
    """Return the fact ``type``."""
    if stat.S_ISDIR(status.st_mode):
        return "dir"
    return _SPECIAL.get(stat.S_IFMT(status.st_mode), "file")


class FolderReader:
    """The listing of a folder, or of those names in it that match ``pattern``.

    ``root``, ``names``: the folder. ``line``: makes the lines. ``hidden``: whether names that begin
    with a dot are shown. ``itself``: whether lines for ``.`` and ``..`` come first. Raises OSError
    if the folder cannot be opened."""

    def __init__(
        self,
        root: Root,
        names: Names,
        line: Format,
        *,
        pattern: bytes | None = None,
        hidden: bool = True,
        itself: bool = False,
    ) -> None:
        self._root = root
        self._names = names
        self._line = line
        self._pattern = pattern
        self._hidden = hidden
        self._folder = OpenFile(root.open(names, os.O_DIRECTORY))
        try:
            self._scan = os.scandir(self._folder.fd)
        except BaseException:
            self._folder.close()
            raise
        self._rest = self._entries(itself)

    def read(self) -> bytes:
        """Return the next lines; empty at the end. Raises OSError."""
        while entries := list(islice(self._rest, _ENTRIES_PER_READ)):
            if text := b"".join(map(self._line, filter(None, entries))):
                return text
        return b""

    def close(self) -> None:
        """Close the folder."""
        self._scan.close()
        self._folder.close()

    def _entries(self, itself: bool) -> Iterator[Entry | None]:
        if itself:
            status = os.fstat(self._folder.fd)
            yield Entry(b".", status)
            yield Entry(b"..", status)
        scanned = iter(self._scan)
        first = list(islice(scanned, MAX_SORTED + 1))
        if len(first) <= MAX_SORTED:
            first.sort(key=lambda entry: entry.name)
        for entry in chain(first, scanned):
            yield self._entry(entry)

    def _entry(self, entry: os.DirEntry[str]) -> Entry | None:
        """None if the entry is not listed, or is no longer there."""
        name = os.fsencode(entry.name)
        if not is_listed(name) or (name.startswith(b".") and not self._hidden):
            return None
        if self._pattern is not None and not fnmatchcase(name, self._pattern):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                # As `ls -L` does. A link that leads outside leads nowhere.
                status = status_of(self._root, (*self._names, name))
        except OSError:
            return None
        return Entry(name, status)


class FileLine:
    """The listing of one file. Raises OSError if it is not there."""

    def __init__(self, root: Root, names: Names, line: Format, shown: bytes) -> None:
        self._line: bytes = line(Entry(shown, status_of(root, names)))

    def read(self) -> bytes:
        """Return the line, once; then nothing."""
        line, self._line = self._line, b""
        return line

    def close(self) -> None:
        """Nothing is open."""


Listing = FolderReader | FileLine


def has_wildcards(name: bytes) -> bool:
    """Whether ``name`` is a pattern for several names."""
    return any(char in name for char in b"*?[")


class LongListing:
    """A listing of several pieces, whose first ones were read already."""

    def __init__(self, pieces: list[bytes], rest: Listing) -> None:
        self._pieces = pieces
        self._rest = rest

    def read(self) -> bytes:
        """Return the next lines; empty at the end. Raises OSError."""
        return self._pieces.pop(0) if self._pieces else self._rest.read()

    def close(self) -> None:
        """Close the folder."""
        self._rest.close()


def begin(listing: Listing) -> bytes | LongListing:
    """Return the whole listing if it is short, otherwise what reads it. Raises OSError."""
    try:
        first = listing.read()
        second = listing.read() if first else b""
    except BaseException:
        listing.close()
        raise
    if second:
        return LongListing([first, second], listing)
    listing.close()
    return first


def list_folder(root: Root, names: Names, line: Format) -> bytes | LongListing:
    """Return the listing of a folder. Raises OSError."""
    return begin(FolderReader(root, names, line))


def list_path(
    root: Root, names: Names, shown: str, hidden: bool, *, only_names: bool = False
) -> bytes | LongListing:
    """Return the listing of what is at ``names``: a folder, a file, or the files that a pattern in
    the last name matches. ``shown``: the path as the client wrote it. ``hidden``: whether names
    that begin with a dot are shown. ``only_names``: as NLST. Raises OSError."""

    def line(prefix: bytes) -> Format:
        return NameLine(prefix) if only_names else long_line

    raw = shown.encode("utf-8", "surrogateescape")
    inside = line(raw.rstrip(b"/") + b"/" if raw else b"")
    itself = hidden and not only_names
    with suppress(OSError):
        return begin(FolderReader(root, names, inside, hidden=hidden, itself=itself))
    try:
        return begin(FileLine(root, names, line(b""), raw))
    except OSError:
        if not names or not has_wildcards(names[-1]):
            raise
    beside = line(raw[: raw.rfind(b"/") + 1])
    hidden = names[-1].startswith(b".")
    return begin(FolderReader(root, names[:-1], beside, pattern=names[-1], hidden=hidden))


def read_at_most(listing: bytes | LongListing, most: int) -> list[str]:
    """Return the lines of a listing, or the first ``most`` of them. Raises OSError."""
    if isinstance(listing, bytes):
        text = listing
    else:
        text = b""
        try:
            while text.count(b"\n") <= most and (piece := listing.read()):
                text += piece
        finally:
            listing.close()
    lines = text.decode("utf-8", "surrogateescape").split("\r\n")[:-1]
    return lines if len(lines) <= most else [*lines[:most], "(there are more)"]
