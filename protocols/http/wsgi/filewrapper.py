"""``wsgi.file_wrapper``: an application returns a file, and the system sends it."""

from __future__ import annotations

import io
import os
import stat
import tempfile
from typing import Any, Self


class FileWrapper:
    """An iterator over the blocks of ``file``; where possible it is not iterated at all, but sent
    by ``sendfile``.

    It has ``close``, and what werkzeug looks for to answer a range without reading what comes
    before it."""

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
        """The file's own."""
        return int(self.file.seek(*arguments))

    def tell(self) -> int:
        """The file's own."""
        return int(self.file.tell())

    def span(self, length: int | None) -> tuple[Any, int, int] | None:
        """What ``sendfile`` is to send: the file, from where, how many bytes; ``length`` is the
        response's, if it is announced. None if this file has to be iterated."""
        raw = _regular_file(self.file)
        if raw is None:
            return None
        offset = self.file.tell()  # which may have been read from
        left = max(os.fstat(raw.fileno()).st_size - offset, 0)
        if length is None:
            length = left
        return None if length > left else (raw, offset, length)


def _regular_file(file: Any) -> io.FileIO | None:
    """The system's file under ``file``, if their bytes are the same. Having a ``fileno`` says
    nothing: a ``GzipFile`` has that of its compressed file."""
    if type(file) is tempfile._TemporaryFileWrapper:
        file = file.file
    if type(file) in (io.BufferedReader, io.BufferedRandom):
        file = file.raw
    if type(file) is not io.FileIO or not file.readable():
        return None
    return file if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
