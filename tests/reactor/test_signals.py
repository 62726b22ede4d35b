"""Signals: the second one ends even a callback in an endless loop, and what the program has set is
the program's."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from reactor import Protocol, Reactor
from reactor.testing import VirtualReactor

from ..tools.commands import environment
from ..tools.waiting import TIMEOUT

STOPPING = (signal.SIGINT, signal.SIGTERM)
DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    yield
    found = {signum: signal.getsignal(signum) for signum in DEFAULTS}
    for signum, handler in DEFAULTS.items():
        signal.signal(signum, handler)
    assert found == DEFAULTS
    assert signal.set_wakeup_fd(-1) == -1


# -- the second signal -----------------------------------------------------------------------------


def endless() -> None:
    for _ in range(1000):  # and not for ever, for a loop that would not be interrupted
        signal.raise_signal(signal.SIGTERM)
    raise AssertionError("not interrupted")


def test_a_callback_that_is_stuck_is_interrupted_by_the_second_signal():
    lost = []

    class Told(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    with VirtualReactor() as reactor:
        reactor.connect(Told)
        reactor.call_soon(endless)
        with pytest.raises(KeyboardInterrupt) as caught:
            reactor.run()

        assert not reactor.is_running()
        assert not reactor.is_stopping()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        assert lost == []
    assert lost == [None]
    message = str(caught.value)
    assert message.startswith("ended at once by a second signal, SIGTERM, at " + __file__)


def test_a_protocol_that_is_stuck_in_any_of_its_methods_is_interrupted():
    def stuck(*_: object) -> None:
        endless()

    for method in ("connection_made", "data_received", "eof_received", "connection_lost"):
        protocol = type("Stuck", (Protocol,), {method: stuck})
        with VirtualReactor() as reactor:
            reactor.call_soon(reactor.call_later, 0, lambda: reactor.connect(protocol).send(b"x"))  # noqa: B023
            if method != "connection_made":
                peer = reactor.connect(protocol)
                peer.send(b"x")
                peer.send_eof()
            with pytest.raises(KeyboardInterrupt):
                reactor.run()
            # Closing tells the others, and would hang there as well.
            protocol.connection_lost = Protocol.connection_lost
    assert reactor.is_closed()


def test_a_handler_that_is_stuck_after_the_shutdown_began_is_interrupted():
    class Stuck(Protocol):
        def shutdown_requested(self) -> None:
            endless()

    with VirtualReactor(grace=1000) as reactor:
        reactor.connect(Stuck)
        reactor.call_soon(signal.raise_signal, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()


def test_it_can_run_again_after_an_interrupt_and_signals_count_anew():
    with VirtualReactor() as reactor:
        reactor.call_soon(endless)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()
        reactor.call_soon(signal.raise_signal, signal.SIGINT)
        reactor.run()


def test_closing_that_is_interrupted_gives_everything_back():
    class Stuck(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            raise KeyboardInterrupt

    reactor = VirtualReactor()
    reactor.connect(Stuck)
    with pytest.raises(KeyboardInterrupt):
        reactor.close()

    assert reactor.is_closed()
    assert not reactor.is_running()
    with pytest.raises(RuntimeError, match="closed"):
        reactor.call_soon(print)


# -- what the program has set ----------------------------------------------------------------------


def mine(*_: object) -> None:
    raise AssertionError


@pytest.mark.parametrize("handler", [mine, signal.SIG_IGN])
@pytest.mark.parametrize("signum", STOPPING)
def test_what_the_program_has_set_stays_while_it_runs_and_after(signum, handler):
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


def test_the_systems_default_for_an_interrupt_is_a_choice_of_the_programs():
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


def test_with_one_of_them_ignored_the_other_stops_it():
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


def test_a_handler_that_is_added_while_it_runs_gives_back_what_was_there_before_the_run():
    with VirtualReactor() as reactor:
        reactor.call_soon(reactor.add_signal_handler, signal.SIGTERM, print)
        reactor.call_soon(reactor.stop)
        reactor.run()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert reactor.remove_signal_handler(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_that_is_removed_while_it_runs_lets_the_signal_stop_it_again():
    with VirtualReactor() as reactor:
        reactor.call_soon(reactor.add_signal_handler, signal.SIGTERM, mine)
        reactor.call_soon(reactor.remove_signal_handler, signal.SIGTERM)
        reactor.call_later(1, signal.raise_signal, signal.SIGTERM)
        reactor.run()


@pytest.mark.parametrize("signum", [signal.SIGUSR1, signal.SIGTERM])
def test_any_signal_can_be_made_one_that_stops(signum):
    with VirtualReactor(grace=7) as reactor:
        reactor.add_stop_signal(signum)
        reactor.call_later(1, signal.raise_signal, signum)
        reactor.run()
        reactor.call_soon(signal.raise_signal, signum)
        reactor.call_soon(endless)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()
    assert signal.getsignal(signum) is signal.SIG_DFL


def test_a_wakeup_descriptor_of_the_programs_gets_its_signals_and_is_given_back():
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


def test_a_wakeup_descriptor_that_is_set_while_it_runs_stays():
    one, other = socket.socketpair()
    one.setblocking(False)
    with one, other, VirtualReactor() as reactor:
        reactor.call_soon(signal.set_wakeup_fd, one.fileno())
        reactor.call_soon(reactor.stop)
        reactor.run()
        assert signal.set_wakeup_fd(-1) == one.fileno()


def test_a_wakeup_descriptor_that_is_closed_meanwhile_is_not_given_back():
    one, other = socket.socketpair()
    one.setblocking(False)
    with other, VirtualReactor() as reactor:
        signal.set_wakeup_fd(one.fileno())
        reactor.call_soon(one.close)
        reactor.call_soon(reactor.stop)
        reactor.run()
    assert signal.set_wakeup_fd(-1) == -1


# -- from outside ----------------------------------------------------------------------------------

STUCK = """
import sys, time
from reactor import Protocol

