"""The exercise of lesson 12. Run it with ``python -m pytest docs/lessons/12_coroutines``.

The time is virtual: a second passes as soon as there is nothing else to do."""

import sys
from pathlib import Path

import pytest

from reactor.testing import VirtualReactor

sys.path.insert(0, str(Path(__file__).parent))  # for the exercise
from coroutines import Task, sleep


@pytest.fixture
def reactor():
    with VirtualReactor() as reactor:
        yield reactor


async def say(reactor, seconds, what):
    await sleep(reactor, seconds)
    return what


async def fail(reactor, seconds):
    await sleep(reactor, seconds)
    raise ValueError(f"failed after {seconds} s")


def test_the_results_come_in_the_order_of_the_coroutines(reactor, exercise):
    task = Task(reactor, exercise.gather(reactor, say(reactor, 2, "one"), say(reactor, 1, "two")))
    reactor.advance(5)
    assert task.result() == ["one", "two"]


def test_it_takes_as_long_as_the_slowest(reactor, exercise):
    coroutines = [say(reactor, seconds, seconds) for seconds in (3, 2, 3)]
    task = Task(reactor, exercise.gather(reactor, *coroutines))
    reactor.advance(2.9)
    early = task.done
    reactor.advance(0.1)
    in_time = task.done
    reactor.advance(10)  # one after another, they take eight seconds
    assert in_time
    assert not early


def test_an_exception_is_raised(reactor, exercise):
    task = Task(reactor, exercise.gather(reactor, say(reactor, 2, "one"), fail(reactor, 1)))
    reactor.advance(5)
    with pytest.raises(ValueError, match="failed after 1 s"):
        task.result()


def test_nothing_to_wait_for(reactor, exercise):
    task = Task(reactor, exercise.gather(reactor))
    reactor.settle()
    assert task.result() == []
