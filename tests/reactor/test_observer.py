"""Observing a loop: what is reported of each turn, and that it changes nothing."""

from __future__ import annotations

import logging
import socket
import threading

import pytest

from reactor import (
    READ,
    WRITE,
    DatagramProtocol,
    IdleTimer,
    LineProtocol,
    Observer,
    Protocol,
    Reactor,
    RecentTurns,
    StreamTransport,
    Turn,
    current_turn,
)
from reactor.testing import VirtualReactor


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


class Watcher(Observer):
    """Keeps all turns, and the number of each step."""

    def __init__(self, payload=0):
        self.payload = payload
        self.turns = []
        self.steps = []
        self.calls = []

    def attached(self, loop):
        self.calls.append("attached")

    def detached(self, loop):
        self.calls.append("detached")

    def step_begins(self, turn):
        self.steps.append(turn.step)

    def turn_ended(self, turn):
        self.turns.append(turn)


@pytest.fixture(params=[False, True], ids=["plain", "debug"])
def reactor(request):
    with VirtualReactor(debug=request.param) as reactor:
        yield reactor


@pytest.fixture
def watcher(reactor):
    watcher = Watcher()
    reactor.add_observer(watcher)
    return watcher


def names(turns):
    return [(call.kind, call.name) for turn in turns for call in turn.calls]


# -- what a turn reports ---------------------------------------------------------------------------


def test_an_echo_is_an_event_a_call_and_a_flush(reactor, watcher):
    peer = reactor.connect(Echo)
    fd = peer.transport._fd
    peer.send(b"12345")
    reactor.settle()

    (turn,) = watcher.turns
    assert turn.opened == [fd]
    assert list(turn.events) == [(fd, READ)]
    (call,) = turn.calls
    assert (call.kind, call.name, call.fd, call.mask, call.received) == (
        "event",
        "Echo.data_received",
        fd,
        READ,
        5,
    )
    assert [tuple(flush) for flush in turn.flushes] == [(fd, 5, 0)]
    assert peer.received == b"12345"


def test_what_the_system_did_not_take_is_reported_as_left(reactor, watcher):
    peer = reactor.connect(Echo)
    peer.stall(room=2)
    peer.send(b"12345")
    reactor.settle()

    assert [tuple(flush)[1:] for flush in watcher.turns[0].flushes] == [(2, 3)]


@pytest.mark.parametrize(
    ("prepare", "timeout", "expected"),
    [
        (lambda r: r.call_soon(print), None, (0, "callbacks", "")),
        (lambda r: r.connect(Protocol).transport.write(b"x"), None, (0, "writes", "")),
        (lambda r: r.release(socket.socket()), None, (0, "closing", "")),
        (lambda r: r.call_later(3, print), None, (3, "timer", "print")),
        (lambda r: r.call_later(3, print), 1, (1, "caller", "")),
        (lambda r: r.connect(Protocol).send(b"x"), None, (None, "events", "")),
        (lambda r: r.connect(Protocol).send(b"x"), 2, (2, "caller", "")),
    ],
)
def test_the_timeout_has_a_reason(reactor, watcher, prepare, timeout, expected):
    prepare(reactor)
    reactor.run_once(timeout)

    (turn,) = watcher.turns
    assert (turn.timeout, turn.reason, turn.timer) == expected


def test_after_a_stall_the_reason_is_catching_up(reactor, watcher):
    peer = reactor.connect(Echo)
    for _ in range(3):
        peer.send(b"x")
    reactor.stall(3)
    reactor.settle()

    assert [turn.reason for turn in watcher.turns[1:]] == ["catching up"] * (len(watcher.turns) - 1)
    assert len(watcher.turns) > 1


def test_each_call_is_measured(reactor, watcher):
    class Slow(Protocol):
        def data_received(self, data):
            reactor.stall(0.01)

    one, other = reactor.connect(Slow), reactor.connect(Echo)
    reactor.call_soon(reactor.stall, 0.02)
    reactor.call_at(reactor.time(), reactor.stall, 0.005)
    one.send(b"x")
    other.send(b"x")
    reactor.settle()

    assert [(call.kind, round(call.took, 6)) for call in watcher.turns[0].calls] == [
        ("event", 0.01),
        ("event", 0),
        ("timer", 0.005),
        ("callback", 0.02),
    ]
    steps = [round(took, 6) for took in watcher.turns[0].step_times]
    assert steps == [0, 0, 0, 0.01, 0.005, 0.02, 0, 0]


