"""The descriptors on screen: sorting, filtering, the window, and how rarely all are looked at."""

from __future__ import annotations

import gc
import os
import re
from weakref import ref

import pytest

from protocols.inspector.table import COLUMNS, Table, View
from reactor import HANGUP, READ, Protocol, Reactor, Traffic
from reactor.testing import VirtualReactor

from ...tools.clock import Clock


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


class Sink(Protocol):
    pass


class Costly:
    """A clock of the processor by which each pass takes ``cost`` seconds."""

    def __init__(self, cost):
        self.now, self.cost = 0.0, cost

    def __call__(self):
        self.now += self.cost
        return self.now


@pytest.fixture
def world():
    with VirtualReactor(debug=False) as reactor:
        traffic = Traffic()
        reactor.add_observer(traffic)
        yield reactor, traffic


def connect(reactor, number, protocol=Echo):
    peers = [reactor.connect(protocol, ("192.0.2.1", 5000 + index)) for index in range(number)]
    reactor.run_once(0)
    return peers


def shown(reactor, traffic, query):
    """The peers' ports on screen, in order."""
    table = Table(reactor, traffic, Clock())
    document = table.document(View.parse(query))
    rows = document["rows"]
    return [
        int(peer.rpartition(":")[2])
        for fd in document["order"]
        if (peer := rows[str(fd)]["peer"]) is not None
    ]


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_can_be_sorted_by_in_both_orders(world, column):
    reactor, traffic = world
    peers = connect(reactor, 3)
    for index, peer in enumerate(peers):
        peer.send(b"x" * (index + 1))
        reactor.settle()
        reactor.advance(1)
    ascending = shown(reactor, traffic, f"sort={column}")
    descending = shown(reactor, traffic, f"sort={column}&order=desc")

    assert sorted(ascending) == sorted(descending) == [5000, 5001, 5002]
    if column in ("fd", "peer", "received", "sent", "last_time"):
        assert (ascending, descending) == ([5000, 5001, 5002], [5002, 5001, 5000])
    if column == "silence":
        assert (ascending, descending) == ([5002, 5001, 5000], [5000, 5001, 5002])


def test_an_attribute_of_a_handler_is_not_followed():
    class Handler:
        def __call__(self, mask):
            pass

        @property
        def func(self):  # a Mock has another Mock here, and that too, without end
            raise AssertionError("asked for")

    reading, writing = os.pipe()
    with Reactor() as reactor:
        reactor.register(reading, READ, Handler())
        rows = Table(reactor, Traffic()).document(View())["rows"]
        reactor.unregister(reading)
    os.close(reading)
    os.close(writing)

    assert rows[str(reading)]["kind"] == "other"


