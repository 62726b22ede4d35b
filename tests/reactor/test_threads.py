"""Calls in worker threads: what comes back, what is refused, and what is not waited for."""

from __future__ import annotations

import gc
import queue
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from reactor import Reactor, ThreadCall
from reactor.threads import ThreadPool

from ..tools.commands import run_script
from ..tools.waiting import TIMEOUT


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor(max_threads=2) as reactor:
        reactor.failures = []
        reactor.set_exception_handler(lambda _, context: reactor.failures.append(context))
        yield reactor


class Gate:
    """A function that hangs until the test lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self._open = threading.Event()
        self.calls = 0

    def __call__(self, result: object = None) -> object:
        self.calls += 1
        self.entered.release()
        assert self._open.wait(TIMEOUT)
        return result

    def wait_until_entered(self) -> None:
        assert self.entered.acquire(timeout=TIMEOUT)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def end_of(reactor: Reactor, *calls: ThreadCall[object]) -> None:
    """Run the loop until all ``calls`` have told of their end."""
    left = len(calls)

    def done(call: ThreadCall[object]) -> None:
        nonlocal left
        assert call.done()
        left -= 1
        if not left:
            reactor.stop()

    for call in calls:
        call.add_done_callback(done)
    patience = reactor.call_later(TIMEOUT, reactor.stop)
    reactor.run()
    patience.cancel()
    assert left == 0


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


# -- what comes back -------------------------------------------------------------------------------


def test_the_result_comes_back_in_the_loops_thread(reactor):
    threads = []
    told = []

    def work(a: int, b: int) -> int:
        threads.append(threading.current_thread())
        return a + b

    def done(call: ThreadCall[int]) -> None:
        threads.append(threading.current_thread())
        told.append(call)

    call = reactor.run_in_thread(work, 2, 3)
    call.add_done_callback(done)
    end_of(reactor, call)

    assert call.result() == 5
    assert call.exception() is None
    assert told == [call]
    assert threads[0] is not threads[1] is threading.main_thread()


def test_the_exception_comes_back_too(reactor):
    call = reactor.run_in_thread(int, "many")
    end_of(reactor, call)

    assert isinstance(call.exception(), ValueError)
    with pytest.raises(ValueError, match="many"):
        call.result()
    assert reactor.failures == []  # somebody has been told


def test_an_exception_that_nobody_waits_for_is_reported(reactor):
    call = reactor.run_in_thread(int, "many")
    end_of(reactor, reactor.run_in_thread(str))
    while not call.done():
        reactor.run_once(1)

    [context] = reactor.failures
    assert context["message"] == "a call in a thread failed:"
    assert isinstance(context["exception"], ValueError)
    assert context["handle"] is int


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_a_thread_ends_neither_the_thread_nor_the_program(reactor, error):
    def leave() -> None:
        raise error

    call = reactor.run_in_thread(leave)
    end_of(reactor, call)
    assert isinstance(call.exception(), error)

    after = reactor.run_in_thread(str, 1)
    end_of(reactor, after)
    assert after.result() == "1"


def test_nothing_is_known_before_the_end(reactor, gate):
    call = reactor.run_in_thread(gate, "late")

    assert not call.done()
    for ask in (call.result, call.exception):
        with pytest.raises(RuntimeError, match="has not ended"):
            ask()

    gate.open()
    end_of(reactor, call)
    assert call.result() == "late"


def test_who_asks_to_be_told_after_the_end_is_told_at_once(reactor):
    call = reactor.run_in_thread(str, 1)
    end_of(reactor, call)
    told = []

    call.add_done_callback(told.append)
    assert told == []  # from the loop, never from inside the call
    reactor.run_once(0)

    assert told == [call]


def test_calls_run_side_by_side(reactor, gate):
    calls = [reactor.run_in_thread(gate, number) for number in range(2)]
    for _ in calls:
        gate.wait_until_entered()
    gate.open()
    end_of(reactor, *calls)

    assert [call.result() for call in calls] == [0, 1]


# -- cancelling ------------------------------------------------------------------------------------


def test_a_call_cancelled_while_it_waits_is_never_made(reactor, gate):
    running = [reactor.run_in_thread(gate) for _ in range(2)]
    made, told = [], []
    waiting = reactor.run_in_thread(made.append, 1)
    waiting.add_done_callback(told.append)

    assert waiting.cancel()
    gate.open()
    end_of(reactor, *running, reactor.run_in_thread(str))

    assert waiting.done()
    assert waiting.cancelled()
    assert not waiting.cancel()
    assert (made, told) == ([], [])


def test_a_call_cancelled_while_it_runs_ends_unheard(reactor, gate):
    told = []
    call = reactor.run_in_thread(gate)
    call.add_done_callback(told.append)
    gate.wait_until_entered()

    assert call.cancel()
    call.add_done_callback(told.append)
    gate.open()
    other = reactor.run_in_thread(str)
    end_of(reactor, other)
    while reactor._threads._active:
        reactor.run_once(1)

    assert told == []
    for ask in (call.result, call.exception):
        with pytest.raises(RuntimeError, match="was cancelled"):
            ask()


def test_what_has_ended_cannot_be_cancelled(reactor):
    call = reactor.run_in_thread(str, 1)
    end_of(reactor, call)

    assert not call.cancel()
    assert not call.cancelled()
    assert call.result() == "1"


# -- bounds ----------------------------------------------------------------------------------------


def test_threads_are_started_as_they_are_needed_and_used_again(reactor, gate):
    pool = ThreadPool(reactor, 3, "counted")
    for _ in range(5):
        end_of(reactor, pool.submit(str))
    assert len(threads_of("counted")) == 1

    calls = [pool.submit(gate) for _ in range(10)]
    for _ in range(3):
        gate.wait_until_entered()
    assert len(threads_of("counted")) == 3
    assert gate.calls == 3
    gate.open()
    end_of(reactor, *calls)
    assert gate.calls == 10
    pool.close()


def test_the_queue_has_a_bound_and_what_is_beyond_is_refused(reactor, gate):
    pool = ThreadPool(reactor, 1, "bounded", max_queued=2)
    calls = [pool.submit(gate, number) for number in range(3)]

    with pytest.raises(queue.Full, match="3 calls wait for a thread of the pool 'bounded'"):
        pool.submit(gate)

    gate.open()
    end_of(reactor, *calls)
    assert gate.calls == 3
    end_of(reactor, pool.submit(gate))
    pool.close()


def test_calls_cancelled_in_the_queue_do_not_count_for_its_bound(reactor, gate):
    pool = ThreadPool(reactor, 1, "bounded", max_queued=1)
    running = pool.submit(gate)
    gate.wait_until_entered()
    cancelled = pool.submit(gate)
    cancelled.cancel()
    assert cancelled.dropped

    last = pool.submit(str)
    with pytest.raises(queue.Full):
        pool.submit(gate)

    gate.open()
    end_of(reactor, running, last)
    assert gate.calls == 1
    assert pool._active == 0
    pool.close()


def test_calls_cancelled_in_the_queue_do_not_stay_there(reactor, gate):
    class Big:
        def __call__(self) -> None:
            raise AssertionError

    pool = ThreadPool(reactor, 1, "bounded", max_queued=10)
    running = pool.submit(gate)
    gate.wait_until_entered()
    order = []
    kept = [pool.submit(order.append, 0)]
    for _ in range(10_000):
        pool.submit(str).cancel()
    big = Big()
    gone = weakref.ref(big)
    pool.submit(big).cancel()
    del big
    assert gone() is None
    kept.append(pool.submit(order.append, 1))
    assert pool._queue.qsize() < 100

    gate.open()
    end_of(reactor, running, *kept)
    assert order == [0, 1]
    pool.close()


# -- calls that hang -------------------------------------------------------------------------------


def test_an_abandoned_call_is_replaced_within_a_bound_that_is_given_back(reactor):
    pool = ThreadPool(reactor, 1, "hanging", max_queued=1, max_abandoned=1)
    gates = [Gate() for _ in range(2)]
    told = []
    hanging = [pool.submit(gates[0], "late"), pool.submit(gates[1], "late")]
    for call in hanging:
        call.add_done_callback(told.append)
    gates[0].wait_until_entered()
    pool.abandon(hanging[0])
    gates[1].wait_until_entered()  # the one that waited has the new thread
    assert pool.abandoned == 1

    pool.abandon(hanging[1])  # beyond the bound: there is no thread any more
    assert pool.abandoned == 2
    with pytest.raises(queue.Full):
        pool.submit(str)

    gates[0].open()
    while pool.abandoned > 1:
        reactor.run_once(TIMEOUT)
    end_of(reactor, pool.submit(str))
    gates[1].open()
    while pool.abandoned:
        reactor.run_once(TIMEOUT)
    end_of(reactor, pool.submit(str))
    assert told == []
    while len(threads_of("hanging")) > 1:  # those of the abandoned calls end
        time.sleep(0)
    pool.close()


def test_a_call_that_returns_as_it_is_abandoned_leaves_no_thread_too_many(reactor, gate):
    pool = ThreadPool(reactor, 1, "racing", max_abandoned=1)
    call = pool.submit(gate)
    gate.wait_until_entered()
    gate.open()
    while not reactor._ready:  # it has returned, and the loop does not know of it yet
        time.sleep(0)
    pool.abandon(call)
    while pool.abandoned:
        reactor.run_once(TIMEOUT)
    for _ in range(3):
        end_of(reactor, pool.submit(str))
    while len(threads_of("racing")) > 1:
        time.sleep(0)
    pool.close()
    while threads_of("racing"):
        time.sleep(0)


def test_a_stopping_reactor_does_not_wait_for_an_abandoned_call(reactor, gate):
    pool = ThreadPool(reactor, 1, "hanging", max_abandoned=1)
    call = pool.submit(gate)
    gate.wait_until_entered()
    pool.abandon(call)
    reactor.call_soon(reactor.stop, 1000)
    reactor.run()
    pool.close()


def test_only_a_call_that_runs_can_be_abandoned(reactor, gate):
    pool = ThreadPool(reactor, 1, "hanging")
    calls = [pool.submit(gate), pool.submit(str)]
    with pytest.raises(ValueError, match="that runs"):
        pool.abandon(calls[1])
    gate.open()
    end_of(reactor, *calls)
    with pytest.raises(ValueError, match="that runs"):
        pool.abandon(calls[0])
    pool.close()


def test_a_system_without_more_threads_refuses_the_call_and_nothing_else(reactor, monkeypatch):
    def exhausted(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", exhausted)
        with pytest.raises(RuntimeError, match="can't start"):
            reactor.run_in_thread(str)

    reactor.stop(0.0)
    reactor.run()  # there is nothing that it would wait for
    call = reactor.run_in_thread(str, 1)
    end_of(reactor, call)
    assert call.result() == "1"


def test_an_idle_thread_keeps_no_result(reactor):
    class Big:
        pass

    class Calls:
        """The thread's queue: one call, and then the time in which there is nothing to do."""

        def __init__(self) -> None:
            self.calls: list[ThreadCall[Big]] = [ThreadCall(pool, Big, ())]
            self.gone: weakref.ref[Big] | None = None

        def get(self) -> ThreadCall[Big] | None:
            if self.calls:
                call = self.calls.pop()
                call.add_done_callback(self.done)
                return call
            for _ in range(2):
                reactor.run_once(0)
            gc.collect()
            assert self.gone is not None
            assert self.gone() is None
            return None

        def done(self, call: ThreadCall[Big]) -> None:
            self.gone = weakref.ref(call.result())

    pool = ThreadPool(reactor, 1, "idle")
    pool._work(Calls())


