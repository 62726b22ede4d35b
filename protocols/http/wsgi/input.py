"""``wsgi.input``: the request's body, read before the application is called.

So a client that sends slowly does not occupy a thread. The application reads from memory or from a
file and never waits. And the length of a chunked body is known (``CONTENT_LENGTH``).
"""

from __future__ import annotations

import io
import logging
import tempfile
from typing import IO, Any, Final

from ..errors import HTTPError
from .overflow import SpoolBudget

logger = logging.getLogger(__name__)


class _NoBody(io.BytesIO):
    """An empty file that cannot be changed, so that all requests without a body can share it."""

    def write(self, data: Any) -> int:
        raise io.UnsupportedOperation("write")

    def writelines(self, lines: Any) -> None:
        raise io.UnsupportedOperation("write")

    def truncate(self, size: int | None = None) -> int:
        raise io.UnsupportedOperation("truncate")

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def close(self) -> None:
        """Does nothing: other requests use it too."""


NO_BODY: Final = _NoBody()


_RETRY: Final = (("Retry-After", "1"),)


class Spool:
    """Collects a body: in memory up to ``memory_size`` bytes, in a temporary file beyond that.
    ``budget``: what all bodies together may have, until ``close``.

    The loop writes the file, which takes as long as copying the bytes to the system's cache:
    nothing waits for the disk."""

    __slots__ = ("_budget", "_file", "_left", "_reserved", "size")

    def __init__(self, memory_size: int, budget: SpoolBudget) -> None:
        self._budget = budget
        self._reserved = [0]  # bytes, until it is closed. Two threads may close it: pop() decides
        self._file: IO[bytes] = io.BytesIO()
        self._left = memory_size  # bytes that may still be kept in memory
        self.size = 0  #: bytes of the body so far

    def write(self, data: bytes) -> None:
        """Append a piece of the body. Raises ``HTTPError`` if it cannot be stored."""
        size = len(data)
        if not self._budget.reserve(size):
            self.close()
            raise HTTPError(503, "There are too many requests with bodies.", _RETRY)
        self._reserved[0] += size
        self.size += size
        try:
            if self._left >= 0:
                self._left -= size
                if self._left < 0:
                    beginning = self._file.getvalue()  # type: ignore[attr-defined]
                    self._file = tempfile.TemporaryFile()  # noqa: SIM115
                    self._file.write(beginning)
            self._file.write(data)
        except OSError as exc:
            raise self._failed(exc) from exc

    def rewind(self) -> IO[bytes]:
        """The body, as a file to be read from its beginning. Raises ``HTTPError`` if it cannot be
        stored."""
        try:
            self._file.seek(0)  # writes what is buffered
        except OSError as exc:
            raise self._failed(exc) from exc
        return self._file

    def close(self) -> None:
        """Discard the body. A second call does nothing."""
        try:
            reserved = self._reserved.pop()
        except IndexError:
            return
        self._budget.release(reserved)
        try:
            self._file.close()
        except OSError as exc:  # it writes what is buffered; the file is closed anyway
            logger.debug("closing a temporary file: %s", exc)

    def _failed(self, exc: OSError) -> HTTPError:
        logger.error("a request's body of %d bytes or more cannot be stored: %s", self.size, exc)
        self.close()
        return HTTPError(507, "There is no room for the request's body.")
