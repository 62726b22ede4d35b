"""Objects of a program that raise when they are shown or looked at, and logging that fails: the
loop goes on, and what had failed first is reported with its traceback."""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager
from decimal import Decimal
from types import MethodType

import pytest

from reactor import Observer, Protocol, Reactor, SampledTraffic
from reactor.testing import VirtualReactor


class OurOwn(BaseException):
    """Not an Exception."""


def failing(*_):
    raise OurOwn("of the object")


def unshowable(cls):
    cls.__repr__ = cls.__str__ = failing
    return cls


class Steps(Observer):
    """An observer that gets each step, so that all turns are measured."""

    def step_begins(self, turn):
        pass


class World(VirtualReactor):
    """Does not raise what was reported: that is in the log."""

    def _raise_errors(self):
        self._errors = []


@pytest.fixture(params=["plain", "observed", "sampled", "debug"])
def world(request):
    with World(debug=request.param == "debug") as reactor:
        if request.param in ("observed", "sampled"):
            reactor.add_observer(Steps() if request.param == "observed" else SampledTraffic())
        yield reactor


def boom(*_):
    raise ValueError("the first error")


def goes_on(world):
    ran = []
    world.call_soon(ran.append, 1)
    world.settle()
    return ran == [1]


# -- objects ---------------------------------------------------------------------------------------


@unshowable
class Callback:
    def __call__(self):
        boom()

    def method(self):
        boom()


@unshowable
class HasEverything:
    """As a proxy for an object on another computer."""

    def __getattr__(self, name):
        return HasEverything()

    def __call__(self):
        boom()


@unshowable
class HasNothing:
    __getattr__ = failing

    def __call__(self):
        boom()


class NoHash:
    __hash__ = None
    __name__ = "no_hash"

    def __call__(self, owner):
        boom()


@pytest.mark.parametrize(
    "callback",
    [
        Callback(),
        Callback().method,
        HasEverything(),
        HasNothing(),
        MethodType(NoHash(), Callback()),
        MethodType(HasNothing(), 1),
    ],
    ids=lambda callback: type(callback).__name__,
)
@pytest.mark.parametrize("way", ["call_soon", "call_later", "call_soon_threadsafe"])
def test_a_callback_that_cannot_be_shown_ends_nothing(world, caplog, callback, way):
    if way == "call_later":
        world.call_later(1, callback)
        world.advance(2)
    else:
        getattr(world, way)(callback)
        world.settle()
    assert goes_on(world)
    [record] = caplog.records
    assert record.message.startswith("callback failed: <")
    if callback == Callback.method:
        assert "Callback.method" in record.message
    assert "in boom" in caplog.text or "OurOwn" in caplog.text


@pytest.mark.parametrize("false", [failing, lambda self: False])
@pytest.mark.parametrize("method", ["connection_made", "data_received", "connection_lost"])
def test_a_protocol_that_cannot_be_shown_loses_only_its_connection(world, caplog, method, false):
    @unshowable
    class Careless(Protocol):
        __bool__ = false

    setattr(Careless, method, boom)
    peer, other = world.connect(Careless), world.connect(Protocol)
    peer.send(b"x")
    world.settle()
    if method == "connection_lost":
        peer.transport.abort()
        world.settle()
    assert peer.closed
    assert not other.closed
    assert goes_on(world)
    [record] = caplog.records
    assert record.message.startswith(f"{method} failed: <")
    assert "Careless" in record.message
    assert "in boom" in caplog.text


def test_a_long_name_is_cut(world, caplog):
    class Long(Protocol):
        data_received = boom

        def __repr__(self):
            return "x" * 1_000_000

    world.connect(Long).send(b"x")
    world.settle()
    [record] = caplog.records
    assert len(record.message) < 1100


# -- exceptions ------------------------------------------------------------------------------------


class Unshowable(Exception):
    __str__ = __repr__ = failing


def with_property(name):
    return type("Careless", (Exception,), {name: property(failing)})


@pytest.mark.parametrize(
    "kind",
    [Unshowable, *map(with_property, ("__cause__", "__context__", "__traceback__", "__notes__"))],
    ids=["str", "cause", "context", "traceback", "notes"],
)
@pytest.mark.parametrize("handler", ["none", "fails with it"])
def test_an_exception_that_cannot_be_shown_is_reported(world, caplog, kind, handler):
    def raising(*_):
        raise kind

    if handler != "none":
        world.set_exception_handler(raising)
    world.call_soon(raising)
    assert goes_on(world)
    assert {record.message.split(":")[0] for record in caplog.records} == {
        "callback failed",
        *(["the exception handler failed"] if handler != "none" else []),
    }
    for record in caplog.records:
        assert "in raising" in logging.Formatter().format(record)


