"""The turns of a loop: how long each waits, what it does in which order, and that errors do not end
the loop."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import READ, WRITE, Protocol, Reactor, Stats
from reactor.pollers import POLLERS

from ..tools.clock import Clock


class Script:
    """A poller that reports given events, turn by turn, and records its timeouts."""

    def __init__(self, *turns: list[tuple[int, int]]) -> None:
        self.turns = deque(turns)
        self.waits: list[float | None] = []
        self.watched: dict[int, int] = {}

    def register(self, fd: int, mask: int) -> None:
        self.watched[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        self.watched[fd] = mask

    def unregister(self, fd: int) -> None:
        del self.watched[fd]

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self.waits.append(timeout)
        assert len(self.waits) < 1000, "it spins, or waits forever"
        return self.turns.popleft() if self.turns else []

    def close(self) -> None:
        pass


class Scripted:
    """A reactor on such a poller. Its descriptors are only numbers."""

    def __init__(self, *turns: list[tuple[int, int]]) -> None:
        self.clock = Clock()
        self.poller = Script(*turns)
        self.reactor = Reactor(poller=self.poller, clock=self.clock)


class Written:
    """Something to be flushed."""

    def __init__(self, log: list[str], name: str = "flushed", error: BaseException | None = None):
        self.log, self.name, self.error = log, name, error

    def flush(self) -> int:
        self.log.append(self.name)
        error, self.error = self.error, None
        if error is not None:
            raise error
        return 0

    def abort(self) -> None:
        self.log.append(f"{self.name} aborted")


class Released:
    """Something to be closed."""

    def __init__(self, log: list[str], name: str = "closed", error: Exception | None = None):
        self.log, self.name, self.error = log, name, error

    def fileno(self) -> int:
        return 99

    def close(self) -> None:
        self.log.append(self.name)
        if self.error is not None:
            raise self.error


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    made = []

    def make(*turns: list[tuple[int, int]]) -> Scripted:
        made.append(Scripted(*turns))
        return made[-1]

    yield make
    for each in made:
        each.poller.turns.clear()
        each.reactor.close()


@pytest.fixture
def failures() -> list[dict[str, Any]]:
    return []


def collect(reactor: Reactor, failures: list[dict[str, Any]]) -> None:
    reactor.set_exception_handler(lambda _, context: failures.append(context))


def fail(*_: object) -> None:
    raise ZeroDivisionError("made by the test")


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


# -- how long a turn waits -------------------------------------------------------------------------


def test_it_waits_forever_when_there_is_nothing_to_do(scripted):
    bench = scripted()
    bench.reactor.run_once()

    assert bench.poller.waits == [None]


def test_it_waits_until_the_nearest_timer(scripted):
    bench = scripted()
    bench.reactor.call_later(30, print)
    bench.reactor.call_later(2.5, print)

    bench.reactor.run_once()

    assert bench.poller.waits == [2.5]


def test_it_waits_no_longer_than_its_timeout(scripted):
    bench = scripted()
    bench.reactor.run_once(4)
    bench.reactor.call_later(30, print)
    bench.reactor.run_once(5)
    bench.reactor.call_later(1, print)
    bench.reactor.run_once(5)

    assert bench.poller.waits == [4, 5, 1]


@pytest.mark.parametrize(
    "work",
    [
        lambda reactor: reactor.call_soon(str),
        lambda reactor: reactor.written.append(Written([])),
        lambda reactor: reactor.release(Released([])),
    ],
    ids=["callback", "write", "close"],
)
def test_it_does_not_wait_while_there_is_work(scripted, work):
    bench = scripted()
    work(bench.reactor)
    bench.reactor.run_once()
    bench.reactor.run_once()

    assert bench.poller.waits == [0, None]


def test_a_delay_counts_from_the_clock_not_from_the_start_of_the_turn(scripted):
    # uvloop#29: after a long callback, the time of the turn is old.
    bench = scripted()
    deadlines = []

    def slow() -> None:
        bench.clock.now += 5
        deadlines.append(bench.reactor.call_later(1, print).when() - bench.reactor.now)

    bench.reactor.call_soon(slow)
    bench.reactor.run_once()

    assert deadlines == [6]


def test_a_delay_too_short_for_the_clocks_precision_takes_one_turn(scripted):
    # cpython gh-145703: after 194 days of uptime, now + 1e-9 is now.
    bench, fired = scripted(), []
    bench.clock.now = 195 * 86_400.0
    bench.reactor.call_later(1e-9, fired.append, "fired")

    bench.reactor.run_once()

    assert bench.poller.waits == [0]
    assert fired == ["fired"]


def test_a_timer_is_set_for_a_point_in_time(reactor):
    fired = []
    reactor.call_at(reactor.time() + 3, fired.append, "now")
    reactor.advance(2.9)
    assert fired == []
    reactor.advance(0.2)
    assert fired == ["now"]


# -- what a turn does ------------------------------------------------------------------------------


def test_a_turn_has_its_steps_in_the_documented_order(scripted):
    bench = scripted([(7, READ)])
    reactor, log = bench.reactor, []

    def step(name: str) -> None:
        assert reactor.now == bench.clock.now
        log.append(name)

    def ready(mask: int) -> None:
        step("dispatch")
        reactor.release(Released(log, "close"))
        reactor.written.append(Written(log, "flush"))
        reactor.call_soon(step, "callback queued in this turn")

    reactor.register(7, READ, ready)
    reactor.call_later(0, step, "timer")
    reactor.call_soon(step, "callback")
    reactor.run_once()

    assert log == [
        "dispatch",
        "timer",
        "callback",
        "callback queued in this turn",
        "flush",
        "close",
    ]


def test_callbacks_run_in_the_order_of_their_calls_with_their_arguments(reactor):
    log = []
    for number in range(5):
        reactor.call_soon(log.append, number)
    reactor.settle()

    assert log == [0, 1, 2, 3, 4]


def test_a_callback_queued_by_a_callback_waits_for_the_next_turn(reactor):
    log = []
    reactor.call_soon(lambda: reactor.call_soon(log.append, "second"))

    reactor.run_once(0)
    assert log == []
    reactor.run_once(0)
    assert log == ["second"]


def test_a_cancelled_callback_is_not_run(reactor):
    log = []

    def cancel_second() -> None:
        second.cancel()

    reactor.call_soon(cancel_second)
    second = reactor.call_soon(log.append, "second")
    reactor.settle()

    assert log == []
    assert second.cancelled()


def test_a_timer_that_sets_itself_with_no_delay_does_not_starve_connections(reactor):
    # libuv's and redis's loops collect the due timers first, for this reason.
    log = []

    def again() -> None:
        log.append("timer")
        reactor.call_later(0, again)

    class Reader(Protocol):
        def data_received(self, data: bytes) -> None:
            log.append(data)

    peer = reactor.connect(Reader)
    again()
    peer.send(b"abc", chunk=1)
    for _ in range(4):
        reactor.run_once(0)

    assert log == ["timer", b"a", "timer", b"b", "timer", b"c", "timer", "timer"]


def test_a_flush_that_writes_elsewhere_is_flushed_in_the_next_turn(scripted):
    bench, log = scripted(), []

    class Relay(Written):
        def flush(self) -> int:
            bench.reactor.written.append(Written(log, "relayed"))
            return super().flush()

    bench.reactor.written.append(Relay(log))
    bench.reactor.run_once()
    assert log == ["flushed"]
    bench.reactor.run_once()

    assert log == ["flushed", "relayed"]
    assert bench.poller.waits == [0, 0]


# -- descriptors -----------------------------------------------------------------------------------


def test_the_handler_gets_the_mask(scripted):
    bench, masks = scripted([(7, READ)], [(7, WRITE)]), []
    bench.reactor.register(7, READ, masks.append)
    bench.reactor.run_once()
    bench.reactor.modify(7, WRITE)
    bench.reactor.run_once()

    assert masks == [READ, WRITE]
    assert bench.poller.watched[7] == WRITE


def test_a_descriptor_unregistered_earlier_in_the_batch_gets_no_event(scripted):
    bench, log = scripted([(7, READ), (8, READ)], [(8, READ)]), []
    bench.reactor.register(7, READ, lambda mask: bench.reactor.unregister(8))
    bench.reactor.register(8, READ, log.append)

    bench.reactor.run_once()
    bench.reactor.run_once()

    assert log == []


@pytest.mark.parametrize("name", POLLERS)
def test_the_number_of_a_released_descriptor_is_not_reused_in_the_same_batch(name):
    # libuv PR 971: a new descriptor with this number would get the events of the old one.
    with Reactor(poller=name) as reactor:
        pairs = [socket.socketpair() for _ in range(2)]
        newcomers: list[socket.socket] = []
        closed: list[int] = []
        stray: list[int] = []

        def replace(victim: socket.socket) -> None:
            """Both are ready; the first one that is served closes the other."""
            closed.append(victim.fileno())
            reactor.unregister(victim.fileno())
            reactor.release(victim)
            for sock in socket.socketpair():
                newcomers.append(sock)
                reactor.register(sock.fileno(), READ, stray.append)

        for one, other in (pairs, pairs[::-1]):
            one[1].send(b"x")
            reactor.register(one[0].fileno(), READ, lambda mask, victim=other[0]: replace(victim))

        reactor.run_once()

        assert len(closed) == 1
        assert closed[0] not in [sock.fileno() for sock in newcomers]
        assert stray == []
        with socket.socket() as later:
            assert later.fileno() == closed[0]  # it was closed at the end of the turn
        for sock in newcomers:
            reactor.unregister(sock.fileno())
        for sock in [*newcomers, *pairs[0], *pairs[1]]:
            sock.close()


def test_a_handler_that_raises_is_unregistered_and_the_loop_continues(scripted, failures):
    # pyftpdlib#115: its event would fire forever.
    bench, log = scripted([(7, READ), (8, READ)], [(7, READ), (8, READ)]), []
    collect(bench.reactor, failures)
    bench.reactor.register(7, READ, fail)
    bench.reactor.register(8, READ, log.append)

    bench.reactor.run_once()
    bench.reactor.run_once()

    assert log == [READ, READ]
    assert 7 not in bench.poller.watched
    [context] = failures
    assert context["message"] == "handler failed:"
    assert isinstance(context["exception"], ZeroDivisionError)
    assert context["handle"] is fail


def test_unregistering_after_the_handler_has_raised_has_no_effect(scripted, failures):
    bench = scripted([(7, READ)])
    collect(bench.reactor, failures)
    bench.reactor.register(7, READ, fail)
    bench.reactor.run_once()

    bench.reactor.unregister(7)

    assert len(failures) == 1


def test_a_handler_that_was_replaced_before_it_raises_does_not_unregister_its_successor(
    scripted, failures
):
    bench, log = scripted([(7, READ)], [(7, READ)]), []
    collect(bench.reactor, failures)

    def replaced(mask: int) -> None:
        bench.reactor.unregister(7)
        bench.reactor.register(7, READ, log.append)
        fail()

    bench.reactor.register(7, READ, replaced)
    bench.reactor.run_once()
    bench.reactor.run_once()

    assert log == [READ]
    assert len(failures) == 1


@pytest.mark.parametrize("name", POLLERS)
def test_a_handler_that_closes_its_descriptor_and_raises_does_not_end_the_loop(name, failures):
    with Reactor(poller=name) as reactor:
        collect(reactor, failures)
        one, other = socket.socketpair()
        other.send(b"x")

        def careless(mask: int) -> None:
            one.close()
            fail()

        reactor.register(one.fileno(), READ, careless)
        reactor.run_once()
        reactor.run_once(0)
        other.close()

    assert len(failures) == 1


# -- failing ---------------------------------------------------------------------------------------


def test_a_callback_or_timer_that_raises_is_reported_and_the_others_run(reactor, failures):
    log = []
    collect(reactor, failures)
    for schedule in (reactor.call_soon, lambda *call: reactor.call_later(0, *call)):
        schedule(fail)
        schedule(log.append, "went on")
    reactor.settle()

    assert log == ["went on", "went on"]
    assert [context["message"] for context in failures] == ["callback failed:"] * 2
    assert "fail" in repr(failures[0]["handle"])


def test_a_flush_that_raises_aborts_its_connection_and_the_others_are_flushed(scripted, failures):
    bench, log = scripted(), []
    collect(bench.reactor, failures)
    bench.reactor.written.append(Written(log, "broken", ZeroDivisionError()))
    bench.reactor.written.append(Written(log, "other"))

    bench.reactor.run_once()

    assert log == ["broken", "broken aborted", "other"]
    assert [context["message"] for context in failures] == ["flush failed:"]


def test_after_a_close_that_raises_the_others_are_closed(scripted, failures):
    bench, log = scripted(), []
    collect(bench.reactor, failures)
    for name, error in (("reset", ConnectionResetError()), ("odd", ValueError()), ("good", None)):
        bench.reactor.release(Released(log, name, error))

    bench.reactor.run_once()
    bench.reactor.run_once()

    assert sorted(log) == ["good", "odd", "reset"]
    assert [context["message"] for context in failures] == ["close failed:"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_interrupts_propagate_and_nothing_queued_is_lost(scripted, error):
    bench, log = scripted([(7, READ)]), []
    reactor = bench.reactor

    def interrupted(name: str) -> None:
        log.append(name)
        raise error

    def ready(mask: int) -> None:
        reactor.unregister(7)
        interrupted("handler")

    reactor.register(7, READ, ready)
    for _ in range(2):
        reactor.call_later(0, interrupted, "timer")
        reactor.call_soon(interrupted, "callback")
    for name in ("first write", "second write"):
        reactor.written.append(Written(log, name, error()))
    reactor.release(Released(log))
    # The released object comes last.
    while len(log) < 7:
        with pytest.raises(error):
            reactor.run()
        assert not reactor.is_running()
    reactor.call_soon(reactor.stop)
    reactor.run()

    assert log == [
        "handler",
        "timer",
        "timer",
        "callback",
        "callback",
        "first write",
        "second write",
        "closed",
    ]


def test_without_an_exception_handler_errors_go_to_the_log_with_a_traceback(reactor, caplog):
    reactor.call_soon(fail)
    with pytest.raises(ZeroDivisionError):
        reactor.settle()

    [record] = caplog.records
    assert record.name == "reactor.errors"
    assert record.levelno == logging.ERROR
    assert "callback failed" in record.getMessage()
    assert record.exc_info[0] is ZeroDivisionError


def test_errors_are_logged_when_the_exception_handler_raises(reactor, caplog):
    reactor.set_exception_handler(fail)
    reactor.call_exception_handler({"message": "something is wrong"})

    assert [record.getMessage().strip() for record in caplog.records] == [
        "the exception handler failed",
        "something is wrong",
    ]
    caplog.clear()
    reactor.set_exception_handler(None)
    reactor.call_exception_handler({"message": "once more", "protocol": "it"})
    assert [record.getMessage() for record in caplog.records] == ["once more it"]


# -- statistics ------------------------------------------------------------------------------------


def test_statistics_distinguish_waiting_from_working(reactor):
    def work() -> None:
        reactor.stall(0.25)

    reactor.call_later(10, work)
    reactor.call_later(20, reactor.stop)
    reactor.run()

    assert reactor.stats.turns == 2
    assert reactor.stats.work_time == 0.25
    assert reactor.stats.wait_time == 19.75


def test_time_between_two_runs_is_not_work(reactor):
    reactor.stop()
    reactor.run()
    reactor.stall(3600)
    reactor.stop()
    reactor.run()

    assert reactor.stats.work_time == 0


def test_statistics_have_names_and_can_be_shown():
    stats = Stats(1000.0)
    stats.turns += 3

    counters = stats.as_dict()
    assert counters["turns"] == 3
    assert counters["datagrams_dropped"] == 0
    assert "last_wake" not in counters
    assert repr(stats).startswith("<Stats accepted=0 bytes_received=0 ")
    assert "turns=3" in repr(stats)
