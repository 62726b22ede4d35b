"""Sends a recording as one file."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

from protocols.http import BodyWriter, HTTPError, Request
from protocols.http.response import Header
from protocols.page import SECURITY

_HEADERS: Final = (
    ("Content-Type", "application/x-ndjson; charset=utf-8"),
    ("Cache-Control", "no-store"),
    *SECURITY,
)


def send_files(request: Request, paths: Iterable[Path], name: str) -> None:
    """Answer ``request`` with the contents of ``paths``, one after another. What is appended to
    them from now on is left out. ``name``: what a browser calls the download, without ".jsonl".

    Raises ``HTTPError`` 409 if a file has been moved or deleted meanwhile."""
    opened: list[tuple[BinaryIO, int]] = []
    try:
        for path in paths:
            file: BinaryIO = path.open("rb")
            opened.append((file, os.fstat(file.fileno()).st_size))
    except OSError:
        for file, _ in opened:
            file.close()
        raise HTTPError(409, "The recording has changed: try again.") from None
    size = sum(size for _, size in opened)
    headers = (*_HEADERS, _disposition(name))
    _Download(request.start(200, headers, content_length=size), opened).send_next()


class _Download:
    """Files that are sent one after another."""

    def __init__(self, writer: BodyWriter, files: list[tuple[BinaryIO, int]]) -> None:
        self._writer = writer
        self._files = files

    def send_next(self, exc: Exception | None = None) -> None:
        """``exc``: why the file before could not be sent."""
        if exc is not None or not self._files:
            for file, _ in self._files:
                file.close()
            self._writer.end()
            return
        file, size = self._files.pop(0)

        def sent(exc: Exception | None) -> None:
            file.close()
            self.send_next(exc)

        self._writer.sendfile(file, 0, size, sent)


def _disposition(name: str) -> Header:
    when = time.strftime("%Y%m%d-%H%M%S")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return "Content-Disposition", f'attachment; filename="{plain}-{when}.jsonl"'
