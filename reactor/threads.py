"""A pool of worker threads, for what would block the loop. Results come back to the loop.

``concurrent.futures`` has a pool too; its threads are joined when the interpreter exits, so one
call that hangs (a name server that does not answer) would hold up the end of the program for as
long as it likes. These threads are daemons: stopping waits for them within the reactor's grace, and
no longer. They share nothing with the loop but two queues."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from .loop import Loop

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_QUEUED: Final = 10_000  # calls that wait for a thread; more are refused
_FEW_DROPPED: Final = 64  # cancelled calls in the queue that are not worth a search


class ThreadCall(Generic[T]):
    """A function that runs, or will run, in another thread. It has the methods of
    ``asyncio.Future``.

    ``thread``: the identifier of the thread that runs it, as ``threading.get_ident()`` gives it; 0
    while it waits for one. ``dropped``: it was cancelled in time, and never runs."""

    thread = 0
    dropped = False
    abandoned = False  # see ThreadPool.abandon

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
        """Run ``callback(call)`` in the loop once there is a result or an exception. It is not run
        after ``cancel()``."""
        if not self._done:
            self._callbacks.append(callback)
        elif not self._cancelled:
            self._reactor.call_soon(callback, self)

    def done(self) -> bool:
        """Whether it has ended, or was cancelled."""
        return self._done

    def cancelled(self) -> bool:
        """Whether ``cancel()`` was called in time."""
        return self._cancelled

    def cancel(self) -> bool:
        """Forget it: if a thread runs the function already it runs to its end, but nobody hears of
        it, and a stopping reactor does not wait for it.

        Returns False if it is done.
        """
        if self._done:
            return False
        self._done = self._cancelled = True
        self._callbacks.clear()
        # run() sets the thread first and then looks whether the call is cancelled; here the order
        # is the reverse. A call that has no thread by now never runs.
        if not self.thread:
            self.dropped = True
            self._function, self._args = _nothing, ()  # whatever they hold is free at once
            self._pool.drop()
        self._pool.forget(self)
        return True

    def result(self) -> T:
        """What the function returned. Raises what it raised, or ``RuntimeError`` while there is
        nothing yet."""
        if not self._done or self._cancelled:
            raise RuntimeError(
                "the call was cancelled" if self._cancelled else "the call has not ended"
            )
        if self._exception is not None:
            raise self._exception
        return self._result  # type: ignore[return-value]

    def exception(self) -> BaseException | None:
        """What the function raised; None if it returned. Raises ``RuntimeError`` while there is
        nothing yet."""
        if not self._done or self._cancelled:
            raise RuntimeError(
                "the call was cancelled" if self._cancelled else "the call has not ended"
            )
        return self._exception

    def run(self) -> None:
        """In the worker's thread."""
        self.thread = threading.get_ident()
        if self._cancelled:
            return
        try:
            self._result = self._function(*self._args)
        except BaseException as exc:  # SystemExit as well: it would end the thread, not the program
            self._exception = exc

    def __repr__(self) -> str:
        return f"<ThreadCall of {self._function!r} {'done' if self._done else 'pending'}>"

    def finish(self) -> None:
        """In the loop's thread."""
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


def _nothing() -> Any:
    return None