def test_the_wait_is_a_step(reactor, watcher):
    reactor.call_later(3, lambda: None)
    reactor.advance(3)

    assert [round(took, 6) for took in watcher.turns[0].step_times] == [0, 3, 0, 0, 0, 0, 0, 0]


def test_an_idle_timer_that_is_not_due_is_rearmed(reactor, watcher):
    timer = IdleTimer(reactor, 10, lambda: None)
    reactor.advance(5)
    timer.touch()
    reactor.advance(10)

    calls = [call for turn in watcher.turns for call in turn.calls]
    assert [(call.kind, call.rearmed) for call in calls] == [
        ("idle timer", True),
        ("idle timer", False),
    ]


def test_a_cancelled_callback_is_no_call(reactor, watcher):
    reactor.call_soon(print).cancel()
    reactor.settle()

    assert names(watcher.turns) == []


def test_names_are_those_of_the_protocol(reactor, watcher):
    class Lines(LineProtocol):
        def line_received(self, line):
            self.transport.close()

    class Datagrams(DatagramProtocol):
        def datagram_received(self, data, addr):
            self.transport.sendto(data, addr)

    reactor.connect(Lines).send(b"quit\r\n")
    network = reactor.datagram_socket(Datagrams)
    network.send(b"12345")
    reactor.settle()

    assert names(watcher.turns)[:2] == [
        ("event", "Lines.line_received"),
        ("event", "Datagrams.datagram_received"),
    ]
    assert ("callback", "Lines.connection_lost") in names(watcher.turns)
    fd = network.transport._fd
    assert [tuple(flush) for flush in watcher.turns[0].flushes if flush.fd == fd] == [(fd, 5, 0)]
    assert [call.received for call in watcher.turns[0].calls[:2]] == [6, 5]


def test_the_name_follows_the_protocol(reactor, watcher):
    class Upgraded(Protocol):
        pass

    class Upgrading(Protocol):
        def data_received(self, data):
            self.transport.set_protocol(Upgraded())

    peer = reactor.connect(Upgrading)
    for _ in range(2):
        peer.send(b"x")
        reactor.run_once(0)
    assert names(watcher.turns) == [
        ("event", "Upgrading.data_received"),
        ("event", "Upgraded.data_received"),
    ]


def test_the_name_follows_the_descriptor():
    watcher = Watcher()
    with Reactor(debug=False) as reactor:
        reactor.add_observer(watcher)
        one, other = socket.socketpair()
        other.send(b"x")
        with one, other:
            for handler in (min, max):
                reactor.register(one.fileno(), READ, lambda mask, name=handler: None)
                reactor._handlers[one.fileno()].__qualname__ = handler.__name__
                reactor.run_once(0)
                reactor.unregister(one.fileno())
    assert names(watcher.turns)[:2] == [("event", "min"), ("event", "max")]


def test_names_are_short(reactor, watcher):
    def function():
        pass

    function.__qualname__ = "f" * 1000
    reactor.call_soon(function)
    reactor.settle()

    ((_, name),) = names(watcher.turns)
    assert len(name) == 80


def test_what_is_closed_is_reported(reactor, watcher):
    peer = reactor.connect(Protocol)
    fd = peer.transport._fd
    reactor.call_soon(peer.transport.abort)
    reactor.settle()

    assert [fd for turn in watcher.turns for fd in turn.closed] == [fd]


def test_changes_of_what_is_watched_are_reported(reactor, watcher):
    peer = reactor.connect(Echo)
    fd = peer.transport._fd
    reactor.run_once(0)
    peer.stall()
    peer.transport.write(b"x")
    reactor.run_once(0)
    peer.resume()
    reactor.run_once(0)
    peer.transport.pause_reading()
    peer.transport.resume_reading()
    peer.transport.abort()
    reactor.run_once(0)

    assert [list(turn.modified) for turn in watcher.turns] == [
        [],
        [(fd, READ | WRITE)],
        [(fd, READ)],
        [(fd, 0), (fd, READ)],
    ]
    assert [list(turn.unregistered) for turn in watcher.turns] == [[], [], [], [fd]]


