"""Accepting: errors of the system and of peers, limits, and addresses."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reactor import KeepAlive, Listener, Protocol
from reactor.pollers import POLLERS
from reactor.sockets import listener as listening

from ...tools.certificates import tls_contexts
from ...tools.recording import Recorder
from ...tools.waiting import TIMEOUT
from ...tools.worlds import BaseWorld


class World(BaseWorld):
    """A reactor with a listener, and clients."""

    def __init__(self, poller: str | None = None) -> None:
        super().__init__(poller)
        self.clients: list[socket.socket] = []

    def listen(self, **options: Any) -> Listener:
        return self.reactor.listen_tcp(self.make, "127.0.0.1", 0, **options)

    def listen_with(
        self, accept: Callable[[socket.socket], Any], factory: Callable[[], Any] | None = None
    ) -> Listener:
        """A listener whose system call is ``accept(sock)``."""

        class Socket(socket.socket):
            def accept(self) -> Any:
                return accept(super())  # type: ignore[arg-type]

        sock = Socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        return self.reactor.listen_sockets(factory or self.make, [sock])

    def connect(self, listener: Listener, number: int = 1) -> socket.socket:
        for _ in range(number):
            self.clients.append(socket.create_connection(listener.addresses[0], TIMEOUT))
        return self.clients[-1]

    def close(self) -> None:
        for client in self.clients:
            client.close()
        super().close()


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.fixture(params=POLLERS)
def any_poller(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(request.param)
    yield world
    world.close()


def test_connections_are_accepted_and_counted(any_poller: World) -> None:
    world = any_poller
    listener = world.listen()
    assert listener.is_serving()
    assert listener.addresses[0][1] > 0
    world.connect(listener, 3)
    world.until(lambda: listener.connections == 3)
    assert world.reactor.stats.accepted == 3
    names = {end.transport.get_extra_info("peername") for end in world.ends}
    assert names == {client.getsockname() for client in world.clients}
    assert "connections=3" in repr(listener)
    world.clients.pop().close()
    world.until(lambda: listener.connections == 2)


def test_closing_a_listener_leaves_its_connections_open(world: World) -> None:
    listener = world.listen()
    address = listener.addresses[0]
    client = world.connect(listener)
    world.until(lambda: world.ends)
    listener.close()
    listener.close()
    world.reactor.run_once(0)
    assert not listener.is_serving()
    assert "closed" in repr(listener)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    client.send(b"still there")
    world.until(lambda: world.ends[0].data == b"still there")
    client.close()
    world.until(lambda: listener.connections == 0)


def test_a_closed_listener_accepts_nothing_from_its_backlog(world: World) -> None:
    class Last(Protocol):
        def connection_made(self, transport: Any) -> None:
            first.close()

    first, second = world.reactor.listen_tcp(Last, "127.0.0.1", 0), world.listen()
    world.connect(first, 3)
    world.connect(second)
    world.until(lambda: world.ends)
    world.reactor.run_once(0)
    assert world.reactor.stats.accepted == 2


def test_one_turn_accepts_a_bounded_number(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "ACCEPTS_PER_TURN", 3)
    listener = world.listen()
    world.connect(listener, 8)
    accepted = [0]

    def one_more_turn() -> bool:
        accepted.append(listener.connections)
        return listener.connections == 8

    world.until(one_more_turn)
    assert all(after - before <= 3 for before, after in pairwise(accepted))


# -- the system refuses ----------------------------------------------------------------------------


@contextlib.contextmanager
def few_descriptors(spare: int) -> Iterator[Callable[[], None]]:
    """Leave ``spare`` descriptors; calling what this gives lifts that."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    try:
        next_one = os.dup(0)
        os.close(next_one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (next_one + 64, limits[1]))
        with contextlib.suppress(OSError):
            while True:
                held.append(os.dup(0))
        for _ in range(spare):
            os.close(held.pop())
        yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_without_descriptors_accepting_pauses_and_then_resumes(
    any_poller: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = any_poller
    monkeypatch.setattr(listening, "PAUSE", 0.02)
    listener = world.listen()
    inside = world.connect(listener)
    world.until(lambda: world.ends)
    world.clients.extend(socket.socket() for _ in range(4))
    with few_descriptors(spare=2) as relieve:
        for client in world.clients[1:]:
            client.connect(listener.addresses[0])
        world.until(lambda: caplog.records)
        assert listener.connections == 3
        world.quiet()
        inside.send(b"meanwhile")  # open connections are served
        world.until(lambda: world.ends[0].data == b"meanwhile")
        world.until(lambda: len(caplog.records) == 3)  # it looks again, each time the pause is over
        relieve()
        world.until(lambda: listener.connections == 5)
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "accepting pauses" in caplog.text
    assert listener.is_serving()


@pytest.mark.parametrize("error", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])
def test_exhaustion_sets_one_retry_and_accepts_no_more_in_this_turn(
    world: World, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def accept(sock: socket.socket) -> Any:
        calls.append(1)
        raise OSError(getattr(errno, error), "exhausted")

    listener = world.listen_with(accept)
    world.connect(listener)
    world.until(lambda: calls)
    world.quiet()
    assert len(calls) == 1
    assert len(world.reactor.timers) == 1
    listener.close()
    assert len(world.reactor.timers) == 0


def test_a_lost_connection_does_not_end_a_pause_for_lack_of_descriptors(world: World) -> None:
    exhausted = False

    def accept(sock: socket.socket) -> Any:
        if exhausted:
            raise OSError(errno.EMFILE, "exhausted")
        return sock.accept()

    listener = world.listen_with(accept)
    world.connect(listener)
    world.until(lambda: world.ends)
    exhausted = True
    world.connect(listener)
    world.until(lambda: len(world.reactor.timers) == 1)
    world.clients[0].close()
    world.until(lambda: listener.connections == 0)
    world.quiet()


@pytest.mark.parametrize(
    "error", ["ECONNABORTED", "EPERM", "EPROTO", "ENETDOWN", "EHOSTUNREACH", "ENETUNREACH"]
)
def test_a_connection_that_was_closed_before_it_was_accepted_is_skipped(
    world: World, error: str
) -> None:
    failures = [getattr(errno, error)] * 2

    def accept(sock: socket.socket) -> Any:
        if failures:
            raise OSError(failures.pop(), "gone")
        return sock.accept()

    listener = world.listen_with(accept)
    world.connect(listener)
    world.reactor.run_once(TIMEOUT)
    assert failures == []
    assert listener.connections == 1  # the next one was accepted in the same turn
    assert listener.is_serving()


def test_a_listener_that_fails_is_closed_and_reported(world: World) -> None:
    def accept(sock: socket.socket) -> Any:
        raise OSError(errno.EINVAL, "not listening")

    listener = world.listen_with(accept)
    world.connect(listener)
    world.until(lambda: not listener.is_serving())
    [context] = world.complaints
    assert (context["message"], context["handle"]) == ("listener failed:", listener)
    assert context["exception"].errno == errno.EINVAL
    world.complaints.clear()
    world.quiet()


def test_a_ready_listener_may_have_nothing_to_accept(world: World) -> None:
    """Another process that shares the socket may have accepted it."""

    def accept(sock: socket.socket) -> Any:
        if hints:
            raise hints.pop()
        return sock.accept()

    hints = [BlockingIOError(), InterruptedError()]
    listener = world.listen_with(accept)
    world.connect(listener)
    world.until(lambda: world.ends)
    assert hints == []


def test_a_peer_that_leaves_before_setsockopt_is_refused_quietly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(socket.socket):
        def setsockopt(self, *_: Any) -> None:
            raise OSError(errno.EINVAL, "the peer has left")

    def accept(sock: socket.socket) -> Any:
        connection, address = sock.accept()
        if world.reactor.stats.refused:
            return connection, address
        return Gone(fileno=connection.detach()), address

    listener = world.listen_with(accept)
    world.connect(listener, 2)
    world.until(lambda: listener.connections == 1)
    stats = world.reactor.stats
    assert (stats.accepted, stats.refused, len(world.ends)) == (2, 1, 1)
    assert world.clients[0].recv(1) == b""
    assert caplog.records == []


def test_a_factory_that_raises_loses_only_its_connection(world: World) -> None:
    def factory() -> Recorder:
        if not world.complaints:
            raise LookupError("no protocol today")
        return world.make()

    listener = world.reactor.listen_tcp(factory, "127.0.0.1", 0)
    world.connect(listener, 2)
    world.until(lambda: listener.connections == 1)
    [context] = world.complaints
    assert context["message"] == "protocol factory failed:"
    assert isinstance(context["exception"], LookupError)
    assert world.clients[0].recv(1) == b""
    world.complaints.clear()


def test_the_log_of_a_factory_that_raises_ends_without_a_colon(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def factory() -> Recorder:
        raise LookupError("no protocol today")

    world.reactor.set_exception_handler(None)
    world.connect(world.reactor.listen_tcp(factory, "127.0.0.1", 0))
    world.until(lambda: caplog.records)
    assert [record.getMessage() for record in caplog.records] == ["protocol factory failed"]


def test_a_peer_that_resets_before_its_tls_handshake_is_refused_quietly(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = tls_contexts()
    listener = world.listen(tls=server)
    for data in (b"", b"data"):
        client = world.connect(listener)
        client.send(data)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    world.until(lambda: world.reactor.stats.refused == 2)
    assert (world.reactor.stats.connections, listener.connections) == (0, 0)
    assert caplog.records == []


@pytest.fixture
def no_low_descriptors() -> Iterator[None]:
    """All below 1024 are in use."""
    held = []
    try:
        while not held or held[-1] < 1023:
            held.append(os.dup(0))
        yield
    finally:
        for fd in held:
            os.close(fd)


@pytest.fixture
def select_world() -> Iterator[World]:
    world = World("select")
    yield world
    world.close()


@pytest.mark.parametrize("tls", [False, True])
def test_select_refuses_descriptors_above_its_limit_and_serves_the_others(
    select_world: World,
    tls: bool,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = select_world
    listener = world.listen(tls=tls_contexts()[0] if tls else None)
    context = tls_contexts()[1] if tls else None
    inside = Recorder()
    sock = socket.create_connection(listener.addresses[0])
    world.reactor.connect_socket(lambda: inside, sock, tls=context, server_hostname="localhost")
    world.until(lambda: inside.made)
    world.until(lambda: world.ends and world.ends[0].made)
    world.clients.append(socket.socket())
    world.clients[0].settimeout(TIMEOUT)
    request.getfixturevalue("no_low_descriptors")
    world.clients[0].connect(listener.addresses[0])
    world.until(lambda: world.reactor.stats.refused)
    assert world.clients[0].recv(1) == b""
    assert listener.connections == 1
    assert "the select poller cannot watch descriptor" in caplog.text
    inside.transport.write(b"unharmed")
    world.until(lambda: world.ends[0].data == b"unharmed")
    assert not world.ends[1].made


def test_select_refuses_a_listener_above_its_limit(
    select_world: World, request: pytest.FixtureRequest
) -> None:
    world = select_world
    low = socket.socket()
    low.bind(("127.0.0.1", 0))
    low.listen()
    request.getfixturevalue("no_low_descriptors")
    high = socket.socket()
    high.bind(("127.0.0.1", 0))
    high.listen()
    with pytest.raises(ValueError, match="use another poller"):
        world.listen()
    with pytest.raises(ValueError, match="use another poller"):
        Listener(world.reactor, world.make, [low, high])
    assert (low.fileno(), high.fileno()) == (-1, -1)
    world.quiet()  # the low one is no longer watched


# -- limits ----------------------------------------------------------------------------------------


def test_at_max_connections_new_ones_wait_until_one_is_closed(any_poller: World) -> None:
    world = any_poller
    listener = world.listen(max_connections=2)
    world.connect(listener, 5)
    world.until(lambda: listener.connections == 2)
    world.quiet()
    assert world.reactor.stats.accepted == 2
    for left in (3, 4, 5):
        world.clients.pop(0).close()
        world.until(lambda: world.reactor.stats.accepted == left)  # noqa: B023
        world.quiet()
        assert listener.connections == 2
    assert world.reactor.stats.refused == 0


def test_a_listener_closed_at_max_connections_does_not_resume(world: World) -> None:
    listener = world.listen(max_connections=1)
    world.connect(listener, 2)
    world.until(lambda: listener.connections == 1)
    listener.close()
    world.clients[0].close()
    world.until(lambda: listener.connections == 0)
    world.quiet()
    assert world.reactor.stats.accepted == 1


def test_a_connection_aborted_in_connection_made_is_no_longer_counted(world: World) -> None:
    class Rude(Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.abort()

    listener = world.reactor.listen_tcp(Rude, "127.0.0.1", 0, max_connections=1)
    world.connect(listener, 3)
    world.until(lambda: world.reactor.stats.accepted == 3)
    world.until(lambda: listener.connections == 0)


def test_a_listener_may_be_closed_while_it_reaches_max_connections(world: World) -> None:
    class Last(Protocol):
        def connection_made(self, transport: Any) -> None:
            listener.close()

    listener = world.reactor.listen_tcp(Last, "127.0.0.1", 0, max_connections=1)
    world.connect(listener)
    world.until(lambda: listener.connections == 1)
    assert not listener.is_serving()


def test_stopping_closes_the_listener(world: World) -> None:
    listener = world.listen()
    world.reactor.stop(grace=60)
    world.reactor.run()
    assert not listener.is_serving()


# -- addresses -------------------------------------------------------------------------------------


@pytest.fixture
def both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """All addresses, as far as this test is concerned, are the two of the loopback interface."""

    def getaddrinfo(host: Any, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.usefixtures("both_families")
def test_both_families_share_the_port_that_the_system_chose(world: World) -> None:
    listener = world.reactor.listen_tcp(world.make, None, 0)
    (four, port), (six, same, *_) = listener.addresses
    assert (four, six, same) == ("127.0.0.1", "::1", port)
    for family, address in zip((socket.AF_INET, socket.AF_INET6), listener.addresses, strict=True):
        client = socket.socket(family)
        world.clients.append(client)
        client.connect(address)
    world.until(lambda: listener.connections == 2)


@pytest.mark.usefixtures("both_families")
def test_exhaustion_on_one_family_pauses_both(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "PAUSE", 3600)
    calls: list[int] = []

    class Socket(socket.socket):
        def accept(self) -> Any:
            calls.append(self.family)
            raise OSError(errno.EMFILE, "exhausted")

    plain = world.reactor.listen_tcp(world.make, None, 0)
    sockets = [Socket(sock.family, fileno=os.dup(sock.fileno())) for sock in plain.sockets]
    plain.close()
    world.reactor.run_once(0)
    listener = Listener(world.reactor, world.make, sockets)
    for sock in sockets:
        client = socket.socket(sock.family)
        world.clients.append(client)
        client.connect(sock.getsockname())
    world.until(lambda: calls)
    world.quiet()
    assert len(calls) == 1
    listener.close()


def test_a_port_in_use_raises_os_error(world: World) -> None:
    port = world.listen().addresses[0][1]
    with pytest.raises(OSError, match="in use") as caught:
        world.reactor.listen_tcp(world.make, "127.0.0.1", port)
    assert caught.value.errno == errno.EADDRINUSE


def test_an_invalid_port_raises_value_error(world: World) -> None:
    for port in (-1, 65536, 70_000):
        with pytest.raises(ValueError, match="port must be 0-65535"):
            world.reactor.listen_tcp(world.make, "127.0.0.1", port)


def test_a_failing_listen_closes_its_sockets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OverflowError):
        world.reactor.listen_tcp(world.make, "127.0.0.1", 0, backlog=1 << 40)

    def refuse(self: socket.socket, backlog: int) -> None:
        raise OSError(errno.EADDRINUSE, "in use")

    monkeypatch.setattr(socket.socket, "listen", refuse)
    with pytest.raises(OSError, match="in use"):
        world.listen()


def test_keepalive_reaches_the_connections(world: World) -> None:
    listener = world.listen(keepalive=KeepAlive(idle=7, interval=3, count=2))
    world.connect(listener)
    world.until(lambda: world.ends)
    sock = world.ends[0].transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 7
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_several_processes_may_share_a_port(world: World) -> None:
    one = world.listen(reuse_port=True)
    two = world.reactor.listen_tcp(world.make, *one.addresses[0], reuse_port=True)
    assert one.addresses == two.addresses


# -- Unix sockets ----------------------------------------------------------------------------------


def test_a_unix_socket_file_is_removed_with_its_listener(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    listener = world.reactor.listen_unix(world.make, str(path), mode=0o600)
    assert path.is_socket()
    assert path.stat().st_mode & 0o777 == 0o600
    client = socket.socket(socket.AF_UNIX)
    world.clients.append(client)
    client.connect(str(path))
    world.until(lambda: world.ends)
    assert world.ends[0].transport.get_extra_info("peername", "unnamed") == "unnamed"
    listener.close()
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    world.reactor.listen_unix(world.make, str(path))
    client = socket.socket(socket.AF_UNIX)
    world.clients.append(client)
    client.connect(str(path))
    world.until(lambda: world.ends)


def test_a_unix_socket_in_use_is_left_alone(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    world.reactor.listen_unix(world.make, str(path))
    with pytest.raises(OSError, match="in use") as caught:
        world.reactor.listen_unix(world.make, str(path))
    assert caught.value.errno == errno.EADDRINUSE
    client = socket.socket(socket.AF_UNIX)
    world.clients.append(client)
    client.connect(str(path))
    world.until(lambda: any(end.made for end in world.ends))


def test_a_file_in_the_way_is_left_alone(world: World, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(OSError, match="in use"):
        world.reactor.listen_unix(world.make, str(path))
    assert path.read_text() == "data"


def test_a_unix_socket_that_replaced_ours_is_left_alone(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    listener = world.reactor.listen_unix(world.make, str(path))
    path.unlink()
    successor = world.reactor.listen_unix(world.make, str(path))
    listener.close()
    assert path.is_socket()
    path.unlink()
    successor.close()  # its file has been removed already: no error


def test_tls_over_a_unix_socket(world: World, tmp_path: Path) -> None:
    server, client = tls_contexts()
    world.reactor.listen_unix(world.make, str(tmp_path / "socket"), tls=server)
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(tmp_path / "socket"))
    end = Recorder()
    world.reactor.connect_socket(lambda: end, sock, tls=client, server_hostname="localhost")
    world.until(lambda: end.made)
    end.transport.write(b"secret")
    world.until(lambda: world.ends[0].data == b"secret")
    assert isinstance(end.transport.get_extra_info("ssl_object"), ssl.SSLSocket)


def test_a_socket_given_to_listen_sockets_becomes_non_blocking(world: World) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    assert sock.getblocking()
    listener = world.reactor.listen_sockets(world.make, [sock], max_connections=1)
    assert not sock.getblocking()
    world.connect(listener)
    world.until(lambda: world.ends)


def test_connections_may_come_from_other_threads(world: World) -> None:
    listener = world.listen()
    answers: list[bytes] = []

    def client() -> None:
        with socket.create_connection(listener.addresses[0]) as sock:
            sock.send(b"hello")
            answers.append(sock.recv(100))

    threads = [threading.Thread(target=client) for _ in range(3)]
    for thread in threads:
        thread.start()
    world.until(lambda: sum(end.data == b"hello" for end in world.ends) == 3)
    for end in world.ends:
        end.transport.write(b"welcome")
        end.transport.close()
    world.until(lambda: len(answers) == 3)
    for thread in threads:
        thread.join()
    assert answers == [b"welcome"] * 3


# -- connections of one address --------------------------------------------------------------------


class Crowd:
    """A listener to which connections come from any address."""

    def __init__(self, world: World, **options: Any) -> None:
        self.world = world
        self.waiting: list[tuple[socket.socket, Any]] = []
        self.listener = Listener(world.reactor, world.make, [self._socket()], **options)

    def _socket(self) -> socket.socket:
        crowd = self

        class Socket(socket.socket):
            def accept(self) -> Any:
                super().accept()[0].close()
                return crowd.waiting.pop()

        sock = Socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.setblocking(False)
        return sock

    def come(self, address: Any) -> bool:
        """Whether one more from ``address`` gets in."""
        ours, theirs = socket.socketpair()
        self.world.clients.append(theirs)
        self.waiting.append((ours, address))
        with socket.create_connection(self.listener.addresses[0], TIMEOUT):
            self.world.until(lambda: not self.waiting)
        theirs.setblocking(False)
        try:
            return theirs.recv(1) != b""
        except BlockingIOError:
            return True

    def leave(self, number: int) -> None:
        before = self.listener.connections
        self.world.clients[number].close()
        self.world.until(lambda: self.listener.connections == before - 1)


def test_one_address_has_a_bounded_number_of_connections(world: World) -> None:
    crowd = Crowd(world, max_connections_per_address=2)
    assert [crowd.come(("192.0.2.1", port)) for port in range(4)] == [True, True, False, False]
    assert crowd.come(("192.0.2.2", 1))
    stats = world.reactor.stats
    assert (stats.accepted, stats.refused, crowd.listener.connections) == (5, 2, 3)
    crowd.leave(0)
    assert crowd.come(("192.0.2.1", 5))
    assert not crowd.come(("192.0.2.1", 6))


def test_a_connection_interrupted_in_connection_made_is_counted_until_it_is_lost(
    world: World,
) -> None:
    interrupts = [KeyboardInterrupt()]

    def interrupt(_: Recorder) -> None:
        if interrupts:
            raise interrupts.pop()

    listener = world.reactor.listen_tcp(
        lambda: Recorder(connection_made=interrupt), "127.0.0.1", 0, max_connections_per_address=1
    )
    world.connect(listener, 1)
    with pytest.raises(KeyboardInterrupt):
        world.until(lambda: False)
    assert listener.connections == 1

    for client in world.clients:
        client.close()
    world.until(lambda: not listener.connections)
    world.connect(listener, 1)
    world.until(lambda: listener.connections)
    assert world.reactor.stats.refused == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%lo", "fe80::2%eth0", True),
    ],
)
def test_connections_count_by_ipv4_address_or_ipv6_subnet(
    world: World, one: str, other: str, same: bool
) -> None:
    crowd = Crowd(world, max_connections_per_address=1)
    assert crowd.come((one, 1, 0, 0) if ":" in one else (one, 1))
    assert crowd.come((other, 1, 0, 0) if ":" in other else (other, 1)) is not same


def test_exempt_addresses_and_unix_sockets_have_no_limit(world: World) -> None:
    crowd = Crowd(world, max_connections_per_address=1, exempt=lambda a: a.startswith("10."))
    assert all(crowd.come(("10.0.0.1", port)) for port in range(3))
    assert crowd.come(("192.0.2.1", 1))
    assert not crowd.come(("192.0.2.1", 2))
    assert all(crowd.come("") for _ in range(3))  # over a Unix socket


def test_the_limit_of_an_address_is_an_option_of_listening(world: World) -> None:
    listener = world.listen(max_connections_per_address=1)
    world.connect(listener, 2)
    world.until(lambda: world.reactor.stats.accepted == 2)
    assert listener.connections == world.reactor.stats.refused == 1


def test_a_turn_accepts_one_connection_of_shared_sockets(world: World) -> None:
    sock = socket.create_server(("127.0.0.1", 0))
    listener = world.reactor.listen_sockets(world.make, [sock], shared=True)
    world.connect(listener, 3)
    for number in range(1, 4):
        world.reactor.run_once(TIMEOUT)
        assert world.reactor.stats.accepted == number