class ThreadPool:
    """At most ``max_threads`` threads, started as they are needed, and kept.

    While calls are under way the pool counts as open: a stopping reactor waits for it within its
    grace. ``max_abandoned``: threads that run abandoned calls and are replaced all the same; each
    one beyond makes the pool smaller."""

    def __init__(
        self,
        reactor: Loop,
        max_threads: int,
        name: str,
        max_queued: int = MAX_QUEUED,
        max_abandoned: int = 0,
    ) -> None:
        self.reactor = reactor
        self._max_threads = max_threads
        self._max_queued = max_queued
        self._max_abandoned = max_abandoned
        self.abandoned = 0  #: calls that were given up and have not returned yet
        self.capacity = max_threads  #: threads that there may be
        self._limit = max_threads + max_queued  # calls that there may be
        self._name = name
        self._queue: queue.SimpleQueue[ThreadCall[Any] | None] = queue.SimpleQueue()
        self._threads = 0
        self._numbers = itertools.count()
        self._active = 0  # calls that no thread has done with yet
        self._dropped = 0  # calls that were cancelled in the queue, and may still be there
        self._awaited: set[ThreadCall[Any]] = set()  # those of them that nobody has cancelled

    def submit(self, function: Callable[..., T], *args: Any) -> ThreadCall[T]:
        """Run ``function(*args)`` in a thread. Raises ``queue.Full`` when too many calls wait
        already, ``RuntimeError`` when the system has no more threads or the reactor is closed."""
        self.reactor.check_open()
        if self._active >= self._limit:
            raise queue.Full(f"{self._active} calls wait for a thread of the pool {self._name!r}")
        call = ThreadCall(self, function, args)
        if self._active >= self._threads < self.capacity:
            self._start_thread()
        self._active += 1
        if not self._awaited:
            self.reactor.attach(self)
        self._awaited.add(call)
        self._queue.put(call)
        return call

    def request_shutdown(self) -> None:
        """Nothing to do: what is under way ends, or the grace does."""

    def abort(self) -> None:
        """Forget the calls that are under way, and let the threads end when they have done. Calls
        that come later get new threads."""
        for call in list(self._awaited):
            call.cancel()
        for _ in range(self._threads):
            self._queue.put(None)
        self._threads = self._dropped = 0
        self._queue = queue.SimpleQueue()  # the old threads empty theirs

    close = abort

    def forget(self, call: ThreadCall[Any]) -> None:
        """Nobody waits for ``call`` any more."""
        self._awaited.discard(call)
        if not self._awaited:
            self.reactor.detach(self)

    def abandon(self, call: ThreadCall[Any]) -> None:
        """Give up ``call``, which hangs in its thread: cancel it, and let another thread take the
        place of that one, within ``max_abandoned``. If the call returns after all, its thread
        ends."""
        if call.done() or not call.thread:
            raise ValueError("only a call that runs can be abandoned")
        call.cancel()
        call.abandoned = True
        self.abandoned += 1
        self._active -= 1
        self._threads -= 1
        self._set_capacity()
        try:
            while self._active > self._threads < self.capacity:
                self._start_thread()
        except RuntimeError as exc:  # submit() tries again
            logger.warning("no thread takes the place of an abandoned one: %s", exc)

    def drop(self) -> None:
        """A call was cancelled while it waited in the queue."""
        self._active -= 1
        self._dropped += 1
        # A search for each would be quadratic, none would let the queue grow without bound: one
        # when most of the queue is of this kind, as with cancelled timers.
        if self._dropped > max(_FEW_DROPPED, self._active):
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
        beyond = max(self.abandoned - self._max_abandoned, 0)
        self.capacity = capacity = max(self._max_threads - beyond, 0)
        self._limit = capacity + self._max_queued if capacity else 0

    def _work(self, calls: queue.SimpleQueue[ThreadCall[Any] | None]) -> None:
        while (call := calls.get()) is not None:
            if call.dropped:
                continue
            call.run()
            ends = call.abandoned
            try:
                if ends:
                    self.reactor.call_soon_threadsafe(self._came_back, None)
                    return
                self.reactor.call_soon_threadsafe(self._finished, call, calls)
            except RuntimeError:  # the reactor was closed in the meantime
                return
            del call  # or the thread would keep the result for as long as it has nothing to do

    def _finished(
        self, call: ThreadCall[Any], calls: queue.SimpleQueue[ThreadCall[Any] | None]
    ) -> None:
        if call.abandoned:  # at the moment when it returned: its thread does not know of it
            self._came_back(calls)
        elif not call.dropped:
            self._active -= 1
            call.finish()
            self.forget(call)

    def _came_back(self, calls: queue.SimpleQueue[ThreadCall[Any] | None] | None) -> None:
        """An abandoned call has returned. ``calls``: the queue of its thread, if that goes on."""
        self.abandoned -= 1
        self._set_capacity()
        if calls is not None:
            calls.put(None)  # one thread too many
