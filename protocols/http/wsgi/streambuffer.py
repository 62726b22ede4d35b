"""StreamBuffer: the pieces of a streamed body, between the application's thread and the loop.

Both threads change the same data only here, and one lock protects it.

Up to ``MOST_WAITING`` bytes wait in memory, the rest in a temporary file. So the thread is free
once the application is done, however slowly the client reads. The thread waits only when there is
no space for the file; if the client reads too slowly, the connection's limit ends the wait.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final

from .overflow import Overflow, SpoolBudget

MOST_WAITING: Final = 1 << 18  # bytes of a response in memory
# Seconds before the file is begun: a client as fast as the application needs none.
_PATIENCE: Final = 0.1
_REFILL: Final = 1 << 16  # bytes that the loop reads from the file at once


class ClientGone(ConnectionAbortedError):
    """Raised in an application that writes to a client that has left."""


class StreamBuffer:
    """A queue of bytes with one writer, the thread, and one reader, the loop.

    ``progress`` and ``is_full`` are written by the thread alone. The supervisor reads them without
    the lock: a slightly outdated value does no harm."""

    def __init__(self, budget: SpoolBudget) -> None:
        self.progress = 0  #: grows whenever the thread makes progress
        self.is_full = False  #: whether the thread waits for the client
        self._budget = budget
        # The lock of all that follows. The thread waits for it to be notified of free space.
        self._changed = threading.Condition(threading.Lock())
        self._pieces: list[bytes] = []  # in memory: older than what is in the file
        self._unwritten = 0  # bytes of these, and of those taken by the loop and not yet written
        self._overflow: Overflow | None = None  # what does not fit in memory
        self._is_loop_told = False  # the loop will call take()
        self._is_closed = False

    # -- in the worker's thread --------------------------------------------------------------------

    def put(self, piece: bytes) -> bool:
        """Append ``piece``; wait while neither memory nor a file has space for it.

        Returns whether to schedule ``take`` in the loop. Raises ``ClientGone``."""
        self.progress += 1
        timeout: float | None = _PATIENCE
        with self._changed:
            while not self._is_closed:
                # Once something is in the file, what follows must not overtake it.
                is_spooling = self._overflow is not None and not self._overflow.is_empty
                if self._unwritten < MOST_WAITING and not is_spooling:
                    self._pieces.append(piece)
                    self._unwritten += len(piece)
                    break
                if (is_spooling or timeout is None) and self._spool(piece):
                    break
                self.is_full = True
                if not self._changed.wait(timeout):
                    timeout = None
                self.is_full = False
                self.progress += 1
            else:
                raise ClientGone("the client has left")
            was_told, self._is_loop_told = self._is_loop_told, True
        return not was_told

    def _spool(self, piece: bytes) -> bool:
        if self._overflow is None:
            self._overflow = Overflow(self._budget)
        return self._overflow.write(piece)

    # -- in the loop's thread ----------------------------------------------------------------------

    def take(self) -> Iterable[bytes]:
        """The pieces in memory. The next piece is announced again."""
        with self._changed:
            pieces, self._pieces = self._pieces, []
            self._is_loop_told = False
        return pieces

    def written(self, size: int, needs_more: bool) -> Iterable[bytes]:
        """``size`` of the bytes taken are written, which frees as much space. Returns what to write
        next, if ``needs_more``; empty if there is nothing. Raises ``OSError``."""
        with self._changed:
            self._unwritten -= size
            more = self._take_more() if needs_more else ()
            if size:
                self._changed.notify_all()
        return more

    def _take_more(self) -> Iterable[bytes]:
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            return pieces
        overflow = self._overflow
        if overflow is None or overflow.is_empty:
            return ()
        data = overflow.read(_REFILL)
        self._unwritten += len(data)
        return (data,)

    def close(self) -> None:
        """The client gets no more. The buffer is emptied, and ``put`` raises ``ClientGone`` instead
        of waiting."""
        with self._changed:
            self._is_closed = True
            self._pieces = []
            if self._overflow is not None:
                self._overflow.clear()
            self._changed.notify_all()
