"""The loop: it waits until something is ready, and tells whoever is concerned.

Begin reading at ``Loop.run_once``: it is one turn of the loop, and the whole program is turns. All
that happens in a turn happens in one thread, one thing after another, so nothing in it needs a
lock, and nothing in it may block: whatever must wait is a descriptor to be watched, a timer, or a
call in another thread."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Self

from .errors import FATAL, ExceptionReporter
from .interfaces import Closable, Endpoint, Flushable
from .pollers import Poller, make_poller
from .stats import Stats
from .timers import Handle, Timer, TimerQueue
from .wakeup import Signals, Wakeup

logger = logging.getLogger(__name__)


class Loop(ExceptionReporter):
    """A single-threaded event loop; ``Reactor`` is this and all that can be opened on it.

    ``poller``: "epoll", "kqueue", "poll" or "select", or an object with their methods; None takes
    the best there is. ``clock``: gives monotonic seconds; another one makes virtual time
    (``reactor.testing``). ``grace``: seconds that a stop by SIGINT or SIGTERM lets connections
    finish.

    Attributes: ``now``, the time of this turn in seconds of ``time()``; ``stats``, the counters;
    ``timers``, the queue. ``io_collect_interval``, 0 by default, is a number of seconds to let
    events gather after a turn that had some and wrote nothing (libev's manual has it under that
    name): heartbeats of thousands then share a turn, while whoever is answered never waits for it.

    Except ``call_soon_threadsafe``, nothing may be called from another thread. Never fork while a
    loop exists: parent and child would share one epoll set (python/asyncio#347); fork first, then
    make loops."""

    def __init__(
        self,
        *,
        poller: str | Poller | None = None,
        clock: Callable[[], float] = time.monotonic,
        grace: float = 5.0,
    ) -> None:
        super().__init__()
        self.grace = grace
        self.io_collect_interval = 0.0
        self.time = clock
        self.now = clock()
        self.stats = Stats(self.now)
        self.timers = TimerQueue(clock)
        self._poller = make_poller(poller) if poller is None or isinstance(poller, str) else poller
        self._handlers: dict[int, Callable[[int], object]] = {}
        self._ready: deque[Handle] = deque()
        self._due: deque[Timer] = deque()
        self._written: list[Flushable] = []
        self._released: list[Closable] = []
        # A dict for its order: what was opened first is shut down first.
        self._endpoints: dict[Endpoint, None] = {}
        self._owner = os.getpid()
        self._running = False
        self._answered_nobody = False  # whether the last turn had events and wrote nothing
        self._stopped = False
        self._shutting_down = False
        self._wakeup = Wakeup(self)
        self._signals = Signals(self, self._wakeup)
        self._closed = False  # last: one that could not be made has nothing to close

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run turns until ``stop()``. In the main thread, SIGINT and SIGTERM stop with ``grace``; a
        second one at once.

        Raises ``RuntimeError`` if it is running already, is closed, or was made before a fork.
        """
        with self._run_allowed(), self._signals.defaults(self._stop_signal):
            while True:
                self.run_once(0 if self._stopped else None)  # stopped before it was run: one turn
                if self._stopped:
                    break

    def run_once(self, timeout: float | None = None) -> None:
        """One turn of the loop. It waits for at most ``timeout`` seconds; None: for as long as
        there is nothing to do."""
        stats = self.stats
        ready = self._ready
        due = self._due

        # 1. How long may we wait? Not at all if there is work, else until the nearest timer.
        before = self.time()
        if ready or due or self._written or self._released:
            timeout = 0
        else:
            deadline = self.timers.next_deadline()
            if deadline is not None and (timeout is None or deadline - before < timeout):
                timeout = deadline - before

        # 2. Wait.
        if self._answered_nobody and self.io_collect_interval and timeout != 0:
            timeout = self._collect(timeout)
        events = self._poller.poll(timeout)

        # 3. Read the clock, once for all that follows.
        self.now = now = self.time()
        stats.turns += 1
        stats.work_time += before - stats.last_wake
        stats.wait_time += now - before
        stats.last_wake = now

        # 4. Dispatch. The handler of a descriptor given up earlier in this batch is gone; the
        # system call made by a handler, not the mask, decides what is true.
        handlers = self._handlers
        for fd, mask in events:
            handler = handlers.get(fd)
            if handler is not None:
                try:
                    handler(mask)
                except FATAL:
                    raise
                except BaseException as exc:
                    self._handler_failed(fd, handler, exc)

        # 5. Run the timers that are due: all are collected before the first is run.
        self.timers.pop_due(now, due)
        while due:
            self._run_handle(due.popleft())

        # 6. Run the callbacks that were queued before this point; what they queue is for the next
        # turn.
        for _ in range(len(ready)):
            self._run_handle(ready.popleft())

        # 7. Flush: whoever was written to in this turn sends all of it in one system call.
        self._answered_nobody = bool(events) and not self._written
        if self._written:
            self._flush_written()

        # 8. Give back descriptors. Not earlier: a number that is used anew would get events meant
        # for the old owner.
        if self._released:
            self._close_released()

    def stop(self, grace: float | None = None) -> None:
        """Stop ``run()``.

        With ``grace`` None it returns at the end of this turn; connections stay open, and ``run()``
        may be called again. With a number of seconds the reactor shuts down: listeners close, each
        protocol's ``shutdown_requested`` is called, what is queued is sent; ``run()`` returns when
        all is closed, and what is left after ``grace`` seconds is aborted."""
        if grace is None:
            self._stopped = True
        elif not self._shutting_down:
            self._shutting_down = True
            self._deadline = self.call_later(grace, self._grace_over)
            for endpoint in list(self._endpoints):
                self._request_shutdown(endpoint)
            self._check_shut_down()
        # It may be called from a signal handler of the user's, while the poller waits.
        self._wakeup.wake()

    def is_running(self) -> bool:
        """Whether ``run()`` is active."""
        return self._running

    def is_stopping(self) -> bool:
        """Whether the reactor is shutting down, after ``stop(grace)`` or a signal."""
        return self._shutting_down

    def is_closed(self) -> bool:
        """Whether ``close()`` was called."""
        return self._closed

    def close(self) -> None:
        """Abort whatever is open, tell the protocols, and give back every descriptor. The reactor
        cannot be used again.

        Raises ``RuntimeError`` while it is running, and after a fork in the child: there it would
        take the parent's descriptors out of the epoll set that both share.
        """
        if self._running:
            raise RuntimeError("cannot close a running reactor; stop it first")
        if self._closed:
            return
        self._check_owner()
        # Each turn runs what the last one queued. A protocol that opens ever more is given up.
        for _ in range(100):
            if not self._endpoints and not self._released:
                break
            for endpoint in list(self._endpoints):
                self._guard(endpoint.abort, endpoint)
            self.run_once(0)
        self._closed = True
        self.timers.clear()
        self._ready.clear()
        self._signals.clear()
        self._close_descriptors()

    def __del__(self) -> None:
        # Like a file, a loop that nobody closed gives its descriptors back when it is collected.
        if not getattr(self, "_closed", True):
            self._close_descriptors()

    def _close_descriptors(self) -> None:
        self._poller.close()
        self._wakeup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- callbacks and timers ----------------------------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Handle:
        """Run ``callback(*args)`` in the next turn, or later in this one. Callbacks run in the
        order of their calls."""
        handle = Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> Handle:
        """``call_soon`` from another thread: it also wakes the loop. Raises ``RuntimeError`` on a
        closed reactor."""
        if self._closed:
            raise RuntimeError("the reactor is closed")
        handle = self.call_soon(callback, *args)
        self._wakeup.wake()
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Run ``callback(*args)`` ``delay`` seconds from the real present (not from ``now``, which
        may be old: uvloop#29)."""
        return Timer(self.timers, self.time() + delay, callback, args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Run ``callback(*args)`` when ``time()`` has reached ``when``."""
        return Timer(self.timers, when, callback, args)

    def add_signal_handler(self, signum: int, callback: Callable[..., object], *args: Any) -> None:
        """Run ``callback(*args)`` in the loop for each signal ``signum``. Raises ``RuntimeError``
        outside the main thread."""
        self._signals.add(signum, callback, args)

    def remove_signal_handler(self, signum: int) -> bool:
        """Restore what was there before. Returns False if there was no handler of ours."""
        return self._signals.remove(signum)

    # -- descriptors -------------------------------------------------------------------------------

    def register(self, fd: int, mask: int, handler: Callable[[int], object]) -> None:
        """Call ``handler(mask)`` whenever descriptor ``fd`` is ready for ``mask`` (``READ``,
        ``WRITE``, or both).

        The handler must be ready for ``ERROR`` and ``HANGUP``, which come unasked, and for the
        descriptor not being ready after all. Raises ``ValueError`` if the poller cannot watch it,
        ``FileExistsError`` if it is watched already."""
        self._poller.register(fd, mask)
        self._handlers[fd] = handler

    def modify(self, fd: int, mask: int) -> None:
        """Watch for another mask. 0 leaves ``ERROR`` and ``HANGUP``."""
        self._poller.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        """Stop watching; the handler is not called again, not even for an event that is already in
        this turn's batch. A descriptor whose handler has failed is watched no more already."""
        if self._handlers.pop(fd, None) is not None:
            self._poller.unregister(fd)

    def release(self, closable: Closable) -> None:
        """Close ``closable`` at the end of this turn (step 8). It must not be registered any
        more."""
        self._released.append(closable)

    # -- for transports ----------------------------------------------------------------------------

    def attach(self, endpoint: Endpoint) -> None:
        """Count ``endpoint`` among what is open. One that comes while the reactor shuts down is
        told at once."""
        self._endpoints[endpoint] = None
        if self._shutting_down:
            self.call_soon(self._request_shutdown, endpoint)

    def detach(self, endpoint: Endpoint) -> None:
        """``endpoint`` is done."""
        self._endpoints.pop(endpoint, None)
        if self._shutting_down:
            self._check_shut_down()

    @property
    def written(self) -> list[Flushable]:
        """Append to this list to be flushed in step 7. It is one and the same list for the life of
        the reactor."""
        return self._written

    # -- failing -----------------------------------------------------------------------------------

    def _run_handle(self, handle: Handle) -> None:
        try:
            handle.run()
        except FATAL:
            raise
        except BaseException as exc:
            self.call_exception_handler(
                {"message": "callback failed:", "exception": exc, "handle": handle}
            )

    def _guard(self, callback: Callable[[], object], endpoint: Endpoint) -> None:
        try:
            callback()
        except FATAL:
            raise
        except BaseException as exc:
            self.call_exception_handler(
                {"message": "shutdown failed:", "exception": exc, "transport": endpoint}
            )

    def _handler_failed(
        self, fd: int, handler: Callable[[int], object], exc: BaseException
    ) -> None:
        """A handler let an exception through. Its event would fire for ever (pyftpdlib#115), so it
        is watched no more."""
        self.call_exception_handler(
            {"message": "handler failed:", "exception": exc, "handle": handler}
        )
        if self._handlers.get(fd) is handler:
            try:
                self.unregister(fd)
            except OSError as error:  # the handler has closed the descriptor
                logger.debug("unregister: %s", error)

    # -- stopping ----------------------------------------------------------------------------------

    def _request_shutdown(self, endpoint: Endpoint) -> None:
        if endpoint in self._endpoints:  # else it is done in the meantime
            self._guard(endpoint.request_shutdown, endpoint)

    def _check_shut_down(self) -> None:
        if not self._endpoints:
            self.call_soon(self._shut_down)  # behind what the last one to go has queued

    def _shut_down(self, *, in_any_case: bool = False) -> None:
        if self._shutting_down and (in_any_case or not self._endpoints):
            self._stopped = True

    def _grace_over(self) -> None:
        for endpoint in list(self._endpoints):
            self._guard(endpoint.abort, endpoint)
        # Behind the calls of connection_lost that abort() has queued.
        self.call_soon(partial(self._shut_down, in_any_case=True))

    def _collect(self, timeout: float | None) -> float | None:
        """Let events gather, unless something wakes the loop; returns how long to wait still."""
        interval = self.io_collect_interval
        if timeout is not None:
            interval = min(interval, timeout)
        self._wakeup.wait(interval)
        return None if timeout is None else timeout - interval

    def _flush_written(self) -> None:
        written = iter(self._written.copy())
        self._written.clear()
        sent = 0  # counted here: to count in each transport would cost 3 % of an echo
        try:
            for transport in written:
                try:
                    sent += transport.flush()
                except FATAL:
                    raise
                except BaseException as exc:
                    self.call_exception_handler(
                        {"message": "flush failed:", "exception": exc, "transport": transport}
                    )
                    transport.abort()
        finally:
            self.stats.bytes_sent += sent
            self._written.extend(written)  # the rest, when an interrupt passes through

    def _close_released(self) -> None:
        while self._released:
            closable = self._released.pop()
            try:
                closable.close()
            except OSError as exc:
                # ECONNRESET, on some systems; the descriptor is gone all the same.
                logger.debug("close: %s", exc)
            except FATAL:
                raise
            except BaseException as exc:  # a pipe may be any object of the user's
                self.call_exception_handler(
                    {"message": "close failed:", "exception": exc, "handle": closable}
                )

    @contextmanager
    def _run_allowed(self) -> Iterator[None]:
        if self._running:
            raise RuntimeError("the reactor is running already")
        if self._closed:
            raise RuntimeError("the reactor is closed")
        self._check_owner()
        self._running = True
        self.stats.last_wake = self.time()
        try:
            yield
        finally:
            self._running = False
            self._stopped = False
            if self._shutting_down:
                self._deadline.cancel()
                self._shutting_down = False

    def _check_owner(self) -> None:
        if os.getpid() != self._owner:
            raise RuntimeError("this reactor was made before a fork: make a new one in the child")

    def _stop_signal(self) -> None:
        if self._shutting_down:
            logger.warning("second signal: ending at once")
            self._grace_over()
        else:
            self.stop(self.grace)
