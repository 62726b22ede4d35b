"""Snapshots taken by another thread while the loop works."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import deque

import pytest

from reactor import (
    IdleTimer,
    Protocol,
    Reactor,
    Traffic,
    describe_descriptor,
    list_callbacks,
    list_descriptors,
    list_timers,
    pending,
    snapshot,
    sort_key,
    watched,
)
from reactor.descriptors import copied

from ..tools.waiting import TIMEOUT

COLUMNS = (
    "fd",
    "kind",
    "protocol",
    "peer",
    "interest",
    "queued",
    "received",
    "sent",
    "opened",
    "last_time",
)


class Busy(Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        self.timer = IdleTimer(transport.reactor, 5, transport.abort)

    def data_received(self, data):
        self.timer.touch()
        self.transport.write(data * 50_000)

    def connection_lost(self, exc):
        self.timer.cancel()


class Churn:
    """Opens and closes connections, sets and cancels timers, in every turn of the loop."""

    def __init__(self, reactor):
        self.reactor = reactor
        self.open = deque()
        self.ended = False

    def turn(self):
        if self.ended:
            while self.open:
                self._close_oldest()
            self.reactor.call_soon(self.reactor.stop)
            return
        for _ in range(3):
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            theirs.send(b"x")
            transport = self.reactor.connect_socket(Busy, ours)
            timers = [self.reactor.call_later(n / 1000, lambda: None) for n in range(100)]
            for timer in timers[::2]:
                timer.cancel()
            self.open.append((transport, theirs, timers))
        while len(self.open) > 30:
            self._close_oldest()
        self.reactor.call_soon(lambda: None)
        self.reactor.call_soon(self.turn)

    def _close_oldest(self):
        transport, theirs, timers = self.open.popleft()
        theirs.close()
        transport.abort()
        for timer in timers:
            timer.cancel()


@pytest.fixture
def fast_switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("poller", ["poll", None])
@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.usefixtures("fast_switching")
def test_another_thread_looks_while_everything_changes(debug, poller):
    with Reactor(debug=debug, poller=poller) as reactor:
        errors = []
        reactor.set_exception_handler(lambda _, context: errors.append(context))
        churn, traffic = Churn(reactor), Traffic()
        reactor.add_observer(traffic)
        failure = []

        def look():
            try:
                for _ in range(30):
                    json.dumps(snapshot(reactor, traffic))
                    json.dumps(pending(reactor))
                    list_callbacks(reactor)
                    list_timers(reactor, most=10)
                    for column in COLUMNS:
                        sorted(watched(reactor), key=sort_key(column, traffic))
                    for fd, owner in watched(reactor):
                        describe_descriptor(reactor, fd, owner, traffic)
            except BaseException as exc:
                failure.append(exc)
                raise
            finally:
                churn.ended = True

        thread = threading.Thread(target=look)
        reactor.call_soon(churn.turn)
        reactor.call_soon(thread.start)
        reactor.run()
        thread.join(TIMEOUT)
        assert (failure, errors) == ([], [])
        assert reactor.stats.turns > 10


def test_a_copy_is_tried_again_if_the_original_has_changed():
    results = [RuntimeError("deque mutated during iteration"), [1, 2]]

    def copy():
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    assert copied(copy) == [1, 2]


def test_a_copy_that_never_succeeds_raises():
    def copy():
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        copied(copy)


def test_a_closed_loop_can_be_looked_at():
    with Reactor() as reactor:
        pass
    assert snapshot(reactor)["descriptors"] == list(list_descriptors(reactor)) == []
    assert pending(reactor)["events"] == []
