"""What the inspector's observer adds up in the watched loop."""

from __future__ import annotations

import pytest

from protocols.inspector.watching import Watcher
from reactor import IdleTimer, Observer, Protocol, current_turn
from reactor.testing import VirtualReactor


@pytest.fixture
def watched():
    with VirtualReactor(debug=False) as reactor:
        reactor.run_once(0)  # opens the wake-up descriptor
        watcher = Watcher()
        reactor.add_observer(watcher)
        yield reactor, watcher


def test_expired_timers_are_kept_and_those_that_set_themselves_again_are_not(watched):
    reactor, watcher = watched

    def expire():
        pass

    reactor.call_later(1, expire)
    idle = IdleTimer(reactor, 2, expire)
    reactor.advance(1)
    idle.touch()
    reactor.advance(1.5)
    assert [(kind, at) for _, kind, at, _ in watcher.fired] == [("timer", 1001.0)]
    reactor.advance(1)
    assert [(kind, at) for _, kind, at, _ in watcher.fired] == [
        ("timer", 1001.0),
        ("idle timer", 1003.0),
    ]


def test_errors_and_closed_descriptors_are_counted(watched):
    reactor, watcher = watched
    reactor.set_exception_handler(lambda *_: None)

    class Failing(Protocol):
        def data_received(self, data):
            raise LookupError("secret")

    peers = [reactor.connect(Failing) for _ in range(30)]
    for peer in peers:
        peer.send(b"x")
    reactor.settle()
    assert (watcher.errors_total, watcher.closed_total) == (30, 30)
    assert (len(watcher.errors), len(watcher.closed)) == (20, 20)
    assert "secret" not in watcher.errors[0][1]
    assert "LookupError" in watcher.errors[0][1]


def test_long_turns_are_kept(watched):
    reactor, watcher = watched
    reactor.call_soon(reactor.stall, 0.099)
    reactor.settle()
    assert watcher.long_turns_total == 0
    reactor.call_soon(reactor.stall, 0.1)
    reactor.settle()
    assert watcher.long_turns_total == 1
    assert watcher.long_turns[0].calls[0].took == pytest.approx(0.1)


def test_names_are_counted(watched):
    reactor, watcher = watched

    class Echo(Protocol):
        def data_received(self, data):
            reactor.stall(0.01)

    peer = reactor.connect(Echo)
    for _ in range(3):
        peer.send(b"x")
        reactor.settle()
    shown = {entry["name"]: entry for entry in watcher.by_name.document(reactor.time())}
    assert shown["Echo.data_received"] == {
        "name": "Echo.data_received",
        "calls": 3,
        "seconds": pytest.approx(0.03),
        "longest": pytest.approx(0.01),
    }


def test_the_turn_that_the_loop_is_in(watched):
    reactor, _ = watched
    seen = []
    reactor.call_soon(lambda: seen.append(current_turn(reactor)))
    reactor.run_once(0)

    assert seen[0].step >= 6
    assert current_turn(reactor) is None


def test_a_turn_begins_with_step_1_after_callbacks_that_ran_since_the_observer_came():
    with VirtualReactor(debug=False) as reactor:
        begun = []

        class Steps(Observer):
            def step_begins(self, turn):
                begun.append(turn.step)

        reactor.call_soon(reactor.add_observer, Steps())
        reactor.call_soon(lambda: None)  # in the same turn
        reactor.run_once(0)
        begun.clear()
        reactor.run_once(0)
    assert begun[:8] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_loop_that_is_not_observed_has_no_turn():
    with VirtualReactor() as reactor:
        assert current_turn(reactor) is None
