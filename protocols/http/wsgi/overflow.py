"""What an application has produced and a slow client has not taken yet, in a temporary file.

So the application's thread is free as soon as the response is complete, as with nginx's
``proxy_max_temp_file_size``, and memory holds only a small part of it.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from typing import IO, Final

logger = logging.getLogger(__name__)

_SHARES: Final = 16  # a response may take one of so many equal shares of the room


class SpoolRoom:
    """The bytes that all responses together may keep in temporary files. Any thread may ask."""

    def __init__(self, limit: int) -> None:
        self.share = limit // _SHARES
        self._left = limit
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Reserve ``size`` bytes. Returns False if there is no room for them."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """``size`` bytes are free again."""
        with self._lock:
            self._left += size


class Overflow:
    """A queue of bytes in a temporary file. The caller holds a lock around every method: one thread
    writes, another reads."""

    def __init__(self, room: SpoolRoom) -> None:
        self._room = room
        self._file: IO[bytes] | None = None
        self._written = 0
        self._read = 0

    @property
    def is_empty(self) -> bool:
        """Whether all that was written has been read."""
        return self._read == self._written

    def write(self, data: bytes) -> bool:
        """Append ``data``. Returns False if there is no room for all of it: then none of it is
        kept."""
        size = len(data)
        if self._written + size > self._room.share or not self._room.take(size):
            return False
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
            done = 0
            view = memoryview(data)
            while done < size:  # a disk that is nearly full takes a part
                done += os.pwrite(self._file.fileno(), view[done:], self._written + done)
        except OSError as exc:
            logger.warning("a response's body cannot be spooled: %s", exc)
            self._room.give_back(size)
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
        """Forget everything, and give back its room."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
        self._room.give_back(self._written)
        self._written = self._read = 0
