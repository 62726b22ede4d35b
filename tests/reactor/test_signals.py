"""Signal handlers: callbacks for signals, what happens to the program's own handlers, and the
process's wake-up descriptor."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from reactor import Reactor, signals
from reactor.testing import VirtualReactor

from ..tools.waiting import TIMEOUT
from .default_signals import STOPPING, default_signals_after


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    with default_signals_after():
        yield


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor() as reactor:
        yield reactor


def fill_the_wakeup_pair() -> None:
    """Write to the process's wake-up descriptor, as signals do, until it takes no more."""
    fd = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
    try:
        while True:
            os.write(fd, bytes(65536))
    except BlockingIOError:
        pass


# -- callbacks -------------------------------------------------------------------------------------


def test_a_signal_runs_its_callback_in_the_loop(reactor):
    log = []

    def callback(argument: str) -> None:
        log.append((argument, reactor.is_running()))
        reactor.stop()

    reactor.add_signal_handler(signal.SIGUSR1, callback, "argument")
    reactor.call_soon(signal.raise_signal, signal.SIGUSR1)
    reactor.run()

    assert log == [("argument", True)]


def test_every_signal_runs_its_callback_even_when_the_wakeup_pair_is_full(reactor):
    # cpython gh-74224: numbers carried through the pair are lost.
    log = []
    reactor.add_signal_handler(signal.SIGUSR1, log.append, 1)
    reactor.add_signal_handler(signal.SIGUSR2, log.append, 2)
    fill_the_wakeup_pair()

    for signum in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
        signal.raise_signal(signum)
    reactor.run_once()

    assert log == [1, 2, 1]


@pytest.mark.parametrize("wakes", [True, False])
def test_a_handler_of_the_programs_ends_a_wait(reactor, wakes):
    # Python resumes a wait after a handler (PEP 475), unless something wakes the poller. stop()
    # does that, call_soon() does not.
    stop = reactor.stop if wakes else partial(reactor.call_soon, reactor.stop)
    ended_by: list[str] = []

    def end(what: str) -> None:
        ended_by.append(what)
        stop()

    before = signal.signal(signal.SIGUSR1, lambda *_: end("signal"))
    try:
        # By then the loop waits in its poller.
        thread = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
        reactor.call_soon(thread.start)
        reactor.call_later(TIMEOUT, end, "timer")
        reactor.run()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert ended_by == ["signal"]


