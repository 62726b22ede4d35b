"""Connecting ends in exactly one of three ways: connected, failed, or cancelled."""

from __future__ import annotations

import errno
import fcntl
import os
import queue
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import WRITE, Connector, KeepAlive, Protocol, Reactor
from reactor.pollers import POLLERS
from reactor.sockets.binding import numeric_address
from reactor.sockets.connector import ATTEMPT_TIMEOUT, CONNECT_TIMEOUT
from reactor.threads import ThreadCall, ThreadPool
from reactor.transports.stream import StreamTransport

from ...tools.clock import Clock
from ...tools.sockets import unused_address
from ...tools.waiting import TIMEOUT


class Tracking(Reactor):
    """A reactor that knows what is open on it."""

    def __init__(self, **options: Any) -> None:
        self.watched: set[int] = set()
        self.attached: set[Any] = set()
        super().__init__(**options)

    def register(self, fd: int, mask: int, handler: Callable[[int], object]) -> None:
        super().register(fd, mask, handler)
        self.watched.add(fd)

    def unregister(self, fd: int) -> None:
        super().unregister(fd)
        self.watched.discard(fd)

    def attach(self, endpoint: Any) -> None:
        super().attach(endpoint)
        self.attached.add(endpoint)

    def detach(self, endpoint: Any) -> None:
        super().detach(endpoint)
        self.attached.discard(endpoint)


class Silent(Tracking):
    """A reactor whose peers do not answer: nothing that connects is ever reported as connected."""

    connecting = -1  # the descriptor that connects, or did so last

    def register(self, fd: int, mask: int, handler: Callable[[int], object]) -> None:
        if mask == WRITE:
            self.connecting = fd
        super().register(fd, 0 if mask == WRITE else mask, handler)

    def answer(self) -> None:
        """Let the peer answer."""
        self.modify(self.connecting, WRITE)


class RecordingPool(ThreadPool):
    """A pool that remembers its calls. With one thread, they end in their order."""

    def __init__(self, reactor: Reactor) -> None:
        super().__init__(reactor, 1, "recording")
        self.calls: list[ThreadCall[Any]] = []

    def submit(self, function: Callable[..., Any], *args: Any) -> ThreadCall[Any]:
        self.calls.append(super().submit(function, *args))
        return self.calls[-1]


class Outcome:
    """The result of an attempt: a protocol factory, and an ``on_failure``, that record calls."""

    def __init__(self) -> None:
        self.asked = 0  # for a protocol
        self.made = 0
        self.lost: list[Exception | None] = []
        self.failures: list[Exception] = []
        self.transport: Any = None

    def __call__(self) -> Protocol:
        outcome = self
        outcome.asked += 1

        class Told(Protocol):
            def connection_made(self, transport: Any) -> None:
                outcome.made += 1
                outcome.transport = transport

            def connection_lost(self, exc: Exception | None) -> None:
                outcome.lost.append(exc)

        return Told()

    def failed(self, exc: Exception) -> None:
        self.failures.append(exc)

    @property
    def ended(self) -> bool:
        return bool(self.made or self.failures)

    @property
    def errno(self) -> int | None:
        [exc] = self.failures
        assert self.made == 0
        return exc.errno


@pytest.fixture
def outcome() -> Outcome:
    return Outcome()


@pytest.fixture
def reactor() -> Iterator[Tracking]:
    with Tracking() as reactor:
        yield reactor


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def silent(clock: Clock) -> Iterator[Silent]:
    with Silent(clock=clock) as reactor:
        yield reactor


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT)
        yield server


