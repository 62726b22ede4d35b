"""Places in the source code: which line of the program a thread executes."""

from __future__ import annotations

import linecache
import os
import site
import sys
import sysconfig
from functools import lru_cache
from types import CodeType, FrameType
from typing import Final, NamedTuple

import reactor

_MOST_FRAMES: Final = 30
_LONGEST: Final = 200  # characters of a line
_TURN: Final = "_turn"  # Loop._turn: the frames outside it called the loop


def _folders(*folders: str | None) -> tuple[str, ...]:
    return tuple({os.path.abspath(folder) + os.sep for folder in folders if folder})


_REACTOR: Final = _folders(os.path.dirname(reactor.__file__))
_LIBRARY: Final = _folders(sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
# Inside the library's folder, but not part of it.
_INSTALLED: Final = _folders(
    sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()
)

Line = tuple[CodeType, int]  # a function, and the line in it that is executed


class Stack(NamedTuple):
    """Where a thread was. ``place``: the line that blocks. ``lines``: the stack, the outermost call
    first; of a deep one, the innermost 30."""

    place: Line
    lines: tuple[Line, ...]


def stack_of(frame: FrameType | None) -> Stack | None:
    """The stack inside the turn of a loop, whose innermost frame is ``frame``; None if there is
    none.

    The line that blocks is the innermost one of the program. If there is none, it is the innermost
    of an installed package, and else the innermost of all."""
    lines: list[Line] = []
    best: Line | None = None
    rank = 0
    while frame is not None:
        code = frame.f_code
        group = _group(code.co_filename)
        if group < 0 and code.co_name == _TURN:
            break
        if len(lines) < _MOST_FRAMES:
            lines.append((code, frame.f_lineno))
        if group > rank:
            best, rank = (code, frame.f_lineno), group
        frame = frame.f_back
    if not lines:
        return None
    return Stack(best or lines[0], tuple(reversed(lines)))


@lru_cache(maxsize=1000)
def _group(filename: str) -> int:
    """2 for the program, 1 for installed packages, 0 for the library, -1 for the reactor."""
    if filename.startswith(_REACTOR):
        return -1
    if filename.startswith(_INSTALLED):
        return 1
    return 0 if filename.startswith((*_LIBRARY, "<frozen")) else 2


def where(line: Line) -> str:
    """``app.py:12 in handler``."""
    code, number = line
    name = code.co_qualname.rpartition("<locals>.")[2]
    return _cut(f"{short_path(code.co_filename)}:{number} in {name}")


def source(line: Line) -> str:
    """The line itself; "" if there is no source."""
    code, number = line
    return _cut(linecache.getline(code.co_filename, number).strip())


def where_and_source(line: Line) -> str:
    """Both, for one line of a stack."""
    text = source(line)
    return _cut(f"{where(line)}: {text}" if text else where(line))


@lru_cache(maxsize=1000)
def short_path(filename: str) -> str:
    """The path from the folder that the module was imported from, or only the file's name."""
    for folder in sorted((os.path.abspath(folder) for folder in sys.path), key=len, reverse=True):
        if filename.startswith(folder + os.sep):
            return filename[len(folder) + 1 :]
    return os.path.basename(filename)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