def test_what_is_not_watched_cannot_be_unregistered(reactor, watcher):
    reactor.unregister(12345)
    reactor.run_once(0)
    assert not watcher.turns[0].unregistered


class Unknown:
    """Something to flush that is no transport of ours."""

    def __init__(self, result):
        self.result = result
        self.aborted = False

    def flush(self):
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    def abort(self):
        self.aborted = True


def test_flushes_of_others_are_counted_and_one_that_fails_is_aborted(reactor, watcher):
    reactor.set_exception_handler(lambda *_: None)
    one, two = Unknown(ValueError()), Unknown(7)
    peer = reactor.connect(Protocol)
    reactor.written.extend([one, two])
    peer.transport.write(b"abc")
    reactor.run_once(0)

    assert (one.aborted, two.aborted, peer.received) == (True, False, b"abc")
    assert reactor.stats.bytes_sent == 10
    assert [tuple(flush) for flush in watcher.turns[0].flushes] == [(peer.transport._fd, 3, 0)]
    assert list(watcher.turns[0].errors) == ["flush failed: ValueError (Unknown)"]


def test_an_interrupted_flush_keeps_the_rest(reactor, watcher):
    peer = reactor.connect(Protocol)
    reactor.written.append(Unknown(KeyboardInterrupt()))
    peer.transport.write(b"abc")
    with pytest.raises(KeyboardInterrupt):
        reactor.run_once(0)
    reactor.run_once(0)

    assert peer.received == b"abc"
    assert [turn.ended_by for turn in watcher.turns] == ["KeyboardInterrupt", ""]


def test_an_error_is_one_line_without_its_data(reactor, watcher):
    class Broken(Protocol):
        def data_received(self, data):
            raise ValueError(data)

    reactor.set_exception_handler(lambda *_: None)
    reactor.connect(Broken).send(b"secret")
    reactor.settle()

    assert list(watcher.turns[0].errors) == ["data_received failed: ValueError (Broken)"]


def test_each_step_is_announced_in_order(reactor, watcher):
    peer = reactor.connect(Echo)
    reactor.run_once(0)
    peer.send(b"x")
    reactor.run_once(0)

    assert watcher.steps == [1, 2, 3, 4, 5, 6, 7, 8] * 2
    assert [len(turn.times) for turn in watcher.turns] == [9, 9]


def test_a_step_shows_what_is_known_by_then(reactor):
    seen = {}

    class Look(Observer):
        def step_begins(self, turn):
            seen[turn.step] = (turn.reason, len(turn.events), len(turn.calls), len(turn.flushes))

    reactor.add_observer(Look())
    reactor.connect(Echo).send(b"x")
    reactor.run_once()

    assert seen == {
        1: ("", 0, 0, 0),
        2: ("events", 0, 0, 0),
        3: ("events", 1, 0, 0),
        4: ("events", 1, 0, 0),
        5: ("events", 1, 1, 0),
        6: ("events", 1, 1, 0),
        7: ("events", 1, 1, 0),
        8: ("events", 1, 1, 1),
    }


def test_the_steps_cost_nothing_if_nobody_wants_them(reactor):
    recent = RecentTurns()
    reactor.add_observer(recent)
    assert reactor._observation.steppers == ()
    reactor.connect(Echo).send(b"x")
    reactor.run_once()

    assert [len(turn.times) for turn in recent.turns] == [9]


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_a_turn_that_is_interrupted_is_reported(reactor, watcher, exc):
    def interrupt():
        raise exc

    reactor.call_soon(interrupt)
    with pytest.raises(exc):
        reactor.run_once()

    (turn,) = watcher.turns
    assert (turn.ended_by, turn.running) == (exc.__name__, "interrupt")
    reactor.settle()


# -- payload ---------------------------------------------------------------------------------------


