"""A UDP client switches to the next address of a name when one refuses."""

from __future__ import annotations

import errno
import os
import socket
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reactor import DatagramProtocol, DatagramTransport, Reactor
from reactor.pollers import POLLERS
from reactor.sockets.udp_fallback import MAX_REPEATED, MAX_REPEATED_SIZE, FallbackTransport

from ...tools.garbage import no_collection


class Client(DatagramProtocol):
    """Sends ``says`` when it is connected, and records its calls."""

    def __init__(self, *says: bytes) -> None:
        self.says = says
        self.made = 0
        self.received: list[bytes] = []
        self.errors: list[int | None] = []
        self.log: list[str] = []

    def connection_made(self, transport: DatagramTransport) -> None:
        super().connection_made(transport)
        self.made += 1
        for data in self.says:
            transport.sendto(data)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append(data)

    def error_received(self, exc: OSError) -> None:
        self.errors.append(exc.errno)

    def pause_writing(self) -> None:
        self.log.append("pause")

    def resume_writing(self) -> None:
        self.log.append("resume")


class Echo(DatagramProtocol):
    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


@pytest.fixture(params=POLLERS)
def reactor(request: pytest.FixtureRequest) -> Iterator[Reactor]:
    with Reactor(poller=request.param) as reactor:
        yield reactor


@pytest.fixture
def one() -> Iterator[Reactor]:
    with Reactor() as reactor:
        yield reactor


