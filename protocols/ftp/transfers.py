"""What transfers in both directions have in common: a data connection, and how it ends."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, Final, TypeVar

from reactor import Protocol, Reactor, StreamTransport, ThreadCall, Timer
from reactor.errors import FATAL

from .data import DataPort
from .threads import in_thread

T = TypeVar("T")

# Checks for progress in each ``timeout``. A connection without progress is closed after a time
# between ``timeout`` and 1.25 times that.
_CHECKS: Final = 4

Ended = Callable[["Transfer", int, str], object]


class Transfer(Protocol):
    """One transfer. ``begin`` opens the data connection, and then calls ``opened``.
    It ends once, with ``on_end(transfer, code, text)``: the code and the text of the reply.

    ``timeout``: seconds without progress. ``size``: bytes that were sent or received so far.
    ``complete``: whether all of them were."""

    __slots__ = ("_last_progress", "_on_end", "_port", "_timer", "_without_progress", "complete",
                 "reactor", "size", "timeout")  # fmt: skip
    transport: StreamTransport | None  # type: ignore[assignment]

    def __init__(self, reactor: Reactor, timeout: float) -> None:
        self.transport = None
        self.reactor = reactor
        self.timeout = timeout
        self.size = 0
        self.complete = False
        self._on_end: Ended | None = None
        self._port: DataPort | None = None
        self._timer: Timer | None = None
        self._last_progress = -1
        self._without_progress = 0  # checks in a row

    def begin(self, port: DataPort, context: ssl.SSLContext | None, on_end: Ended) -> None:
        """Open the data connection."""
        self._on_end = on_end
        self._port = port
        port.open(self, context, self.timeout, self._not_opened)

    def end(self, code: int, text: str) -> None:
        """Close everything, and report ``code`` and ``text``. Only the first call has an effect."""
        on_end, self._on_end = self._on_end, None
        if on_end is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._port is not None:
            self._port.close()
        if self.transport is not None:
            if self.complete:
                self.transport.close()
            else:
                self.transport.abort()
        self.released()
        on_end(self, code, text)

    def has_ended(self) -> bool:
        """Whether the end was reported."""
        return self._on_end is None

    def connection_made(self, transport: StreamTransport) -> None:
        if self.has_ended():
            transport.abort()
            return
        self.transport = transport
        self._timer = self.reactor.call_later(self.timeout / _CHECKS, self._check_progress)
        self.opened(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.end(426, "The data connection was closed: the transfer is not complete")

    def shutdown_requested(self) -> None:
        """The reactor is stopping: it gives the transfer its grace period to finish."""

    def in_thread(
        self, function: Callable[..., T], *args: Any, then: Callable[[ThreadCall[T]], object]
    ) -> None:
        """Run ``function(*args)`` in a thread, then ``then(call)`` in the loop. An exception in
        ``then`` ends only this transfer."""

        def finish(call: ThreadCall[T]) -> None:
            try:
                then(call)
            except FATAL:
                raise
            except BaseException as exc:
                self.reactor.call_exception_handler(
                    {"message": "a transfer failed:", "exception": exc, "protocol": self}
                )
                self.end(451, "Internal error")

        in_thread(self.reactor, function, *args, then=finish)

    def _not_opened(self, exc: Exception) -> None:
        self.end(425, f"Cannot open the data connection: {describe(exc)}")

    def _check_progress(self) -> None:
        progress = self.progress()
        if progress != self._last_progress:
            self._last_progress = progress
            self._without_progress = 0
        else:
            self._without_progress += 1
        if self._without_progress >= _CHECKS:
            self.end(426, f"No progress for {self.timeout:g} s: the transfer is not complete")
        else:
            self._timer = self.reactor.call_later(self.timeout / _CHECKS, self._check_progress)

    # -- for subclasses ----------------------------------------------------------------------------

    def opened(self, transport: StreamTransport) -> None:
        """The data connection is open."""
        raise NotImplementedError

    def progress(self) -> int:
        """A number that changes when the client has sent or taken something."""
        return self.size

    def released(self) -> None:
        """The transfer has ended: close the file."""
        raise NotImplementedError


def describe(exc: BaseException) -> str:
    """Return what an error means, for a reply."""
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
