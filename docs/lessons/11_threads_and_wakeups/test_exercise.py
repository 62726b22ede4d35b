"""The exercise of lesson 11: ``python -m pytest docs/lessons/11_threads_and_wakeups``."""

import select
import threading

import pytest


@pytest.fixture
def wakeup(exercise):
    wakeup = exercise.Wakeup()
    yield wakeup
    wakeup.receiver.close()
    wakeup.sender.close()


def wakes(wakeup):
    """Whether the loop would wake up now."""
    return bool(select.select([wakeup.receiver], [], [], 0)[0])


class OtherThreadWakes:
    """The receiver, with another thread that calls ``wake`` when ``recv`` begins, and again when it
    has read. Both are the worst moments."""

    def __init__(self, wakeup):
        self.wakeup = wakeup
        self.receiver = wakeup.receiver

    def recv(self, size):
        self.wakeup.wake()
        data = self.receiver.recv(size)
        self.wakeup.wake()
        return data

    def fileno(self):
        return self.receiver.fileno()

    def close(self):
        self.receiver.close()


class LoopIsFaster:
    """The sender, with a loop that calls ``drain`` before ``send`` has returned."""

    def __init__(self, wakeup):
        self.wakeup = wakeup
        self.sender = wakeup.sender

    def send(self, data):
        sent = self.sender.send(data)
        self.wakeup.drain()
        return sent


def test_it_wakes_the_loop(wakeup):
    assert not wakes(wakeup)
    wakeup.wake()
    assert wakes(wakeup)


def test_one_byte_is_enough_for_many(wakeup):
    threads = [threading.Thread(target=wakeup.wake) for _ in range(10)]
    wakeup.wake()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wakeup.receiver.recv(100) == b"\0"


def test_nobody_has_to_read_it(wakeup):
    for _ in range(1000):
        wakeup.wake()
    assert wakes(wakeup)


def test_it_wakes_the_loop_again_and_again(wakeup):
    for _ in range(3):
        wakeup.wake()
        wakeup.drain()
        assert not wakes(wakeup)


def test_a_wake_up_during_drain_does_not_disable_the_next_one(wakeup):
    wakeup.wake()
    wakeup.receiver = OtherThreadWakes(wakeup)
    wakeup.drain()
    wakeup.receiver = wakeup.receiver.receiver
    wakeup.wake()
    assert wakes(wakeup)


def test_a_loop_that_is_faster_than_wake_does_not_disable_the_next_one(wakeup):
    wakeup.sender = LoopIsFaster(wakeup)
    wakeup.wake()
    wakeup.sender = wakeup.sender.sender
    wakeup.wake()
    assert wakes(wakeup)