def test_there_is_no_payload_unless_asked_for(reactor, watcher):
    reactor.connect(Echo).send(b"secret")
    reactor.settle()

    (turn,) = watcher.turns
    assert not turn.received_data
    assert not turn.sent_data
    assert "secret" not in repr([turn.calls, turn.flushes])


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_first_bytes_are_kept_if_an_observer_asks(reactor, when):
    watcher = Watcher(payload=4)
    if when == "before":
        reactor.add_observer(watcher)
    peer = reactor.connect(Echo)
    network = reactor.datagram_socket(DatagramEcho)
    if when == "after":
        reactor.add_observer(watcher)
    peer.send(b"123456789")
    network.send(b"abcdefg")
    reactor.settle()

    fds = peer.transport._fd, network.transport._fd
    assert watcher.turns[0].received_data == dict(zip(fds, (b"1234", b"abcd"), strict=True))
    assert watcher.turns[0].sent_data == dict(zip(fds, (b"1234", b"abcd"), strict=True))
    reactor.remove_observer(watcher)
    assert type(peer.transport._sock).__name__ == "StreamSocket"
    assert not hasattr(type(peer.transport._sock), "_plain")


def test_sockets_are_ordinary_again_when_nobody_wants_their_payload(reactor, watcher):
    other = Watcher(payload=4)
    peer = reactor.connect(Echo)
    reactor.add_observer(other)
    assert hasattr(type(peer.transport._sock), "_plain")
    reactor.remove_observer(other)
    assert not hasattr(type(peer.transport._sock), "_plain")
    assert hasattr(type(peer.transport), "_plain")


class DatagramEcho(DatagramProtocol):
    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


def test_payload_of_real_sockets():
    watcher = Watcher(payload=100)
    with Reactor(debug=False) as reactor:
        reactor.add_observer(watcher)
        one, other = socket.socketpair()
        with other:
            transport = reactor.connect_socket(Echo, one)
            other.send(b"hello")
            reactor.run_once()
            transport.writelines([b"a", b"b"])
            transport.write(b"c" * 70000)  # more than one piece, so sendmsg() is called
            reactor.run_once()

            assert other.recv(100).startswith(b"hello" + b"ab" + b"ccc")
            fd = transport._fd
            assert watcher.turns[0].received_data == {fd: b"hello"}
            assert watcher.turns[0].sent_data == {fd: b"hello"}
            assert watcher.turns[1].sent_data == {fd: (b"ab" + b"c" * 98)}
            transport.abort()


# -- attaching and detaching -----------------------------------------------------------------------


def test_without_an_observer_the_classes_are_the_ordinary_ones():
    with VirtualReactor(debug=False) as reactor:
        watcher = Watcher()
        peer = reactor.connect(Echo)
        reactor.add_observer(watcher)
        later = reactor.connect(Echo)
        assert type(peer.transport) is not StreamTransport
        reactor.remove_observer(watcher)

        assert type(reactor) is VirtualReactor
        assert type(peer.transport) is type(later.transport) is StreamTransport
        peer.send(b"x")
        reactor.settle()
        assert peer.received == b"x"
    assert watcher.turns == []
    assert watcher.calls == ["attached", "detached"]


def test_adding_and_removing_twice_has_no_effect(reactor, watcher):
    reactor.add_observer(watcher)
    reactor.run_once(0)
    reactor.remove_observer(watcher)
    reactor.remove_observer(watcher)

    assert len(watcher.turns) == 1
    assert watcher.calls == ["attached", "detached"]


def test_several_observers_see_the_same_turn(reactor, watcher):
    other = Watcher()
    reactor.add_observer(other)
    reactor.run_once(0)
    reactor.remove_observer(watcher)
    reactor.run_once(0)

    assert len(watcher.turns) == 1
    assert watcher.turns[0] is other.turns[0]
    assert len(other.turns) == 2


def test_the_current_turn_is_known_while_it_runs(reactor):
    seen = []
    reactor.call_soon(lambda: seen.append(current_turn(reactor)))
    reactor.run_once(0)
    watcher = Watcher()
    reactor.add_observer(watcher)
    reactor.call_soon(lambda: seen.append(current_turn(reactor)))
    reactor.run_once(0)

    assert seen == [None, watcher.turns[0]]
    assert current_turn(reactor) is None


@pytest.mark.parametrize("where", ["handler", "timer", "callback", "resume_writing"])
def test_it_can_begin_and_end_in_any_step(reactor, where):
    watcher = Watcher()
    switch = iter([reactor.add_observer, reactor.remove_observer] * 10)

    class Switching(Protocol):
        def data_received(self, data):
            self.transport.write(data)
            if where == "handler":
                next(switch)(watcher)

        def resume_writing(self):
            if where == "resume_writing":
                next(switch)(watcher)

    peer = reactor.connect(Switching)
    for _ in range(4):
        if where == "timer":
            reactor.call_later(0, lambda: next(switch)(watcher))
        if where == "callback":
            reactor.call_soon(lambda: next(switch)(watcher))
        if where == "resume_writing":
            peer.stall()
            peer.transport.write(bytes(100_000))
            reactor.settle()
            peer.resume()
        peer.send(b"x")
        reactor.settle()
        reactor.run_once(0)
        assert peer.read().endswith(b"x")

    assert watcher.calls == ["attached", "detached"] * 2
    assert all(len(turn.times) == 9 for turn in watcher.turns)
    assert watcher.turns


