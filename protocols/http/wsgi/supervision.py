"""The threads of an application, and a watch over calls that hang and clients that have left."""

from __future__ import annotations

import logging
import math
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from reactor import ThreadPool

from .overflow import SpoolBudget

if TYPE_CHECKING:
    from reactor import Reactor, ThreadCall, Timer

logger = logging.getLogger(__name__)

_INTERVAL: Final = 1.0  # seconds between two checks, at most
_MIN_CHECKS: Final = 10  # within a time-out
# Seconds that a request may wait for a thread once its client has finished sending. Most such
# clients have left, which we cannot detect; `nc -N` still waits, and is served unless the server is
# overloaded.
HALF_CLOSED_WAIT: Final = 1.0


class SupervisedCall(Protocol):
    """What the supervisor needs to know of a call, and does with it: see ``ThreadedCall``."""

    job: ThreadCall[Any] | None

    @property
    def is_half_closed(self) -> bool:
        """Whether the client has finished sending, and there is no response yet."""

    def has_progressed(self) -> bool:
        """Whether something has happened since this was called last."""

    def refuse(self) -> None:
        """The call waits for a thread, and will not get one."""

    def give_up(self) -> None:
        """The call hangs in its thread, and was abandoned."""


class Supervisor:
    """Runs ``SupervisedCall`` objects in at most ``threads`` threads, and checks them regularly.

    A call that makes no progress for ``timeout`` seconds (0: no limit) is given up: the client gets
    an error, the stack is logged, and another thread replaces the call's. Progress is a piece of
    the response. Time in which the call waits for its client does not count, nor does time in which
    the whole process was stopped: the supervisor counts its checks, not seconds on a clock.

    At most ``threads`` threads are replaced. ``on_exhausted()`` is called when one more call is
    given up; from then on there are fewer threads, or none, until some return."""

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
        self.budget = SpoolBudget(max_spool)
        self.pool = ThreadPool(reactor, threads, "wsgi", max_queued, max_abandoned=threads)
        # The calls that run or wait for a thread, each with the seconds since it made progress.
        self._idle: dict[SupervisedCall, float] = {}
        self._threads = threads
        self._timeout = timeout or math.inf
        self._interval = min(_INTERVAL, self._timeout / _MIN_CHECKS)
        self._on_exhausted = on_exhausted
        self._timer: Timer | None = None

    @property
    def call_count(self) -> int:
        """How many calls run or wait for a thread."""
        return len(self._idle)

    def submit(
        self, call: SupervisedCall, function: Callable[..., object], *args: Any
    ) -> ThreadCall[Any]:
        """Have a thread run ``function(*args)`` for ``call``, and supervise it until ``forget``.
        Raises as ``ThreadPool.submit``."""
        job = self.pool.submit(function, *args)
        self._idle[call] = 0.0
        if self._timer is None:
            self._timer = self.reactor.call_later(self._interval, self._check)
        return job

    def forget(self, call: SupervisedCall) -> None:
        """The function of ``call`` has ended, or needs no supervision."""
        self._idle.pop(call, None)

    def _check(self) -> None:
        self._timer = None
        for call in tuple(self._idle):
            job = call.job
            if job is None or job.done():  # just refused; or it has ended, and its callback follows
                continue
            if job.thread:
                self._check_running(call, job)
            elif call.is_half_closed:
                self._check_waiting(call)
        if self._idle:
            self._timer = self.reactor.call_later(self._interval, self._check)

    def _check_running(self, call: SupervisedCall, job: ThreadCall[Any]) -> None:
        if call.has_progressed():
            self._idle[call] = 0.0
            return
        self._idle[call] += self._interval
        if self._idle[call] >= self._timeout:
            self._abandon(call, job)

    def _check_waiting(self, call: SupervisedCall) -> None:
        if self._idle[call] >= HALF_CLOSED_WAIT:
            call.refuse()
        else:
            self._idle[call] += self._interval

    def _abandon(self, call: SupervisedCall, job: ThreadCall[Any]) -> None:
        frame = sys._current_frames().get(job.thread)
        logger.error(
            "%r: no progress in %g s: the call is given up. It hangs here:\n%s",
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
            for waiting in tuple(self._idle):
                if waiting.job is not None and not waiting.job.thread:
                    waiting.refuse()