@pytest.fixture
def closed_address() -> Iterator[tuple[str, int]]:
    """An address where no socket listens while the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The name service: addresses of a name, or an exception."""
    known: dict[str, Any] = {}

    def getaddrinfo(host: str, port: int, family: int = 0, kind: int = 0) -> list[Any]:
        found = known[host]
        if callable(found):
            found = found()
        if isinstance(found, Exception):
            raise found
        return [
            (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind, 0, "", address)
            for address in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


def run_until(reactor: Reactor, condition: Callable[[], object]) -> None:
    """Run turns until ``condition()`` holds. Each turn waits for an event."""
    for _ in range(100):
        if condition():
            return
        reactor.run_once(10)
    raise AssertionError("it has not come")


def time_passes(reactor: Reactor, clock: Clock, seconds: float) -> None:
    """Let time pass while the loop waits, so that it does not count as a stall."""
    clock.now += seconds
    reactor.stats.last_wake = clock.now


def nothing_open(reactor: Tracking) -> bool:
    """Whether nothing is attached, the reactor watches its wake-up pair only, and no timer runs."""
    reactor.run_once(0)
    reactor.run_once(0)
    return not reactor._open and len(reactor._handlers) == 1 and not len(reactor.timers)


# -- connected -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POLLERS)
def test_a_name_is_resolved_and_connected_to(outcome, server, names, name):
    address = server.getsockname()
    names["example.test"] = [address]
    with Reactor(poller=name) as reactor:
        reactor.connect_tcp(outcome, "example.test", 80, on_failure=outcome.failed)
        assert outcome.made == 0
        run_until(reactor, lambda: outcome.ended)
        reactor.run_once(0)

        assert (outcome.made, outcome.failures) == (1, [])
        assert outcome.transport.get_extra_info("peername") == address
        sock = outcome.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not sock.getblocking()
        assert len(reactor.timers) == 0  # no deadline is left behind
    server.accept()[0].close()


def test_each_address_is_tried_in_turn_until_one_answers(
    reactor, outcome, server, names, closed_address, monkeypatch
):
    tried = []
    connect_ex = socket.socket.connect_ex
    monkeypatch.setattr(
        socket.socket,
        "connect_ex",
        lambda sock, address: (tried.append(address), connect_ex(sock, address))[1],
    )
    invalid = ("127.0.0.1", "no port")
    addresses = [closed_address, invalid, closed_address, server.getsockname()]
    names["example.test"] = [*addresses, closed_address]
    reactor.connect_tcp(outcome, "example.test", 80, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert (outcome.made, outcome.failures) == (1, [])
    assert tried == addresses
    assert outcome.transport.get_extra_info("peername") == server.getsockname()


def test_slow_calls_in_threads_do_not_delay_names(outcome, server):
    # cpython gh-112169: names resolved in the pool of everything else starve.
    gate = threading.Event()
    with Reactor(max_threads=1) as reactor:
        reactor.run_in_thread(gate.wait)
        reactor.connect_tcp(outcome, *server.getsockname(), on_failure=outcome.failed)
        run_until(reactor, lambda: outcome.ended)
        gate.set()

    assert outcome.made == 1


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_slow_names_do_not_delay_addresses(reactor, outcome, server, names, kind):
    gate = threading.Event()
    names["slow.test"] = lambda: gate.wait() and []
    for _ in range(5):  # one more than there are threads for names
        reactor.connect_tcp(Outcome(), "slow.test", 80, on_failure=lambda exc: None)
    getattr(reactor, f"connect_{kind}")(outcome, *server.getsockname(), on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)
    gate.set()

    assert outcome.made == 1


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("192.0.2.1", (socket.AF_INET, ("192.0.2.1", 80))),
        ("2001:db8::1", (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))),
        ("fe80::1%7", (socket.AF_INET6, ("fe80::1", 80, 0, 7))),
        ("fe80::1%no-such-interface", None),
        ("fe80::1%", (socket.AF_INET6, ("fe80::1", 80, 0, 0))),
        ("192.0.2.1%7", None),
        ("localhost", None),
        ("192.0.2.256", None),
        ("1.2.3.4.example.test", None),
        ("fe80::xyz", None),
        ("a\0b", None),
        ("", None),
    ],
)
def test_numeric_addresses_are_distinguished_from_names(host, found):
    assert numeric_address(host, 80) == found


def test_the_scope_of_an_address_may_be_a_name():
    index, name = socket.if_nameindex()[0]
    assert numeric_address(f"fe80::1%{name}", 80) == (socket.AF_INET6, ("fe80::1", 80, 0, index))


