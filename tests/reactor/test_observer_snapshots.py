"""Snapshots: descriptors, timers and callbacks at one moment."""

from __future__ import annotations

import json
import math
import os
import socket

import pytest

from reactor import (
    READ,
    DatagramProtocol,
    IdleTimer,
    Protocol,
    Reactor,
    Traffic,
    list_callbacks,
    list_descriptors,
    list_timers,
    snapshot,
)
from reactor.testing import VirtualReactor

from ..tools.certificates import tls_contexts
from ..tools.waiting import until


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


@pytest.fixture
def real():
    with Reactor(debug=False) as reactor:
        yield reactor


def by_kind(reactor, traffic=None):
    return {shown["kind"]: shown for shown in list_descriptors(reactor, traffic)}


# -- descriptors -----------------------------------------------------------------------------------


def test_each_kind_of_descriptor_has_its_name(real):
    listener = real.listen_tcp(Echo, "127.0.0.1", 0, tls=tls_contexts()[0])
    (udp,) = real.listen_udp(DatagramProtocol, "127.0.0.1", 0)
    one, other = socket.socketpair()
    real.connect_socket(Echo, one)
    reading, writing = os.pipe()
    real.connect_read_pipe(Protocol, reading)
    client = socket.create_connection(listener.addresses[0])
    until(real, lambda: listener.connections)
    watched, waiting = socket.socketpair()
    real.register(watched.fileno(), READ, lambda mask: None)
    real.connect_tcp(Echo, "127.0.0.1", listener.addresses[0][1])
    with other, client, watched, waiting:
        shown = by_kind(real)
        real.unregister(watched.fileno())
    os.close(writing)

    assert {kind: (d["protocol"], d["interest"]) for kind, d in shown.items()} == {
        "wake-up": (None, "R"),
        "listener": ("Echo", "R"),
        "datagram": ("DatagramProtocol", "R"),
        "stream": ("Echo", "R"),
        "pipe": ("Protocol", "R"),
        "TLS": (None, "R"),  # no protocol before the handshake is done
        "other": (None, None),
        "connecting": (None, "W"),
    }
    assert shown["listener"]["address"] == f"127.0.0.1:{listener.addresses[0][1]}"
    assert shown["listener"]["connections"] == 1
    assert shown["datagram"]["address"] == f"127.0.0.1:{udp.get_extra_info('sockname')[1]}"
    assert shown["TLS"]["peer"].startswith("127.0.0.1:")
    assert "lambda" in shown["other"]["handler"]
    json.dumps(list(shown.values()))


def test_a_closed_connection_lingers(real):
    one, other = socket.socketpair()
    with other:
        real.connect_socket(Echo, one).close()
        until(real, lambda: real.stats.lingering)
        assert by_kind(real)["lingering"]["interest"] == "R"


@pytest.mark.parametrize("debug", [False, True])
def test_a_slow_readers_queue_is_shown_with_its_marks(debug):
    with VirtualReactor(debug=debug) as reactor:
        peer = reactor.connect(Protocol)
        peer.stall()
        peer.transport.write(bytes(70_000))
        peer.transport.pause_reading()
        shown = by_kind(reactor)["stream"]

        assert shown["peer"] == "192.0.2.1:50000"
        assert shown["interest"] == "W"
        assert (shown["queued"], shown["low_water"], shown["high_water"], shown["limit"]) == (
            70_000,
            16384,
            65536,
            65536 + (1 << 20),
        )
        assert (shown["writing_paused"], shown["reading_paused"], shown["closing"]) == (
            True,
            True,
            False,
        )
        peer.transport.close()
        assert by_kind(reactor)["stream"]["closing"]


def test_a_connection_that_is_not_watched_is_shown():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Protocol)
        peer.transport.pause_reading()
        peer._sock.eof_sent = True
        peer.send_eof()
        reactor.run_once(0)  # the hang-up ends the watching until reading is resumed
        assert peer.transport._fd not in reactor._handlers
        assert by_kind(reactor)["stream"]["interest"] == ""


def test_an_ipv6_peer_has_brackets():
    with VirtualReactor() as reactor:
        reactor.connect(Protocol, ("2001:db8::1", 5, 0, 0))
        assert by_kind(reactor)["stream"]["peer"] == "[2001:db8::1]:5"