@pytest.fixture
def refusing() -> Iterator[Callable[[], tuple[str, int]]]:
    """Makes addresses that refuse, and that no other socket can get while the test runs."""
    made = []

    def make() -> tuple[str, int]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.append(sock)
        sock.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", 9))  # connected: to others the port is closed
        return sock.getsockname()

    yield make
    for sock in made:
        sock.close()


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``resolve(address, …)``: what every name stands for."""

    def set_addresses(*addresses: Any) -> None:
        def getaddrinfo(host: str, port: int, family: int = 0, kind: int = 0) -> list[Any]:
            return [
                (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind, 0, "", address)
                for address in addresses
            ]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return set_addresses


def run_until(reactor: Reactor, condition: Callable[[], object]) -> None:
    for _ in range(200):
        if condition():
            return
        reactor.run_once(10)
    raise AssertionError("it has not come")


def serving(reactor: Reactor) -> tuple[str, int]:
    [server] = reactor.listen_udp(Echo, "127.0.0.1", 0)
    return server.get_extra_info("sockname")


def test_the_next_address_gets_what_was_sent_to_the_one_that_refuses(reactor, resolve, refusing):
    address = serving(reactor)
    resolve(refusing(), refusing(), address)
    client = Client(b"one", b"two", b"")
    reactor.connect_udp(lambda: client, "example.test", 1)
    run_until(reactor, lambda: len(client.received) == 3)

    assert client.received == [b"one", b"two", b""]
    assert (client.made, client.errors) == (1, [])
    assert client.transport.get_extra_info("peername") == address
    client.transport.sendto(b"three", address)
    run_until(reactor, lambda: len(client.received) == 4)


def test_localhost_is_found_where_only_ipv4_is_served(one, resolve):
    # As /etc/hosts has it on most systems: ::1 first.
    address = serving(one)
    resolve(("::1", address[1], 0, 0), address)
    client = Client(b"hello")
    one.connect_udp(lambda: client, "localhost", address[1])
    run_until(one, lambda: client.received)

    assert (client.received, client.errors) == ([b"hello"], [])


def test_a_refusal_of_a_later_datagram_leads_to_the_next_address(reactor, resolve, refusing):
    address = serving(reactor)
    resolve(refusing(), address)
    client = Client()
    reactor.connect_udp(lambda: client, "example.test", 1)
    run_until(reactor, lambda: client.made)
    reactor.run_once(0)

    client.transport.sendto(b"late")
    client.transport.sendto(b"later")  # this call may get the refusal of the first one
    run_until(reactor, lambda: len(client.received) == 2)

    assert client.received == [b"late", b"later"]
    assert client.errors == []


def test_when_the_last_address_refuses_the_protocol_is_notified(reactor, resolve, refusing):
    resolve(refusing(), refusing())
    client = Client(b"hello")
    reactor.connect_udp(lambda: client, "example.test", 1)
    run_until(reactor, lambda: client.errors)

    assert client.errors == [errno.ECONNREFUSED]
    client.transport.sendto(b"again")
    run_until(reactor, lambda: len(client.errors) == 2)
    assert not client.transport.is_closing()


def test_an_address_that_has_answered_is_kept(one, resolve, refusing):
    [server] = one.listen_udp(Echo, "127.0.0.1", 0)
    address = server.get_extra_info("sockname")
    resolve(address, refusing())
    client = Client(b"hello")
    one.connect_udp(lambda: client, "example.test", 1)
    run_until(one, lambda: client.received)
    server.close()
    one.run_once(0)
    one.run_once(0)

    client.transport.sendto(b"anybody?")
    run_until(one, lambda: client.errors)
    assert client.errors == [errno.ECONNREFUSED]
    assert client.transport.get_extra_info("peername") == address


def test_an_error_of_one_datagram_changes_nothing(one, resolve, refusing):
    address = serving(one)
    resolve(address, refusing())
    client = Client(bytes(70_000), b"hello")
    one.connect_udp(lambda: client, "example.test", 1)
    run_until(one, lambda: client.received)

    assert client.errors == [errno.EMSGSIZE]
    assert client.received == [b"hello"]


def test_addresses_that_the_system_refuses_are_skipped(one, resolve, refusing):
    address = serving(one)
    resolve(refusing(), ("127.0.0.1", "no port"), address)
    client = Client(b"hello")
    one.connect_udp(lambda: client, "example.test", 1)
    run_until(one, lambda: client.received)

    assert client.errors == []


# -- in detail -------------------------------------------------------------------------------------


class Refused(socket.socket):
    """One end of a pair that reports an ICMP message "port unreachable" as often as it is set."""

    refusals = 0

    def send(self, data: Any, flags: int = 0) -> int:
        self._report()
        return super().send(data, flags)

    def recvfrom(self, bufsize: int, flags: int = 0) -> Any:
        self._report()
        return super().recvfrom(bufsize, flags)

    def _report(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))


class Pair:
    """A transport whose first socket is one end of a pair, as are those of its next addresses."""

    def __init__(self, reactor: Reactor, protocol: DatagramProtocol, others: int = 1) -> None:
        self.reactor = reactor
        self.ours, self.theirs = self._pair()
        self.others = [self._pair() for _ in range(others)]
        self.given = iter(self.others)
        self.asked = 0
        self.transport = FallbackTransport(self._next, reactor, self.ours, protocol, "first", None)
        self.transport.start()

    def _pair(self) -> tuple[Refused, socket.socket]:
        one, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        ours = Refused(fileno=one.detach())
        for sock in (ours, theirs):
            sock.setblocking(False)
        return ours, theirs

    def _next(self) -> socket.socket | None:
        self.asked += 1
        ours, _ = next(self.given, (None, None))
        return ours

    def refuse(self) -> None:
        """Let the first address refuse."""
        self.ours.refusals = 1
        self.theirs.send(b"")  # for the poller to report
        self.reactor.run_once(10)

    def heard(self, number: int = 0) -> list[bytes]:
        found = []
        try:
            while True:
                found.append(self.others[number][1].recv(1 << 17))
        except BlockingIOError:
            return found

    def close(self) -> None:
        for sock in [self.theirs, *(theirs for _, theirs in self.others)]:
            sock.close()
        for ours, _ in self.given:
            ours.close()


@pytest.fixture
def pair(one: Reactor) -> Iterator[Callable[..., Pair]]:
    made: list[Pair] = []

    def make(protocol: DatagramProtocol, others: int = 1) -> Pair:
        made.append(Pair(one, protocol, others))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_queued_datagrams_go_to_the_next_address_in_order(one, pair):
    client = Client()
    link = pair(client)
    link.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # as small as possible
    count = 0
    while link.transport.get_write_buffer_size() < 50:
        link.transport.sendto(b"%d" % count)
        count += 1
    link.refuse()
    received = link.heard()
    while len(received) < count:
        one.run_once(10)
        received += link.heard()

    assert received == [b"%d" % number for number in range(count)]
    assert link.transport.get_write_buffer_size() == 0


def test_the_number_of_repeated_datagrams_is_bounded(one, pair):
    link = pair(Client())
    for number in range(MAX_REPEATED + 10):
        link.transport.sendto(b"%d" % number)
        link.theirs.recv(100)
    link.refuse()
    received = link.heard()
    while link.transport.get_write_buffer_size():
        one.run_once(10)
        received += link.heard()
    received += link.heard()

    assert received == [b"%d" % number for number in range(MAX_REPEATED)]


def test_the_size_of_repeated_datagrams_is_bounded(pair):
    link = pair(Client())
    for _ in range(3):
        link.transport.sendto(bytes(MAX_REPEATED_SIZE // 2))
        link.theirs.recv(1 << 17)
    link.refuse()

    assert len(link.heard()) == 2


def test_a_second_error_of_the_same_socket_changes_nothing(one, pair):
    client = Client()
    link = pair(client, others=2)
    link.ours.refusals = 2
    link.transport.sendto(b"first")
    link.transport.sendto(b"second")
    one.run_once(0)
    link.transport.sendto(b"third")

    assert link.heard(0) == [b"first", b"second", b"third"]
    assert (client.errors, link.asked) == ([], 1)


def test_after_closing_no_address_is_tried(one, pair):
    client = Client()
    link = pair(client)
    link.ours.refusals = 1
    link.transport.sendto(b"hello")
    link.transport.close()
    one.run_once(0)

    assert (client.errors, link.asked) == ([], 0)


def test_a_closed_client_leaves_nothing_for_the_garbage_collector(one, resolve):
    resolve(serving(one))

    def live() -> list[weakref.ref[Any]]:
        client = Client(b"hello")
        connector = one.connect_udp(lambda: client, "example.test", 1)
        run_until(one, lambda: client.received)
        client.transport.close()
        one.run_once(0)
        return [weakref.ref(each) for each in (client, client.transport, connector)]

    with no_collection():
        assert [reference() for reference in live()] == [None] * 3
