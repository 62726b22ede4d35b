"""A busy loop that is observed by samples: what is exact, and what is not measured."""

from __future__ import annotations

import socket

import pytest

from reactor import Observer, Protocol, Reactor, RecentTurns, SampledTraffic, current_turn
from reactor.testing import VirtualReactor


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


class Sampled(SampledTraffic):
    def __init__(self):
        super().__init__()
        self.ended = []
        self.passed = 0

    def turn_ended(self, turn):
        super().turn_ended(turn)
        self.ended.append(turn)

    def turn_passed(self, turn):
        self.passed += 1

    def calls(self, kind="event"):
        return [call for turn in self.ended if not turn.is_measured for call in turn.calls
                if call.kind == kind]  # fmt: skip


@pytest.fixture
def reactor():
    with VirtualReactor(debug=False) as reactor:
        yield reactor


@pytest.fixture
def sampled(reactor):
    """An observer of a loop whose next turns are light."""
    observer = Sampled()
    reactor.add_observer(observer)
    peer = reactor.connect(Echo)
    while not observer.passed:
        peer.send(b"x")
        reactor.run_once(0)
    observer.ended.clear()
    observer.descriptors.pop(peer.transport._fd)
    peer.close()
    reactor.settle()
    observer.ended.clear()
    return observer


def test_while_few_things_happen_every_turn_is_measured(reactor):
    reactor.add_observer(observer := Sampled())
    peer = reactor.connect(Echo)
    for _ in range(500):
        peer.send(b"x")
        reactor.run_once(0)
        reactor.advance(0.01)
    assert observer.passed == 0
    assert all(turn.is_measured for turn in observer.ended)


def test_a_loop_that_becomes_calm_is_measured_again(reactor, sampled):
    reactor.advance(0.2)
    sampled.ended.clear()
    reactor.call_soon(lambda: None)
    reactor.run_once(0)
    assert [turn.is_measured for turn in sampled.ended] == [True]


def test_bytes_and_events_are_exact(reactor, sampled):
    peers = [reactor.connect(Echo) for _ in range(5)]
    for number in range(200):
        for size, peer in enumerate(peers, number % 3):
            peer.send(b"x" * size)
        reactor.run_once(0)
    reactor.settle()
    sizes = [sum(number % 3 + index for number in range(200)) for index in range(5)]
    seen = [sampled.descriptors[peer.transport._fd] for peer in peers]
    assert [traffic.received for traffic in seen] == sizes
    assert [traffic.sent for traffic in seen] == sizes
    assert {traffic.last_time for traffic in seen} == {reactor.now}
    assert {traffic.last_event for traffic in seen} == {1}
    assert {traffic.opened for traffic in seen} == {1000.0}
    assert sampled.passed > 100


def test_what_is_flushed_early_counts(reactor, sampled):
    class Big(Protocol):
        def data_received(self, data):
            self.transport.write(b"y" * 100_000)

    peer = reactor.connect(Big)
    before = reactor.stats.bytes_sent
    peer.send(b"x")
    reactor.settle()
    sent = sampled.descriptors[peer.transport._fd].sent
    assert sent == reactor.stats.bytes_sent - before > 0


def test_a_slow_call_is_there_even_if_it_closes_its_connection(reactor, sampled):
    class Slow(Protocol):
        def data_received(self, data):
            reactor.stall(0.002)
            self.transport.abort()

    peer = reactor.connect(Slow)
    peer.send(b"x")
    reactor.run_once(0)
    assert [(call.name, round(call.took, 3)) for call in sampled.calls()] == [
        ("Slow.data_received", 0.002)
    ]


def test_a_slow_callback_is_there_and_a_short_one_not(reactor, sampled):
    def slow():
        reactor.stall(0.002)

    reactor.call_soon(slow)
    reactor.call_soon(lambda: None)
    reactor.run_once(0)
    assert [call.name for call in sampled.calls("callback")] == ["slow"]


