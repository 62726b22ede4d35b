"""A pool of worker threads, for calls that would block the loop. Results come back to the loop.

The threads of ``concurrent.futures`` are joined when the interpreter exits. A call that hangs, for
example because a name server does not answer, would delay the end of the program for as long. The
threads here are daemons: a stopping reactor waits for their calls no longer than its grace period.
They share with the loop two queues and the attributes of each call. There are no locks; where the
order of two accesses matters, a comment says so."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from .errors import careful_logger, shown
from .loop import Loop

logger = careful_logger(__name__)

T = TypeVar("T")

MAX_QUEUED: Final = 10_000  # calls that wait for a thread; more are refused
_KEEP_DROPPED: Final = 64  # cancelled calls that may stay in the queue


class ThreadCall(Generic[T]):
    """A function that runs, or will run, in another thread. It has the methods of
    ``asyncio.Future``.

    ``thread``: the identifier of the thread that runs it, as ``threading.get_ident()`` returns it;
    0 while it waits for a thread. ``dropped``: it was cancelled before a thread took it, and never
    runs. ``abandoned``: see ``ThreadPool.abandon``."""

    thread = 0
    dropped = False
    abandoned = False

    def __init__(self, pool: ThreadPool, function: Callable[..., T], args: tuple[Any, ...]) -> None:
        self._pool = pool
        self._reactor = pool.reactor
        self._function = function
        self._args = args
        self._callbacks: list[Callable[[ThreadCall[T]], object]] = []
        self._result: T | None = None
        self._exception: BaseException | None = None
        self._done = False
        self._cancelled = False

    def add_done_callback(self, callback: Callable[[ThreadCall[T]], object]) -> None:
        """Run ``callback(call)`` in the loop when there is a result or an exception. It is not run
        after ``cancel()``."""
        if not self._done:
            self._callbacks.append(callback)
        elif not self._cancelled:
            self._reactor.call_soon(callback, self)

    def done(self) -> bool:
        """Whether it has ended or was cancelled."""
        return self._done

    def cancelled(self) -> bool:
        """Whether ``cancel()`` was called before it ended."""
        return self._cancelled

    def cancel(self) -> bool:
        """Ignore the result. A function that is already running continues to its end, but its
        result is dropped, and a stopping reactor does not wait for it.

        Returns False if the call is done.
        """
        if self._done:
            return False
        self._done = self._cancelled = True
        self._callbacks.clear()
        # run() sets the thread and then checks whether the call is cancelled. Here the order is the
        # reverse, so a call that still has no thread never runs.
        if not self.thread:
            self.dropped = True
            self._function, self._args = _nothing, ()  # frees what they refer to
            self._pool.drop()
        self._pool.forget(self)
        return True

    def result(self) -> T:
        """What the function has returned. Raises what the function has raised, or ``RuntimeError``
        if the call has not ended or was cancelled."""
        self._check_ended()
        if self._exception is not None:
            raise self._exception
        return self._result  # type: ignore[return-value]

    def exception(self) -> BaseException | None:
        """What the function has raised; None if it has returned. Raises ``RuntimeError`` if the
        call has not ended or was cancelled."""
        self._check_ended()
        return self._exception

    def _check_ended(self) -> None:
        if self._cancelled:
            raise RuntimeError("the call was cancelled")
        if not self._done:
            raise RuntimeError("the call has not ended")

    def run(self) -> None:
        """Call the function. Runs in the worker's thread."""
        self.thread = threading.get_ident()  # first, see cancel()
        if self._cancelled:
            return
        try:
            self._result = self._function(*self._args)
        except BaseException as exc:  # SystemExit too: it would end the thread, not the program
            self._exception = exc

    def finish(self) -> None:
        """Queue the callbacks. Runs in the loop's thread, after ``run()``."""
        if self._done:
            return
        self._done = True
        if self._exception is not None and not self._callbacks:
            self._reactor.call_exception_handler(
                {
                    "message": "a call in a thread failed:",
                    "exception": self._exception,
                    "handle": self._function,
                }
            )
        for callback in self._callbacks:
            self._reactor.call_soon(callback, self)
        self._callbacks.clear()

    def __repr__(self) -> str:
        return (
            f"<ThreadCall of {shown(self._function, repr)} {'done' if self._done else 'pending'}>"
        )


def _nothing() -> Any:
    return None


_CallQueue = queue.SimpleQueue[ThreadCall[Any] | None]  # None ends the thread that takes it


