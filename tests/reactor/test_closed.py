"""What a reactor refuses: a turn within a turn, closing while it runs, and everything after
closing."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor import DatagramProtocol, IdleTimer, Observer, Protocol, Reactor
from reactor.testing import VirtualReactor

from ..tools.threads import raised_in_thread

CLOSED = "^the reactor is closed$"


def in_thread(function: Callable[[], object]) -> BaseException | None:
    """Run it in a thread, and return what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            function()
        except BaseException as exc:
            raised.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


# -- a turn within a turn --------------------------------------------------------------------------


@pytest.mark.parametrize("nested", ["run", "run_once", "settle", "close"])
def test_a_turn_within_a_turn_is_refused_and_the_outer_one_continues(nested):
    log = []
    with VirtualReactor() as reactor:

        def callback() -> None:
            reactor.call_soon(log.append, "next turn")
            with pytest.raises(RuntimeError, match="running"):
                getattr(reactor, nested)()
            log.append("refused")

        for drive in (reactor.settle, lambda: (reactor.call_soon(reactor.stop), reactor.run())):
            log.clear()
            reactor.call_soon(callback)
            reactor.call_soon(log.append, "same turn")
            drive()
            reactor.settle()
            assert log == ["refused", "same turn", "next turn"]


def test_a_turn_within_a_descriptors_handler_is_refused():
    log = []

    class Nested(Protocol):
        def data_received(self, data: bytes) -> None:
            reactor.run_once(0)

    with VirtualReactor() as reactor:
        reactor.set_exception_handler(lambda _, context: log.append(str(context["exception"])))
        reactor.connect(Nested).send(b"x")
        reactor.settle()

    assert log == ["the reactor is running already"]


def test_after_an_interrupt_the_turn_is_over():
    def interrupt() -> None:
        raise KeyboardInterrupt

    with VirtualReactor() as reactor:
        reactor.call_soon(interrupt)
        with pytest.raises(KeyboardInterrupt):
            reactor.run_once(0)
        assert not reactor.is_running()
        reactor.settle()


# -- another thread --------------------------------------------------------------------------------


def test_another_thread_cannot_run_or_close_it_while_it_runs():
    raised = []
    with Reactor() as reactor:

        def callback() -> None:
            raised.extend(map(raised_in_thread, (reactor.run, reactor.run_once, reactor.close)))
            reactor.stop()

        reactor.call_soon(callback)
        reactor.run()
        assert not reactor.is_closed()

    assert [type(exc) for exc in raised] == [RuntimeError] * 3


