"""Log files with a line for each request or transfer.

Lines are gathered for a second, or up to 64 KiB. Each batch is one ``write`` to a file opened for
appending, so several processes can share a file without mixing their lines. Lines that cannot be
written, because the disk is full or the reader of a pipe has exited, are dropped and counted, and
reported once: an access log must not stop the server. For the same reason nothing here waits for a
slow reader."""

from __future__ import annotations

import logging
import os
import select
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reactor import Loop, Timer

logger = logging.getLogger(__name__)

BATCH: Final = 65536  # bytes that are gathered before they are written
INTERVAL: Final = 1.0  # seconds that a line waits at most
MAX_WAITING: Final = 1 << 20  # bytes that wait for a full pipe; lines beyond that are dropped
# A pipe that is ready for writing takes this much at once, without blocking (pipe(7)).
_PIPE_BUF: Final = getattr(select, "PIPE_BUF", 512)
_MODE: Final = 0o640  # requests are private: other users must not read them
_READER_TOO_SLOW: Final = "the reader is too slow"


class LogFile:
    """Appends lines to ``path``; "-" is standard output. ``dropped``: how many lines were lost.
    Raises ``OSError`` if the file cannot be opened."""

    def __init__(self, reactor: Loop, path: str) -> None:
        self.dropped = 0
        self._reactor = reactor
        self._path = path
        self._lines: list[str] = []
        self._size = 0
        self._timer: Timer | None = None
        self._failing = False  # whether the last write lost lines
        self._blocked = False  # whether a pipe was full at the last write
        self._torn = False  # whether the last line in the file has no end
        self._fd = -1
        self._open()

    def append(self, text: str) -> None:
        """Add a line. ``text``: ASCII, with LF at its end."""
        if self._size + len(text) > MAX_WAITING:
            self._drop(1, _READER_TOO_SLOW)
            return
        self._lines.append(text)
        self._size += len(text)
        if self._timer is None:
            self._timer = self._reactor.call_later(INTERVAL, self._on_timer)
        elif self._size >= BATCH and not self._blocked:
            self.flush()

    def flush(self) -> None:
        """Write the gathered lines."""
        if not self._lines:
            return
        lines, self._lines, self._size = self._lines, [], 0
        if self._torn:
            lines.insert(0, "\n")
        written = self._write_file(lines) if self._is_file else self._write_pipe(lines)
        if written == len(lines) and self._failing:
            self._failing = False
            logger.warning("access log: works again; %d lines were lost so far", self.dropped)

    def reopen(self) -> None:
        """Open the file again, after it was renamed. If that fails, the old file stays in use."""
        self.flush()
        if self._path == "-":
            return
        old = self._fd
        try:
            self._open()
        except OSError as exc:
            logger.error("access log: cannot reopen %s: %s", self._path, exc.strerror)
            return
        os.close(old)
        self._torn = False

    def close(self) -> None:
        """Write the gathered lines, and close the file."""
        if self._fd < 0:
            return
        self.flush()
        if self._lines:
            self._drop(len(self._lines), _READER_TOO_SLOW)
            self._lines = []
        if self._timer is not None:
            self._timer.cancel()
        if self._path != "-":
            os.close(self._fd)
        self._fd = -1

    # -- the file ----------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._path == "-":
            fd = 1
        else:
            # O_NONBLOCK is for FIFOs: opening and writing must not wait for a reader.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(self._path, flags, _MODE)
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        self._fd = fd

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()
        if self._lines and self._timer is None:
            self._timer = self._reactor.call_later(INTERVAL, self._on_timer)

    def _write_file(self, lines: list[str]) -> int:
        """Returns how many of ``lines`` were written; the others are lost."""
        data = "".join(lines).encode("ascii")
        why = "no space left"
        try:
            written = os.write(self._fd, data)
        except OSError as exc:
            written = 0
            why = exc.strerror or str(exc)
        if written:
            self._torn = data[written - 1 : written] != b"\n"
        if written == len(data):
            return len(lines)
        whole = data.count(b"\n", 0, written)
        self._drop(len(lines) - whole, why)
        return whole

    def _write_pipe(self, lines: list[str]) -> int:
        """The same for a pipe, which may be full. Lines that do not fit wait for the next call."""
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT)
        pending = "".join(lines).encode("ascii")
        before = pending.count(b"\n")
        try:
            while pending:
                if not poller.poll(0):
                    break
                end = pending.rfind(b"\n", 0, _PIPE_BUF) + 1 or _PIPE_BUF
                pending = pending[os.write(self._fd, pending[:end]) :]
        except BlockingIOError:
            pass
        except OSError as exc:
            self._drop(pending.count(b"\n"), exc.strerror or str(exc))
            return before - pending.count(b"\n")
        self._blocked = bool(pending)
        rest = pending.decode("ascii")
        self._lines = rest.splitlines(keepends=True)
        self._size = len(rest)
        return before - len(self._lines)

    def _drop(self, number: int, why: str) -> None:
        self.dropped += number
        if not self._failing:
            self._failing = True
            logger.error("access log: lines are lost: %s", why)