def test_what_is_opened_between_two_turns_belongs_to_the_next(reactor, watcher):
    reactor.run_once(0)
    fd = reactor.connect(Echo).transport._fd
    reactor.run_once(0)
    reactor.run_once(0)

    assert [list(turn.opened) for turn in watcher.turns] == [[], [fd], []]


def test_another_thread_attaches_and_detaches_while_the_loop_runs():
    watcher = Watcher()
    seen = threading.Event()
    watcher.turn_ended = lambda turn: seen.set()
    with Reactor(debug=True) as reactor:

        def other_thread():
            reactor.call_soon_threadsafe(reactor.add_observer, watcher)
            # The turn that attaches it is not observed: wake the loop for another one.
            while not seen.wait(0.01):
                reactor.call_soon_threadsafe(lambda: None)
            reactor.call_soon_threadsafe(reactor.remove_observer, watcher)

        reactor.run_in_thread(other_thread).add_done_callback(lambda call: reactor.stop())
        reactor.run()
        assert reactor.stats.turns > 1
    assert watcher.calls == ["attached", "detached"]


def test_closing_the_loop_is_observed():
    watcher = Watcher()
    with VirtualReactor() as reactor:
        reactor.add_observer(watcher)
        fd = reactor.connect(Echo).transport._fd
    assert [fd for turn in watcher.turns for fd in turn.closed] == [fd]
    reactor.remove_observer(watcher)
    assert watcher.calls == ["attached", "detached"]


# -- observers that fail ---------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["attached", "step_begins", "turn_ended"])
def test_an_observer_that_fails_is_logged_once_and_removed(reactor, caplog, method):
    class Failing(Observer):
        def step_begins(self, turn):
            pass

    def fail(*_):
        raise ValueError("broken")

    setattr(Failing, method, fail)
    good = Watcher()
    reactor.add_observer(Failing())
    reactor.add_observer(good)
    peer = reactor.connect(Echo)
    for _ in range(3):
        peer.send(b"x")
        reactor.run_once(0)

    assert peer.received == b"xxx"
    assert len(good.turns) == 3
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert errors[0].exc_info[0] is ValueError


def test_an_observer_that_fails_to_end_is_logged_too(reactor, caplog):
    class Failing(Observer):
        def turn_ended(self, turn):
            raise ValueError

        def detached(self, loop):
            raise OSError

    reactor.add_observer(Failing())
    reactor.run_once(0)
    reactor.run_once(0)

    assert [record.exc_info[0] for record in caplog.records] == [ValueError, OSError]


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_fatal_exceptions_of_an_observer_pass(reactor, exc):
    class Ending(Observer):
        def step_begins(self, turn):
            if turn.step == 4:
                raise exc

    observer = Ending()
    reactor.add_observer(observer)
    with pytest.raises(exc):
        reactor.run_once(0)
    reactor.remove_observer(observer)


# -- bounds ----------------------------------------------------------------------------------------


def test_the_ring_keeps_the_newest_turns(reactor):
    recent = RecentTurns(3)
    reactor.add_observer(recent)
    for _ in range(5):
        reactor.run_once(0)

    assert [turn.number for turn in recent.turns] == [2, 3, 4]


def test_the_ring_limits_each_turn_but_not_what_others_get(reactor, watcher):
    recent = RecentTurns(3, most=2)
    reactor.add_observer(recent)
    for _ in range(5):
        reactor.call_soon(lambda: None)
    reactor.run_once(0)

    (turn,) = recent.turns
    assert len(turn.calls) == 2
    assert turn.more == 3
    assert len(watcher.turns[0].calls) == 5


def test_a_turn_without_more_entries_is_not_copied():
    turn = Turn(1, 0.0)
    assert turn.trimmed(10) is turn