# -- logging ---------------------------------------------------------------------------------------


@contextmanager
def broken_logging(how):
    """Logging whose handler, or its filter, raises for each record."""

    class Broken(logging.Handler):
        emit = failing if how == "handler" else lambda self, record: None

    handler = Broken()
    if how == "filter":
        handler.addFilter(failing)
    root = logging.getLogger("reactor")
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@pytest.mark.parametrize("how", ["handler", "filter"])
def test_logging_that_raises_ends_nothing_and_the_error_is_on_stderr(world, capfd, how):
    class Careless(Protocol):
        data_received = boom

    with broken_logging(how):
        peer = world.connect(Careless)
        peer.send(b"x")
        world.call_soon(boom)
        assert goes_on(world)
    assert peer.closed
    errors = capfd.readouterr().err
    assert errors.count("ValueError: the first error") == 2
    assert "logging failed:" in errors
    assert "OurOwn: of the object" in errors


def test_a_broken_logging_is_silent_if_the_program_wants_that(world, capfd, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    with broken_logging("handler"):
        world.call_soon(boom)
        assert goes_on(world)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("fatal", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_logging_ends_the_loop(world, fatal):
    class Interrupted(logging.Handler):
        def emit(self, record):
            raise fatal

    handler = Interrupted()
    logging.getLogger("reactor").addHandler(handler)
    try:
        world.call_soon(boom)
        with pytest.raises(fatal):
            world.settle()
    finally:
        logging.getLogger("reactor").removeHandler(handler)
    assert goes_on(world)


def test_a_listener_survives_what_its_connections_and_logging_raise():
    """A limit, a factory, and a logging handler that raise: the next connection is accepted."""
    served = []

    def exempt(address):
        if len(served) == 0:
            served.append("exempt")
            failing()
        return True

    def factory():
        served.append("factory")
        if len(served) == 2:
            failing()
        return Protocol()

    with Reactor(debug=False) as reactor, broken_logging("handler"):
        errors = []
        reactor.set_exception_handler(lambda _, context: errors.append(context["message"]))
        sock = socket.create_server(("127.0.0.1", 0))
        listener = reactor.listen_sockets(
            factory, [sock], exempt=exempt, max_connections_per_address=10
        )
        clients = [socket.create_connection(listener.addresses[0]) for _ in range(3)]
        while listener.connections < 1:
            reactor.run_once(1)
        for client in clients:
            client.close()
    assert errors == ["limit of connections per address failed:", "protocol factory failed:"]
    assert served == ["exempt", "factory", "factory"]


# -- observers -------------------------------------------------------------------------------------


def test_an_observer_that_cannot_be_shown_or_compared_is_removed(reactor, caplog):
    @unshowable
    class Careless(Observer):
        __eq__ = failing
        __hash__ = None
        turn_ended = boom

    first, second = Careless(), Careless()
    reactor.add_observer(first)
    reactor.add_observer(second)
    reactor.add_observer(first)
    reactor.settle()
    assert goes_on(reactor)
    assert [record.message for record in caplog.records] == [
        "an observer failed and is removed: "
        "<test_an_observer_that_cannot_be_shown_or_compared_is_removed.<locals>.Careless,"
        " and repr() raised OurOwn>"
    ] * 2
    assert not hasattr(type(reactor), "_plain")


# -- times, and descriptors that others close ------------------------------------------------------


@pytest.mark.parametrize("when", [None, "soon", Decimal(5), object()])
def test_a_time_that_is_no_number_is_refused_at_once(world, when):
    with pytest.raises(TypeError):
        world.call_at(when, print)
    with pytest.raises(TypeError):
        world.call_later(when, print)
    assert goes_on(world)


@pytest.mark.parametrize("poller", ["epoll", "poll", "select"])
def test_a_connection_whose_socket_the_program_has_closed_is_lost(poller):
    lost = []

    class Careless(Protocol):
        def connection_made(self, transport):
            transport.get_extra_info("socket").close()
            transport.write(b"x")

        def connection_lost(self, exc):
            lost.append(type(exc))

    with Reactor(debug=False, poller=poller) as reactor:
        ours, theirs = socket.socketpair()
        with theirs:
            reactor.connect_socket(Careless, ours)
            reactor.run_once(0)
            reactor.run_once(0)
            assert lost == [OSError]
            assert not reactor._open
