"""What a paused loop is about to do, and the order of descriptors."""

from __future__ import annotations

import os
import socket

import pytest

from reactor import (
    DatagramProtocol,
    IdleTimer,
    Observer,
    Protocol,
    Reactor,
    Traffic,
    list_timers,
    pending,
    sort_key,
    watched,
)
from reactor.testing import VirtualReactor


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


class Steps(Observer):
    """Keeps what is pending before each step of the newest turn that has ended."""

    def __init__(self):
        self.seen = {}
        self._seen = {}

    def attached(self, loop):
        self.loop = loop

    def step_begins(self, turn):
        self._seen[turn.step] = pending(self.loop)

    def turn_ended(self, turn):
        self.seen, self._seen = self._seen, {}


# -- pending ---------------------------------------------------------------------------------------


def test_a_line_that_waits_is_an_event_then_a_flush():
    with VirtualReactor(debug=False) as reactor:
        steps = Steps()
        reactor.add_observer(steps)
        peer = reactor.connect(Echo)
        peer.send(b"hello")
        reactor.run_once()
        fd, seen_in = peer.transport._fd, steps.seen

    handler = {
        "handler": "Echo.data_received",
        "kind": "stream",
        "protocol": "Echo",
        "peer": "192.0.2.1:50000",
    }
    for step in range(1, 9):
        seen = seen_in[step]
        assert seen["events"] == ([[fd, "R"]] if step <= 4 else [])
        assert seen["handlers"] == ({str(fd): handler} if step <= 4 else {})
        flush = {"fd": fd, "protocol": "Echo", "peer": "192.0.2.1:50000", "queued": 5}
        assert seen["flushes"] == ([flush] if step in (5, 6, 7) else [])


def test_what_waits_for_room_is_pending_with_the_event_that_reports_it():
    """Datagrams are not flushed in step 7: the event sends them, in step 4."""
    with VirtualReactor(debug=False) as reactor:
        steps = Steps()
        reactor.add_observer(steps)
        stream, datagrams = reactor.connect(Echo), reactor.datagram_socket(DatagramProtocol)
        for peer in (stream, datagrams):
            peer.stall()
        stream.transport.write(b"12345")
        for _ in range(3):
            datagrams.transport.sendto(b"1234567", ("192.0.2.9", 9))
        reactor.settle()
        for peer in (stream, datagrams):
            peer.resume()
        reactor.run_once(0)
        queued = {str(stream.transport._fd): 5, str(datagrams.transport._fd): 21}
        for step in (1, 2, 3, 4):
            handlers = steps.seen[step]["handlers"]
            assert {fd: handler["queued"] for fd, handler in handlers.items()} == queued
        assert all(steps.seen[step]["flushes"] == [] for step in range(1, 9))
        assert [data for data, _ in datagrams.sent] == [b"1234567"] * 3


def test_due_timers_are_pending_until_they_run():
    with VirtualReactor(debug=False) as reactor:
        steps = Steps()
        reactor.add_observer(steps)
        reactor.call_later(3, len, "")
        reactor.call_later(2, sorted, []).reschedule(3)
        reactor.call_later(9, print)
        reactor.run_once()
        names = [[t["name"] for t in steps.seen[step]["timers"]] for step in range(1, 9)]
        assert names == [[], [], *[["len", "sorted"]] * 3, [], [], []]
        assert steps.seen[5]["timers"][0] == {"name": "len", "kind": "timer", "in": 0}


def test_no_timer_is_pending_while_the_loop_catches_up():
    with VirtualReactor(debug=False) as reactor:
        steps = Steps()
        reactor.add_observer(steps)
        reactor.call_later(3, len, "")
        peer = reactor.connect(Echo)
        peer.send(b"1")
        peer.send(b"2")
        reactor.stall(4)
        reactor.run_once(0)
        assert reactor._catching_up
        assert steps.seen[5]["timers"] == []


def test_callbacks_are_pending_until_they_run():
    with VirtualReactor(debug=False) as reactor:
        steps = Steps()
        reactor.add_observer(steps)
        reactor.call_soon(max, 1, 2)
        reactor.run_once()
        assert [steps.seen[step]["callbacks"] for step in range(1, 9)] == [["max"]] * 6 + [[]] * 2


def test_what_is_closed_at_the_end_of_the_turn_is_pending():
    with VirtualReactor(debug=False) as reactor:
        steps = Steps()
        reactor.add_observer(steps)
        transport = reactor.connect(Protocol).transport
        fd = transport._fd
        transport.abort()
        reactor.run_once()
        assert [steps.seen[step]["closes"] for step in (6, 7, 8)] == [[], [fd], [fd]]


