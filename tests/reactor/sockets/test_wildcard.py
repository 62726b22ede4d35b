"""UDP sockets bound to the wildcard address reply from the address that got the request."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import DatagramProtocol, Reactor
from reactor.sockets.wildcard import WildcardSocket, udp_socket

from ...tools.waiting import TIMEOUT

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="IP_PKTINFO as Linux has it")

HOSTS = [pytest.param("127.0.0.1", marks=linux_only), pytest.param("127.0.0.2", marks=linux_only)]


class Echo(DatagramProtocol):
    """Answers, and remembers its peers."""

    def __init__(self) -> None:
        self.peers: list[Any] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.peers.append(addr)
        self.transport.sendto(data, addr)


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with Reactor() as reactor:
        yield reactor


def client_of(host: str, port: int) -> socket.socket:
    """A client that receives from ``host`` only, as its socket is connected."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    client = socket.socket(family, socket.SOCK_DGRAM)
    client.connect((host, port))
    client.settimeout(TIMEOUT)
    return client


def listen_everywhere(reactor: Reactor, host: str) -> tuple[Echo, int]:
    """An echo server on all addresses, and its port; the protocol is that of ``host``'s family."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for transport in reactor.listen_udp(Echo, "", 0):
        if transport.get_extra_info("socket").family == family:
            return transport.get_protocol(), transport.get_extra_info("sockname")[1]
    pytest.skip(f"there is no {host} here")


@pytest.mark.parametrize("host", [*HOSTS, "::1"])
def test_a_reply_comes_from_the_address_that_got_the_request(reactor, host):
    echo, port = listen_everywhere(reactor, host)
    with client_of(host, port) as client:
        client.send(b"hello")
        reactor.run_once(10)
        assert client.recv(100) == b"hello"

        echo.transport.sendto(b"by the way", echo.peers[0])
        assert client.recv(100) == b"by the way"
        assert echo.peers == [client.getsockname()]
        assert echo.peers[0].local_host == host


@linux_only
def test_a_queued_reply_comes_from_the_address_that_got_the_request(reactor, monkeypatch):
    echo, port = listen_everywhere(reactor, "127.0.0.2")
    with client_of("127.0.0.2", port) as client:
        with monkeypatch.context() as patch:
            patch.setattr(WildcardSocket, "sendmsg", full)
            client.send(b"hello")
            reactor.run_once(10)
        assert echo.transport.get_write_buffer_size()
        reactor.run_once(10)
        assert client.recv(100) == b"hello"


def full(*_: object) -> int:
    raise BlockingIOError


def test_a_peer_address_behaves_as_a_plain_tuple(reactor):
    echo, port = listen_everywhere(reactor, "127.0.0.1")
    with client_of("127.0.0.1", port) as client:
        client.send(b"hello")
        reactor.run_once(10)
        [addr] = echo.peers
        plain = client.getsockname()

        assert addr == plain
        assert {plain: 1}[addr] == 1
        assert repr(addr) == repr(plain)
        host, port = addr
        echo.transport.sendto(b"plain", (host, port))  # from an address that the system chooses
        client.recv(100)
        assert client.recv(100) == b"plain"


@linux_only
def test_a_reply_comes_from_another_address_if_that_one_is_no_longer_ours():
    with udp_socket(socket.AF_INET, "0.0.0.0") as server:
        server.bind(("0.0.0.0", 0))
        with client_of("127.0.0.1", server.getsockname()[1]) as client:
            client.send(b"hello")
            _, addr = server.recvfrom(100)
            [(level, kind, info)] = addr.ancillary
            foreign = socket.inet_aton("192.0.2.1")
            addr.ancillary = [(level, kind, info[:4] + foreign + info[8:])]

            assert addr.local_host == "192.0.2.1"
            server.sendto(b"still here", addr)
            assert client.recv(100) == b"still here"


@linux_only
def test_other_errors_of_sending_are_raised():
    with udp_socket(socket.AF_INET, "0.0.0.0") as server:
        server.bind(("0.0.0.0", 0))
        with client_of("127.0.0.1", server.getsockname()[1]) as client:
            client.send(b"hello")
            _, addr = server.recvfrom(100)
            with pytest.raises(OSError, match="too long") as raised:
                server.sendto(bytes(70_000), addr)
    assert raised.value.errno == errno.EMSGSIZE


@pytest.mark.parametrize(
    ("info", "kept"),
    [
        # A link-local address (RFC 4291 section 2.5.6) needs its interface, others must not have
        # one, and a multicast address (2.7) cannot be a source.
        ("fe80::1", True),
        ("2001:db8::1", False),
        ("ff02::1", None),
    ],
)
def test_sources_of_ipv6_replies_keep_the_interface_of_link_local_addresses(
    monkeypatch, info, kept
):
    packed = socket.inet_pton(socket.AF_INET6, info)
    interface = b"\7\0\0\0"
    message = (b"x", [(socket.IPPROTO_IPV6, 50, packed + interface)], 0, ("::1", 9, 0, 0))
    monkeypatch.setattr(WildcardSocket, "recvmsg", lambda *_: message)
    with WildcardSocket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        data, addr = sock.recvfrom(100)

    assert (data, addr) == (b"x", ("::1", 9, 0, 0))
    if kept is None:
        assert type(addr) is tuple
    else:
        source = packed + (interface if kept else bytes(4))
        assert addr.ancillary == [(socket.IPPROTO_IPV6, 50, source)]


def test_if_the_system_does_not_report_it_the_address_is_plain(monkeypatch):
    monkeypatch.setattr("reactor.sockets.wildcard.IP_PKTINFO", None)
    with udp_socket(socket.AF_INET, "0.0.0.0") as server:
        server.bind(("0.0.0.0", 0))
        with client_of("127.0.0.1", server.getsockname()[1]) as client:
            client.send(b"hello")
            data, addr = server.recvfrom(100)
            assert (data, addr, type(addr)) == (b"hello", client.getsockname(), tuple)
            server.sendto(b"fine", addr)
            assert client.recv(100) == b"fine"


def test_a_socket_with_one_address_is_a_plain_one(reactor):
    # It costs less for each datagram.
    [transport] = reactor.listen_udp(Echo, "127.0.0.1", 0)
    assert type(transport.get_extra_info("socket")) is socket.socket


def test_the_chat_replies_from_the_address_that_got_the_request(serve):
    if sys.platform != "linux":
        pytest.skip("IP_PKTINFO as Linux has it")
    server = serve("--protocol", "chat", "--host", "", "--port", "0", "--udp-port", "0")
    with client_of("127.0.0.2", server.ports["udp"]) as client:
        client.send(b"hello")
        assert client.recv(1000).startswith(b"*** ")
