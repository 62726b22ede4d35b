"""Receiving files: a thread writes what has arrived, while more arrives."""

from __future__ import annotations

import errno
import ssl
from typing import Final

from reactor import Reactor, StreamTransport, ThreadCall

from .ascii import ToLocal
from .quota import Quota
from .targets import TargetFile
from .threads import ignore_result, in_thread
from .transfers import Transfer, describe

# Bytes that wait for the disk. Above this the client has to wait; below the other it continues.
HIGH_WATER: Final = 1 << 20
LOW_WATER: Final = 1 << 18

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class Upload(Transfer):
    """A transfer from the client. One thread at a time writes what has arrived to ``target``.

    ``max_size``: bytes that the file may have; 0: any number. ``quota``: counts what is stored;
    its ``begin`` was called. ``converter``: for TYPE A, else None. ``require_close_notify``: over
    TLS, whether the client must end the data with it. ``success``: the text of the reply 226."""

    __slots__ = (
        "_converter", "_eof", "_max_size", "_quota", "_received", "_require_close_notify",
        "_stored", "_success", "_target", "_waiting", "_waiting_size", "_waits", "_writing",
    )  # fmt: skip

    def __init__(
        self,
        reactor: Reactor,
        timeout: float,
        target: TargetFile,
        *,
        quota: Quota,
        max_size: int = 0,
        converter: ToLocal | None = None,
        require_close_notify: bool = False,
        success: str = "Transfer complete",
    ) -> None:
        super().__init__(reactor, timeout)
        self._target = target
        self._quota = quota
        self._max_size = max_size
        self._converter = converter
        self._require_close_notify = require_close_notify
        self._success = success
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._writing = False  # whether a thread uses the target
        self._waits = 0  # how often progress was looked at meanwhile
        self._eof = False
        self._received = 0
        self._stored = False

    def opened(self, transport: StreamTransport) -> None:
        pass

    def data_received(self, data: bytes) -> None:
        if self.has_ended() or self.transport is None:
            return
        self.size += len(data)
        if self._max_size and self._target.start + self.size > self._max_size:
            self._refuse(f"The file has more than {self._max_size} bytes")
            return
        if not self._quota.take(len(data)):
            self._refuse("The quota is exceeded")
            return
        self._received += len(data)
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size >= HIGH_WATER:
            self.transport.pause_reading()
        self._write()

    def eof_received(self) -> bool:
        self._eof = True
        self._write()
        return True  # it is closed when all is written

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._eof and not self._require_close_notify and _has_ended_without_notify(exc):
            self.eof_received()
        if not self._eof:
            super().connection_lost(exc)

    def progress(self) -> int:
        if self._writing:  # the client waits for the disk, and is not to blame
            self._waits += 1
        return self.size + self._waits

    def released(self) -> None:
        self._waiting.clear()
        if not self._writing:
            self._clean_up()
        elif self.reactor.is_stopping():  # it may not wait for the thread
            self._target.unlink()

    def _refuse(self, text: str) -> None:
        # Closing in good order, and not with a reset, lets the client read our reply.
        assert self.transport is not None
        self.transport.close()
        self.end(552, text)

    def _write(self) -> None:
        """Give the target what has arrived, and at the end, its name."""
        if self._writing or self.has_ended():
            return
        if self._waiting:
            data = b"".join(self._waiting)
            self._waiting.clear()
            size, self._waiting_size = self._waiting_size, 0
            self._writing = True
            self.in_thread(self._store, data, then=lambda call: self._written(call, size))
        elif self._eof:
            self._writing = True
            self.in_thread(self._finish, then=self._finished)

    def _store(self, data: bytes) -> None:
        if self._converter is not None:
            data = self._converter.convert(data)
        self._target.write(data)

    def _finish(self) -> None:
        if self._converter is not None and (rest := self._converter.end()):
            self._target.write(rest)
        self._target.finish()

    def _written(self, call: ThreadCall[None], size: int) -> None:
        self._writing = False
        if not self._failed(call):
            if self._waiting_size <= LOW_WATER and self.transport is not None:
                self.transport.resume_reading()
            self._write()

    def _finished(self, call: ThreadCall[None]) -> None:
        self._writing = False
        self._stored = call.exception() is None
        if not self._failed(call):
            self.complete = True
            self.end(226, self._success)

    def _failed(self, call: ThreadCall[None]) -> bool:
        """Whether the upload has ended: meanwhile, or with an error of ``call``."""
        error = call.exception()
        if self.has_ended():
            self._clean_up()
            return True
        if error is None:
            return False
        if not isinstance(error, OSError):
            raise error
        if error.errno in _FULL:
            self.end(452, "The disk is full")
        else:
            self.end(451, describe(error))
        return True

    def _clean_up(self) -> None:
        """Forget the target. This runs once: after the end, when no thread uses the target."""
        if self._stored:
            self._quota.end(self._received, self._received - self._target.old_size)
        else:
            self._quota.end(self._received, self._target.kept)
            discard(self.reactor, self._target)


def _has_ended_without_notify(exc: Exception | None) -> bool:
    """Whether the client has closed a connection with TLS in good order, but without TLS's own end.
    After a reset, on the other hand, the end of the data may be missing."""
    cause = None if exc is None else exc.__cause__
    # SSLEOFError may also be a reset: SSL_read_ex(3) returns 0 in both cases. OpenSSL tells the
    # reason since 3.0; before that, we cannot know.
    return isinstance(cause, ssl.SSLError) and cause.reason == "UNEXPECTED_EOF_WHILE_READING"


def discard(reactor: Reactor, target: TargetFile) -> None:
    """Discard ``target`` in a thread, or at once if the reactor is stopping: then perhaps no thread
    runs any more."""
    if reactor.is_stopping():
        target.discard()
    else:
        in_thread(reactor, target.discard, then=ignore_result)
