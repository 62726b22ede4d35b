"""A pool of worker threads, for what would block the loop. Results come back to the loop.

``concurrent.futures`` has a pool too; its threads are joined when the interpreter exits, so one
call that hangs (a name server that does not answer) would hold up the end of the program for as
long as it likes. These threads are daemons: stopping waits for them within the reactor's grace, and
no longer. They share nothing with the loop but two queues."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

if TYPE_CHECKING:
    from .loop import Loop

T = TypeVar("T")

MAX_QUEUED: Final = 10_000  # calls that wait for a thread; more are refused


class ThreadCall(Generic[T]):
    """A function that runs, or will run, in another thread. It has the methods of
    ``asyncio.Future``."""

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


class ThreadPool:
    """At most ``max_threads`` threads, started as they are needed, and kept.

    While calls are under way the pool counts as open: a stopping reactor waits for it within its
    grace."""

    def __init__(
        self, reactor: Loop, max_threads: int, name: str, max_queued: int = MAX_QUEUED
    ) -> None:
        self.reactor = reactor
        self._max_threads = max_threads
        self._max_queued = max_queued
        self._name = name
        self._queue: queue.SimpleQueue[ThreadCall[Any] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._active = 0  # calls that no thread has done with yet
        self._awaited: set[ThreadCall[Any]] = set()  # those of them that nobody has cancelled

    def submit(self, function: Callable[..., T], *args: Any) -> ThreadCall[T]:
        """Run ``function(*args)`` in a thread. Raises ``queue.Full`` when too many calls wait
        already, ``RuntimeError`` when the system has no more threads or the reactor is closed."""
        self.reactor.check_open()
        if self._active >= self._max_threads + self._max_queued:
            raise queue.Full(f"{self._active} calls wait for a thread of the pool {self._name!r}")
        call = ThreadCall(self, function, args)
        if self._active >= len(self._threads) < self._max_threads:
            thread = threading.Thread(
                target=self._work,
                args=(self._queue,),
                name=f"{self._name}-{len(self._threads)}",
                daemon=True,
            )
            thread.start()
            self._threads.append(thread)
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
        for _ in self._threads:
            self._queue.put(None)
        self._threads.clear()
        self._queue = queue.SimpleQueue()  # the old threads empty theirs

    close = abort

    def forget(self, call: ThreadCall[Any]) -> None:
        """Nobody waits for ``call`` any more."""
        self._awaited.discard(call)
        if not self._awaited:
            self.reactor.detach(self)

    def _work(self, calls: queue.SimpleQueue[ThreadCall[Any] | None]) -> None:
        while (call := calls.get()) is not None:
            call.run()
            try:
                self.reactor.call_soon_threadsafe(self._finished, call)
            except RuntimeError:  # the reactor was closed in the meantime
                return
            del call  # or the thread would keep the result for as long as it has nothing to do

    def _finished(self, call: ThreadCall[Any]) -> None:
        self._active -= 1
        call.finish()
        self.forget(call)
