"""Stopping a loop by signals: the first one shuts it down within the grace period, the second one
ends it at once, even a callback in an endless loop."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from reactor import Protocol, Reactor
from reactor.testing import VirtualReactor

from ..tools.commands import environment, finish
from ..tools.interrupts import calling_at
from ..tools.waiting import TIMEOUT
from .default_signals import STOPPING, default_signals_after


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    with default_signals_after():
        yield


# -- one signal, and a second one ------------------------------------------------------------------


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


def test_a_signal_during_a_shutdown_does_not_change_its_grace():
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


def test_a_signal_that_has_a_callback_does_not_stop_the_loop():
    log = []
    with VirtualReactor() as reactor:
        reactor.add_signal_handler(signal.SIGTERM, log.append, "mine")
        reactor.call_soon(signal.raise_signal, signal.SIGTERM)
        reactor.call_later(1, reactor.stop)
        reactor.run()
        assert log == ["mine"]
        assert reactor.remove_signal_handler(signal.SIGTERM)


def test_in_another_thread_it_runs_without_signal_handlers():
    seen = []
    with Reactor() as reactor:
        reactor.call_soon(lambda: seen.append(signal.getsignal(signal.SIGINT)))
        reactor.call_soon(reactor.stop)
        thread = threading.Thread(target=reactor.run)
        thread.start()
        thread.join()

    assert seen == [signal.default_int_handler]


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


# -- a callback in an endless loop -----------------------------------------------------------------


def endless() -> None:
    for _ in range(1000):  # not forever, in case it is not interrupted
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
            # Closing calls connection_lost, and would be interrupted there too.
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


def test_after_an_interrupt_it_can_run_again_and_the_next_signal_is_a_first_one():
    with VirtualReactor() as reactor:
        reactor.call_soon(endless)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()
        reactor.call_soon(signal.raise_signal, signal.SIGINT)
        reactor.run()


def test_closing_that_is_interrupted_still_closes_the_reactor():
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


# -- an interrupt that does not get through --------------------------------------------------------


class Finalized:
    """Runs ``function`` in a finalizer. Python prints what that raises, and continues."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __del__(self) -> None:
        self._function()


def in_finalizer(function: Callable[[], object]) -> None:
    Finalized(function)


def in_weakref_callback(function: Callable[[], object]) -> None:
    class Referent: ...

    referent = Referent()
    reference = weakref.ref(referent, lambda _: function())
    del referent
    assert reference() is None


def in_garbage_collection(function: Callable[[], object]) -> None:
    def on_collection(phase: str, info: object) -> None:
        if phase == "start":
            function()

    gc.callbacks.append(on_collection)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(on_collection)


def catching_everything(function: Callable[[], object]) -> None:
    with suppress(BaseException):
        function()


SWALLOWING = [in_finalizer, in_weakref_callback, in_garbage_collection, catching_everything]


@pytest.fixture
def ignored(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The types of the exceptions that Python has printed and ignored."""
    types: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda event: types.append(event.exc_type))
    return types


@pytest.mark.parametrize("swallowing", SWALLOWING)
def test_code_that_swallows_the_interrupt_delays_the_end_by_one_turn_at_most(swallowing, ignored):
    with VirtualReactor(grace=1000) as reactor:
        reactor.connect(Deaf)
        began = reactor.time()
        reactor.call_later(1, signal.raise_signal, signal.SIGINT)
        reactor.call_later(2, swallowing, lambda: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(KeyboardInterrupt, match=r"second signal, SIGTERM, at .*:\d+$"):
            reactor.run()

        assert reactor.time() == began + 2
    assert ignored == ([] if swallowing is catching_everything else [KeyboardInterrupt])


def test_the_third_and_fourth_signals_interrupt_a_callback_that_swallows_the_second(ignored):
    log = []

    def stuck() -> None:
        for _ in range(3):
            try:
                endless()
            except KeyboardInterrupt as exc:
                log.append(str(exc))
        endless()

    with VirtualReactor(grace=1000) as reactor:
        reactor.call_soon(stuck)
        with pytest.raises(KeyboardInterrupt):
            reactor.run()
        assert len(log) == 3

        # None of them is left for the next run.
        reactor.call_soon(signal.raise_signal, signal.SIGINT)
        reactor.run()


def second_signal() -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("swallowing", [None, in_finalizer])
def test_wherever_the_second_signal_comes_the_run_ends_at_once_and_completely(swallowing, ignored):
    """After the first one, in a shutdown that lasts until the end of its grace."""
    for point in itertools.count(1):
        came_at: list[float] = []

        def come() -> None:
            came_at.append(reactor.time())  # noqa: B023
            second_signal() if swallowing is None else swallowing(second_signal)

        def is_handled() -> bool:
            return (
                reactor.is_stopping()
                and signal.getsignal(signal.SIGINT) is not signal.default_int_handler
            )

        with VirtualReactor(grace=7) as reactor:
            reactor.connect(Deaf)
            began = reactor.time()
            reactor.call_soon(second_signal)  # this is the first one
            try:
                with calling_at(point, come, is_handled):
                    reactor.run()
            except KeyboardInterrupt as exc:
                assert "second signal" in str(exc)  # noqa: PT017
                interrupted = True
            else:
                interrupted = False

            assert not reactor.is_running()
            assert not reactor.is_stopping()
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            if not came_at:
                break
            assert reactor.time() == came_at[0]
            # Within the last turn, the run may end without it.
            assert interrupted or came_at[0] == began + 7
    assert point > 50


# -- real signals, sent to other processes ---------------------------------------------------------

# Only the signal ends the server's wait.
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
    # Print it in the loop: before run(), it does not handle signals.
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
        output, errors = finish(self.process)
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
def test_a_real_signal_shuts_a_server_down(start, signum):
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


def test_after_the_run_python_handles_signals_again(start):
    server = start("twice")
    server.signal(signal.SIGINT)
    assert server.line() == "ended"
    server.signal(signal.SIGINT)

    _, errors, status = server.end()

    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert status == -signal.SIGINT


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
        # Two of the same signal may be delivered as one, so send two different ones.
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


def test_a_background_job_that_ignores_sigint_is_stopped_by_sigterm(serve):
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
