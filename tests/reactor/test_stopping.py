"""How a loop ends: by a stop, by a shutdown within a grace period, or by closing; and that a child
process cannot use it."""

from __future__ import annotations

import gc
import os
from typing import Any

import pytest

from reactor import Protocol, Reactor
from reactor.pollers import PollPoller
from reactor.testing import VirtualReactor

from ..tools.commands import run_script


class OpenResource:
    """Something open, as the loop sees it. It does not close when it is asked to."""

    def __init__(self, reactor: Reactor, log: list[str], name: str = "resource") -> None:
        self.reactor, self.log, self.name = reactor, log, name
        reactor.attach(self)

    def request_shutdown(self) -> None:
        self.log.append(f"{self.name} asked")

    def abort(self) -> None:
        self.log.append(f"{self.name} aborted")
        self.reactor.detach(self)


class Obedient(OpenResource):
    def request_shutdown(self) -> None:
        super().request_shutdown()
        self.reactor.detach(self)


# -- running and stopping --------------------------------------------------------------------------


def test_stop_ends_the_run_at_the_end_of_the_turn(reactor):
    log = []
    reactor.call_soon(reactor.stop)
    reactor.call_soon(log.append, "same turn")
    reactor.call_soon(lambda: reactor.call_soon(log.append, "next turn"))
    reactor.run()
    assert log == ["same turn"]

    reactor.call_soon(reactor.stop)
    reactor.run()
    assert log == ["same turn", "next turn"]


def test_run_after_stop_runs_one_turn(reactor):
    log = []
    reactor.call_soon(log.append, "ran")
    reactor.stop()
    turns = reactor.stats.turns

    reactor.run()

    assert log == ["ran"]
    assert reactor.stats.turns == turns + 1


def test_stop_leaves_connections_open_and_run_continues_with_them(reactor):
    class Echo(Protocol):
        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    peer = reactor.connect(Echo)
    reactor.stop()
    reactor.run()
    assert not peer.closed

    peer.send(b"hello")
    reactor.call_later(1, reactor.stop)
    reactor.run()
    assert peer.received == b"hello"


def test_is_running_and_is_closed_tell_the_state(reactor):
    seen = []
    reactor.call_soon(lambda: seen.append((reactor.is_running(), reactor.is_closed())))
    reactor.stop()
    reactor.run()

    assert seen == [(True, False)]
    assert not reactor.is_running()
    reactor.close()
    assert reactor.is_closed()


def test_it_cannot_run_or_be_closed_while_it_runs(reactor):
    errors = []

    def try_both() -> None:
        for method in (reactor.run, reactor.close):
            try:
                method()
            except RuntimeError as exc:
                errors.append(str(exc))
        reactor.stop()

    reactor.call_soon(try_both)
    reactor.run()

    assert errors == [
        "the reactor is running already",
        "cannot close a running reactor; stop it first",
    ]


def test_a_closed_reactor_refuses_to_run_and_closing_it_again_has_no_effect():
    reactor = Reactor()
    reactor.close()
    reactor.close()
    reactor.stop()

    with pytest.raises(RuntimeError, match="closed"):
        reactor.run()
    with pytest.raises(RuntimeError, match="closed"):
        reactor.call_soon_threadsafe(print)


