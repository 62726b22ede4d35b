"""Places in the source code, for messages: always in the user's program, not in this package."""

from __future__ import annotations

import os
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

# Files that are not the program's: this package, and what runs it for `python -m reactor`.
_NOT_THE_PROGRAM: Final = (f"{Path(__file__).parent}{os.sep}", "<frozen runpy>")
_TURN: Final = "_turn"  # Loop._turn: the frames outside it called the loop, not the callback


def calling_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame outside this package, searched from ``frame`` outwards. None if the loop
    is found first: then no callback of the program is running."""
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_PROGRAM):
        if frame.f_code.co_name == _TURN:
            return None
        frame = frame.f_back
    return frame


def line(frame: FrameType) -> str:
    """``file:line`` that ``frame`` is executing."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def definition(code: CodeType) -> str:
    """``file:line`` where a function is defined."""
    return f"{code.co_filename}:{code.co_firstlineno}"
