"""The exercise of lesson 7. Run it with ``python -m pytest docs/lessons/07_timers``.

No test waits: the time is a number that the test chooses."""

import pytest


@pytest.fixture
def timers(exercise):
    return exercise.Timers()


@pytest.fixture
def calls():
    return []


def test_timers_run_in_the_order_of_their_times(timers, calls):
    timers.call_at(3.0, lambda: calls.append("three"))
    timers.call_at(1.0, lambda: calls.append("one"))
    timers.call_at(1.0, lambda: calls.append("one, set later"))
    timers.run_due(0.5)
    assert calls == []
    timers.run_due(3.0)
    assert calls == ["one", "one, set later", "three"]


def test_a_cancelled_timer_does_not_run(timers, calls):
    timers.call_at(1.0, lambda: calls.append("first"))
    cancelled = timers.call_at(1.0, lambda: calls.append("cancelled"))
    timers.call_at(1.0, lambda: calls.append("last"))
    timers.cancel(cancelled)
    timers.run_due(2.0)
    assert calls == ["first", "last"]


def test_the_loop_does_not_wake_up_for_a_cancelled_timer(timers, calls):
    cancelled = timers.call_at(1.0, lambda: calls.append("cancelled"))
    timers.call_at(5.0, lambda: calls.append("kept"))
    timers.cancel(cancelled)
    assert timers.timeout(0.0) == 5.0


def test_without_timers_the_loop_may_wait_forever(timers, calls):
    timers.cancel(timers.call_at(1.0, lambda: calls.append("cancelled")))
    assert timers.timeout(0.0) is None


def test_a_timer_may_cancel_another_one_that_is_due_too(timers, calls):
    timers.call_at(1.0, lambda: timers.cancel(second))
    second = timers.call_at(1.0, lambda: calls.append("second"))
    timers.run_due(1.0)
    assert calls == []


def test_cancelling_twice_or_too_late_has_no_effect(timers, calls):
    early = timers.call_at(1.0, lambda: calls.append("early"))
    timers.run_due(1.0)
    late = timers.call_at(2.0, lambda: calls.append("late"))
    for _ in range(200):
        timers.cancel(early)
    assert timers.timeout(1.0) == 1.0
    timers.cancel(late)
    timers.cancel(late)
    timers.run_due(2.0)
    assert calls == ["early"]


def test_cancelled_timers_do_not_fill_the_memory(timers, calls):
    """A server that sets a time limit for each request cancels nearly all of its timers."""
    timers.call_at(1.0, lambda: calls.append("kept"))
    for number in range(10_000):
        timers.cancel(timers.call_at(100.0 + number, lambda: calls.append("cancelled")))
        assert len(timers.heap) <= 102
    timers.run_due(20_000.0)
    assert calls == ["kept"]
