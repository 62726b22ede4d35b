"""Streams of viewers: deltas, their rate, slow readers, and failures."""

from __future__ import annotations

import json
import logging
import math

import pytest

from protocols.http import HTTPServer
from protocols.inspector.patches import apply
from protocols.inspector.server import LIMITS
from protocols.inspector.table import View
from protocols.inspector.viewers import INTERVAL, Viewers
from reactor.testing import VirtualReactor


class World:
    """``state``: what is shown. ``cost``: seconds that each document takes."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.state = {"n": 0, "x": "y"}
        self.cost = self.cpu = 0.0
        self.made = []
        self.counts = []
        self.viewers = Viewers(
            self.reactor,
            self.document,
            lambda: {"version": 1},
            changed=self.counts.append,
            cpu_time=lambda: self.cpu,
        )
        self.view = View()

    def document(self, view):
        self.made.append(self.reactor.time())
        self.cpu += self.cost
        return dict(self.state)

    def connect(self):
        peer = self.reactor.connect(
            HTTPServer(lambda request: self.viewers.open(request, self.view), limits=LIMITS)
        )
        peer.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.reactor.settle()
        return peer


def body(peer):
    """What ``peer`` has got since the last call, without heads and the sizes of chunks."""
    data = peer.read()
    if data.startswith(b"HTTP/"):
        data = data.partition(b"\r\n\r\n")[2]
    return b"".join(data.split(b"\r\n")[1::2]).decode()


def events(peer):
    """The same as (event, id, data)."""
    found = []
    for text in body(peer).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
        if "data" in fields:
            found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
    return found


@pytest.fixture
def world():
    world = World()
    with world.reactor:
        yield world


def test_hello_then_the_state_then_what_changes(world):
    peer = world.connect()
    assert events(peer) == [("hello", 1, {"version": 1}), ("state", 2, {"n": 0, "x": "y"})]
    world.state["n"] = 1
    world.reactor.advance(INTERVAL)
    assert events(peer) == [("patch", 3, {"n": 1})]


def test_nothing_is_sent_if_nothing_has_changed(world):
    peer = world.connect()
    peer.read()
    world.reactor.advance(5.0)
    assert peer.read() == b""


def test_at_most_ten_events_a_second(world):
    peer = world.connect()
    peer.read()
    for number in range(1, 201):
        world.state["n"] = number
        world.reactor.advance(0.01)
    sent = events(peer)
    assert 18 <= len(sent) <= 20
    assert [event for event, _, _ in sent] == ["patch"] * len(sent)


def test_what_costs_much_is_sent_rarely(world):
    world.cost = 0.03
    world.connect()
    world.reactor.advance(60.0)
    assert len(world.made) * world.cost < 0.04 * 60.0
    assert len(world.made) > 40


def test_viewers_of_one_view_share_a_document(world):
    one, other = world.connect(), world.connect()
    world.view = View(first=5)
    third = world.connect()
    for peer in (one, other, third):
        peer.read()
    world.made.clear()
    world.state["n"] = 1
    world.reactor.advance(INTERVAL)
    assert len(world.made) == 2
    for peer in (one, other, third):
        assert [data for _, _, data in events(peer)] == [{"n": 1}]


def test_without_viewers_nothing_is_made(world):
    peer = world.connect()
    assert world.counts == [1]
    peer.reset()
    world.reactor.settle()
    assert world.counts == [1, 0]
    world.made.clear()
    world.reactor.advance(60.0)
    assert world.made == []
    again = world.connect()
    again.read()
    world.state["n"] = 1
    world.reactor.advance(INTERVAL)
    assert len(events(again)) == 1


def test_a_slow_viewer_gets_fewer_events_and_misses_nothing(world):
    world.state["long"] = "x" * 300_000  # more than the connection takes at once
    peer = world.connect()
    peer.stall()
    for number in range(1, 50):
        world.state["n"] = number
        world.state["long"] = str(number % 10) * 300_000
        world.reactor.advance(INTERVAL)
    assert peer.transport.get_write_buffer_size() < 1_000_000
    peer.resume()
    world.reactor.advance(2 * INTERVAL)
    document = None
    sent = [(event, data) for event, _, data in events(peer) if event != "hello"]
    for event, data in sent:
        document = data if event == "state" else apply(document, data)
    assert document == world.state
    assert len(sent) < 6


def test_a_viewer_that_does_not_read_is_dropped(world):
    peer = world.connect()
    peer.stall()
    for number in range(400):
        world.state["long"] = str(number % 10) * 300_000
        world.reactor.advance(INTERVAL)
    assert len(world.viewers) == 0
    assert peer.closed


def test_a_failure_ends_the_stream_and_nothing_else(world, caplog):
    peer = world.connect()
    world.reactor.advance(INTERVAL)
    world.state = {"n": object()}
    with caplog.at_level(logging.ERROR):
        world.reactor.advance(INTERVAL)
    assert "cannot show the state" in caplog.text
    assert bytes(peer.received).endswith(b"0\r\n\r\n")
    assert world.counts == [1, 0]


def test_numbers_that_json_does_not_have_are_null(world):
    world.state = {"at": -math.inf, "list": [1, {"x": math.nan}], "other": 2.5}
    assert events(world.connect())[1] == (
        "state",
        2,
        {"at": None, "list": [1, {"x": None}], "other": 2.5},
    )


def test_closing_ends_the_streams_and_refuses_others(world):
    peer = world.connect()
    world.viewers.close()
    world.reactor.settle()
    assert bytes(peer.received).endswith(b"0\r\n\r\n")
    assert b"HTTP/1.1 503 " in bytes(world.connect().received)
    world.reactor.advance(60.0)
