"""What an application has produced and a slow client has not read yet, in a temporary file.

So the application's thread is free as soon as the response is complete, as with nginx's
``proxy_max_temp_file_size``, and memory holds only a small part of the response.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from typing import IO, Final

logger = logging.getLogger(__name__)

_SHARES: Final = 16  # one response may take a sixteenth of the budget


class SpoolBudget:
    """The bytes that all responses together may keep in temporary files, or that all bodies of
    requests together may have. Any thread may ask."""

    def __init__(self, limit: int) -> None:
        self.share = limit // _SHARES  #: bytes that one response may take
        self._available = limit
        self._lock = threading.Lock()

    @property
    def available(self) -> int:
        """Bytes that are not reserved."""
        return self._available

    def reserve(self, size: int) -> bool:
        """Reserve ``size`` bytes. Returns False if fewer are available."""
        with self._lock:
            if size > self._available:
                return False
            self._available -= size
            return True

    def release(self, size: int) -> None:
        """``size`` bytes are available again."""
        with self._lock:
            self._available += size


class Overflow:
    """A queue of bytes in a temporary file. The caller holds a lock around every method: one thread
    writes, another reads."""

    def __init__(self, budget: SpoolBudget) -> None:
        self._budget = budget
        self._file: IO[bytes] | None = None
        self._written = 0
        self._read = 0

    @property
    def is_empty(self) -> bool:
        """Whether all that was written has been read."""
        return self._read == self._written

    def write(self, data: bytes) -> bool:
        """Append ``data``. Returns False if there is no space for all of it: then none of it is
        kept."""
        size = len(data)
        if self._written + size > self._budget.share or not self._budget.reserve(size):
            return False
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            done = 0
            view = memoryview(data)
            while done < size:  # a disk that is nearly full takes only a part
                done += os.pwrite(self._file.fileno(), view[done:], self._written + done)
        except OSError as exc:
            logger.warning("a response's body cannot be spooled: %s", exc)
            self._budget.release(size)
            if not self._written:
                self.clear()
            return False
        self._written += size
        return True

    def read(self, size: int) -> bytes:
        """Take at most ``size`` bytes from the front. Raises ``OSError``."""
        assert self._file is not None
        data = os.pread(self._file.fileno(), min(size, self._written - self._read), self._read)
        if not data:
            raise EOFError("a temporary file has become shorter")
        self._read += len(data)
        if self.is_empty:
            self.clear()
        return data

    def clear(self) -> None:
        """Discard everything, and release its part of the budget."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
        self._budget.release(self._written)
        self._written = self._read = 0