def test_removing_restores_what_was_there_before(reactor):
    def original(*_: object) -> None:
        raise AssertionError

    before = signal.signal(signal.SIGUSR1, original)
    try:
        reactor.add_signal_handler(signal.SIGUSR1, print)
        reactor.add_signal_handler(signal.SIGUSR2, print)
        assert signal.getsignal(signal.SIGUSR1) is not original

        assert reactor.remove_signal_handler(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is original
        assert not reactor.remove_signal_handler(signal.SIGUSR1)
        assert reactor.remove_signal_handler(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_setting_a_second_handler_replaces_the_first(reactor):
    log = []
    reactor.add_signal_handler(signal.SIGUSR1, log.append, "first")
    reactor.add_signal_handler(signal.SIGUSR1, log.append, "second")

    signal.raise_signal(signal.SIGUSR1)
    reactor.run_once()

    assert log == ["second"]
    assert reactor.remove_signal_handler(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_closing_restores_every_handler():
    with Reactor() as reactor:
        reactor.add_signal_handler(signal.SIGUSR1, print)
        reactor.add_signal_handler(signal.SIGUSR2, print)

    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL


def test_removing_the_last_handler_restores_the_programs_wakeup_descriptor(reactor):
    one, other = socket.socketpair()
    one.setblocking(False)
    with one, other:
        signal.set_wakeup_fd(one.fileno())
        reactor.add_signal_handler(signal.SIGUSR1, print)
        reactor.remove_signal_handler(signal.SIGUSR1)

        assert signal.set_wakeup_fd(-1) == one.fileno()


def test_a_signal_that_cannot_be_handled_is_refused_and_changes_nothing(reactor):
    with pytest.raises(OSError, match="Invalid argument"):
        reactor.add_signal_handler(signal.SIGKILL, print)

    assert signal.set_wakeup_fd(-1) == -1
    assert not reactor.remove_signal_handler(signal.SIGKILL)


def test_a_handler_that_was_not_pythons_becomes_the_systems_default(reactor, monkeypatch):
    set_: list[object] = []

    def fake(signum: int, handler: object) -> None:  # returns None: the handler was set in C
        set_.append(handler)

    monkeypatch.setattr(signals.signal, "signal", fake)
    monkeypatch.setattr(signals.signal, "getsignal", lambda signum: set_[-1])
    reactor.add_signal_handler(signal.SIGUSR1, print)
    reactor.remove_signal_handler(signal.SIGUSR1)

    assert set_[-1] is signal.SIG_DFL


def test_handlers_are_set_in_the_main_thread_only(reactor):
    errors = []

    def other() -> None:
        try:
            reactor.add_signal_handler(signal.SIGUSR1, print)
        except RuntimeError as exc:
            errors.append(str(exc))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()

    assert errors == ["signal handlers can only be set in the main thread"]


# -- what the program has set ----------------------------------------------------------------------


def mine(*_: object) -> None:
    raise AssertionError


@pytest.mark.parametrize("handler", [mine, signal.SIG_IGN])
@pytest.mark.parametrize("signum", STOPPING)
def test_a_handler_of_the_programs_stays_during_the_run_and_after_it(signum, handler):
    during = []
    before = signal.signal(signum, handler)
    try:
        with VirtualReactor() as reactor:
            reactor.call_soon(lambda: during.append(signal.getsignal(signum)))
            reactor.call_soon(reactor.stop)
            reactor.run()
        assert during == [handler]
        assert signal.getsignal(signum) == handler
    finally:
        signal.signal(signum, before)


def test_sigint_set_to_the_systems_default_stays_so():
    during = []
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with VirtualReactor() as reactor:
            reactor.call_soon(lambda: during.append(signal.getsignal(signal.SIGINT)))
            reactor.call_soon(reactor.stop)
            reactor.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert during == [signal.SIG_DFL]


def test_while_sigint_is_ignored_sigterm_stops_the_loop():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with VirtualReactor() as reactor:
            reactor.call_soon(signal.raise_signal, signal.SIGINT)
            reactor.call_later(1, signal.raise_signal, signal.SIGTERM)
            began = reactor.time()
            reactor.run()
            assert reactor.time() == began + 1
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_a_callback_sets_stays():
    with VirtualReactor() as reactor:
        reactor.call_soon(signal.signal, signal.SIGTERM, mine)
        reactor.call_soon(reactor.stop)
        reactor.run()
        assert signal.getsignal(signal.SIGTERM) is mine
        reactor.close()
    assert signal.signal(signal.SIGTERM, signal.SIG_DFL) is mine


def test_a_handler_of_ours_that_the_program_has_replaced_is_not_restored():
    with VirtualReactor() as reactor:
        reactor.add_signal_handler(signal.SIGTERM, print)
        signal.signal(signal.SIGTERM, mine)
        assert reactor.remove_signal_handler(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is mine
    assert signal.signal(signal.SIGTERM, signal.SIG_DFL) is mine


def test_removing_a_handler_added_during_the_run_restores_the_one_before_the_run():
    with VirtualReactor() as reactor:
        reactor.call_soon(reactor.add_signal_handler, signal.SIGTERM, print)
        reactor.call_soon(reactor.stop)
        reactor.run()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert reactor.remove_signal_handler(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_after_a_handler_is_removed_during_the_run_the_signal_stops_the_loop_again():
    with VirtualReactor() as reactor:
        reactor.call_soon(reactor.add_signal_handler, signal.SIGTERM, mine)
        reactor.call_soon(reactor.remove_signal_handler, signal.SIGTERM)
        reactor.call_later(1, signal.raise_signal, signal.SIGTERM)
        reactor.run()


def test_the_programs_wakeup_descriptor_gets_its_signals_and_is_restored():
    one, other = socket.socketpair()
    one.setblocking(False)
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with one, other, Reactor() as reactor:
            signal.set_wakeup_fd(one.fileno())
            reactor.register(other.fileno(), 1, lambda mask: seen.append(other.recv(100)))
            reactor.call_soon(signal.raise_signal, signal.SIGUSR1)
            while not seen:
                reactor.call_later(0, reactor.stop)
                reactor.run()
            reactor.unregister(other.fileno())
            assert signal.set_wakeup_fd(-1) == one.fileno()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [bytes([signal.SIGUSR1])]


def test_a_wakeup_descriptor_set_during_the_run_stays():
    one, other = socket.socketpair()
    one.setblocking(False)
    with one, other, VirtualReactor() as reactor:
        reactor.call_soon(signal.set_wakeup_fd, one.fileno())
        reactor.call_soon(reactor.stop)
        reactor.run()
        assert signal.set_wakeup_fd(-1) == one.fileno()


def test_a_wakeup_descriptor_closed_during_the_run_is_not_restored():
    one, other = socket.socketpair()
    one.setblocking(False)
    with other, VirtualReactor() as reactor:
        signal.set_wakeup_fd(one.fileno())
        reactor.call_soon(one.close)
        reactor.call_soon(reactor.stop)
        reactor.run()
    assert signal.set_wakeup_fd(-1) == -1