def test_closing_aborts_connections_and_calls_connection_lost():
    log = []

    class Last(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            log.append(exc)

    with VirtualReactor() as reactor:
        peer = reactor.connect(Last)
        timer = reactor.call_later(10, print)

    assert log == [None]
    assert peer.closed
    assert timer.cancelled()


def test_closing_gives_up_on_a_protocol_that_always_opens_new_connections():
    connected = 0

    class Stubborn(Protocol):
        def connection_made(self, transport) -> None:
            nonlocal connected
            connected += 1

        def connection_lost(self, exc: Exception | None) -> None:
            reactor.connect(Stubborn)

    with VirtualReactor() as reactor:
        reactor.connect(Stubborn)

    assert reactor.is_closed()
    assert 1 < connected <= 102


def test_a_reactor_that_was_never_closed_closes_its_descriptors_when_it_is_collected():
    class RecordingPoller(PollPoller):
        closed = False
        registered: list[int] = []  # noqa: RUF012

        def register(self, fd: int, mask: int) -> None:
            super().register(fd, mask)
            self.registered.append(fd)

        def close(self) -> None:
            super().close()
            self.closed = True

    poller = RecordingPoller()
    reactor = Reactor(poller=poller)
    del reactor
    gc.collect()

    assert poller.closed
    [fd] = poller.registered
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_an_unknown_poller_is_refused_and_leaves_nothing_open():
    with pytest.raises(ValueError, match="no poller 'tea'"):
        Reactor(poller="tea")


# -- shutting down with a grace --------------------------------------------------------------------


def test_a_shutdown_with_nothing_open_ends_at_once(reactor):
    began = reactor.time()
    reactor.stop(10)
    reactor.run()

    assert reactor.time() == began


def test_a_shutdown_asks_in_the_order_of_opening_and_ends_when_everything_is_closed(reactor):
    log = []
    Obedient(reactor, log, "listener")
    Obedient(reactor, log, "connection")
    slow = OpenResource(reactor, log, "slow")
    reactor.call_later(3, reactor.detach, slow)
    began = reactor.time()

    reactor.call_soon(reactor.stop, 10)
    reactor.run()

    assert log == ["listener asked", "connection asked", "slow asked"]
    assert reactor.time() == began + 3


def test_a_shutdown_aborts_what_is_open_after_the_grace_period(reactor):
    log = []
    OpenResource(reactor, log, "idle")
    began = reactor.time()

    reactor.stop(10)
    reactor.run()

    assert log == ["idle asked", "idle aborted"]
    assert reactor.time() == began + 10


def test_what_a_protocol_sends_in_a_shutdown_arrives_before_run_returns(
    reactor,
):
    log = []

    class Polite(Protocol):
        def shutdown_requested(self) -> None:
            self.transport.write(b"goodbye\n")
            self.transport.close()

        def connection_lost(self, exc: Exception | None) -> None:
            log.append(exc)

    peer = reactor.connect(Polite)
    reactor.stop(10)
    reactor.run()

    assert peer.received == b"goodbye\n"
    assert peer.closed
    assert log == [None]


def test_a_protocol_that_ignores_the_request_is_aborted_after_the_grace_period(reactor):
    log = []

    class Deaf(Protocol):
        def shutdown_requested(self) -> None:
            assert reactor.is_stopping()

        def connection_lost(self, exc: Exception | None) -> None:
            log.append(reactor.time())

    peer = reactor.connect(Deaf)
    began = reactor.time()
    reactor.stop(2.5)
    reactor.run()

    assert log == [began + 2.5]
    assert peer.closed
    assert not reactor.is_stopping()


def test_a_second_stop_does_not_prolong_the_grace_period(reactor):
    log = []
    OpenResource(reactor, log)
    began = reactor.time()
    reactor.stop(2)
    reactor.call_later(1, reactor.stop, 100)
    reactor.run()

    assert reactor.time() == began + 2
    assert log == ["resource asked", "resource aborted"]


def test_what_is_opened_during_a_shutdown_is_asked_too(reactor):
    log = []
    slow = OpenResource(reactor, log, "slow")
    reactor.call_later(1, Obedient, reactor, log, "latecomer")
    reactor.call_later(2, reactor.detach, slow)
    reactor.stop(10)
    reactor.run()

    assert log == ["slow asked", "latecomer asked"]


def test_what_was_closed_meanwhile_is_not_asked(reactor):
    log = []

    class Taking(Obedient):
        def request_shutdown(self) -> None:
            super().request_shutdown()
            reactor.detach(other)

    Taking(reactor, log, "first")
    other = OpenResource(reactor, log, "other")
    slow = OpenResource(reactor, log, "slow")

    def open_and_close() -> None:
        reactor.detach(OpenResource(reactor, log, "short-lived"))

    reactor.call_later(1, open_and_close)
    reactor.call_later(2, reactor.detach, slow)
    reactor.stop(10)
    reactor.run()

    assert log == ["first asked", "slow asked"]


def test_an_error_in_request_shutdown_or_abort_is_reported_and_the_others_are_called(reactor):
    log: list[str] = []
    failures: list[dict[str, Any]] = []
    reactor.set_exception_handler(lambda _, context: failures.append(context))

    class Failing(OpenResource):
        def request_shutdown(self) -> None:
            raise ZeroDivisionError

        abort = request_shutdown

    broken = Failing(reactor, log)
    OpenResource(reactor, log, "other")
    reactor.stop(2)
    reactor.run()

    assert log == ["other asked", "other aborted"]
    assert [context["message"] for context in failures] == ["shutdown failed:"] * 2
    assert failures[0]["transport"] is broken
    reactor.detach(broken)


def test_callbacks_that_the_last_connection_queues_run_before_the_shutdown_ends(reactor):
    log = []

    class Last(OpenResource):
        def request_shutdown(self) -> None:
            reactor.detach(self)
            reactor.call_soon(log.append, "its last words")

    def open_last() -> None:
        Last(reactor, log)
        reactor.detach(slow)

    slow = OpenResource(reactor, log, "slow")
    reactor.call_later(1, open_last)
    reactor.stop(10)
    reactor.run()

    assert log == ["slow asked", "its last words"]


def test_a_shutdown_continues_when_something_opens_as_the_last_one_closes(reactor):
    log = []
    began = reactor.time()

    class Reopening(Obedient):
        def request_shutdown(self) -> None:
            reactor.call_soon(OpenResource, reactor, log, "new one")
            super().request_shutdown()

    Reopening(reactor, log, "old one")
    reactor.stop(10)
    reactor.run()

    assert log == ["old one asked", "new one asked", "new one aborted"]
    assert reactor.time() == began + 10


def test_a_plain_stop_ends_a_shutdown(reactor):
    log = []
    OpenResource(reactor, log)
    began = reactor.time()
    reactor.stop(10)
    reactor.call_later(1, reactor.stop)
    reactor.run()

    assert reactor.time() == began + 1
    assert log == ["resource asked"]


def test_a_shutdown_that_a_plain_stop_has_ended_does_not_stop_the_next_run(reactor):
    resource = OpenResource(reactor, [])

    def close_and_stop() -> None:
        reactor.detach(resource)  # the last one: the shutdown queues the call that ends it
        reactor.stop()

    reactor.stop(10)
    reactor.call_later(1, reactor.call_soon, close_and_stop)
    reactor.run()
    began = reactor.time()
    reactor.call_later(5, reactor.stop)
    reactor.run()

    assert reactor.time() == began + 5


def test_after_a_shutdown_it_can_run_again_and_shut_down_again(reactor):
    log = []
    began = reactor.time()
    for _ in range(2):
        OpenResource(reactor, log)
        reactor.stop(10)
        reactor.run()
        assert not reactor.is_stopping()
    assert log == ["resource asked", "resource aborted"] * 2
    assert reactor.time() == began + 20

    later = OpenResource(reactor, log, "later")
    reactor.call_later(60, reactor.stop)
    reactor.run()
    assert reactor.time() == began + 80
    assert len(log) == 4
    reactor.detach(later)


# -- forks -----------------------------------------------------------------------------------------

FORKING = """
import os, socket, sys
from reactor import READ, Reactor

reactor = Reactor()
one, other = socket.socketpair()
received = []
reactor.register(one.fileno(), READ, lambda mask: (received.append(one.recv(9)), reactor.stop()))
child = os.fork()
if child == 0:
    refused = 0
    for method in (reactor.run, reactor.close):
        try:
            method()
        except RuntimeError as exc:
            refused += "before a fork" in str(exc)
    os._exit(0 if refused == 2 else 1)
assert os.waitpid(child, 0) == (child, 0)
other.send(b"hello")
reactor.run()
reactor.unregister(one.fileno())
one.close()
other.close()
reactor.close()
print(received)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_child_process_cannot_use_its_parents_reactor_and_does_not_harm_it():
    # python/asyncio#347: both share one epoll set, and the child would empty it.
    assert run_script(FORKING) == ("[b'hello']\n", "", 0)
