"""Trace events: calls nest in steps, and steps in turns."""

from __future__ import annotations

import json

from protocols.inspector.tracing import trace
from reactor import Protocol, RecentTurns
from reactor.testing import VirtualReactor


class Echo(Protocol):
    def data_received(self, data):
        spend(self.reactor, 0.02)
        self.transport.write(data)
        self.transport.close()


def spend(reactor, seconds):
    reactor.stall(seconds)


def turns_of_an_echo():
    """With events, timers, callbacks, a flush, a close and an error; in virtual time."""
    recent = RecentTurns()
    with VirtualReactor() as reactor:
        reactor.set_exception_handler(lambda *_: None)
        reactor.add_observer(recent)
        peer = reactor.connect(Echo)
        Echo.reactor = reactor
        peer.send(b"hello")
        reactor.call_later(0.5, spend, reactor, 0.01)
        reactor.call_later(0.5, lambda: reactor.call_soon(spend, reactor, 0.03))
        reactor.call_later(0.7, lambda: 1 / 0)
        reactor.settle()
        reactor.advance(1.0)
    return list(recent.turns)


def test_everything_nests():
    document = trace(turns_of_an_echo(), title="echo", pid=7)
    assert json.loads(json.dumps(document)) == document
    complete = [event for event in document["traceEvents"] if event["ph"] == "X"]
    assert complete
    open_spans = []
    for event in complete:
        begin, end = event["ts"], round(event["ts"] + event["dur"], 3)
        assert end >= begin
        while open_spans and open_spans[-1][1] <= begin and event["cat"] in ("turn", "step"):
            open_spans.pop()
        level = {"turn": 0, "step": 1}.get(event["cat"], 2)
        del open_spans[level:]
        for outer_begin, outer_end in open_spans:
            assert outer_begin <= begin
            assert end <= outer_end
        open_spans.append((begin, end))


def test_what_is_shown():
    events = trace(turns_of_an_echo(), title="echo", pid=7)["traceEvents"]
    assert [(event["name"], event["args"]["name"]) for event in events if event["ph"] == "M"] == [
        ("process_name", "echo"),
        ("thread_name", "event loop"),
    ]
    assert all(event["pid"] == 7 and event["tid"] == 1 for event in events)
    by_category = {}
    for event in events:
        by_category.setdefault(event.get("cat"), []).append(event)
    (received,) = by_category["event"]
    assert received["name"] == "Echo.data_received"
    assert received["dur"] == 20_000
    assert received["args"]["received"] == 5
    assert received["args"]["event"] == "R"
    assert by_category["timer"][0]["dur"] == 10_000
    assert 30_000 in [event["dur"] for event in by_category["callback"]]
    assert [event["name"] for event in by_category["error"]] == [
        "callback failed: ZeroDivisionError"
    ]
    steps = {event["name"] for event in by_category["step"]}
    assert {"2 wait", "4 dispatch", "5 timers", "6 callbacks"} <= steps
    waits = [e["args"] for e in by_category["step"] if e["name"] == "2 wait"]
    assert any(shown["reason"] == "timer" for shown in waits)


def test_a_turn_that_an_exception_has_ended():
    recent = RecentTurns()
    reactor = VirtualReactor()
    reactor.add_observer(recent)

    def interrupt():
        raise KeyboardInterrupt

    reactor.call_soon(interrupt)
    try:
        reactor.run_once(0)
    except KeyboardInterrupt:
        pass
    reactor.close()
    (whole,) = (
        event
        for event in trace(recent.turns, title="x", pid=1)["traceEvents"]
        if event.get("args", {}).get("ended_by")
    )
    assert whole["args"]["ended_by"] == "KeyboardInterrupt"