class ThreadPool:
    """At most ``max_threads`` threads, called ``name`` and a number. They are started when needed,
    and kept. ``max_queued``: the number of calls that may wait for a thread. ``max_abandoned``: how
    many threads of abandoned calls are replaced; each further one shrinks the pool by one.

    ``pending``: the calls that are not done. While there are any, the pool counts as open, and a
    stopping reactor waits for it within its grace period. ``abandoned``: the number of abandoned
    calls that have not returned yet. ``capacity``: the number of threads allowed in addition to
    theirs."""

    def __init__(
        self,
        reactor: Loop,
        max_threads: int,
        name: str,
        max_queued: int = MAX_QUEUED,
        max_abandoned: int = 0,
    ) -> None:
        self.reactor = reactor
        self.abandoned = 0
        self.capacity = max_threads
        self.pending: set[ThreadCall[Any]] = set()
        self._max_threads = max_threads
        self._max_queued = max_queued
        self._max_abandoned = max_abandoned
        self._max_active = max_threads + max_queued
        self._name = name
        self._queue: _CallQueue = queue.SimpleQueue()
        self._threads = 0  # threads that take calls from the queue
        self._numbers = itertools.count()
        self._active = 0  # calls in the queue or in a thread, cancelled ones in a thread included
        self._dropped = 0  # calls cancelled in the queue, which may still be in it

    def submit(self, function: Callable[..., T], *args: Any) -> ThreadCall[T]:
        """Run ``function(*args)`` in a thread. Raises ``queue.Full`` if too many calls wait
        already, ``RuntimeError`` if the system has no more threads or the reactor is closed."""
        self.reactor.check_open()
        if self._active >= self._max_active:
            raise queue.Full(f"{self._active} calls wait for a thread of the pool {self._name!r}")
        call = ThreadCall(self, function, args)
        if self._threads < self.capacity and self._active >= self._threads:  # no thread is idle
            self._start_thread()
        self._active += 1
        if not self.pending:
            self.reactor.attach(self)
        self.pending.add(call)
        self._queue.put(call)
        return call

    def request_shutdown(self) -> None:
        """Do nothing: the reactor waits until the calls have ended or the grace period is over."""

    def abort(self) -> None:
        """Cancel all calls, and let each thread end when its call returns. Later calls get new
        threads."""
        for call in list(self.pending):
            call.cancel()
        for _ in range(self._threads):
            self._queue.put(None)
        self._threads = self._dropped = 0
        self._queue = queue.SimpleQueue()  # the old threads empty the old one

    close = abort

    def forget(self, call: ThreadCall[Any]) -> None:
        """``call`` is done."""
        self.pending.discard(call)
        if not self.pending:
            self.reactor.detach(self)

    def abandon(self, call: ThreadCall[Any]) -> None:
        """Give up ``call``, which hangs in its thread: cancel it, and start another thread instead,
        within ``max_abandoned``. If the call returns after all, its thread ends. Raises
        ``ValueError`` if it is not running."""
        if call.done() or not call.thread:
            raise ValueError("only a call that runs can be abandoned")
        call.cancel()
        call.abandoned = True
        self.abandoned += 1
        self._active -= 1
        self._threads -= 1
        self._set_capacity()
        try:
            while self._threads < self.capacity and self._threads < self._active:
                self._start_thread()
        except RuntimeError as exc:  # submit() tries again
            logger.warning("cannot replace the thread of an abandoned call: %s", exc)

    def drop(self) -> None:
        """A call was cancelled while it waited in the queue."""
        self._active -= 1
        self._dropped += 1
        # Removing each one at once would take quadratic time; never removing them would let the
        # queue grow without bound. So remove all when they are the majority, as for timers.
        if self._dropped > max(_KEEP_DROPPED, self._active):
            self._dropped = 0
            waiting = []
            with suppress(queue.Empty):
                while True:
                    waiting.append(self._queue.get_nowait())
            for call in waiting:
                if call is None or not call.dropped:
                    self._queue.put(call)

    def _start_thread(self) -> None:
        thread = threading.Thread(
            target=self._work,
            args=(self._queue,),
            name=f"{self._name}-{next(self._numbers)}",
            daemon=True,
        )
        thread.start()
        self._threads += 1

    def _set_capacity(self) -> None:
        not_replaced = max(self.abandoned - self._max_abandoned, 0)
        self.capacity = max(self._max_threads - not_replaced, 0)
        self._max_active = self.capacity + self._max_queued if self.capacity else 0

    def _work(self, calls: _CallQueue) -> None:
        """What each thread does."""
        while (call := calls.get()) is not None:
            if call.dropped:
                continue
            call.run()
            try:
                if call.abandoned:
                    self.reactor.call_soon_threadsafe(self._abandoned_returned)
                    return
                self.reactor.call_soon_threadsafe(self._finished, call, calls)
            except RuntimeError:  # the reactor was closed in the meantime
                return
            del call  # otherwise an idle thread would keep the result alive

    def _finished(self, call: ThreadCall[Any], calls: _CallQueue) -> None:
        if call.abandoned:  # after its thread has checked that: the thread continues
            self._abandoned_returned()
            calls.put(None)  # so one thread of this queue must end
        elif not call.dropped:
            self._active -= 1
            call.finish()
            self.forget(call)

    def _abandoned_returned(self) -> None:
        self.abandoned -= 1
        self._set_capacity()