def test_it_is_bounded():
    with VirtualReactor(debug=False) as reactor:
        for _ in range(5):
            peer = reactor.connect(Echo)
            peer.send(b"x")
            peer.transport.write(b"y")
            reactor.call_soon(print)
            reactor.call_later(0, print)
        seen = pending(reactor, most=2)
        assert {kind: len(entries) for kind, entries in seen.items()} == {
            "events": 2,
            "handlers": 2,
            "timers": 2,
            "callbacks": 2,
            "flushes": 2,
            "closes": 0,
        }


@pytest.mark.parametrize("poller", ["select", "poll", None])
def test_the_poller_is_asked_without_a_change(poller):
    with Reactor(debug=False, poller=poller) as reactor:
        ours, theirs = socket.socketpair()
        with theirs:
            fd = reactor.connect_socket(Echo, ours)._fd
            assert pending(reactor)["events"] == []
            theirs.send(b"x")
            for _ in range(2):
                assert pending(reactor)["events"] == [[fd, "R"]]
            reactor.run_once(0)
            assert theirs.recv(10) == b"x"


# -- timers ----------------------------------------------------------------------------------------


def test_the_nearest_timers_of_many_are_found_in_order():
    with VirtualReactor() as reactor:
        timers = [reactor.call_later(n * 37 % 101, print) for n in range(101)]
        timers[0].cancel()
        timers[1].reschedule(50.5)  # was 37
        timers[2].reschedule(1.5)  # was 74
        expected = sorted([*range(1, 101), 50.5, 1.5])
        for moved in 37, 74:
            expected.remove(moved)
        shown = list_timers(reactor, seconds=60)
        assert [timer["in"] for timer in shown["next"]] == [n for n in expected if n <= 60]
        assert (shown["total"], shown["cancelled"]) == (100, 2)
        assert [timer["in"] for timer in list_timers(reactor, most=3)["next"]] == [1, 1.5, 2]


def test_idle_timers_are_counted_only_if_asked_for():
    with VirtualReactor() as reactor:
        IdleTimer(reactor, 5, print)
        assert list_timers(reactor)["idle"] == 1
        assert list_timers(reactor, count_idle=False)["idle"] is None


# -- the order of descriptors ----------------------------------------------------------------------


def fds(reactor, column, traffic=None):
    wakeup = reactor._wakeup._receiver.fileno()
    ordered = sorted(watched(reactor), key=sort_key(column, traffic))
    return [fd for fd, _ in ordered if fd != wakeup]


@pytest.mark.parametrize("debug", [False, True])
def test_descriptors_are_sorted_by_any_column(debug):
    with VirtualReactor(debug=debug) as reactor:
        traffic = Traffic()
        reactor.add_observer(traffic)
        one = reactor.connect(Protocol, ("192.0.2.9", 80))
        reactor.run_once(0)
        reactor.stall(1)
        two = reactor.connect(Echo, ("192.0.2.10", 1000))
        three = reactor.datagram_socket(DatagramProtocol)
        reactor.run_once(0)
        reactor.stall(1)
        one.send(b"12345")
        two.send(b"123")
        reactor.run_once(0)
        two.stall()
        two.transport.write(b"much")
        a, b, c = one.transport._fd, two.transport._fd, three.transport._fd

        assert fds(reactor, "fd") == sorted([a, b, c])
        assert fds(reactor, "kind") == [c, a, b]
        assert fds(reactor, "protocol") == [c, b, a]
        assert fds(reactor, "peer")[-2:] == [b, a]
        assert fds(reactor, "queued")[-1] == b
        assert fds(reactor, "received", traffic) == [c, b, a]
        assert fds(reactor, "sent", traffic)[-1] == b
        assert fds(reactor, "opened", traffic)[0] == a
        assert fds(reactor, "last_time", traffic)[0] == c
        assert sorted(fds(reactor, "received")) == sorted([a, b, c])  # nothing is known
        with pytest.raises(ValueError, match="no column 'color'"):
            sort_key("color")


def test_a_plain_function_has_no_owner():
    with Reactor() as reactor:
        reading, writing = os.pipe()
        reactor.register(reading, 1, lambda mask: None)
        assert dict(watched(reactor))[reading] is None
        for column in ("fd", "kind", "protocol", "peer", "interest", "queued"):
            assert len(sorted(watched(reactor), key=sort_key(column))) == 2
        reactor.unregister(reading)
        os.close(reading)
        os.close(writing)
