"""Debug mode: what it reports of wrong threads, slow callbacks and unclosed transports."""

from __future__ import annotations

import gc
import logging
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from inspect import currentframe

import pytest

from reactor import DatagramProtocol, IdleTimer, LineProtocol, Protocol, Reactor, StreamTransport
from reactor.testing import VirtualReactor

from ..tools.commands import ROOT
from ..tools.threads import raised_in_thread


@pytest.fixture
def reactor() -> Iterator[VirtualReactor]:
    with VirtualReactor(debug=True) as reactor:
        yield reactor


def here(offset: int = 0) -> str:
    return f"{__file__}:{currentframe().f_back.f_lineno + offset}"


def spend(reactor: VirtualReactor, seconds: float) -> None:
    """Be slow."""
    reactor.stall(seconds)


# -- turning it on ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environment", "on"),
    [
        ([], {}, False),
        ([], {"REACTOR_DEBUG": "1"}, True),
        ([], {"REACTOR_DEBUG": "0"}, False),
        (["-X", "dev"], {}, True),
        (["-E"], {"REACTOR_DEBUG": "1"}, False),
    ],
)
def test_the_environment_turns_debug_mode_on(arguments, environment, on):
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    script += "from reactor import Reactor\n"
    script += "print(Reactor().get_debug(), Reactor(debug=False).get_debug())"
    result = subprocess.run(
        [sys.executable, *arguments, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{on} False\n"


def test_without_debug_mode_the_classes_are_the_ordinary_ones():
    with VirtualReactor(debug=False) as reactor:
        peer = reactor.connect(Protocol)
        assert type(reactor) is VirtualReactor
        assert type(peer.transport) is StreamTransport
        peer.transport.close()


# -- wrong threads ---------------------------------------------------------------------------------


CALLS: dict[str, Callable[[Reactor], object]] = {
    "call_soon": lambda r: r.call_soon(print),
    "call_later": lambda r: r.call_later(1, print),
    "call_at": lambda r: r.call_at(1, print),
    "IdleTimer": lambda r: IdleTimer(r, 1, print),
    "reschedule": lambda r: r.timer.reschedule(1),
    "postpone": lambda r: r.timer.reschedule(3600),
    "cancel a timer": lambda r: r.timer.cancel(),
    "register": lambda r: r.register(0, 1, print),
    "modify": lambda r: r.modify(0, 1),
    "unregister": lambda r: r.unregister(0),
    "stop": lambda r: r.stop(),
    "run_in_thread": lambda r: r.run_in_thread(print),
    "listen_tcp": lambda r: r.listen_tcp(Protocol, "127.0.0.1", 0),
    "listen_udp": lambda r: r.listen_udp(DatagramProtocol, "127.0.0.1", 0),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_from_another_thread_is_refused_while_the_loop_runs(reactor, name):
    said = []
    reactor.timer = reactor.call_later(60, print)
    reactor.call_soon(lambda: said.append(raised_in_thread(lambda: CALLS[name](reactor))))
    reactor.settle()

    assert len(said) == 1
    assert str(said[0]).startswith("called from the wrong thread")


@pytest.mark.parametrize(
    "method", ["write", "writelines", "close", "abort", "pause_reading", "resume_reading"]
)
def test_a_transport_is_not_used_from_another_thread(reactor, method):
    peer = reactor.connect(Protocol)
    arguments = ([b"x"],) if method == "writelines" else (b"x",) if method == "write" else ()
    said = []
    call = partial(getattr(peer.transport, method), *arguments)
    reactor.call_soon(lambda: said.append(raised_in_thread(call)))
    reactor.settle()

    assert str(said[0]).startswith("called from the wrong thread")
    assert peer.received == b""
    assert not peer.closed
    call()
    peer.transport.close()


def test_a_datagram_is_not_sent_from_another_thread(reactor):
    peers = reactor.datagram_socket(DatagramProtocol)
    said = []
    call = partial(peers.transport.sendto, b"x", ("192.0.2.1", 5))
    reactor.call_soon(lambda: said.append(raised_in_thread(call)))
    reactor.settle()

    assert str(said[0]).startswith("called from the wrong thread")
    assert peers.sent == []
    peers.transport.close()


def test_other_threads_may_use_call_soon_threadsafe_and_a_loop_that_does_not_run(reactor):
    log = []
    call = partial(reactor.call_soon_threadsafe, log.append, 1)
    reactor.call_soon(lambda: raised_in_thread(call))
    reactor.settle()
    assert log == [1]

    assert raised_in_thread(partial(reactor.call_soon, log.append, 2)) is None
    reactor.settle()
    assert log == [1, 2]


def test_run_in_thread_works_in_debug_mode():
    with Reactor(debug=True) as reactor:
        reactor.run_in_thread(len, b"abc").add_done_callback(lambda call: reactor.stop())
        reactor.run()


# -- slow callbacks --------------------------------------------------------------------------------


def messages(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_slow_callback_is_logged_with_where_it_is_defined_and_created(reactor, caplog):
    def slow() -> None:
        spend(reactor, 0.25)

    defined = here(-3)
    reactor.call_soon(slow)
    created = here(-1)
    reactor.call_soon(lambda: spend(reactor, 0.09))
    reactor.settle()

    [message] = messages(caplog)
    assert message.endswith(f".slow at {defined}, created at {created}, took 0.250 s")


def test_slow_callback_duration_sets_the_limit(reactor, caplog):
    reactor.slow_callback_duration = 0.5
    reactor.call_later(1, spend, reactor, 0.25)
    reactor.call_later(1, spend, reactor, 0.75)
    created = here(-1)
    reactor.advance(2)

    [message] = messages(caplog)
    assert message.startswith("spend at ")
    assert message.endswith(f", created at {created}, took 0.750 s")


def test_a_slow_protocol_is_logged_with_its_class(reactor, caplog):
    class Slow(Protocol):
        def data_received(self, data: bytes) -> None:
            spend(reactor, 0.25)

    defined = here(-3)
    peer = reactor.connect(Slow)
    created = here(-1)
    peer.send(b"x")
    reactor.settle()
    peer.transport.close()

    [message] = messages(caplog)
    assert message.startswith("StreamTransport._on_ready of ")
    assert message.endswith(f".Slow at {defined}, created at {created}, took 0.250 s")


def test_a_slow_line_received_is_logged_with_where_it_is_defined(reactor, caplog):
    class Slow(LineProtocol):
        def line_received(self, line: str) -> None:
            spend(reactor, 0.25)

    defined = here(-3)
    peer = reactor.connect(Slow)
    peer.send(b"x\n")
    reactor.settle()
    peer.transport.close()

    [message] = messages(caplog)
    assert f".Slow at {defined}, " in message


def test_the_frame_of_runpy_is_not_logged_as_the_place_of_creation(reactor, caplog):
    exec(compile("reactor.call_soon(spend, reactor, 0.25)", "<frozen runpy>", "exec"))
    created = here(-1)
    reactor.settle()

    [message] = messages(caplog)
    assert f"created at {created}," in message


def test_a_slow_connection_lost_is_logged_with_its_protocol(reactor, caplog):
    class Slow(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            spend(reactor, 0.25)

    reactor.connect(Slow).transport.close()
    reactor.settle()

    [message] = messages(caplog)
    assert ".Slow at " in message


def test_a_slow_resume_writing_is_logged(reactor, caplog):
    class Slow(Protocol):
        def resume_writing(self) -> None:
            spend(reactor, 0.25)

    peer = reactor.connect(Slow)
    peer.stall()
    peer.transport.write(bytes(100_000))
    reactor.settle()
    assert messages(caplog) == []
    peer.resume()
    reactor.settle()
    peer.transport.close()

    assert any(".flush of " in message for message in messages(caplog))


def test_a_program_beside_the_package_with_a_similar_name_is_not_mistaken_for_the_package(reactor):
    program = str(ROOT / "reactor_demo.py")
    code = compile("handle = reactor.call_soon(print)", program, "exec")
    scope = {"reactor": reactor}
    exec(code, scope)

    assert repr(scope["handle"]).endswith(f" created at {program}:1>")


def test_a_callback_that_raises_is_logged_with_where_it_was_created(reactor, caplog):
    def fail() -> None:
        raise ValueError("it failed")

    reactor.call_soon(fail)
    created = here(-1)
    with pytest.raises(ValueError, match="it failed"):
        reactor.settle()

    [record] = caplog.records
    assert f"created at {created}>" in record.getMessage()
    assert record.exc_info[0] is ValueError


def test_a_callback_that_the_loop_creates_is_logged_with_what_led_to_it(reactor, caplog):
    # The loop, not the program, queues the call of connection_lost.
    class Slow(Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            spend(reactor, 0.25)

    peer = reactor.connect(Slow)
    created = here(-1)
    peer.reset()
    reactor.settle()

    [message] = messages(caplog)
    assert f"created at {created}," in message


# -- transports that are never closed --------------------------------------------------------------


def test_closing_the_reactor_warns_of_a_transport_that_was_not_closed():
    reactor = VirtualReactor(debug=True)
    peer = reactor.connect(Protocol)
    opened = here(-1)
    closed = reactor.connect(Protocol)
    closed.transport.close()

    with pytest.warns(ResourceWarning) as caught:
        reactor.close()

    [warning] = caught
    assert str(warning.message).startswith("unclosed transport <StreamTransport fd=")
    assert str(warning.message).endswith(f", opened at {opened}")
    assert peer.closed


def test_the_reactor_is_closed_even_if_the_warning_is_an_error():
    reactor = VirtualReactor(debug=True)
    peer = reactor.connect(Protocol)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ResourceWarning):
            reactor.close()

    assert reactor.is_closed()
    assert peer.closed


def test_the_warning_of_an_accepted_connection_names_where_its_listener_was_opened():
    reactor = Reactor(debug=True)
    listener = reactor.listen_tcp(Protocol, "127.0.0.1", 0)
    opened = here(-1)
    with socket.create_connection(listener.addresses[0]):
        while not listener.connections:
            reactor.run_once()
        with pytest.warns(ResourceWarning, match="unclosed transport") as caught:
            reactor.close()

    assert [str(warning.message).endswith(f", opened at {opened}") for warning in caught] == [True]


def test_the_warning_of_a_client_connection_names_where_connect_was_called():
    reactor = Reactor(debug=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = []

        class Made(Protocol):
            def connection_made(self, transport) -> None:
                made.append(transport)

        reactor.connect_tcp(Made, "localhost", server.getsockname()[1])
        opened = here(-1)
        while not made:
            reactor.run_once()
        with pytest.warns(ResourceWarning, match="unclosed transport") as caught:
            reactor.close()

    assert [str(warning.message).endswith(f", opened at {opened}") for warning in caught] == [True]


def test_collecting_an_unclosed_reactor_warns_of_its_transports():
    # A collection between the making of the reactor and that of its sockets would put them into
    # different generations, of which the newest is finalized first: the sockets would warn as well.
    gc.collect()
    reactor = VirtualReactor(debug=True)
    reactor.connect(Protocol)
    with pytest.warns(ResourceWarning, match="unclosed transport"):  # noqa: PT031 - see below
        del reactor  # in here, as a collection may come at any moment
        gc.collect()


def test_a_shutdown_causes_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with VirtualReactor(debug=True) as reactor:
            reactor.connect(Protocol)
            reactor.call_soon(reactor.stop, 5)
            reactor.run()
