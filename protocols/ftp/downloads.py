"""Sending: files with ``sendfile``, and what is made on the way: text, listings, files over TLS."""

from __future__ import annotations

import ssl
from typing import Final, Protocol

from reactor import Reactor, StreamTransport, ThreadCall, TLSTransport

from .data import DataPort
from .files import SourceFile, is_cached, read_ahead
from .transfers import Ended, Transfer, describe

# Bytes of a file that are handed to the transport at a time. The larger one is as much as it sends
# in one turn, and makes a download about 5 % cheaper. It is only for clients that have taken the
# window before it quickly: otherwise the system could drop pages from memory after they were looked
# for, and before they are sent.
WINDOW: Final = 1 << 20
LARGE_WINDOW: Final = 4 << 20
_QUICKLY: Final = 0.025  # seconds

_SENT: Final = "Transfer complete"


class Reader(Protocol):
    """What ``PieceDownload`` sends. Both methods are called in threads, one at a time."""

    def read(self) -> bytes:
        """Return the next piece; empty at the end. Raises OSError."""

    def close(self) -> None:
        """Close what is open."""


class Download(Transfer):
    """A transfer to the client. What the client sends on the data connection is ignored."""

    __slots__ = ()

    def eof_received(self) -> bool:
        return True  # some clients half-close at once, as they have nothing to send

    def finish(self) -> None:
        """All was given to the transport: end when it has left."""
        assert self.transport is not None
        self.complete = True
        if isinstance(self.transport, TLSTransport) or self.transport.get_unsent_size():
            self.transport.close()
        else:
            # The system has everything. close() would wait for the client to close too, which
            # matters only if the client had sent anything.
            self.transport.abort()
            self.end(226, _SENT)

    def _unsent_size(self) -> int:
        return 0 if self.transport is None else self.transport.get_unsent_size()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.complete and exc is None:
            self.end(226, _SENT)
        else:
            super().connection_lost(exc)


class BytesDownload(Download):
    """Sends the content of a small file, which is in memory."""

    __slots__ = ("_data",)

    def __init__(self, reactor: Reactor, timeout: float, data: bytes) -> None:
        super().__init__(reactor, timeout)
        self._data = data

    def begin(self, port: DataPort, context: ssl.SSLContext | None, on_end: Ended) -> None:
        if context is None:
            rest = port.send_now(self._data)
            if rest is None:
                self.size = len(self._data)
                self.complete = True
                on_end(self, 226, _SENT)
                return
            self.size = len(self._data) - len(rest)
            self._data = rest
        super().begin(port, context, on_end)

    def opened(self, transport: StreamTransport) -> None:
        transport.set_write_buffer_limits(high=0)  # so it is sent at once, if there is room
        transport.write(self._data)
        self.size += len(self._data)
        self.finish()

    def progress(self) -> int:
        return -1 if self.transport is None else self.transport.get_unsent_size()

    def released(self) -> None:
        self._data = b""


class FileDownload(Download):
    """Sends a file byte for byte, from ``offset``. The system copies it, without Python.

    The loop must not wait for the disk. So before each window it asks whether the system has the
    file's pages in memory, and has a thread read them if not."""

    __slots__ = ("_file", "_given", "_offset", "_using", "_window")

    def __init__(self, reactor: Reactor, timeout: float, file: SourceFile, offset: int) -> None:
        super().__init__(reactor, timeout)
        self._file = file
        self._offset = offset
        self._window = WINDOW
        self._given = 0.0  # when the transport got its window
        self._using = False  # whether a thread or the transport uses the file

    def opened(self, transport: StreamTransport) -> None:
        self._next_window()

    def progress(self) -> int:
        return self._offset - self._unsent_size()

    def released(self) -> None:
        if not self._using:
            self._file.close()

    def _next_window(self) -> None:
        count = min(self._file.size - self._offset, self._window)
        if count <= 0:
            self.finish()
            return
        self._using = True
        try:
            cached = is_cached(self._file.fd, self._offset, count)
        except OSError as exc:
            self._used()
            self.end(451, describe(exc))
            return
        if cached:
            self._send(count)
        else:
            count = min(count, WINDOW)  # so that the client soon gets something
            self.in_thread(
                read_ahead, self._file.fd, self._offset, count,
                then=lambda call: self._read(call, count),
            )  # fmt: skip

    def _read(self, call: ThreadCall[None], count: int) -> None:
        if self.has_ended():
            self._used()
        elif (error := call.exception()) is not None:
            self._used()
            self.end(451, describe(error))
        else:
            self._send(count)

    def _send(self, count: int) -> None:
        assert self.transport is not None
        self._offset += count
        self._given = self.reactor.now
        self.transport.sendfile(
            self._file, self._offset - count, count, lambda exc: self._sent(count, exc)
        )

    def _sent(self, count: int, exc: Exception | None) -> None:
        self._used()
        if exc is None:
            self.size += count
            quickly = self.reactor.now - self._given < _QUICKLY
            self._window = LARGE_WINDOW if quickly else WINDOW
            if not self.has_ended():
                self._next_window()
        elif isinstance(exc, EOFError):
            self.end(451, "The file became shorter")

    def _used(self) -> None:
        self._using = False
        if self.has_ended():
            self._file.close()


class PieceDownload(Download):
    """Sends what ``reader`` reads in threads."""

    __slots__ = ("_paused", "_reader", "_reading")

    def __init__(self, reactor: Reactor, timeout: float, reader: Reader) -> None:
        super().__init__(reactor, timeout)
        self._reader = reader
        self._reading = False
        self._paused = False

    def opened(self, transport: StreamTransport) -> None:
        self._read()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._read()

    def progress(self) -> int:
        return self.size - self._unsent_size()

    def released(self) -> None:
        if not self._reading:
            self._reader.close()

    def _read(self) -> None:
        if self._reading or self._paused or self.complete or self.has_ended():
            return
        self._reading = True
        self.in_thread(self._reader.read, then=self._on_read)

    def _on_read(self, call: ThreadCall[bytes]) -> None:
        self._reading = False
        if self.has_ended() or self.transport is None:
            self._reader.close()
        elif (error := call.exception()) is not None:
            if not isinstance(error, OSError):
                raise error
            self.end(451, describe(error))
        elif data := call.result():
            self.size += len(data)
            self.transport.write(data)
            self._read()
        else:
            self.finish()
