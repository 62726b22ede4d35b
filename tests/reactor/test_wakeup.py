"""Waking a waiting loop: from threads, and by signals."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from reactor import Protocol, Reactor, pollers, wakeup
from reactor.testing import VirtualReactor

from ..tools.commands import environment
from ..tools.waiting import TIMEOUT


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor() as reactor:
        yield reactor


class Counting:
    """The end that is written to, counting."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.sends = 0
        self.fileno = sock.fileno
        self.close = sock.close

    def send(self, data: bytes) -> int:
        self.sends += 1
        return self._sock.send(data)


def fill(reactor: Reactor, size: int | None = None) -> int:
    """Put ``size`` bytes into the wake-up pair, or as many as it takes. Signals do that."""
    sender, sent = reactor._wakeup._sender, 0
    while size is None or sent < size:
        try:
            sent += sender.send(bytes(1 if size is None else size - sent))
        except BlockingIOError:
            break
    return sent


# -- threads ---------------------------------------------------------------------------------------


def test_a_call_from_another_thread_ends_a_wait_without_end(reactor):
    threads = []

    def call() -> None:
        threads.append(threading.current_thread())
        reactor.call_soon_threadsafe(finish, "argument")

    def finish(argument: str) -> None:
        assert argument == "argument"
        threads.append(threading.current_thread())
        reactor.stop()

    other = threading.Thread(target=call)
    reactor.call_soon(other.start)
    reactor.run()
    other.join()

    assert threads == [other, threading.main_thread()]


def test_calls_from_many_threads_all_arrive_in_the_order_of_each_and_cost_few_bytes(reactor):
    # dask distributed#3223: a byte for each call was most of what the loop did.
    reactor._wakeup._sender = counting = Counting(reactor._wakeup._sender)
    arrived: dict[int, list[int]] = {number: [] for number in range(8)}

    def call(number: int) -> None:
        for value in range(1000):
            reactor.call_soon_threadsafe(arrived[number].append, value)

    threads = [threading.Thread(target=call, args=(number,)) for number in arrived]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reactor.run_once()

    assert all(values == list(range(1000)) for values in arrived.values())
    assert 1 <= counting.sends <= len(threads)  # each may have found the flag unset, once


def test_calls_from_threads_while_the_loop_runs_all_arrive(reactor):
    left = 4 * 2000

    def arrive() -> None:
        nonlocal left
        left -= 1
        if not left:
            reactor.stop()

    def call() -> None:
        for _ in range(2000):
            reactor.call_soon_threadsafe(arrive)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        reactor.call_soon(thread.start)
    reactor.run()
    for thread in threads:
        thread.join()

    assert left == 0


def test_a_call_that_comes_while_the_pair_is_emptied_is_not_lost(reactor):
    # The byte that it would write is taken together with the earlier ones. It must not leave the
    # flag behind that says "a byte is there": no later call would wake the loop then.
    receiver = reactor._wakeup._receiver
    log: list[str] = []

    class Interleaved:
        fileno = receiver.fileno
        close = receiver.close

        def recv(self, size: int) -> bytes:
            reactor.call_soon_threadsafe(log.append, "while it is emptied")
            return receiver.recv(size)

    reactor._wakeup._receiver = Interleaved()
    reactor.call_soon_threadsafe(log.append, "before")
    reactor.run_once()
    assert log == ["before", "while it is emptied"]

    reactor.call_soon_threadsafe(log.append, "after")
    assert reactor._poller.poll(0) != []
    reactor.run_once()
    assert log[-2] == "after"


def test_a_full_pair_wakes_as_well(reactor):
    # Both ends are non-blocking, and EAGAIN is no failure: a byte is there already.
    log: list[str] = []
    assert fill(reactor) > 10

    reactor.call_soon_threadsafe(log.append, "called")
    reactor.run_once()

    assert log == ["called"]


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192])
def test_the_pair_is_emptied_in_one_turn(reactor, size):
    assert fill(reactor, size) == size

    reactor.run_once()

    assert reactor._poller.poll(0) == []