def test_paused_and_closing_are_sorted_by_state(world):
    reactor, traffic = world
    peers = connect(reactor, 3)
    peers[1].transport.pause_reading()

    assert shown(reactor, traffic, "sort=state&order=desc")[0] == 5001


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("", [5000, 5001, 5002, 5003]),
        ("echo", [5000, 5001, 5002]),
        ("SINK", [5003]),
        ("192.0.2.1:5001", [5001]),
        (":5001", [5001]),
        ("192.0.2 -sink", [5000, 5001, 5002]),
        ("kind:stream", [5000, 5001, 5002, 5003]),
        ("kind:str", []),
        ("protocol:ech", [5000, 5001, 5002]),
        ("peer:5002", [5002]),
        ("interest:w", []),
        ("interest:R protocol:sink", [5003]),
        ("last_event:R", [5000]),
        ("received>5", [5000]),
        ("received>=5", [5000]),
        ("received<1k received>0", [5000]),
        ("received=5", []),
        ("queued=0", [5000, 5001, 5002, 5003]),
        ("queued>64k", []),
        ("age>1m", [5000, 5001, 5002, 5003]),
        ("age>2h", []),
        ("silence<10s", [5000]),
        ("-silence<10", [5001, 5002, 5003]),
        ("paused", [5001]),
        ("-paused", [5000, 5002, 5003]),
        ("closing", []),
        ("cafe::1", []),
    ],
)
def test_filters(world, text, ports):
    reactor, traffic = world
    peers = connect(reactor, 3)
    sink = reactor.connect(Sink, ("192.0.2.1", 5003))
    reactor.run_once(0)
    reactor.advance(90)
    peers[0].send(b"0123456789")
    peers[1].transport.pause_reading()
    reactor.settle()
    reactor.advance(1)

    assert sink.transport.get_protocol() is not None
    # In a URL, + is a space.
    assert shown(reactor, traffic, f"filter={text.replace(' ', '+')}") == ports


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("sort=colour", "sort must be one of fd, kind"),
        ("order=up", "order must be asc or desc"),
        ("first=-1", "first must be a number"),
        ("first=x", "first must be a number"),
        ("first=9999999999", "first must be a number"),
        ("count=201", "count must be 0 to 200"),
        ("filter=" + "x" * 101, "at most 100 characters"),
        ("filter=colour:red", "no 'colour': use kind, protocol"),
        ("filter=queued>much", "queued needs a number, such as queued>64k, not 'much'"),
        ("filter=age>5x", "age needs a number"),
        ("filter=fd>5k", "fd needs a number"),
        ("filter=kind>5", "kind is not a number: write kind:5"),
        ("filter=last_event:x", "R, W, E"),
        ("filter=%ff", "cannot be read"),
        ("&".join(["a=1"] * 21), "cannot be read"),
    ],
)
def test_a_view_that_is_not_possible_is_refused_with_one_line(query, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        View.parse(query)
    assert "\n" not in str(caught.value)


def test_an_empty_query_is_the_default():
    assert View.parse("") == View()
    assert View.parse("sort=&filter=&other=1&count=0") == View(count=0)


def test_only_the_window_is_described(world):
    reactor, traffic = world
    connect(reactor, 100)
    document = Table(reactor, traffic, Clock()).document(View.parse("sort=peer&first=50&count=10"))

    assert (document["total"], document["matching"], document["first"]) == (101, 101, 50)
    assert document["kinds"] == {"stream": 100, "wake-up": 1}
    assert document["order"] == [int(fd) for fd in document["rows"]]
    assert len(document["order"]) == 10


def test_a_window_behind_the_end_shows_the_end(world):
    reactor, traffic = world
    connect(reactor, 5)
    document = Table(reactor, traffic, Clock()).document(View(filter="echo", first=50, count=3))

    assert (document["first"], len(document["order"])) == (2, 3)


def test_rows_are_fresh_although_the_order_is_not(world):
    reactor, traffic = world
    peers = connect(reactor, 2)
    clock = Clock(0.0)
    table = Table(reactor, traffic, clock, Costly(0.01))
    view = View(filter="echo")
    assert len(table.document(view)["order"]) == 2
    peers[0].send(b"hello")
    peers[1].close()
    connect(reactor, 1)
    document = table.document(view)

    assert [row["received"] for row in document["rows"].values()] == [5]
    clock.now += 1.0
    assert len(table.document(view)["order"]) == 2


@pytest.mark.parametrize(("cost", "pause"), [(0.01, 1.0), (0.1, 3.0)])
def test_a_pass_that_takes_long_is_made_rarely(world, cost, pause):
    reactor, traffic = world
    clock = Clock(0.0)
    table = Table(reactor, traffic, clock, Costly(cost))
    table.document(View())
    connect(reactor, 1)
    clock.now = pause - 0.001
    assert table.document(View())["total"] == 1
    clock.now = pause
    assert table.document(View())["total"] == 2


def test_a_large_table_is_sorted_and_filtered_in_pieces(world, monkeypatch):
    reactor, traffic = world
    monkeypatch.setattr("protocols.inspector.table._PIECE", 10)
    breaths = []
    table = Table(reactor, traffic, breathe=lambda: breaths.append(1))
    connect(reactor, 50)

    view = View.parse("filter=echo&sort=peer&order=desc&count=3")
    assert len(table.document(view)["order"]) == 3
    assert len(breaths) == 6 + 6 + 5 + 3  # the wake-up pair is not an echo


def test_a_fast_pass_is_made_each_time(world):
    reactor, traffic = world
    table = Table(reactor, traffic, Clock(), Costly(0.0009))
    assert table.document(View())["total"] == 1
    connect(reactor, 1)
    assert table.document(View())["total"] == 2


def test_a_connection_that_is_not_watched_is_shown_until_it_is_closed(world):
    reactor, traffic = world
    table = Table(reactor, traffic, Clock(), Costly(1.0))
    (peer,) = connect(reactor, 1)
    peer.transport.pause_reading()
    peer.transport._on_ready(HANGUP)  # the peer has left, and there may be data
    assert peer.transport._fd not in reactor._handlers
    document = table.document(View(filter="echo"))
    assert document["order"] == [peer.transport._fd]
    peer.transport.abort()
    reactor.settle()
    transport = ref(peer.transport)
    del peer
    gc.collect()
    assert transport() is None
    assert table.document(View(filter="echo"))["order"] == []
