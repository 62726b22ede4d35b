"""The event loop: it waits until something is ready or due, and calls the handlers.

Start reading at ``Loop._turn``: a program is one turn after another. Everything in a turn happens
in one thread, one thing after another, so nothing in it needs a lock, and nothing in it may block.
Whatever has to wait is a watched descriptor, a timer, or a call in another thread.

The loop's parts have files of their own, and none of them imports this one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from .backlog import LATE, Backlog
from .closed import ClosedQueue, ClosedTimerQueue, refuse
from .errors import FATAL, ExceptionReporter, careful_logger
from .flushing import close_all, flush_all
from .gathering import BUSY_FOR, Gatherer
from .guard import TurnGuard
from .interfaces import Closable, Flushable, Handler, Stoppable
from .pollers import Poller, make_poller, poll_all
from .signals import Signals
from .stats import Stats
from .stopping import OpenResources
from .timers import Handle, Timer, TimerQueue
from .wakeup import Wakeup

logger = careful_logger(__name__)


class Loop(ExceptionReporter):
    """A single-threaded event loop. ``Reactor`` adds everything that can be opened on it.

    ``poller``: "epoll", "kqueue", "poll" or "select", or an object with their methods; None means
    the best one available. ``clock``: returns monotonic seconds. ``grace``: seconds that a stop by
    SIGINT or SIGTERM gives connections to finish.

    Attributes: ``now``, the time of this turn in seconds of ``time()``; ``stats``, the counters;
    ``timers``, the queue; ``written``, to which a transport appends itself to be flushed in step 7;
    ``answered``, see ``io_collect_interval``; ``slow_callback_duration``, the seconds from which
    debug mode logs a callback.

    Only ``call_soon_threadsafe`` may be called from another thread. Never fork while a loop exists:
    parent and child would share one epoll set (python/asyncio#347). Fork first, then make loops."""

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
        self.time = clock
        self.now = clock()
        self.stats = Stats(self.now)
        self.timers = TimerQueue(clock)
        self.answered = True
        self._poller = make_poller(poller) if poller is None or isinstance(poller, str) else poller
        self._poll = self._poller.poll  # what step 2 calls, see _choose_poll()
        self._handlers: dict[int, Handler] = {}
        self._ready: deque[Handle] = deque()
        self._due: deque[Timer] = deque()
        self.written: list[Flushable] = []  # the same list for the whole life of the loop
        self._released: list[Closable] = []
        self._open = OpenResources(self)
        self._backlog = Backlog(self._handlers, self._ready, self.stats)
        self.long_turns = self._backlog.long_turns  # for idle timers
        self._catching_up = False
        self._guard = TurnGuard()
        self._stopped = False
        self._wakeup = Wakeup(self.register)
        self._gatherer = Gatherer(self, self._poller.poll, self._wakeup.wait)
        self._signals = Signals(self, self._wakeup)

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run turns until ``stop()``.

        In the main thread, SIGINT and SIGTERM stop it with ``grace``, unless the program ignores
        them or has handlers of its own. A second signal raises ``KeyboardInterrupt`` in the code
        that is running, even if that is an endless loop; code that swallows it (a finalizer, for
        example) delays the end by one turn at most.

        Raises ``RuntimeError`` if it is running already, is closed, or was made before a fork."""
        with self._guard.running():
            now = self.time()
            # The time since the last turn does not count as work, but it may be a stall.
            last_wake, self.stats.last_wake = self.stats.last_wake, now
            self._catch_up(self._backlog.pause(last_wake, now))
            try:
                self._signals.run_begins()
                while True:
                    self._turn(0 if self._stopped else None)  # after an early stop(): one turn
                    if self._stopped:
                        break
            finally:
                self._signals.ending = True  # not a method: a signal could interrupt the call
                try:
                    self._stopped = False
                    self._open.end_shutdown()
                finally:
                    self._signals.run_ends()

    def run_once(self, timeout: float | None = None) -> None:
        """Run one turn. It waits for at most ``timeout`` seconds; None waits until there is
        something to do. Raises ``RuntimeError`` as ``run()`` does."""
        with self._guard.running():
            self._turn(timeout)

    def _turn(self, timeout: float | None) -> None:  # noqa: PLR0912 - one turn, one screen
        """One turn, in eight steps. The callers make sure that no other turn is running."""
        stats = self.stats
        ready = self._ready
        due = self._due
        clock = self.time  # a local name: Python 3.11 is slow to call an instance's attribute

        # 1. How long may we wait? Not at all if there is work, else until the nearest timer.
        before = clock()
        if ready or due or self.written or self._released:
            timeout = 0
        else:
            deadline = self.timers.next_deadline()
            if deadline is not None and (timeout is None or deadline - before < timeout):
                timeout = deadline - before

        # 2. Wait.
        events = self._poll(timeout)

        # 3. Read the clock, once for the whole turn. After a stall, timers are held back until
        # everything that has arrived is read: see backlog.py.
        self.now = now = clock()
        last_wake = stats.last_wake
        stats.turns += 1
        stats.work_time += before - last_wake
        stats.wait_time += now - before
        stats.last_wake = now
        if now - last_wake > LATE or self._catching_up:
            self._catch_up(self._backlog.update(last_wake, before, timeout, events))

        # 4. Dispatch. A descriptor that was unregistered earlier in this batch has no handler any
        # more. The mask is a hint: only the handler's system call shows what is ready.
        self.answered = not events  # set to True when something is sent
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

        # 5. Run the timers that are due. All are collected before the first one runs.
        if not self._catching_up:
            self.timers.pop_due(now, due)
            while due:
                self._run_handle(due.popleft())

        # 6. Run the callbacks queued before this point. What they queue waits for the next turn.
        for _ in range(len(ready)):
            self._run_handle(ready.popleft())

        # 7. Flush: each transport written to in this turn sends its whole queue in one system call.
        if self.written:
            self.answered = True
            self._flush_all(self.written, stats, self.call_exception_handler)

        # 8. Close descriptors. Not earlier: the system could assign the number again, and its new
        # owner would get the old events.
        if self._released:
            self._close_all(self._released, self.call_exception_handler)

    def stop(self, grace: float | None = None) -> None:
        """Stop ``run()``.

        With ``grace`` None, ``run()`` returns at the end of this turn; connections stay open, and
        ``run()`` may be called again. With seconds, the loop shuts down: listeners close, each
        protocol's ``shutdown_requested`` is called, and what is queued is sent. ``run()`` returns
        when everything is closed; what is still open after ``grace`` seconds is aborted."""
        if grace is None:
            self._stopped = True
        elif not self._guard.closed:
            self._open.shut_down(grace)
        # A signal handler of the program may have called this while the poller waits.
        self._wakeup.wake()

    def is_running(self) -> bool:
        """Whether ``run()`` or ``run_once()`` is running."""
        return self._guard.thread is not None

    def is_stopping(self) -> bool:
        """Whether the loop is shutting down after ``stop(grace)`` or a signal."""
        return self._open.shutdown is not None

    def get_debug(self) -> bool:
        """Whether the loop is in debug mode."""
        return False

    def is_closed(self) -> bool:
        """Whether ``close()`` was called."""
        return self._guard.closed

    def close(self) -> None:
        """Abort everything that is open, which calls ``connection_lost``, and close every
        descriptor. The loop cannot be used again.

        Raises ``RuntimeError``, and changes nothing, while the loop is running, outside the main
        thread if there are signal handlers, and in a child process: it shares the parent's epoll
        set, and would remove the parent's descriptors from it."""
        if self._guard.thread is not None:
            raise RuntimeError("cannot close a running reactor; stop it first")
        if self._guard.closed:
            return
        self._guard.check_process()
        self._signals.check_thread()
        try:
            with self._guard.running():
                for _ in range(100):  # a bound, because protocols may open new connections
                    if not self._open and not self._released:
                        break
                    self._open.abort_all()
                    self._turn(0)
        finally:  # even if an interrupt ends a protocol that hangs
            self._guard.closed = True
            self.timers.clear()
            self.timers.__class__ = ClosedTimerQueue  # see closed.py
            self._ready = ClosedQueue()
            self._handlers.clear()
            self._signals.clear()
            self._close_descriptors()

    def __del__(self) -> None:
        # Like a file, a loop closes its descriptors when it is garbage-collected.
        if hasattr(self, "_signals") and not self._guard.closed:  # otherwise __init__ has failed
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
        """Run ``callback(*args)`` later in this turn or in the next one. Callbacks run in the order
        in which they were queued."""
        handle = Handle(callback, args)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> Handle:
        """``call_soon`` for other threads: it also wakes the loop. Raises ``RuntimeError`` if the
        reactor is closed."""
        handle = self.call_soon(callback, *args)
        self._wakeup.wake()
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Run ``callback(*args)`` in ``delay`` seconds, counted from ``time()``. Counting from
        ``now`` would be too early in a long turn (uvloop#29)."""
        return Timer(self.timers, self.time() + delay, callback, args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Run ``callback(*args)`` when ``time()`` has reached ``when``. Raises ``TypeError`` unless
        that is a time."""
        # "+ 0.0": what cannot be added to a float would end the loop later, in step 1.
        return Timer(self.timers, when + 0.0, callback, args)

    def update_now(self) -> None:
        """Set ``now`` to the present time if a callback has blocked this turn for long. What is
        read after that may have arrived later than ``now`` says."""
        now = self.time()
        if now - self.now > LATE:
            self.now = now

    def add_signal_handler(self, signum: int, callback: Callable[..., object], *args: Any) -> None:
        """Run ``callback(*args)`` in the loop for each signal ``signum``, instead of the current
        handler. Raises ``RuntimeError`` outside the main thread."""
        self.check_open()
        self._signals.add(signum, callback, args)

    def add_stop_signal(self, signum: int) -> None:
        """Let ``signum`` stop ``run()`` as SIGINT and SIGTERM do by default. Raises
        ``RuntimeError`` outside the main thread."""
        self.check_open()
        self._signals.add_stop(signum)

    def remove_signal_handler(self, signum: int) -> bool:
        """Restore the handler that was there before, unless the program has set another one since.
        Returns False if the reactor has no handler for ``signum``."""
        return self._signals.remove(signum)

    # -- descriptors -------------------------------------------------------------------------------

    def register(self, fd: int, mask: int, handler: Handler) -> None:
        """Call ``handler(mask)`` whenever descriptor ``fd`` is ready for ``mask`` (``READ``,
        ``WRITE``, or both).

        The mask may also have ``ERROR`` and ``HANGUP``, which are always reported, and the
        descriptor may turn out not to be ready. Raises ``ValueError`` if the poller cannot watch
        it, ``FileExistsError`` if it is watched already."""
        self.check_open()
        self._poller.register(fd, mask)
        self._handlers[fd] = handler

    def modify(self, fd: int, mask: int) -> None:
        """Watch ``fd`` for another mask. With 0, only ``ERROR`` and ``HANGUP`` are reported."""
        self._poller.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        """Stop watching ``fd``. Its handler is not called again, not even for an event of this
        turn. Has no effect if the handler has raised, which stops the watching as well."""
        if self._handlers.pop(fd, None) is not None:
            self._poller.unregister(fd)

    def release(self, closable: Closable) -> None:
        """Close ``closable`` at the end of this turn (step 8). Unregister it first."""
        self.check_open()
        self._released.append(closable)

    # -- for transports ----------------------------------------------------------------------------

    def attach(self, resource: Stoppable) -> None:
        """Count ``resource`` as open: a shutdown asks it to close, and waits for ``detach()``."""
        self._open.add(resource)

    def detach(self, resource: Stoppable) -> None:
        """Count ``resource`` as closed."""
        self._open.remove(resource)

    def check_open(self) -> None:
        """Raise ``RuntimeError`` if the reactor is closed. Everything that opens or watches
        something calls this first."""
        if self._guard.closed:
            refuse()

    @property
    def io_collect_interval(self) -> float:
        """Seconds to pause after a turn that had events and sent nothing; 0 by default. Then the
        heartbeats of many peers share a turn, and no answer is delayed. A handler of your own that
        sends something must set ``answered`` to True, as transports do."""
        return self._gatherer.interval

    @io_collect_interval.setter
    def io_collect_interval(self, seconds: float) -> None:
        self._gatherer.interval = seconds
        self._choose_poll()

    def overrun(self) -> None:
        """More has arrived than one event may read. For ``BUSY_FOR`` seconds the loop makes no
        pauses: the system's buffer would overflow, or a bulk transfer would be slow."""
        self._gatherer.busy_until = self.now + BUSY_FOR

    # -- the parts of a turn -----------------------------------------------------------------------

    # Methods, so that an observed loop can have its own. See observed_loop.py.
    _flush_all = staticmethod(flush_all)
    _close_all = staticmethod(close_all)

    def _run_handle(self, handle: Handle) -> None:
        try:
            handle.run()
        except FATAL:
            raise
        except BaseException as exc:
            context = {"message": "callback failed:", "exception": exc, "handle": handle}
            self.call_exception_handler(context)

    def _handler_failed(self, fd: int, handler: Handler, exc: BaseException) -> None:
        """Report what a handler raised, and stop watching its descriptor: the event would be
        reported forever (pyftpdlib#115)."""
        context = {"message": "handler failed:", "exception": exc, "handle": handler}
        self.call_exception_handler(context)
        if self._handlers.get(fd) is handler:
            try:
                self.unregister(fd)
            except OSError as error:  # the handler has closed the descriptor
                logger.debug("unregister: %s", error)

    def _catch_up(self, catching_up: bool) -> None:
        """Start, continue or stop catching up. A loop that is shutting down does not catch up: the
        end of its grace period is a timer, which must not be delayed."""
        if catching_up and self._open.shutdown is not None:
            self._backlog.end()
            catching_up = False
        self._catching_up = catching_up
        self._choose_poll()

    def _choose_poll(self) -> None:
        if self._catching_up:
            self._poll = lambda timeout: poll_all(self._poller)
        elif self.io_collect_interval:
            self._poll = self._gatherer.poll
        else:
            self._poll = self._poller.poll
