"""Recordings that viewers ask for, in files that go when the program ends."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Final

from reactor import Loop, Recorder, Traffic, Turn

MAX_RECORDING: Final = 16 << 20  # bytes of a file; a recording has at most two


class TemporaryFolder:
    """A temporary folder. It is deleted with ``delete()``, or when this process ends; but not when
    a child ends, which was forked and has a copy of this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="inspector-"))
        self.delete = weakref.finalize(self, _delete, self.path, os.getpid())


def _delete(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


class Recording(Recorder):
    """A recording that knows how much there is. ``over``: whether it was ended, by an action or an
    error. ``is_complete``: whether all of it is in the files."""

    def __init__(self, path: Path, payload: int, traffic: Traffic | None) -> None:
        super().__init__(path, max_size=MAX_RECORDING, payload=payload)
        self.over = False
        self.is_complete = False
        self._counted = traffic
        self._turns = 0
        self._began = self._until = 0.0

    def attached(self, loop: Loop) -> None:
        if self._counted is not None:  # so that it replays as it was shown
            self.go_on_from(self._counted)
            self._counted = None
        super().attached(loop)
        self._began = self._until = loop.time()

    def turn_ended(self, turn: Turn) -> None:
        super().turn_ended(turn)
        self._turns += 1
        self._until = turn.times[-1]

    def detached(self, loop: Loop) -> None:
        super().detached(loop)
        self.over = self.is_complete = True

    def document(self) -> dict[str, Any]:
        return {
            "turns": self._turns,
            "size": sum(map(_size, self.files())),
            "seconds": round(self._until - self._began, 1),
        }

    def files(self) -> list[Path]:
        older = self.path.with_name(f"{self.path.name}.1")
        return [path for path in (older, self.path) if path.exists()]

    def delete(self) -> None:
        """Delete the files."""
        for path in self.files():
            path.unlink()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was renamed meanwhile
        return 0