def test_a_spurious_event_does_not_block(reactor):
    reactor._wakeup._drain(pollers.READ)

    assert reactor._poller.poll(0) == []


def test_waking_a_closed_reactor_is_harmless():
    # A thread may have looked at the reactor just before it was closed.
    with Reactor() as reactor:
        pass

    reactor._wakeup.wake()


def test_a_pair_that_the_poller_cannot_watch_is_not_left_open(monkeypatch):
    monkeypatch.setattr(pollers, "_SELECT_LIMIT", 0)

    with pytest.raises(ValueError, match="select poller cannot watch"):
        Reactor(poller="select")
    gc.collect()  # an open socket would warn


# -- signal handlers -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in HANDLED}
    yield
    assert {signum: signal.getsignal(signum) for signum in HANDLED} == before
    assert signal.set_wakeup_fd(-1) == -1


HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


def test_a_signal_runs_its_callback_in_the_loop(reactor):
    log = []

    def callback(argument: str) -> None:
        log.append((argument, reactor.is_running()))
        reactor.stop()

    reactor.add_signal_handler(signal.SIGUSR1, callback, "argument")
    reactor.call_soon(signal.raise_signal, signal.SIGUSR1)
    reactor.run()

    assert log == [("argument", True)]


def test_each_signal_is_told_even_when_the_pair_is_full(reactor):
    # cpython gh-74224: numbers carried through the pair are lost.
    log = []
    reactor.add_signal_handler(signal.SIGUSR1, log.append, 1)
    reactor.add_signal_handler(signal.SIGUSR2, log.append, 2)
    fill(reactor)

    for signum in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
        signal.raise_signal(signum)
    reactor.run_once()

    assert log == [1, 2, 1]


@pytest.mark.parametrize("wakes", [True, False])
def test_any_handler_of_the_programs_ends_a_wait(reactor, wakes):
    # Python goes on waiting after the handler (PEP 475), unless something wakes the poller: stop()
    # does, call_soon() does not.
    stop = reactor.stop if wakes else partial(reactor.call_soon, reactor.stop)
    before = signal.signal(signal.SIGUSR1, lambda *_: stop())
    try:
        thread = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGUSR1))
        reactor.call_soon(thread.start)
        reactor.run()
        thread.join()
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert not reactor.is_running()


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


def test_a_wakeup_descriptor_of_somebody_else_is_given_back(reactor):
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

    def fake(signum: int, handler: object) -> None:  # None is what was there: a handler set in C
        set_.append(handler)

    monkeypatch.setattr(wakeup.signal, "signal", fake)
    monkeypatch.setattr(wakeup.signal, "getsignal", lambda signum: set_[-1])
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


# -- stopping by signals ---------------------------------------------------------------------------


class Deaf(Protocol):
    """Does not close when it is asked to."""

    def shutdown_requested(self) -> None: ...


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_shuts_down_within_the_grace_and_handlers_are_restored(signum):
    with VirtualReactor(grace=7) as reactor:
        peer = reactor.connect(Deaf)
        reactor.call_later(1, signal.raise_signal, signum)
        began = reactor.time()
        reactor.run()

        assert peer.closed
        assert reactor.time() == began + 8
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_signal_ends_it_at_once():
    lost = []

    class Told(Deaf):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(reactor.time())

    with VirtualReactor(grace=7) as reactor:
        reactor.connect(Told)
        began = reactor.time()
        reactor.call_later(1, signal.raise_signal, signal.SIGINT)
        reactor.call_later(3, signal.raise_signal, signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="second signal, SIGTERM"):
            reactor.run()

        assert reactor.time() == began + 3
    assert lost == [began + 3]


def test_a_signal_during_a_shutdown_asks_for_nothing_new():
    with VirtualReactor(grace=7) as reactor:
        reactor.connect(Deaf)
        began = reactor.time()
        reactor.call_later(1, reactor.stop, 1000)
        reactor.call_later(3, signal.raise_signal, signal.SIGTERM)
        reactor.run()

        assert reactor.time() == began + 1001


