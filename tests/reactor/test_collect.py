"""``io_collect_interval``: letting events gather after turns that answered nobody."""

import socket
import threading

import pytest

from reactor import READ, Protocol, Reactor


class Listening(Protocol):
    """Reads and says nothing, but "yes" to a question."""

    def data_received(self, data):
        if data.endswith(b"?"):
            self.transport.write(b"yes")


@pytest.fixture
def reactor():
    with Reactor() as reactor:
        reactor.io_collect_interval = 0.02
        yield reactor


@pytest.fixture
def waits(reactor, monkeypatch):
    """The waits for events to gather, in seconds; they are not really waited for."""
    waits = []
    monkeypatch.setattr(reactor._wakeup, "wait", waits.append)
    return waits


@pytest.fixture
def peer(reactor):
    ours, theirs = socket.socketpair()
    with theirs:
        reactor.connect_socket(Listening, ours)
        yield theirs


def turn(reactor):
    reactor.run_once(10)


def test_after_a_turn_that_answered_nobody_events_gather(reactor, waits, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    assert waits == []

    peer.send(b"heartbeat")
    turn(reactor)
    assert waits == [0.02]


def test_after_an_answer_the_next_event_is_not_kept_waiting(reactor, waits, peer):
    for _ in range(3):
        peer.send(b"are you there?")
        turn(reactor)
        assert peer.recv(10) == b"yes"

    assert waits == []


def test_a_turn_without_events_does_not_count(reactor, waits, peer):
    reactor.run_once(0)
    peer.send(b"heartbeat")
    turn(reactor)

    assert waits == []


def test_timers_and_callbacks_are_not_kept_waiting(reactor, waits, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    peer.send(b"heartbeat")
    reactor.call_soon(lambda: None)
    turn(reactor)
    assert waits == []

    timer = reactor.call_later(0.001, lambda: None)
    peer.send(b"heartbeat")
    turn(reactor)
    assert len(waits) == 1
    assert waits[0] <= 0.001
    timer.cancel()


def test_it_is_off_by_default(waits, reactor, peer):
    reactor.io_collect_interval = Reactor().io_collect_interval
    for _ in range(2):
        peer.send(b"heartbeat")
        turn(reactor)

    assert waits == []


def test_another_thread_ends_the_wait(reactor, peer):
    reactor.io_collect_interval = 60.0
    peer.send(b"heartbeat")
    turn(reactor)
    done = threading.Event()
    thread = threading.Timer(0.05, reactor.call_soon_threadsafe, [done.set])
    thread.start()
    reactor.run_once()
    thread.join()

    assert done.is_set()


def test_descriptors_of_ones_own_gather_as_well(reactor, waits):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reactor.register(ours.fileno(), READ, lambda mask: ours.recv(10))
        for _ in range(2):
            theirs.send(b"x")
            turn(reactor)
        reactor.unregister(ours.fileno())

    assert waits == [0.02]
