"""Sockets are bound, non-blocking, and have the right options."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import DatagramProtocol, KeepAlive, Reactor
from reactor.sockets import binding
from reactor.sockets.binding import bind_inet, bind_unix, prepare, unlink_later

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM


@pytest.fixture
def bound() -> Iterator[list[socket.socket]]:
    """What is appended here is closed at the end."""
    made: list[socket.socket] = []
    yield made
    for sock in made:
        sock.close()


def addresses_are(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let every name have these addresses."""

    def getaddrinfo(host: Any, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6, TCP, 6, "", (name, port, 0, 0))
            if ":" in name
            else (socket.AF_INET, TCP, 6, "", (name, port))
            for name in hosts
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# -- options ---------------------------------------------------------------------------------------


def test_a_udp_server_has_as_large_a_receive_buffer_as_the_system_gives(bound):
    with socket.socket(socket.AF_INET, UDP) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, binding.UDP_RECEIVE_BUFFER)
        given = asking.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    bound += bind_inet("127.0.0.1", 0, UDP)

    assert bound[0].getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == given


def test_a_receive_buffer_that_the_system_refuses_is_requested_in_smaller_sizes(bound, monkeypatch):
    asked = []

    class Strict(socket.socket):  # as on macOS and BSD
        def setsockopt(self, level, option, value):  # type: ignore[override]
            assert option == socket.SO_RCVBUF
            asked.append(value)
            if value > binding.UDP_RECEIVE_BUFFER // 4:
                raise OSError(errno.ENOBUFS, "too much")
            super().setsockopt(level, option, value)

    monkeypatch.setattr(socket, "socket", Strict)
    bound += bind_inet("127.0.0.1", 0, UDP)

    assert asked == [binding.UDP_RECEIVE_BUFFER // n for n in (1, 2, 4)]


@pytest.mark.parametrize(
    ("family", "kind", "no_delay"),
    [
        (socket.AF_INET, TCP, True),
        (socket.AF_INET6, TCP, True),
        (socket.AF_UNIX, TCP, False),
        (socket.AF_INET, UDP, False),
    ],
)
def test_every_socket_is_non_blocking_and_tcp_has_no_delay(
    family: int, kind: int, no_delay: bool
) -> None:
    with socket.socket(family, kind) as sock:
        prepare(sock, KeepAlive())
        assert not sock.getblocking()
        if no_delay:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_keepalive_notices_a_dead_peer_within_a_minute() -> None:
    with socket.socket() as sock:
        prepare(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0
        prepare(sock, KeepAlive())
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, interval, count = (
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count <= 60
        # While data is on its way there are no probes.
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 60_000


def test_keepalive_leaves_out_what_the_system_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_KEEPIDLE")
    monkeypatch.delattr(socket, "TCP_KEEPCNT")
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    with socket.socket() as sock:
        KeepAlive(interval=7).apply(sock)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 7


# -- binding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TCP, UDP])
def test_port_0_is_the_same_port_for_both_families(
    monkeypatch: pytest.MonkeyPatch, bound: list[socket.socket], kind: socket.SocketKind
) -> None:
    addresses_are(monkeypatch, "127.0.0.1", "::1")
    bound += bind_inet(None, 0, kind)
    four, six = bound
    assert four.getsockname()[1] == six.getsockname()[1] > 0
    assert not four.getblocking()
    assert not six.getblocking()


def test_all_addresses_are_two_sockets_one_for_each_family(
    monkeypatch: pytest.MonkeyPatch, bound: list[socket.socket]
) -> None:
    """With one for both, the system's setting would decide which addresses it accepts."""
    addresses_are(monkeypatch, "0.0.0.0", "::")
    bound += bind_inet(None, 0, TCP)  # not listening: no client can connect
    assert [sock.family for sock in bound] == [socket.AF_INET, socket.AF_INET6]
    assert bound[1].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


def test_a_stream_may_rebind_its_port_and_a_datagram_socket_may_not(
    bound: list[socket.socket],
) -> None:
    """On UDP it would let two processes share a port by accident."""
    bound += bind_inet("127.0.0.1", 0, TCP) + bind_inet("127.0.0.1", 0, UDP)
    stream, datagram = (sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) for sock in bound)
    assert (stream, datagram) == (1, 0)


@pytest.mark.parametrize("kind", [TCP, UDP])
def test_a_port_is_shared_only_on_request(
    bound: list[socket.socket], kind: socket.SocketKind
) -> None:
    bound += bind_inet("127.0.0.1", 0, kind, reuse_port=True)
    port = bound[0].getsockname()[1]
    bound += bind_inet("127.0.0.1", port, kind, reuse_port=True)
    if kind == TCP:
        bound[0].listen()
    with pytest.raises(OSError, match="in use"):
        bind_inet("127.0.0.1", port, kind)


def test_the_same_address_twice_is_bound_once(
    monkeypatch: pytest.MonkeyPatch, bound: list[socket.socket]
) -> None:
    addresses_are(monkeypatch, "127.0.0.1", "127.0.0.1")
    bound += bind_inet("twice.example", 0, TCP)
    assert len(bound) == 1


class Conflict:
    """Every ``bind`` of the second family finds its port taken, ``times`` times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.times = times
        self.ports: list[int] = []
        self._bind = socket.socket.bind
        conflict = self

        def bind(sock: socket.socket, address: Any) -> None:
            conflict.bind(sock, address)

        monkeypatch.setattr(socket.socket, "bind", bind)

    def bind(self, sock: socket.socket, address: Any) -> None:
        if sock.family == socket.AF_INET6 and len(self.ports) < self.times:
            self.ports.append(address[1])
            raise OSError(errno.EADDRINUSE, "in use")
        self._bind(sock, address)


def test_another_port_is_chosen_when_one_is_in_use_in_the_other_family(
    monkeypatch: pytest.MonkeyPatch, bound: list[socket.socket]
) -> None:
    addresses_are(monkeypatch, "127.0.0.1", "::1")
    conflict = Conflict(monkeypatch, 3)
    bound += bind_inet(None, 0, TCP)
    assert len(conflict.ports) == 3
    assert all(conflict.ports)
    assert len({sock.getsockname()[1] for sock in bound}) == 1


def test_the_number_of_ports_tried_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses_are(monkeypatch, "127.0.0.1", "::1")
    conflict = Conflict(monkeypatch, 1000)
    with pytest.raises(OSError, match="in use"):
        bind_inet(None, 0, TCP)
    assert len(conflict.ports) == 10


def test_a_given_port_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    [sock] = bind_inet("127.0.0.1", 0, TCP)
    port = sock.getsockname()[1]
    sock.close()
    addresses_are(monkeypatch, "127.0.0.1", "::1")
    conflict = Conflict(monkeypatch, 1000)
    with pytest.raises(OSError, match="in use"):
        bind_inet(None, port, TCP)
    assert conflict.ports == [port]


def test_a_machine_without_ipv6_listens_on_ipv4(
    monkeypatch: pytest.MonkeyPatch, bound: list[socket.socket]
) -> None:
    addresses_are(monkeypatch, "127.0.0.1", "::1")
    monkeypatch.setattr(binding.socket, "socket", without(socket.AF_INET6))
    bound += bind_inet(None, 0, TCP)
    assert [sock.family for sock in bound] == [socket.AF_INET]


def test_binding_to_a_family_that_the_machine_lacks_raises_os_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    addresses_are(monkeypatch, "::1")
    monkeypatch.setattr(binding.socket, "socket", without(socket.AF_INET6))
    with pytest.raises(OSError, match="not supported"):
        bind_inet("::1", 0, TCP)


def without(missing: int) -> type[socket.socket]:
    class Socket(socket.socket):
        def __init__(self, family: int, *rest: Any) -> None:
            if family == missing:
                raise OSError(errno.EAFNOSUPPORT, "family not supported")
            super().__init__(family, *rest)

    return Socket


@pytest.fixture
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback addresses can be bound; some systems would allow any."""
    real = socket.socket.bind

    def bind(sock: socket.socket, address: Any) -> None:
        if address[0] not in ("127.0.0.1", "::1"):
            raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        real(sock, address)

    monkeypatch.setattr(socket.socket, "bind", bind)


@pytest.mark.usefixtures("only_loopback")
def test_of_several_addresses_those_that_are_not_ours_are_skipped(
    monkeypatch: pytest.MonkeyPatch, bound: list[socket.socket]
) -> None:
    addresses_are(monkeypatch, "2001:db8::1", "127.0.0.1")
    bound += bind_inet("name.example", 0, TCP)
    assert [sock.getsockname()[0] for sock in bound] == ["127.0.0.1"]


@pytest.mark.usefixtures("only_loopback")
def test_addresses_that_are_not_ours_raise_os_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for hosts in (("192.0.2.1",), ("192.0.2.1", "192.0.2.2")):
        addresses_are(monkeypatch, *hosts)
        with pytest.raises(OSError, match=os.strerror(errno.EADDRNOTAVAIL)) as caught:
            bind_inet("name.example", 0, TCP)
        assert caught.value.errno == errno.EADDRNOTAVAIL


def test_an_unknown_name_raises_gaierror() -> None:
    with pytest.raises(socket.gaierror):
        bind_inet("no such name", 0, TCP)


# -- Unix sockets ----------------------------------------------------------------------------------


def test_a_stale_unix_datagram_socket_is_replaced(
    tmp_path: Path, bound: list[socket.socket]
) -> None:
    path = str(tmp_path / "socket")
    bind_unix(path, UDP).close()
    bound.append(bind_unix(path, UDP, mode=0o620))
    assert os.stat(path).st_mode & 0o777 == 0o620
    with pytest.raises(OSError, match="in use"):
        bind_unix(path, UDP)
    with pytest.raises(OSError, match="in use"):  # of another kind, and still in use
        bind_unix(path, TCP)


def test_a_missing_folder_raises_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bind_unix(str(tmp_path / "no such folder" / "socket"), TCP)


def test_unlink_later_leaves_a_file_that_replaced_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    path.write_text("")
    unlink = unlink_later(str(path))
    successor = tmp_path / "successor"
    successor.write_text("")
    successor.rename(path)
    unlink()
    assert path.exists()
    unlink_later(str(path))()
    assert not path.exists()
    unlink()  # removed already: no error


@pytest.mark.parametrize("named", [False, True])
def test_a_datagram_socket_that_cannot_connect_leaves_nothing_open(
    tmp_path: Path, named: bool
) -> None:
    local = tmp_path / "local"
    with Reactor() as reactor, pytest.raises(FileNotFoundError):
        reactor.connect_unix_datagram(
            DatagramProtocol, str(tmp_path / "nobody"), local_path=str(local) if named else None
        )
    assert not local.exists()