def test_handlers_are_restored_when_the_run_ends_by_an_exception():
    def interrupt() -> None:
        raise KeyboardInterrupt

    with VirtualReactor() as reactor:
        reactor.call_soon(interrupt)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_that_the_user_handles_is_left_to_the_user():
    log = []
    with VirtualReactor() as reactor:
        reactor.add_signal_handler(signal.SIGTERM, log.append, "mine")
        reactor.call_soon(signal.raise_signal, signal.SIGTERM)
        reactor.call_later(1, reactor.stop)
        reactor.run()
        assert log == ["mine"]
        assert reactor.remove_signal_handler(signal.SIGTERM)


def test_a_handler_that_the_user_sets_while_it_runs_stays():
    with Reactor() as reactor:
        reactor.call_soon(reactor.add_signal_handler, signal.SIGTERM, print)
        reactor.call_soon(reactor.stop)
        reactor.run()

        assert reactor.remove_signal_handler(signal.SIGTERM)
        assert not reactor.remove_signal_handler(signal.SIGINT)


def test_in_another_thread_it_runs_without_signal_handlers():
    seen = []
    with Reactor() as reactor:
        reactor.call_soon(lambda: seen.append(signal.getsignal(signal.SIGINT)))
        reactor.call_soon(reactor.stop)
        thread = threading.Thread(target=reactor.run)
        thread.start()
        thread.join()

    assert seen == [signal.default_int_handler]


# In a process of its own, with real signals from outside: nothing but the signal ends the wait.
SERVER = """
import sys
from reactor import Protocol, Reactor

class Server(Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        print("connected", flush=True)

    def shutdown_requested(self):
        print("asked", flush=True)
        if sys.argv[1] == "polite":
            self.transport.close()

    def connection_lost(self, exc):
        print("lost", exc, flush=True)

with Reactor(grace=1000) as reactor:
    listener = reactor.listen_tcp(Server, "127.0.0.1", 0)
    # From within: before the run, signals are not ours.
    reactor.call_soon(lambda: print(listener.addresses[0][1], flush=True))
    reactor.run()
    print("ended", flush=True)
    if sys.argv[1] == "twice":
        sys.stdin.readline()
"""


class Child:
    def __init__(self, how: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVER, how],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.line())

    def line(self) -> str:
        return self.process.stdout.readline().strip()

    def signal(self, signum: int) -> None:
        os.kill(self.process.pid, signum)

    def end(self) -> tuple[str, str, int]:
        output, errors = self.process.communicate(timeout=TIMEOUT)
        return output, errors, self.process.returncode


@pytest.fixture
def start() -> Iterator[type[Child]]:
    children = []

    def start(how: str) -> Child:
        children.append(Child(how))
        return children[-1]

    yield start
    for child in children:
        with child.process as process:  # which closes the pipes, and waits
            process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_real_signal_ends_a_server_in_good_order(start, signum):
    server = start("polite")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.settimeout(TIMEOUT)
        assert server.line() == "connected"
        server.signal(signum)
        assert client.recv(100) == b""

    assert server.end() == ("asked\nlost None\nended\n", "", 0)


def test_two_real_signals_end_it_at_once(start):
    server = start("deaf")
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.line() == "connected"
        server.signal(signal.SIGINT)
        assert server.line() == "asked"
        server.signal(signal.SIGINT)
        output, errors, status = server.end()

    assert output == "lost None\n"
    assert "\nKeyboardInterrupt: ended at once by a second signal, SIGINT" in errors
    assert status == -signal.SIGINT


def test_after_the_run_a_signal_is_pythons_affair_again(start):
    server = start("twice")
    server.signal(signal.SIGINT)
    assert server.line() == "ended"
    server.signal(signal.SIGINT)

    _, errors, status = server.end()

    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert status == -signal.SIGINT
