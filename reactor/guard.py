"""When a loop may run: once at a time, in the process that made it, until it is closed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .closed import refuse


class TurnGuard:
    """Refuses turns that a loop must not run.

    ``thread``: the identifier of the thread that runs turns now, or None. ``closed``: whether the
    loop is closed."""

    __slots__ = ("_process", "closed", "thread")

    def __init__(self) -> None:
        self.thread: int | None = None
        self.closed = False
        self._process = os.getpid()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within the block, this thread runs turns. Raises ``RuntimeError`` if the loop is running
        already or closed, or in a child process."""
        if self.thread is not None:
            raise RuntimeError("the reactor is running already")
        if self.closed:
            refuse()
        self.check_process()
        self.thread = threading.get_ident()
        try:
            yield
        finally:
            self.thread = None

    def check_process(self) -> None:
        """Raise ``RuntimeError`` in a child process: it shares the poller with its parent."""
        if os.getpid() != self._process:
            raise RuntimeError("this reactor was made before a fork: make a new one in the child")
