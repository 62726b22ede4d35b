"""Pathnames as clients write them. Inside the server a path is a tuple of names, below the folder
of the user."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from ..rooted import Names

# Uploads have such a name until they are complete. Clients neither see nor reach them.
TEMPORARY: Final = b".ftp-upload-"

_UNUSABLE: Final = re.compile(rb"[\0\r\n]").search


class PathError(ValueError):
    """A pathname that cannot be used in a command. The text says why."""


def parse_path(text: str, folder: Names) -> Names:
    """Return the names that ``text`` means in ``folder``. ``..`` at the top stays there.

    Raises PathError if a reply or a listing could not contain it, and FileNotFoundError if it is
    an upload that is not complete."""
    path = text.encode("utf-8", "surrogateescape")
    if _UNUSABLE(path):
        raise PathError("A pathname cannot contain NUL, CR or LF")
    names = [] if path.startswith(b"/") else list(folder)
    for name in path.split(b"/"):
        if name == b"..":
            del names[-1:]
        elif name not in (b"", b"."):
            names.append(name)
    if any(name.startswith(TEMPORARY) for name in names):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return tuple(names)


def show_path(names: Names) -> str:
    """Return the path as clients see it."""
    return "/" + b"/".join(names).decode("utf-8", "surrogateescape")


def quote_path(names: Names) -> str:
    """Return the path for a 257 reply: quotation marks in it are doubled (RFC 959 appendix II)."""
    return '"' + show_path(names).replace('"', '""') + '"'


def is_listed(name: bytes) -> bool:
    """Whether listings contain ``name``: no line could contain the others."""
    return not name.startswith(TEMPORARY) and not _UNUSABLE(name)
