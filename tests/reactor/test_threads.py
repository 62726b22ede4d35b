"""Calls in worker threads: their results, their bounds, and what a stopping reactor waits for."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from reactor import Reactor, ThreadCall
from reactor.threads import ThreadPool

from ..tools.commands import ROOT
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
    """Run the loop until the callbacks of all ``calls`` have run."""
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
    assert reactor.failures == []  # there was a callback


def test_an_exception_of_a_call_without_callbacks_is_reported(reactor):
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


def test_there_is_no_result_before_the_end(reactor, gate):
    call = reactor.run_in_thread(gate, "late")

    assert not call.done()
    for ask in (call.result, call.exception):
        with pytest.raises(RuntimeError, match="has not ended"):
            ask()

    gate.open()
    end_of(reactor, call)
    assert call.result() == "late"


def test_a_callback_added_after_the_end_runs_in_the_next_turn(reactor):
    call = reactor.run_in_thread(str, 1)
    end_of(reactor, call)
    told = []

    call.add_done_callback(told.append)
    assert told == []  # it runs in the loop, not in add_done_callback()
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


def test_a_call_cancelled_while_it_waits_never_runs(reactor, gate):
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


def test_a_call_cancelled_while_it_runs_calls_nothing_back(reactor, gate):
    told = []
    pool = ThreadPool(reactor, 1, "single")  # its calls end in the order in which they were made
    call = pool.submit(gate)
    call.add_done_callback(told.append)
    gate.wait_until_entered()

    assert call.cancel()
    call.add_done_callback(told.append)
    gate.open()
    end_of(reactor, pool.submit(str))
    pool.close()

    assert told == []
    for ask in (call.result, call.exception):
        with pytest.raises(RuntimeError, match="was cancelled"):
            ask()


def test_a_call_that_has_ended_cannot_be_cancelled(reactor):
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


def test_the_queue_has_a_bound_and_calls_beyond_it_are_refused(reactor, gate):
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
    calls = [pool.submit(str) for _ in range(2)]
    with pytest.raises(queue.Full):
        pool.submit(str)
    end_of(reactor, *calls)
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
    cancelled: weakref.WeakSet[ThreadCall[str]] = weakref.WeakSet()
    for _ in range(10_000):
        call = pool.submit(str)
        cancelled.add(call)
        call.cancel()
    big = Big()
    gone = weakref.ref(big)
    pool.submit(big).cancel()
    del big
    assert gone() is None
    kept.append(pool.submit(order.append, 1))
    assert len(cancelled) < 100

    gate.open()
    end_of(reactor, running, *kept)
    assert order == [0, 1]
    pool.close()


# -- calls that hang -------------------------------------------------------------------------------


def test_the_threads_of_abandoned_calls_are_replaced_within_a_bound(reactor):
    pool = ThreadPool(reactor, 1, "hanging", max_queued=1, max_abandoned=1)
    gates = [Gate() for _ in range(2)]
    told = []
    hanging = [pool.submit(gates[0], "late"), pool.submit(gates[1], "late")]
    for call in hanging:
        call.add_done_callback(told.append)
    gates[0].wait_until_entered()
    pool.abandon(hanging[0])
    gates[1].wait_until_entered()  # the call that waited got the new thread
    assert pool.abandoned == 1

    pool.abandon(hanging[1])  # beyond the bound: there is no thread left
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
    while len(threads_of("hanging")) > 1:  # the threads of the abandoned calls end
        time.sleep(0)
    pool.close()


def test_a_call_that_returns_as_it_is_abandoned_leaves_no_extra_thread(reactor, gate, monkeypatch):
    returned = threading.Event()
    call_soon_threadsafe = reactor.call_soon_threadsafe

    def call_and_note(*args: object) -> None:
        call_soon_threadsafe(*args)
        returned.set()

    monkeypatch.setattr(reactor, "call_soon_threadsafe", call_and_note)
    pool = ThreadPool(reactor, 1, "racing", max_abandoned=1)
    call = pool.submit(gate)
    gate.wait_until_entered()
    gate.open()
    assert returned.wait(TIMEOUT)  # but the loop does not know it yet
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
    reactor.run()  # it has nothing to wait for
    call = reactor.run_in_thread(str, 1)
    end_of(reactor, call)
    assert call.result() == "1"


def test_an_idle_thread_keeps_no_result(reactor):
    class Big:
        pass

    results: list[weakref.ref[Big]] = []
    call = reactor.run_in_thread(Big)
    call.add_done_callback(lambda call: results.append(weakref.ref(call.result())))
    end_of(reactor, call)
    del call

    [result] = results
    deadline = time.monotonic() + TIMEOUT
    while result() is not None:
        assert time.monotonic() < deadline
        time.sleep(0)  # the thread is about to become idle


# -- stopping --------------------------------------------------------------------------------------


def test_a_shutdown_waits_for_calls_and_their_callbacks_run_before_it_ends(reactor, gate):
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

    reactor.run()  # does not wait for the gate, which stays closed

    assert all(call.cancelled() for call in calls)


def test_after_the_grace_period_calls_are_cancelled_and_the_pool_serves_the_next_run(reactor, gate):
    told = []
    forgotten = [reactor.run_in_thread(gate) for _ in range(4)]
    for call in forgotten:
        call.add_done_callback(told.append)
    gate.wait_until_entered()
    old_threads = threads_of("worker")
    reactor.stop(0)
    reactor.run()
    assert all(call.cancelled() for call in forgotten)

    # The old threads still hang. New ones take the new calls.
    later = [reactor.run_in_thread(str, number) for number in range(4)]
    end_of(reactor, *later)
    assert [call.result() for call in later] == ["0", "1", "2", "3"]

    # When the old threads end, the pool still counts the call that is running.
    second = Gate()
    waiting = reactor.run_in_thread(second, "second")
    second.wait_until_entered()
    gate.open()
    for thread in old_threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    reactor.run_once(0)
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


def test_a_call_that_ends_after_the_reactor_was_closed_calls_nothing_back(gate):
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


def test_a_call_that_hangs_does_not_prevent_the_program_from_ending():
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", HANGING],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )

    assert (result.stdout, result.stderr, result.returncode) == ("ended\n", "", 0)
