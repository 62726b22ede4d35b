"""Where in the program something happens: outside this package, as a user wants to be told."""

from __future__ import annotations

import os
from pathlib import Path
from types import CodeType, FrameType
from typing import Final

# Not the program's: this package, and what runs it as `python -m reactor`.
_NOT_THE_PROGRAMS: Final = (f"{Path(__file__).parent}{os.sep}", "<frozen runpy>")
_TURN: Final = "_turn"  # Loop._turn: what lies beyond it has called the loop, and not its callback


def calling_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame outside this package, beginning at ``frame``. None if the loop itself is
    reached before: then no callback of the program's runs."""
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THE_PROGRAMS):
        if frame.f_code.co_name == _TURN:
            return None
        frame = frame.f_back
    return frame


def line(frame: FrameType) -> str:
    """``file:line`` of what ``frame`` does now."""
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def definition(code: CodeType) -> str:
    """``file:line`` of a function."""
    return f"{code.co_filename}:{code.co_firstlineno}"