def test_another_thread_cannot_close_a_reactor_that_has_signal_handlers():
    lost = []

    class Told(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    with VirtualReactor() as reactor:
        reactor.connect(Told)
        reactor.add_signal_handler(signal.SIGUSR1, print)
        error = raised_in_thread(reactor.close)
        assert isinstance(error, RuntimeError)
        assert "main thread" in str(error)
        assert not reactor.is_closed()
        assert lost == []

        reactor.remove_signal_handler(signal.SIGUSR1)
        assert raised_in_thread(reactor.close) is None
        assert reactor.is_closed()
        assert lost == [None]


# -- after closing ---------------------------------------------------------------------------------


@pytest.fixture
def closed() -> Reactor:
    reactor = Reactor()
    reactor.close()
    return reactor


OPENING: dict[str, Callable[[Reactor], object]] = {
    "run": lambda r: r.run(),
    "run_once": lambda r: r.run_once(0),
    "call_soon": lambda r: r.call_soon(print),
    "call_soon_threadsafe": lambda r: r.call_soon_threadsafe(print),
    "call_later": lambda r: r.call_later(1, print),
    "call_at": lambda r: r.call_at(1, print),
    "idle_timer": lambda r: IdleTimer(r, 1, print),
    "add_signal_handler": lambda r: r.add_signal_handler(signal.SIGUSR1, print),
    "add_stop_signal": lambda r: r.add_stop_signal(signal.SIGUSR1),
    "add_observer": lambda r: r.add_observer(Observer()),
    "register": lambda r: r.register(0, 1, print),
    "run_in_thread": lambda r: r.run_in_thread(print),
    "resolver": lambda r: r.resolver.submit(print),
    "listen_tcp": lambda r: r.listen_tcp(Protocol, "127.0.0.1", 0),
    "listen_unix": lambda r: r.listen_unix(Protocol, "a.socket"),
    "listen_udp": lambda r: r.listen_udp(DatagramProtocol, "127.0.0.1", 0),
    "listen_unix_datagram": lambda r: r.listen_unix_datagram(DatagramProtocol, "b.socket"),
    "connect_tcp": lambda r: r.connect_tcp(Protocol, "127.0.0.1", 9),
    "connect_unix": lambda r: r.connect_unix(Protocol, "c.socket"),
    "connect_udp": lambda r: r.connect_udp(DatagramProtocol, "127.0.0.1", 9),
    "connect_unix_datagram": lambda r: r.connect_unix_datagram(DatagramProtocol, "d.socket"),
    "connect_read_pipe": lambda r: r.connect_read_pipe(Protocol, 0),
    "connect_write_pipe": lambda r: r.connect_write_pipe(Protocol, 1),
}


@pytest.mark.parametrize("name", OPENING)
def test_a_closed_reactor_opens_and_schedules_nothing(closed, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = threading.active_count()

    with pytest.raises(RuntimeError, match=CLOSED):
        OPENING[name](closed)

    assert os.listdir(tmp_path) == []
    assert threading.active_count() == threads
    gc.collect()  # an open socket would cause a warning, which is an error


@pytest.mark.parametrize("name", ["listen_sockets", "connect_socket"])
def test_a_socket_passed_to_a_closed_reactor_stays_open(closed, name):
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(RuntimeError, match=CLOSED):
            getattr(closed, name)(Protocol, [one] if name == "listen_sockets" else one)
        assert one.getblocking()
        one.send(b"x")
        assert other.recv(1) == b"x"


def test_every_public_way_of_opening_is_in_the_list():
    ways = ("listen_", "connect_", "call_", "add_", "run")
    public = {name for name in dir(Reactor) if name.startswith(ways)} - {"call_exception_handler"}
    assert public <= {*OPENING, "listen_sockets", "connect_socket"}


def test_closing_and_cancelling_still_work_after_the_reactor_is_closed():
    with VirtualReactor() as reactor:
        peer = reactor.connect(Protocol)
        datagrams = reactor.datagram_socket(DatagramProtocol)
        timer = reactor.call_later(5, print)
        fired = reactor.call_later(0, print)
        handle = reactor.call_soon(print)
        reactor.settle()

    dropped = reactor.stats.writes_dropped
    peer.transport.write(b"x")
    assert reactor.stats.writes_dropped == dropped + 1
    for transport in (peer.transport, datagrams.transport):
        transport.close()
        transport.abort()
    peer.transport.pause_reading()
    peer.transport.resume_reading()
    datagrams.transport.sendto(b"x", ("192.0.2.1", 5))
    for cancelled in (timer, fired, handle):
        cancelled.cancel()
        assert cancelled.cancelled()
    assert not reactor.remove_signal_handler(signal.SIGUSR1)
    reactor.unregister(5)
    reactor.stop()
    reactor.stop(5)
    assert not reactor.is_stopping()
    reactor.close()


def test_a_descriptor_may_be_unregistered_after_closing():
    one, other = socket.socketpair()
    with one, other:
        with Reactor() as reactor:
            reactor.register(one.fileno(), 1, print)
        reactor.unregister(one.fileno())


def test_a_timer_that_has_fired_cannot_be_set_again_after_closing():
    with VirtualReactor() as reactor:
        timer = reactor.call_later(0, lambda: None)
        reactor.settle()

    with pytest.raises(RuntimeError, match=CLOSED):
        timer.reschedule(1)


def test_connection_lost_may_open_and_schedule_things_while_the_reactor_closes():
    complaints: list[dict[str, Any]] = []
    ran = []

    class Busy(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            reactor.call_later(0, ran.append, "timer")
            reactor.call_soon(ran.append, "callback")
            reactor.run_in_thread(len, b"")
            self.transport.write(b"x")
            reactor.connect_tcp(Protocol, "127.0.0.1", 9, on_failure=ran.append)

    reactor = Reactor()
    reactor.set_exception_handler(lambda _, context: complaints.append(context))
    one, other = socket.socketpair()
    with other:
        reactor.connect_socket(Busy, one)
        reactor.close()

    assert complaints == []
    assert "timer" in ran
    assert reactor.is_closed()