class Stuck(Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        print("connected", file=sys.stderr, flush=True)
        while True:
            pass

class Later(Protocol):
    def connection_made(self, transport):
        super().connection_made(transport)
        print("connected", file=sys.stderr, flush=True)

    def shutdown_requested(self):
        print("asked", file=sys.stderr, flush=True)
        time.sleep(100_000)

class Deaf(Later):
    def shutdown_requested(self):
        print("asked", file=sys.stderr, flush=True)
"""


def interrupted_line(errors: str) -> str:
    [line] = errors.splitlines()
    assert line.startswith("reactor: ended at once by a second signal, ")
    return line


@pytest.mark.parametrize("signum", STOPPING)
def test_two_signals_end_the_command_in_an_endless_loop(serve, tmp_path, signum):
    (tmp_path / "stuck.py").write_text(STUCK)
    server = serve("--protocol", "stuck:Stuck", "--port", "0", cwd=tmp_path)
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.process.stderr.readline() == "connected\n"
        # Two of the same signal may be delivered as one: the first to arrive is SIGTERM or SIGINT.
        first = signal.SIGTERM if signum == signal.SIGINT else signal.SIGINT
        server.process.send_signal(first)
        status, errors = server.stop(signum)

    assert status == 130
    assert interrupted_line(errors).split(", at ")[1].startswith(str(tmp_path / "stuck.py:"))


@pytest.mark.parametrize("name", ["Later", "Deaf"])
def test_two_signals_end_the_command_while_it_shuts_down(serve, tmp_path, name):
    (tmp_path / "stuck.py").write_text(STUCK)
    server = serve("--protocol", f"stuck:{name}", "--port", "0", "--grace", "100000", cwd=tmp_path)
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.process.stderr.readline() == "connected\n"
        server.process.send_signal(signal.SIGINT)
        assert server.process.stderr.readline() == "asked\n"
        status, errors = server.stop(signal.SIGINT)

    assert status == 130
    assert interrupted_line(errors)


def ignoring(*signals: int) -> Callable[[], None]:
    def ignore() -> None:
        for signum in signals:
            signal.signal(signum, signal.SIG_IGN)

    return ignore


def test_a_background_job_stops_at_a_termination_and_at_no_interrupt(serve):
    server = serve(
        "--protocol", "echo", "--port", "0", "--no-udp", preexec_fn=ignoring(signal.SIGINT)
    )
    server.process.send_signal(signal.SIGINT)
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
        client.sendall(b"hello")
        assert client.recv(100) == b"hello"
    assert server.stop(signal.SIGTERM) == (0, "")


PROGRAM = """
import signal, sys
from reactor import Reactor

with Reactor() as reactor:
    signal.signal(signal.SIGTERM, lambda *_: reactor.stop())
    reactor.call_soon(lambda: print("runs", flush=True))
    reactor.run()
print("ended")
"""


def test_a_programs_own_handler_may_stop_the_reactor():
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stdout.readline() == "runs\n"
            program.send_signal(signal.SIGTERM)
            output, _ = program.communicate(timeout=TIMEOUT)
        finally:
            program.kill()
    assert (program.returncode, output) == (0, "ended\n")