# -- traffic ---------------------------------------------------------------------------------------


def test_bytes_are_counted_and_moments_are_known():
    with VirtualReactor() as reactor:
        traffic = Traffic()
        before = reactor.connect(Echo)
        reactor.add_observer(traffic)
        after = reactor.connect(Echo)
        reactor.run_once(0)
        reactor.stall(7)
        for peer in (before, after):
            peer.send(b"12345")
        reactor.settle()
        reactor.stall(2)
        shown = {d["fd"]: d for d in list_descriptors(reactor, traffic)}

        for peer, opened in ((before, None), (after, 1000)):
            d = shown[peer.transport._fd]
            assert (d["received"], d["sent"], d["last_event"]) == (5, 5, "R")
            assert (d["opened"], d["last_time"]) == (opened, 1007)
        assert shown[reactor._wakeup._receiver.fileno()]["received"] is None


def test_a_closed_descriptor_is_forgotten():
    with VirtualReactor() as reactor:
        traffic = Traffic()
        reactor.add_observer(traffic)
        for _ in range(3):
            peer = reactor.connect(Echo)
            peer.send(b"x")
            peer.close()
        reactor.advance(10)
        assert traffic.descriptors == {}


def test_datagrams_are_counted():
    class DatagramEcho(DatagramProtocol):
        def datagram_received(self, data, addr):
            self.transport.sendto(data, addr)

    with VirtualReactor() as reactor:
        traffic = Traffic()
        reactor.add_observer(traffic)
        network = reactor.datagram_socket(DatagramEcho)
        network.send(b"123")
        network.send(b"4567")
        reactor.settle()
        seen = traffic.descriptors[network.transport._fd]
        assert (seen.received, seen.sent) == (7, 7)


# -- timers and callbacks --------------------------------------------------------------------------


def test_timers_of_the_next_seconds_are_listed_in_order():
    with VirtualReactor() as reactor:
        reactor.call_later(20, print)
        reactor.call_later(5, sorted, [])
        reactor.call_later(1, len, "").cancel()
        postponed = reactor.call_later(2, max, 1, 2)
        postponed.reschedule(8)
        idle = IdleTimer(reactor, 4, print)
        reactor.run_once(1)
        idle.touch()
        shown = list_timers(reactor)

        assert [(t["name"], t["kind"], t["in"]) for t in shown["next"]] == [
            ("print", "idle timer", 3),
            ("sorted", "timer", 4),
            ("max", "timer", 7),
        ]
        assert shown["next"][0]["expires_in"] == 4
        assert (shown["total"], shown["idle"]) == (4, 1)
        assert len(list_timers(reactor, most=2)["next"]) == 2
        assert len(list_timers(reactor, seconds=30)["next"]) == 4


def test_queued_callbacks_are_listed():
    with VirtualReactor() as reactor:
        reactor.call_soon(len, "")
        reactor.call_soon(print).cancel()
        reactor.call_soon(sorted, [])
        assert list_callbacks(reactor) == {"next": ["len", "cancelled", "sorted"], "total": 3}
        assert list_callbacks(reactor, most=1) == {"next": ["len"], "total": 3}
        reactor.settle()


def test_a_snapshot_is_json_and_bounded():
    with VirtualReactor() as reactor:
        for _ in range(5):
            reactor.connect(Echo)
        taken = snapshot(reactor, most=3)

        assert json.loads(json.dumps(taken)) == taken
        assert len(taken["descriptors"]) == 3
        assert taken["descriptors_total"] == 6
        assert taken["stats"]["connections"] == 5
        assert taken["loop"]["stopping"] is False


def test_what_has_no_limit_is_json():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Echo)
        peer.transport.max_write_buffer = math.inf
        IdleTimer(reactor, 5, print).timeout = math.inf
        taken = snapshot(reactor)

        json.dumps(taken, allow_nan=False)
        [stream] = [row for row in taken["descriptors"] if row["kind"] == "stream"]
        assert (stream["high_water"], stream["limit"]) == (65536, None)
        assert taken["timers"]["next"] == [{"name": "print", "kind": "idle timer", "in": 5}]
