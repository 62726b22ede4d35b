"""Pipes, terminals and files, with the methods of a socket, so that ``StreamTransport`` can use
them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import Any

from .stream import StreamTransport


class PipeEnd:
    """One end of a pipe, a terminal, or a file, for reading or for writing.

    For *writing* the descriptor is made non-blocking. For *reading* it is left as it is. The flag
    belongs to the open file, not to the descriptor: setting it on standard input would also set it
    for the shell that we inherited it from, and often for standard output. Reading does not need
    it: one ``read`` after the poller's report returns what is there and does not wait.

    ``pipe`` is a file object or a descriptor; ``close()`` closes it.
    """

    def __init__(self, pipe: Any, *, writing: bool) -> None:
        self.pipe = pipe
        self.writing = writing
        self._fd: int = pipe if isinstance(pipe, int) else pipe.fileno()
        mode = os.fstat(self._fd).st_mode
        if writing and not stat.S_ISREG(mode):
            os.set_blocking(self._fd, False)

    def fileno(self) -> int:
        return self._fd

    def recv(self, size: int) -> bytes:
        try:
            return os.read(self._fd, size)
        except OSError as exc:
            if exc.errno == errno.EIO:
                # A terminal whose other side is closed: EIO on Linux, end of file elsewhere.
                return b""
            raise

    def send(self, data: bytes, flags: int = 0) -> int:
        return os.write(self._fd, data)

    def sendmsg(
        self, pieces: Sequence[bytes], ancillary: Sequence[Any] = (), flags: int = 0
    ) -> int:
        return os.writev(self._fd, pieces)

    def shutdown(self, how: int) -> None:
        raise OSError(errno.ENOTSOCK, "a pipe has one direction: close it instead")

    def getsockopt(self, level: int, option: int) -> int:
        """The error behind the poller's ERROR: the pipe has no reader any more."""
        return errno.EPIPE

    def close(self) -> None:
        if isinstance(self.pipe, int):
            os.close(self.pipe)
        else:
            self.pipe.close()


class PipeTransport(StreamTransport):
    """A transport over a ``PipeEnd``."""

    __slots__ = ()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Returns ``"pipe"``, the file object or descriptor; ``default`` for any other name."""
        return self._sock.pipe if name == "pipe" else default

    def write_eof(self) -> None:
        """Send what is queued, and close: a pipe's reader sees the end when the writer closes."""
        self.close()