# -- stopping --------------------------------------------------------------------------------------


def test_a_shutdown_waits_for_calls_and_their_results_are_told_before_it_ends(reactor, gate):
    told = []
    call = reactor.run_in_thread(gate, "the last result")
    call.add_done_callback(lambda call: told.append(call.result()))
    reactor.call_soon(reactor.stop, 1000)
    reactor.call_soon(gate.open)

    reactor.run()

    assert told == ["the last result"]


def test_a_shutdown_does_not_wait_for_cancelled_calls(reactor, gate):
    calls = [reactor.run_in_thread(gate) for _ in range(5)]
    gate.wait_until_entered()
    reactor.call_soon(reactor.stop, 1000)
    for call in calls:
        reactor.call_soon(call.cancel)

    reactor.run()  # or for the gate, which never opens

    assert all(call.cancelled() for call in calls)


def test_when_the_grace_is_over_calls_are_forgotten_and_the_pool_serves_the_next_run(reactor, gate):
    told = []
    forgotten = [reactor.run_in_thread(gate) for _ in range(4)]
    for call in forgotten:
        call.add_done_callback(told.append)
    gate.wait_until_entered()
    reactor.stop(0)
    reactor.run()
    assert all(call.cancelled() for call in forgotten)

    # The old threads still hang. New ones do the work, and take nothing that is meant for the old.
    later = [reactor.run_in_thread(str, number) for number in range(4)]
    end_of(reactor, *later)
    assert [call.result() for call in later] == ["0", "1", "2", "3"]

    # And when the old ones end, nothing that waits is taken for done.
    second = Gate()
    waiting = reactor.run_in_thread(second, "second")
    second.wait_until_entered()
    gate.open()
    while reactor._threads._active > 1:
        reactor.run_once(1)
    reactor.call_soon(reactor.stop, 1000)
    reactor.call_soon(second.open)
    reactor.run()

    assert waiting.result() == "second"
    assert told == []


def test_threads_end_when_the_reactor_is_closed():
    with Reactor() as reactor:
        end_of(reactor, *[reactor.run_in_thread(str) for _ in range(3)])
        threads = threads_of("worker")
        assert threads

    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def test_a_call_that_ends_after_the_reactor_was_closed_ends_in_silence(gate):
    told = []
    with Reactor() as reactor:
        call = reactor.run_in_thread(gate)
        call.add_done_callback(told.append)
        gate.wait_until_entered()
        threads = threads_of("worker")

    gate.open()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert call.cancelled()
    assert told == []


HANGING = """
import threading
import time
from reactor import Reactor

started = threading.Event()

def hang():
    started.set()
    threading.Event().wait()

with Reactor() as reactor:
    reactor.run_in_thread(hang)
    reactor.resolver.submit(hang)
    started.wait()
    reactor.stop(0.01)
    reactor.run()
print("ended")
"""


def test_a_call_that_hangs_does_not_keep_the_program_from_ending():
    assert run_script(HANGING) == ("ended\n", "", 0)
