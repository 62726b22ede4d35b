"""``wsgi.file_wrapper``: an application returns a file, and the system sends it."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from typing import Any, NamedTuple, Self


class FileSpan(NamedTuple):
    """``size`` bytes of ``file``, from ``offset`` on."""

    file: io.FileIO
    offset: int
    size: int


class FileWrapper:
    """An iterator over the blocks of ``file``. Where possible the server does not iterate it, but
    uses ``sendfile``.

    It has ``close``. With ``seekable``, ``seek`` and ``tell``, werkzeug can answer a range without
    reading what comes before it."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        block: bytes = self.file.read(self.block_size)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Close the file, if it can be closed."""
        if hasattr(self.file, "close"):
            self.file.close()

    def seekable(self) -> bool:
        """Whether ``seek`` and ``tell`` work."""
        return hasattr(self.file, "seekable") and bool(self.file.seekable())

    def seek(self, *arguments: int) -> int:
        """As the file does it."""
        return int(self.file.seek(*arguments))

    def tell(self) -> int:
        """As the file does it."""
        return int(self.file.tell())

    def span(self, length: int | None) -> FileSpan | None:
        """What ``sendfile`` is to send; None if this file has to be iterated. ``length``: of the
        response in bytes, if it was announced."""
        raw = _regular_file(self.file)
        if raw is None:
            return None
        offset = self.file.tell()  # the application may have read from it
        left = max(os.fstat(raw.fileno()).st_size - offset, 0)
        if length is None:
            length = left
        return None if length > left else FileSpan(raw, offset, length)


def _regular_file(file: Any) -> io.FileIO | None:
    """The system's file under ``file``, if their bytes are the same. Having a ``fileno`` is not
    enough: a ``GzipFile`` returns that of its compressed file."""
    if type(file) is tempfile._TemporaryFileWrapper:
        file = file.file
    if type(file) in (io.BufferedReader, io.BufferedRandom):
        file = file.raw
    if type(file) is not io.FileIO or not file.readable():
        return None
    return file if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
