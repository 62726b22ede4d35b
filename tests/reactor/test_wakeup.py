"""Waking a waiting loop: from other threads, and by the bytes that signals write."""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from reactor import READ, Reactor
from reactor.pollers import PollPoller
from reactor.wakeup import Wakeup

from ..tools.interrupts import calling_at
from ..tools.waiting import TIMEOUT


class Watched:
    """A ``Wakeup`` and a poller that watches it, as a loop's does."""

    def __init__(self) -> None:
        self._poller = PollPoller()
        self.wakeup = Wakeup(self._register)

    def _register(self, fd: int, mask: int, handler: Callable[[int], object]) -> None:
        self._poller.register(fd, mask)
        self.fd = fd
        self.drain = handler

    def is_woken(self) -> bool:
        return self._poller.poll(0) == [(self.fd, READ)]

    def send(self, size: int) -> int:
        """Write ``size`` bytes, as signals do. Returns how many there was room for."""
        sent = 0
        while sent < size:
            try:
                sent += os.write(self.wakeup.fileno(), bytes(size - sent))
            except BlockingIOError:
                break
        return sent


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.wakeup.close()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor() as reactor:
        yield reactor


# -- the socket pair -------------------------------------------------------------------------------


def test_it_wakes_until_it_is_drained(watched):
    assert not watched.is_woken()
    watched.wakeup.wake()
    assert watched.is_woken()
    watched.drain(READ)
    assert not watched.is_woken()

    watched.wakeup.wake()
    assert watched.is_woken()


def test_many_calls_before_it_is_drained_write_one_byte(watched):
    # dask distributed#3223: a byte for each call was most of what the loop did.
    for _ in range(1000):
        watched.wakeup.wake()

    assert os.read(watched.fd, 1000) == b"\0"


def test_a_full_pair_wakes_too(watched):
    # Both ends are non-blocking, and EAGAIN is no failure: there are bytes already.
    size = 1 << 30
    assert 10 < watched.send(size) < size
    watched.wakeup.wake()

    assert watched.is_woken()


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192])
def test_it_is_drained_at_once(watched, size):
    assert watched.send(size) == size
    watched.drain(READ)

    assert not watched.is_woken()


def test_draining_an_empty_pair_does_not_block(watched):
    watched.drain(READ)

    assert not watched.is_woken()


def test_a_call_while_it_is_drained_does_not_prevent_later_calls_from_waking(monkeypatch):
    # A byte that such a call wrote could be read together with the earlier ones, and the flag that
    # says "a byte is there" would stay set forever.
    class Interleaved(socket.socket):
        def recv(self, size: int) -> bytes:
            watched.wakeup.wake()
            data = super().recv(size)
            watched.wakeup.wake()
            return data

    receiver, sender = socket.socketpair()
    receiver = Interleaved(fileno=receiver.detach())
    monkeypatch.setattr(socket, "socketpair", lambda: (receiver, sender))
    watched = Watched()
    watched.wakeup.wake()
    watched.drain(READ)

    watched.wakeup.wake()
    assert watched.is_woken()
    watched.wakeup.close()


@pytest.mark.parametrize("interrupted", ["wake", "drain"])
def test_a_call_that_a_signal_interrupts_does_not_prevent_later_calls_from_waking(
    watched, interrupted
):
    def interrupt() -> None:
        interrupts.append(point)
        raise KeyboardInterrupt

    interrupts: list[int] = []
    for point in itertools.count(1):
        if interrupted == "drain":
            watched.wakeup.wake()
        with suppress(KeyboardInterrupt), calling_at(point, interrupt):
            watched.wakeup.wake() if interrupted == "wake" else watched.drain(READ)
        if len(interrupts) < point:
            break
        if watched.is_woken():
            watched.drain(READ)

        watched.wakeup.wake()
        assert watched.is_woken()
        watched.drain(READ)
    assert len(interrupts) > 1


def test_the_bytes_of_signals_are_forwarded_without_ours(watched):
    forwarded: list[bytes] = []
    watched.wakeup.forward = forwarded.append
    watched.wakeup.wake()
    os.write(watched.wakeup.fileno(), b"\x0a\x0c")
    watched.drain(READ)
    watched.wakeup.wake()
    watched.drain(READ)

    assert forwarded == [b"\x0a\x0c"]


def test_waiting_ends_when_it_is_woken(watched):
    thread = threading.Timer(0.05, watched.wakeup.wake)
    began = time.monotonic()
    thread.start()
    watched.wakeup.wait(TIMEOUT)
    thread.join()

    assert watched.is_woken()
    assert time.monotonic() - began < TIMEOUT / 2


def test_waiting_ends_after_the_timeout(watched):
    began = time.monotonic()
    watched.wakeup.wait(0.02)

    assert 0.02 <= time.monotonic() - began < TIMEOUT


def test_waking_after_closing_is_harmless(watched):
    # A thread may have looked at the reactor just before it was closed.
    watched.wakeup.close()
    watched.wakeup.wake()


def test_a_pair_that_the_poller_cannot_watch_is_closed():
    tried: list[int] = []

    def refuse(fd: int, *_: object) -> None:
        tried.append(fd)
        raise ValueError("too high")

    with pytest.raises(ValueError, match="too high"):
        Wakeup(refuse)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(tried[0])


# -- a loop and other threads ----------------------------------------------------------------------


def test_a_call_from_another_thread_ends_a_wait_without_end(reactor):
    threads = []

    def call() -> None:
        threads.append(threading.current_thread())
        reactor.call_soon_threadsafe(finish, "argument")

    def finish(argument: str) -> None:
        assert argument == "argument"
        threads.append(threading.current_thread())
        reactor.stop()

    other = threading.Thread(target=call)
    reactor.call_soon(other.start)
    reactor.run()
    other.join()

    assert threads == [other, threading.main_thread()]


def test_calls_from_many_threads_all_arrive_in_the_order_of_each(reactor):
    arrived: dict[int, list[int]] = {number: [] for number in range(8)}

    def call(number: int) -> None:
        for value in range(1000):
            reactor.call_soon_threadsafe(arrived[number].append, value)

    threads = [threading.Thread(target=call, args=(number,)) for number in arrived]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reactor.run_once()

    assert all(values == list(range(1000)) for values in arrived.values())


def test_calls_from_threads_while_the_loop_runs_all_arrive(reactor):
    left = 4 * 2000

    def arrive() -> None:
        nonlocal left
        left -= 1
        if not left:
            reactor.stop()

    def call() -> None:
        for _ in range(2000):
            reactor.call_soon_threadsafe(arrive)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        reactor.call_soon(thread.start)
    reactor.run()
    for thread in threads:
        thread.join()

    assert left == 0