def test_the_local_address_can_be_chosen(reactor, outcome, server):
    local = unused_address()
    reactor.connect_tcp(outcome, *server.getsockname(), local_addr=local, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    connection, address = server.accept()
    connection.close()
    assert address == local


def test_keepalive_is_set_on_request(reactor, outcome, server):
    reactor.connect_tcp(outcome, *server.getsockname(), keepalive=KeepAlive(idle=77))
    run_until(reactor, lambda: outcome.ended)
    sock = outcome.transport.get_extra_info("socket")

    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_KEEPIDLE"):
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 77


def test_a_unix_socket_is_connected_to(reactor, outcome, tmp_path):
    path = str(tmp_path / "socket")
    reactor.listen_unix(Protocol, path)
    reactor.connect_unix(outcome, path, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert outcome.made == 1
    assert outcome.transport.get_extra_info("peername") == path


def test_an_ipv6_address_is_connected_to(reactor, outcome):
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("there is no IPv6 here")
    with server:
        reactor.connect_tcp(outcome, *server.getsockname()[:2], on_failure=outcome.failed)
        run_until(reactor, lambda: outcome.ended)

    assert outcome.made == 1


# -- failed ----------------------------------------------------------------------------------------


def test_when_no_address_answers_the_last_error_is_reported_once(
    reactor, outcome, names, closed_address
):
    names["example.test"] = [closed_address] * 3
    reactor.connect_tcp(outcome, "example.test", 80, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert outcome.errno == errno.ECONNREFUSED


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_NONAME, "unknown"), UnicodeError("label too long")]
)
def test_a_name_that_cannot_be_resolved_is_a_failure_reported_once(reactor, outcome, names, error):
    names["example.test"] = error
    reactor.connect_tcp(outcome, "example.test", 80, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert outcome.failures == [error]


def test_a_name_without_addresses_is_a_failure(reactor, outcome, names):
    names["example.test"] = []
    reactor.connect_tcp(outcome, "example.test", 80, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert "example.test:80 has no address" in str(outcome.failures[0])
    assert outcome.errno == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_an_invalid_port_is_a_failure_and_not_taken_modulo_65536(reactor, outcome, port):
    reactor.connect_tcp(outcome, "127.0.0.1", port, on_failure=outcome.failed)
    assert not outcome.ended  # from the loop, never from inside the call
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert [str(exc) for exc in outcome.failures] == [f"port must be 0-65535, not {port}"]


def test_names_beyond_the_bound_of_the_resolver_are_failures(reactor, outcome, names):
    gate = threading.Event()
    names["slow.test"] = lambda: gate.wait() and []
    reactor.resolver = ThreadPool(reactor, 1, "small", max_queued=0)
    first = Outcome()
    reactor.connect_tcp(first, "slow.test", 80, on_failure=first.failed)
    reactor.connect_tcp(outcome, "slow.test", 80, on_failure=outcome.failed)
    assert not outcome.ended
    run_until(reactor, lambda: outcome.ended)

    assert [type(exc) for exc in outcome.failures] == [queue.Full]
    assert not first.ended
    gate.set()
    run_until(reactor, lambda: first.ended)
    assert len(outcome.failures) == 1


def test_an_immediate_refusal_is_reported_from_the_loop(reactor, outcome, monkeypatch):
    # Some systems refuse synchronously.
    monkeypatch.setattr(socket.socket, "connect_ex", lambda self, address: errno.ECONNREFUSED)
    reactor.connect_unix(outcome, "/nowhere", on_failure=outcome.failed)
    assert not outcome.ended
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert outcome.errno == errno.ECONNREFUSED


@pytest.mark.parametrize("path", ["", "x" * 500, "a\0b"], ids=["missing", "too long", "invalid"])
def test_a_unix_path_that_leads_nowhere_is_a_failure(reactor, outcome, tmp_path, path):
    reactor.connect_unix(outcome, str(tmp_path / "missing") + path, on_failure=outcome.failed)
    assert not outcome.ended
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert len(outcome.failures) == 1


def test_a_full_unix_backlog_is_a_failure_and_not_a_wait(reactor, outcome, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        reactor.connect_unix(outcome, path, on_failure=outcome.failed)
        run_until(reactor, lambda: outcome.ended)

        assert nothing_open(reactor)
    assert outcome.errno in (errno.EAGAIN, errno.ECONNREFUSED)


def test_a_socket_connected_to_itself_is_a_failure(reactor, outcome):
    # tokio#3405: connecting to a free local port can be given that very port.
    address = unused_address()
    reactor.connect_tcp(outcome, *address, local_addr=address, on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert "itself" in str(outcome.failures[0])
    assert outcome.errno == errno.ECONNREFUSED


def test_a_local_address_that_is_not_ours_is_a_failure(reactor, outcome, server):
    reactor.connect_tcp(
        outcome, *server.getsockname(), local_addr=("192.0.2.1", 0), on_failure=outcome.failed
    )
    run_until(reactor, lambda: outcome.ended)

    assert outcome.errno == errno.EADDRNOTAVAIL


def test_a_factory_that_fails_is_a_failure_and_the_connection_is_closed(reactor, outcome, server):
    def factory() -> Protocol:
        raise ZeroDivisionError

    reactor.connect_tcp(factory, *server.getsockname(), on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)
    reactor.run_once(0)

    assert nothing_open(reactor)
    assert [type(exc) for exc in outcome.failures] == [ZeroDivisionError]
    connection, _ = server.accept()
    with connection:
        assert connection.recv(100) == b""


def test_a_peer_that_has_already_left_is_a_failure(reactor, outcome, server, monkeypatch):
    def gone(self: socket.socket) -> None:
        raise OSError(errno.ENOTCONN, "not connected")

    monkeypatch.setattr(socket.socket, "getpeername", gone)
    reactor.connect_tcp(outcome, *server.getsockname(), on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert outcome.errno == errno.ENOTCONN


def test_a_lack_of_descriptors_is_a_failure(reactor, outcome, server, monkeypatch):
    def exhausted(*arguments: Any) -> socket.socket:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", exhausted)
        reactor.connect_tcp(outcome, *server.getsockname(), on_failure=outcome.failed)
        run_until(reactor, lambda: outcome.ended)

    assert nothing_open(reactor)
    assert outcome.errno == errno.EMFILE


def test_a_descriptor_that_select_cannot_watch_is_a_failure_and_the_loop_continues(
    outcome, server, monkeypatch
):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1100:
        pytest.skip("this system does not allow so many descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1100), hard))
    ordinary = socket.socket

    def high(*arguments: Any, **options: Any) -> socket.socket:
        with ordinary(*arguments, **options) as sock:
            return ordinary(fileno=fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, 1024))

    with Reactor(poller="select") as reactor:
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socket", high)
            reactor.connect_tcp(outcome, *server.getsockname(), on_failure=outcome.failed)
            run_until(reactor, lambda: outcome.ended)
        assert "select poller cannot watch" in str(outcome.failures[0])

        second = Outcome()
        reactor.connect_tcp(second, *server.getsockname(), on_failure=second.failed)
        run_until(reactor, lambda: second.ended)
        assert second.made == 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_on_failure_the_failure_is_logged_in_one_line(reactor, closed_address, caplog):
    reactor.connect_tcp(Protocol, *closed_address)
    run_until(reactor, lambda: caplog.records)

    reason = f"[Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"
    assert caplog.messages == [f"cannot connect to 127.0.0.1:{closed_address[1]}: {reason}"]


def test_an_on_failure_that_fails_is_reported_and_not_called_again(reactor, closed_address):
    calls, reports = [], []

    def on_failure(exc: Exception) -> None:
        calls.append(exc)
        raise ZeroDivisionError

    reactor.set_exception_handler(lambda _, context: reports.append(context["exception"]))
    reactor.connect_tcp(Protocol, *closed_address, on_failure=on_failure)
    run_until(reactor, lambda: calls)

    assert nothing_open(reactor)
    assert len(calls) == 1
    assert [type(exc) for exc in reports] == [ZeroDivisionError]


# -- deadlines -------------------------------------------------------------------------------------


def is_closed(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return True
    return False


def attempt(reactor: Reactor, outcome: Outcome, *addresses: Any, **options: Any) -> Connector:
    connector = Connector(reactor, outcome, outcome.failed, target="it", **options)
    connector.try_addresses([(socket.AF_INET, address) for address in addresses])
    return connector


def test_an_address_that_does_not_answer_leaves_time_for_the_next(silent, clock, outcome, server):
    address = server.getsockname()
    attempt(silent, outcome, address, address)
    first = silent.connecting
    time_passes(silent, clock, ATTEMPT_TIMEOUT - 0.01)
    silent.run_once(0)
    assert silent.connecting == first

    time_passes(silent, clock, 0.01)
    silent.run_once(0)
    assert silent.connecting != first
    assert is_closed(first)
    assert not outcome.ended

    silent.answer()
    run_until(silent, lambda: outcome.ended)
    assert (outcome.made, outcome.failures) == (1, [])


def test_when_no_address_answers_the_failure_is_reported_after_the_last_one(
    silent, clock, outcome, server
):
    attempt(silent, outcome, server.getsockname(), server.getsockname(), attempt_timeout=4)
    for _ in range(2):
        assert not outcome.ended
        time_passes(silent, clock, 4)
        silent.run_once(0)
    run_until(silent, lambda: outcome.ended)

    assert nothing_open(silent)
    assert str(outcome.failures[0]) == f"[Errno {errno.ETIMEDOUT}] no answer within 4 s"


def test_all_addresses_together_have_a_deadline(silent, clock, outcome, server):
    attempt(silent, outcome, *[server.getsockname()] * 100)
    for _ in range(int(CONNECT_TIMEOUT)):
        assert not outcome.ended
        time_passes(silent, clock, 1)
        silent.run_once(0)
    run_until(silent, lambda: outcome.ended)

    assert nothing_open(silent)
    assert "could not connect to it in time" in str(outcome.failures[0])
    assert isinstance(outcome.failures[0], TimeoutError)
    assert outcome.errno == errno.ETIMEDOUT


def test_a_name_service_that_does_not_answer_is_a_failure_within_the_deadline(
    clock, outcome, names
):
    gate = threading.Event()
    names["slow.test"] = lambda: gate.wait() and []
    with Tracking(clock=clock) as reactor:
        reactor.resolver = RecordingPool(reactor)
        reactor.connect_tcp(outcome, "slow.test", 80, timeout=5, on_failure=outcome.failed)
        time_passes(reactor, clock, 5)
        run_until(reactor, lambda: outcome.ended)
        assert outcome.errno == errno.ETIMEDOUT

        gate.set()
        run_until(reactor, reactor.resolver.submit(len, b"").done)  # after the one before
        assert nothing_open(reactor)
    assert len(outcome.failures) == 1


def test_a_tls_handshake_counts_for_the_deadline(clock, outcome, server):
    with Tracking(clock=clock) as reactor:
        reactor.connect_tcp(
            outcome,
            *server.getsockname(),
            timeout=5,
            tls=ssl.create_default_context(),
            on_failure=outcome.failed,
        )
        run_until(reactor, lambda: reactor.stats.connections)  # in its handshake
        time_passes(reactor, clock, 5)
        run_until(reactor, lambda: outcome.ended)

        assert nothing_open(reactor)
    assert outcome.errno == errno.ETIMEDOUT
    assert outcome.lost == []


def test_a_tls_handshake_that_fails_is_a_failure_reported_once(reactor, outcome, server):
    reactor.connect_tcp(
        outcome,
        *server.getsockname(),
        tls=ssl.create_default_context(),
        on_failure=outcome.failed,
    )
    run_until(reactor, lambda: reactor.stats.connections)
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"220 this is no TLS server\r\n")
        run_until(reactor, lambda: outcome.ended)

        assert nothing_open(reactor)
    assert [type(exc) for exc in outcome.failures] == [ssl.SSLError]
    assert (outcome.made, outcome.lost) == (0, [])


# -- cancelled -------------------------------------------------------------------------------------


def test_cancelled_while_the_name_is_resolved_nothing_is_reported(reactor, outcome, names, server):
    gate = threading.Event()
    names["slow.test"] = lambda: gate.wait() and [server.getsockname()]
    reactor.resolver = RecordingPool(reactor)
    connector = reactor.connect_tcp(outcome, "slow.test", 80, on_failure=outcome.failed)
    reactor.run_once(0)

    connector.cancel()
    assert nothing_open(reactor)
    gate.set()
    run_until(reactor, reactor.resolver.submit(len, b"").done)  # after the one before

    assert nothing_open(reactor)
    assert not outcome.ended


def test_cancelled_when_the_name_has_just_been_resolved_nothing_is_reported(
    reactor, outcome, names, server
):
    names["example.test"] = [server.getsockname()]
    reactor.resolver = RecordingPool(reactor)
    connector = reactor.connect_tcp(outcome, "example.test", 80, on_failure=outcome.failed)
    run_until(reactor, reactor.resolver.calls[0].done)  # and its callback is queued

    connector.cancel()

    assert nothing_open(reactor)
    assert not outcome.ended
    assert outcome.asked == 0


def test_cancelled_while_it_connects_nothing_is_reported(silent, outcome, server):
    connector = attempt(silent, outcome, server.getsockname())

    connector.cancel()

    assert nothing_open(silent)
    assert is_closed(silent.connecting)
    assert not outcome.ended


def test_cancelled_in_its_tls_handshake_nothing_is_reported(reactor, outcome, server):
    connector = reactor.connect_tcp(
        outcome,
        *server.getsockname(),
        tls=ssl.create_default_context(),
        on_failure=outcome.failed,
    )
    run_until(reactor, lambda: reactor.stats.connections)

    connector.cancel()

    assert nothing_open(reactor)
    assert not outcome.ended
    assert outcome.lost == []


def test_cancelled_by_its_own_factory_nothing_is_reported(reactor, outcome, server):
    def factory() -> Protocol:
        connector.cancel()
        return outcome()

    connector = reactor.connect_tcp(factory, *server.getsockname(), on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.asked)

    assert nothing_open(reactor)
    assert not outcome.ended
    connection, _ = server.accept()
    with connection:
        assert connection.recv(100) == b""


def test_cancelled_before_its_failure_was_reported_nothing_is_reported(reactor, outcome, caplog):
    connector = reactor.connect_unix(outcome, "/nowhere/at/all", on_failure=outcome.failed)

    connector.cancel()

    assert nothing_open(reactor)
    assert not outcome.ended
    assert caplog.records == []


def test_after_it_has_connected_cancelling_does_nothing(reactor, outcome, server):
    connector = reactor.connect_tcp(outcome, *server.getsockname(), on_failure=outcome.failed)
    run_until(reactor, lambda: outcome.ended)

    connector.cancel()
    connector.cancel()
    reactor.run_once(0)

    assert outcome.lost == []
    assert not outcome.transport.is_closing()


def test_deadlines_that_pass_together_are_one_failure(silent, clock, outcome, server):
    attempt(silent, outcome, *[server.getsockname()] * 2, timeout=5, attempt_timeout=5)
    time_passes(silent, clock, 5)

    assert nothing_open(silent)
    assert len(outcome.failures) == 1


def test_a_failure_is_not_followed_by_the_deadline(reactor, outcome):
    reactor.connect_unix(outcome, "/nowhere/at/all", timeout=0, on_failure=outcome.failed)

    assert nothing_open(reactor)
    assert [type(exc) for exc in outcome.failures] == [FileNotFoundError]


def test_a_stopping_reactor_waits_neither_for_names_nor_for_connections(
    silent, outcome, names, server
):
    gate = threading.Event()
    names["slow.test"] = lambda: gate.wait() and []
    silent.connect_tcp(outcome, "slow.test", 80, on_failure=outcome.failed)
    attempt(silent, outcome, server.getsockname())
    silent.stop(1000)
    silent.run()  # the clock stands still: it would wait forever

    assert not outcome.ended
    gate.set()


def test_an_attempt_that_starts_during_the_shutdown_is_cancelled(silent, outcome, server):
    class Last:
        def request_shutdown(self) -> None:
            attempt(silent, outcome, server.getsockname())
            silent.detach(self)

        abort = request_shutdown

    silent.attach(Last())
    silent.stop(1000)
    silent.run()

    assert nothing_open(silent)
    assert not outcome.ended


def test_a_transport_of_another_kind_can_be_made(reactor, outcome, server):
    made = []

    class Own(StreamTransport):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)

    attempt(reactor, outcome, server.getsockname(), make_transport=Own)
    run_until(reactor, lambda: outcome.ended)

    assert made == [outcome.transport]
