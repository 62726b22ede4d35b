"""The threads of an application, and the watch over calls that hang or whose clients have gone."""

from __future__ import annotations

import logging
import math
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from reactor import ThreadPool

from .overflow import SpoolRoom

if TYPE_CHECKING:
    from reactor import Reactor, ThreadCall, Timer

    from .threaded import ThreadedCall

logger = logging.getLogger(__name__)

_INTERVAL: Final = 1.0  # seconds between two looks, at most
_LOOKS: Final = 10  # at least, within a timeout
# Seconds that a request may wait for a thread once its client has finished sending. Most such
# clients have gone, and that cannot be seen; `nc -N` still waits, and is served as long as the
# server is not overloaded.
HALF_CLOSED_WAIT: Final = 1.0


class Supervisor:
    """Runs ``ThreadedCall`` objects in at most ``threads`` threads, and looks at them regularly.

    A call that makes no progress for ``timeout`` seconds (0: any time) is written off: the client
    is told, the stack is logged, another thread takes the place. Progress is a piece of the
    response. Time in which the call waits for its client does not count, nor does time in which the
    whole process stood still: looks are counted, not seconds on a clock.

    At most ``threads`` written-off threads are replaced. ``on_exhausted()`` is called when one more
    is written off; from then on there are fewer threads, or none, until some return."""

    def __init__(
        self,
        reactor: Reactor,
        threads: int,
        *,
        max_queued: int,
        timeout: float,
        max_spool: int,
        on_exhausted: Callable[[], object] | None = None,
    ) -> None:
        self.reactor = reactor
        self.room = SpoolRoom(max_spool)
        self.pool = ThreadPool(reactor, threads, "wsgi", max_queued, max_abandoned=threads)
        self.calls: set[ThreadedCall] = set()  # that run or wait for a thread
        self._threads = threads
        self._timeout = timeout or math.inf
        self._interval = min(_INTERVAL, self._timeout / _LOOKS)
        self._on_exhausted = on_exhausted
        self._timer: Timer | None = None

    def submit(self, call: ThreadedCall, function: Callable[[], object]) -> ThreadCall[Any]:
        """Have a thread run ``function()`` for ``call``, and look after it until it is removed from
        ``calls``. Raises as ``ThreadPool.submit``."""
        job = self.pool.submit(function)
        call.age = 0.0
        self.calls.add(call)
        if self._timer is None:
            self._timer = self.reactor.call_later(self._interval, self._look)
        return job

    def _look(self) -> None:
        self._timer = None
        for call in tuple(self.calls):
            job = call.job
            if job is None or job.done():  # refused a moment ago; ended, and is told next
                continue
            if job.thread:
                if call.progress != call.progress_seen or call.waits:
                    call.progress_seen = call.progress
                    call.age = 0.0
                    continue
                call.age += self._interval
                if call.age >= self._timeout:
                    self._write_off(call, job)
            elif call.request.is_half_closed:
                if call.age >= HALF_CLOSED_WAIT:
                    call.refuse()
                call.age += self._interval
        if self.calls:
            self._timer = self.reactor.call_later(self._interval, self._look)

    def _write_off(self, call: ThreadedCall, job: ThreadCall[Any]) -> None:
        frame = sys._current_frames().get(job.thread)
        logger.error(
            "%r: no progress in %g s: its thread is written off. It is here:\n%s",
            call,
            self._timeout,
            "".join(traceback.format_stack(frame)).rstrip(),
        )
        del frame  # it refers to everything that the call has
        self.pool.abandon(job)
        call.give_up()
        if self.pool.abandoned <= self._threads:
            return
        if self.pool.abandoned == self._threads + 1:
            logger.error("%d calls hang: their threads are not replaced", self.pool.abandoned)
            if self._on_exhausted is not None:
                self._on_exhausted()
        if not self.pool.capacity:
            for waiting in tuple(self.calls):
                if waiting.job is not None and not waiting.job.thread:
                    waiting.refuse()