def test_timers_errors_and_closed_descriptors_are_there(reactor, sampled):
    reactor.set_exception_handler(lambda *_: None)
    reactor.call_later(0, lambda: 1 / 0)
    peer = reactor.connect(Echo)
    fd = peer.transport._fd
    peer.reset()
    reactor.settle()
    light = [turn for turn in sampled.ended if not turn.is_measured]
    assert light == sampled.ended
    assert len(sampled.calls("timer")) == 1
    assert ["ZeroDivisionError" in error for turn in light for error in turn.errors] == [True]
    assert [fd for turn in light for fd in turn.closed] == [fd]
    assert fd not in sampled.descriptors


def test_a_number_that_is_used_again_counts_from_zero(reactor, sampled):
    for size in range(1, 4):
        peer = reactor.connect(Echo)
        peer.send(b"x" * size)
        reactor.settle()
        assert sampled.descriptors[peer.transport._fd].received == size
        peer.reset()
        reactor.settle()
        assert peer.transport._fd not in sampled.descriptors


def test_the_turn_that_the_loop_is_in(reactor, sampled):
    seen = []

    class Looks(Protocol):
        def data_received(self, data):
            seen.append(current_turn(reactor))

    peer = reactor.connect(Looks)
    peer.send(b"x")
    reactor.run_once(0)

    def callback():
        seen.append(current_turn(reactor))

    reactor.call_soon(callback)
    reactor.run_once(0)
    assert [(turn.running, turn.step, turn.is_measured) for turn in seen] == [
        ("Looks.data_received", 4, False),
        (callback.__name__, 6, False),
    ]
    assert seen[1].number == seen[0].number + 1
    assert [len(turn.times) for turn in seen] == [4, 6]
    assert current_turn(reactor) is None


@pytest.mark.parametrize("other", [Observer, RecentTurns])
def test_another_observer_gets_every_turn(reactor, sampled, other):
    passed = sampled.passed
    reactor.add_observer(observer := other())
    peer = reactor.connect(Echo)
    for _ in range(50):
        peer.send(b"x")
        reactor.run_once(0)
    assert sampled.passed == passed
    assert len(sampled.ended) == 50
    reactor.remove_observer(observer)
    sampled.ended.clear()


def test_an_observer_that_comes_or_goes_in_a_light_turn(reactor, sampled):
    other = RecentTurns()
    reactor.call_soon(reactor.add_observer, other)
    reactor.run_once(0)
    reactor.call_soon(lambda: None)
    reactor.run_once(0)
    assert len(other.turns) == 1
    reactor.remove_observer(other)
    reactor.call_soon(reactor.remove_observer, sampled)
    reactor.run_once(0)
    reactor.run_once(0)
    assert type(reactor) is VirtualReactor


def test_an_exception_that_ends_a_light_turn(reactor, sampled):
    def interrupt():
        raise KeyboardInterrupt

    reactor.call_soon(interrupt)
    with pytest.raises(KeyboardInterrupt):
        reactor.run_once(0)
    assert sampled.ended[-1].ended_by == "KeyboardInterrupt"
    assert current_turn(reactor) is None


def test_datagrams_are_exact():
    class Back(Protocol):
        def datagram_received(self, data, addr):
            self.transport.sendto(data, addr)

        def error_received(self, exc):
            pass

    with Reactor(debug=False) as reactor:
        reactor.add_observer(observer := Sampled())
        [transport] = reactor.listen_udp(Back, "127.0.0.1", 0)
        address = transport.get_extra_info("sockname")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(5)
            reactor._observation.sampling.light_until = float("inf")
            for _ in range(100):
                peer.sendto(b"x" * 10, address)
                reactor.run_once(1)
                assert len(peer.recv(100)) == 10
        traffic = observer.descriptors[transport.get_extra_info("socket").fileno()]
        assert (traffic.received, traffic.sent) == (1000, 1000)
