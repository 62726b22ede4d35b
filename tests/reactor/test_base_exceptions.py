"""Exceptions that are not subclasses of ``Exception`` (GeneratorExit, CancelledError). If a
callback raises one, it ends only the callback or its connection, and the loop continues."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from functools import partial

import pytest

from reactor import READ, Protocol, Reactor
from reactor.testing import VirtualReactor

from ..tools.sockets import unused_address


class OurOwn(BaseException):
    """A program's own subclass of BaseException."""


CONTAINED = [GeneratorExit, asyncio.CancelledError, OurOwn]


@pytest.fixture
def world():
    with VirtualReactor() as reactor:
        reactor.contexts = []
        reactor.set_exception_handler(lambda _, context: reactor.contexts.append(context))
        yield reactor


def raises(exc):
    def function(*_):
        raise exc

    return function


def protocol_that_raises(method, exc):
    """A class for a protocol over streams or datagrams whose ``method`` raises ``exc``."""

    class Raising:
        def __getattr__(self, name):
            return lambda *_: None

        def connection_made(self, transport):
            pass

        def shutdown_requested(self):
            pass

        def connection_lost(self, error):
            self.lost = error

    setattr(Raising, method, lambda self, *_: raises(exc)())
    return Raising


@pytest.mark.parametrize("kind", CONTAINED)
@pytest.mark.parametrize(
    "method",
    ["connection_made", "data_received", "eof_received", "pause_writing", "resume_writing",
     "shutdown_requested", "connection_lost"],
)  # fmt: skip
def test_a_stream_protocol_that_raises_loses_only_its_own_connection(world, method, kind):
    peer = world.connect(protocol_that_raises(method, kind()))
    other = world.connect(Protocol)
    protocol = peer.transport.get_protocol()
    if method == "data_received":
        peer.send(b"x")
    elif method == "eof_received":
        peer.send_eof()
    elif method in ("pause_writing", "resume_writing"):
        peer.stall()
        peer.transport.write(b"x" * 100_000)
        world.settle()
        peer.resume()
    elif method == "shutdown_requested":
        world.stop(5)
    elif method == "connection_lost":
        peer.transport.abort()
    world.settle()
    [context] = world.contexts
    assert type(context["exception"]) is kind
    assert peer.closed
    assert method == "shutdown_requested" or not other.closed
    if method != "connection_lost":
        # connection_lost promises an Exception.
        assert isinstance(protocol.lost, RuntimeError)
        assert str(protocol.lost) == f"{method} raised {kind.__name__}"
        assert type(protocol.lost.__cause__) is kind


@pytest.mark.parametrize("kind", CONTAINED)
@pytest.mark.parametrize("method", ["connection_made", "datagram_received", "error_received"])
def test_a_datagram_protocol_that_raises_keeps_its_socket(world, method, kind):
    peers = world.datagram_socket(protocol_that_raises(method, kind()))
    if method == "datagram_received":
        peers.send(b"x")
    elif method == "error_received":
        peers.fail()
    world.settle()
    [context] = world.contexts
    assert type(context["exception"]) is kind
    assert peers.transport.is_closing() == (method == "connection_made")


@pytest.mark.parametrize("kind", CONTAINED)
def test_after_a_callback_or_timer_that_raises_the_others_run(world, kind):
    ran = []
    later = partial(world.call_later, 1)
    for schedule in (world.call_soon, later, world.call_soon_threadsafe):
        schedule(raises(kind()))
        schedule(ran.append, 1)
    world.advance(2)
    assert ran == [1, 1, 1]
    assert [type(context["exception"]) for context in world.contexts] == [kind] * 3


@pytest.mark.parametrize("kind", CONTAINED)
def test_an_exception_handler_that_raises_is_logged_with_the_first_error(world, kind, caplog):
    world.set_exception_handler(raises(kind()))
    world.call_soon(raises(ValueError("the first")))
    world.settle()
    assert "the exception handler failed" in caplog.text
    assert "the first" in caplog.text


@pytest.mark.parametrize("kind", CONTAINED)
def test_handlers_signals_thread_callbacks_and_factories_that_raise_are_reported(kind):
    """A descriptor's handler, a signal's, a thread's callback, and factories of both sides."""
    contexts, failures = [], []
    with Reactor() as reactor:
        reactor.set_exception_handler(lambda _, context: contexts.append(context))
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.send(b"x")
            reactor.register(ours.fileno(), READ, raises(kind()))
            reactor.add_signal_handler(signal.SIGUSR2, raises(kind()))
            os.kill(os.getpid(), signal.SIGUSR2)
            reactor.run_in_thread(raises(kind())).add_done_callback(lambda call: call.result())
            listener = reactor.listen_tcp(raises(kind()), "127.0.0.1", 0)
            reactor.connect_tcp(
                raises(kind()), *listener.addresses[0][:2], on_failure=failures.append
            )
            while len(contexts) < 4 or not failures:
                reactor.run_once(20)
    assert [type(context["exception"]) for context in contexts] == [kind] * 4
    [failure] = failures
    assert isinstance(failure, RuntimeError)
    assert type(failure.__cause__) is kind


@pytest.mark.parametrize("kind", CONTAINED)
def test_a_datagram_factory_that_raises_leaves_no_socket_open(kind):
    with Reactor() as reactor, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        address = unused_address(socket.SOCK_DGRAM)
        with pytest.raises(kind):
            reactor.listen_udp(raises(kind()), *address)
        again.bind(address)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_exceptions_that_end_the_program_propagate(world, kind):
    world.call_soon(raises(kind()))
    with pytest.raises(kind):
        world.settle()
    peer = world.connect(protocol_that_raises("data_received", kind()))
    peer.send(b"x")
    with pytest.raises(kind):
        world.settle()
    assert world.contexts == []
    peer.transport.abort()
