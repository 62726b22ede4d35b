"""The loop: it waits until something is ready, and tells whoever is concerned.

Begin reading at ``Loop._turn``: it is one turn of the loop, and the whole program is turns. All
that happens in a turn happens in one thread, one thing after another, so nothing in it needs a
lock, and nothing in it may block: whatever must wait is a descriptor to be watched, a timer, or a
call in another thread."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from .backlog import LATE, Backlog
from .closed import ClosedQueue, ClosedTimerQueue, refuse
from .errors import FATAL, ExceptionReporter
from .interfaces import Closable, Endpoint, Flushable
from .pollers import Poller, make_poller
from .stats import Stats
from .stopping import Shutdown, abort_all
from .timers import Handle, Timer, TimerQueue
from .wakeup import Signals, Wakeup

logger = logging.getLogger(__name__)

BUSY_FOR: Final = 1.0  # seconds after ``overrun()`` in which no events gather


class Loop(ExceptionReporter):
    """A single-threaded event loop; ``Reactor`` is this and all that can be opened on it.

    ``poller``: "epoll", "kqueue", "poll" or "select", or an object with their methods; None takes
    the best there is. ``clock``: gives monotonic seconds; another one makes virtual time
    (``reactor.testing``). ``grace``: seconds that a stop by SIGINT or SIGTERM lets connections
    finish.

    Attributes: ``now``, the time of this turn in seconds of ``time()``; ``stats``, the counters;
    ``timers``, the queue. ``io_collect_interval``, 0 by default: seconds in which events gather
    after a turn that had events and sent nothing (libev has an option of that name). The heartbeats
    of thousands then share a turn, and a peer that gets an answer does not wait. Transports,
    listeners and connectors set ``answered`` when they send. A handler of your own that sends
    something sets it to True; it holds until the next turn.

    ``slow_callback_duration``: in debug mode, seconds from which a callback is logged.

    Except ``call_soon_threadsafe``, nothing may be called from another thread. Never fork while a
    loop exists: parent and child would share one epoll set (python/asyncio#347); fork first, then
    make loops."""

    slow_callback_duration = 0.1

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
        self.answered = False  # whether this turn has sent something without ``written``
        self.time = clock
        self.now = clock()
        self.stats = Stats(self.now)
        self.timers = TimerQueue(clock)
        self._poller = make_poller(poller) if poller is None or isinstance(poller, str) else poller
        self._poll = self._poller.poll  # or _poll_backlog, while there is one
        self._handlers: dict[int, Callable[[int], object]] = {}
        self._ready: deque[Handle] = deque()
        self._backlog = Backlog(self._handlers, self._ready, self.stats)
        self.long_turns = self._backlog.long_turns  # for idle timers
        self._catching_up = False
        self._due: deque[Timer] = deque()
        self._written: list[Flushable] = []
        self._released: list[Closable] = []
        # A dict for its order: what was opened first is shut down first.
        self._endpoints: dict[Endpoint, None] = {}
        self._owner = os.getpid()
        self._thread: int | None = None  # the thread that runs it, while one does
        self._answered_nobody = False  # the last turn had events and sent nothing
        self._busy_until = self.now
        self._stopped = False
        self._shutdown: Shutdown | None = None  # from stop(grace) to the end of run()
        self._closed = False
        self._wakeup = Wakeup(self)
        self._signals = Signals(self, self._wakeup)

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run turns until ``stop()``.

        In the main thread, SIGINT and SIGTERM stop it with ``grace``, unless the program ignores
        them or has handlers of its own; a second one raises ``KeyboardInterrupt`` in the code that
        runs just now, a callback in an endless loop for one.

        Raises ``RuntimeError`` if it is running already, is closed, or was made before a fork."""
        with self._turns_allowed():
            now = self.time()
            last_wake, self.stats.last_wake = self.stats.last_wake, now  # no work, but maybe long
            self._catch_up(self._backlog.pause(last_wake, now))
            try:
                self._signals.run_begins()
                while True:
                    self._turn(0 if self._stopped else None)  # stopped before it was run: one turn
                    if self._stopped:
                        break
            finally:
                self._stopped = False
                if self._shutdown is not None:
                    self._shutdown.end()
                    self._shutdown = None
                self._signals.run_ends()

    def run_once(self, timeout: float | None = None) -> None:
        """One turn of the loop. It waits for at most ``timeout`` seconds; None: for as long as
        there is nothing to do. Raises ``RuntimeError`` as ``run()`` does."""
        with self._turns_allowed():
            self._turn(timeout)

    def _turn(self, timeout: float | None) -> None:  # noqa: PLR0912 - one turn, one page
        """The turn itself, in eight steps. Only its callers look whether one is under way."""
        stats = self.stats
        ready = self._ready
        due = self._due
        clock = self.time  # looked up apart: Python 3.11 is slow to call an instance's attribute
        poll = self._poll

        # 1. How long may we wait? Not at all if there is work, else until the nearest timer.
        before = clock()
        if ready or due or self._written or self._released:
            timeout = 0
        else:
            deadline = self.timers.next_deadline()
            if deadline is not None and (timeout is None or deadline - before < timeout):
                timeout = deadline - before

        # 2. Wait.
        if self._answered_nobody and self.io_collect_interval and timeout != 0:
            events = poll(self._collect(timeout))
        else:
            events = poll(timeout)

        # 3. Read the clock, once for all that follows. It also tells of a stall: see backlog.py.
        self.now = now = clock()
        last_wake = stats.last_wake
        stats.turns += 1
        stats.work_time += before - last_wake
        stats.wait_time += now - before
        stats.last_wake = now
        if now - last_wake > LATE or self._catching_up:
            self._catch_up(self._backlog.update(last_wake, before, timeout, events))

        # 4. Dispatch. The handler of a descriptor given up earlier in this batch is gone; the
        # system call made by a handler, not the mask, decides what is true.
        self.answered = False
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
        if not self._catching_up:  # else their time comes when all that has arrived is read
            self.timers.pop_due(now, due)
            while due:
                self._run_handle(due.popleft())

        # 6. Run the callbacks that were queued before this point; what they queue is for the next
        # turn.
        for _ in range(len(ready)):
            self._run_handle(ready.popleft())

        # 7. Flush: each transport written to in this turn sends its whole queue in one system call.
        self._answered_nobody = bool(events) and not (self._written or self.answered)
        if self._written:
            self._flush_written()

        # 8. Give back descriptors. Not earlier: a number that is given out again would get events
        # meant for its old owner.
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
        elif self._shutdown is None and not self._closed:
            self._shutdown = Shutdown(self, self._endpoints, grace)
            self._shutdown.begin()
        # It may be called from a signal handler of the user's, while the poller waits.
        self._wakeup.wake()

    def is_running(self) -> bool:
        """Whether a turn of the loop is under way, within ``run()`` or ``run_once()``."""
        return self._thread is not None

    def is_stopping(self) -> bool:
        """Whether the reactor is shutting down, after ``stop(grace)`` or a signal."""
        return self._shutdown is not None

    def get_debug(self) -> bool:
        """Whether it is in debug mode."""
        return False

    def is_closed(self) -> bool:
        """Whether ``close()`` was called."""
        return self._closed

    def close(self) -> None:
        """Abort whatever is open, tell the protocols, and give back every descriptor. The reactor
        cannot be used again.

        Raises ``RuntimeError``, and changes nothing, while it is running; outside the main thread
        if there are signal handlers; and after a fork in the child: there it would take the
        parent's descriptors out of the epoll set that both share.
        """
        if self._thread is not None:
            raise RuntimeError("cannot close a running reactor; stop it first")
        if self._closed:
            return
        self._check_owner()
        self._signals.check_thread()
        try:
            with self._turns_allowed():
                self._abort_all()
        finally:  # also when a protocol that hangs is interrupted
            self._closed = True
            self.timers.clear()
            # Nothing is queued any more: what would queue it raises, and nothing on the way there
            # has to ask whether the loop is closed.
            self.timers.__class__ = ClosedTimerQueue
            self._ready = ClosedQueue()
            self._handlers.clear()
            self._signals.clear()
            self._close_descriptors()

    def _abort_all(self) -> None:
        # Each turn runs what the last one queued. A protocol that opens ever more is given up.
        for _ in range(100):
            if not self._endpoints and not self._released:
                break
            abort_all(self, self._endpoints)
            self._turn(0)

    def __del__(self) -> None:
        # Like a file, a loop that nobody closed gives its descriptors back when it is collected.
        if hasattr(self, "_signals") and not self._closed:  # else it could not even be made
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

    def update_now(self) -> None:
        """Read the clock again for ``now`` if a callback has blocked this turn for long: what is
        read only then was not heard at the turn's beginning."""
        now = self.time()
        if now - self.now > LATE:
            self.now = now

    def add_signal_handler(self, signum: int, callback: Callable[..., object], *args: Any) -> None:
        """Run ``callback(*args)`` in the loop for each signal ``signum``, whatever handles it now.
        Raises ``RuntimeError`` outside the main thread."""
        self.check_open()
        self._signals.add(signum, callback, args)

    def add_stop_signal(self, signum: int) -> None:
        """Let ``signum`` stop ``run()`` as SIGINT and SIGTERM do by default: the first with
        ``grace``, the second by ``KeyboardInterrupt``. Raises ``RuntimeError`` outside the main
        thread."""
        self.check_open()
        self._signals.add_stop(signum)

    def remove_signal_handler(self, signum: int) -> bool:
        """Restore what was there before, unless the program has set another handler since. Returns
        False if there was no handler of ours."""
        return self._signals.remove(signum)

    # -- descriptors -------------------------------------------------------------------------------

    def register(self, fd: int, mask: int, handler: Callable[[int], object]) -> None:
        """Call ``handler(mask)`` whenever descriptor ``fd`` is ready for ``mask`` (``READ``,
        ``WRITE``, or both).

        The handler must be ready for ``ERROR`` and ``HANGUP``, which come unasked, and for the
        descriptor not being ready after all. Raises ``ValueError`` if the poller cannot watch it,
        ``FileExistsError`` if it is watched already."""
        self.check_open()
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
        self.check_open()
        self._released.append(closable)

    # -- for transports ----------------------------------------------------------------------------

    def attach(self, endpoint: Endpoint) -> None:
        """Count ``endpoint`` among what is open. One that comes while the reactor shuts down is
        told at once."""
        self._endpoints[endpoint] = None
        if self._shutdown is not None:
            self.call_soon(self._shutdown.request, endpoint)

    def detach(self, endpoint: Endpoint) -> None:
        """``endpoint`` is done."""
        self._endpoints.pop(endpoint, None)
        if self._shutdown is not None:
            self._shutdown.check()

    def check_open(self) -> None:
        """Raise ``RuntimeError`` if the reactor is closed. All that opens or watches something
        calls this first."""
        if self._closed:
            refuse()

    @property
    def written(self) -> list[Flushable]:
        """Append to this list to be flushed in step 7. It is one and the same list for the life of
        the reactor."""
        return self._written

    def overrun(self) -> None:
        """More is waiting to be read than one event may take. For the next ``BUSY_FOR`` seconds no
        events gather: meanwhile the system's buffer would overflow, or a bulk transfer crawl."""
        self._busy_until = self.now + BUSY_FOR

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

    # -- the parts of a turn -----------------------------------------------------------------------

    def _catch_up(self, catching_up: bool) -> None:
        """Begin, go on or end to catch up with what has arrived during a stall. A loop that is
        stopping does not: its grace is a timer, and must end."""
        if catching_up and self._shutdown is not None:
            self._backlog.end()
            catching_up = False
        self._catching_up = catching_up
        self._poll = self._poll_backlog if catching_up else self._poller.poll

    def _poll_backlog(self, timeout: float | None) -> list[tuple[int, int]]:
        """All that is ready, without waiting: timers wait for this to be read."""
        poll_all = getattr(self._poller, "poll_all", None)
        return self._poller.poll(0) if poll_all is None else poll_all()

    def _collect(self, timeout: float | None) -> float | None:
        """Let events gather, unless something wakes the loop; returns how long to wait still."""
        if self._catching_up:
            return 0
        if self.now < self._busy_until:
            return timeout
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
    def _turns_allowed(self) -> Iterator[None]:
        if self._thread is not None:
            raise RuntimeError("the reactor is running already")
        self.check_open()
        self._check_owner()
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None

    def _check_owner(self) -> None:
        if os.getpid() != self._owner:
            raise RuntimeError("this reactor was made before a fork: make a new one in the child")
