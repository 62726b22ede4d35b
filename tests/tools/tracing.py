"""Which functions of our packages a piece of code calls, in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from .commands import ROOT

_PACKAGES = tuple(f"{ROOT / name}/" for name in ("reactor", "protocols"))


@dataclass(frozen=True)
class Call:
    """A call of a Python function in ``reactor/`` or ``protocols/``.

    Attributes: ``file``, relative to the checkout; ``name``, the function's qualified name;
    ``callers``, the files of the callers, innermost first, our packages' only."""

    file: str
    name: str
    callers: tuple[str, ...] = ()

    @property
    def enters_file(self) -> bool:
        """Whether the call comes from another file, or from outside our packages."""
        return self.callers[:1] != (self.file,)

    @property
    def reenters_file(self) -> bool:
        """Whether the call comes from another file, and a function of this file waits for it."""
        return self.enters_file and self.file in self.callers


def trace(function: Callable[[], object]) -> list[Call]:
    """Call ``function`` and return the calls that it leads to in this thread."""
    calls: list[Call] = []

    def on_event(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(_PACKAGES):
            file, *callers = _files(frame)
            calls.append(Call(file, frame.f_code.co_qualname, tuple(callers)))

    previous = sys.getprofile()
    sys.setprofile(on_event)
    try:
        function()
    finally:
        sys.setprofile(previous)
    return calls


def _files(frame: FrameType | None) -> list[str]:
    """The files of our packages on the stack, innermost first."""
    files = []
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_PACKAGES):
            files.append(path.removeprefix(f"{ROOT}/"))
        frame = frame.f_back
    return files
