"""Datagrams: sent and received one by one, with bounds on both, and errors that concern only one
datagram."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from reactor import DatagramProtocol, DatagramTransport, Reactor
from reactor.pollers import POLLERS, make_poller
from reactor.testing import DatagramPeers, VirtualReactor
from reactor.transports.datagram import (
    HIGH_WATER,
    MAX_WRITE_BUFFER,
    READS_PER_EVENT,
    SENDS_PER_EVENT,
)

from ...tools.counting import CountingPoller
from ...tools.recording import DatagramRecorder
from ...tools.sockets import unused_address
from ...tools.waiting import TIMEOUT, until

PEER = ("192.0.2.1", 50000)


class Echo(DatagramRecorder):
    def datagram_received(self, data: bytes, addr: Any) -> None:
        super().datagram_received(data, addr)
        self.transport.sendto(data, addr)


@pytest.fixture
def virtual() -> Iterator[VirtualReactor]:
    with VirtualReactor() as reactor:
        yield reactor


@pytest.fixture(params=POLLERS)
def poller(request: pytest.FixtureRequest) -> CountingPoller:
    return CountingPoller(make_poller(request.param))


@pytest.fixture
def real(poller: CountingPoller) -> Iterator[Reactor]:
    with Reactor(poller=poller) as reactor:
        yield reactor


@pytest.fixture
def recorder() -> DatagramRecorder:
    return DatagramRecorder()


@pytest.fixture
def failures(virtual: VirtualReactor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    virtual.set_exception_handler(lambda _, context: found.append(context))
    return found


@pytest.fixture
def peers(virtual: VirtualReactor, recorder: DatagramRecorder) -> DatagramPeers:
    """The network around ``recorder``'s socket, in memory."""
    return virtual.datagram_socket(lambda: recorder)


# -- receiving -------------------------------------------------------------------------------------


def test_datagrams_arrive_whole_in_order_and_with_their_sender(virtual, recorder, peers):
    peers.send(b"one")
    peers.send(b"")
    peers.send(b"two" * 1000, ("192.0.2.7", 7))
    virtual.settle()

    assert recorder.received == [
        (b"one", PEER),
        (b"", PEER),
        (b"two" * 1000, ("192.0.2.7", 7)),
    ]
    assert virtual.stats.datagrams_received == 3


def test_one_event_reads_a_bounded_number_of_datagrams(virtual, recorder, peers):
    # A flood must not starve the rest of the loop.
    for _ in range(3 * READS_PER_EVENT + 1):
        peers.send(b"flood")

    counts = []
    for _ in range(4):
        virtual.run_once(0)
        counts.append(len(recorder.received))

    assert counts == [READS_PER_EVENT * n for n in (1, 2, 3)] + [3 * READS_PER_EVENT + 1]


def test_closing_while_datagrams_come_stops_their_delivery(virtual):
    class Once(DatagramRecorder):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.close()

    once = Once()
    peers = virtual.datagram_socket(lambda: once)
    for _ in range(5):
        peers.send(b"x")
    virtual.settle()

    assert len(once.received) == 1
    assert once.log == ["made", ("lost", None)]


def test_an_error_concerns_one_datagram_and_those_after_it_arrive(virtual, recorder, peers):
    # cpython gh-127057: asyncio stopped reading.
    peers.fail(errno.ECONNREFUSED)
    peers.send(b"after")
    virtual.settle()

    assert [exc.errno for exc in recorder.errors] == [errno.ECONNREFUSED]
    assert recorder.received == [(b"after", PEER)]
    assert recorder.log == ["made"]


def test_a_protocol_that_raises_on_a_datagram_keeps_its_socket(virtual, failures):
    # It serves all peers, and one of them must not be able to end it.
    class Fragile(Echo):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            if data == b"poison":
                raise ZeroDivisionError
            super().datagram_received(data, addr)

    peers = virtual.datagram_socket(Fragile)
    peers.send(b"poison")
    peers.send(b"good")
    virtual.settle()

    assert peers.sent == [(b"good", PEER)]
    [context] = failures
    assert context["message"] == "datagram_received failed:"
    assert context["transport"] is peers.transport
    assert isinstance(context["protocol"], Fragile)


# -- sending ---------------------------------------------------------------------------------------


def test_a_datagram_is_sent_at_once(virtual, peers):
    peers.transport.sendto(b"one", PEER)
    peers.transport.sendto(bytearray(b"two"), PEER)
    peers.transport.sendto(memoryview(b"three"), PEER)
    peers.transport.sendto(b"", PEER)

    assert peers.sent == [(b"one", PEER), (b"two", PEER), (b"three", PEER), (b"", PEER)]
    assert virtual.stats.datagrams_sent == 4
    assert peers.transport.get_write_buffer_size() == 0


def test_text_is_refused(peers):
    with pytest.raises(TypeError):
        peers.transport.sendto("text", PEER)


def test_what_the_system_does_not_take_waits_in_order(virtual, peers):
    peers.stall()
    data = bytearray(b"one")
    peers.transport.sendto(data, PEER)
    data[:] = b"???"
    peers.transport.sendto(b"", PEER)
    peers.transport.sendto(b"three", PEER)
    virtual.settle()
    assert peers.sent == []
    assert peers.transport.get_write_buffer_size() == 8

    peers.resume()
    virtual.settle()
    peers.transport.sendto(b"four", PEER)

    assert peers.take() == [b"one", b"", b"three", b"four"]
    assert peers.transport.get_write_buffer_size() == 0
    virtual.settle()  # this would fail if the socket were still watched for writing


def test_datagrams_beyond_the_bound_are_dropped_and_counted(virtual, recorder, peers):
    size = 1000
    fitting = MAX_WRITE_BUFFER // size
    peers.stall()
    for number in range(fitting + 50):
        peers.transport.sendto(number.to_bytes(size, "big"), PEER)
    assert virtual.stats.datagrams_dropped == 50
    assert peers.transport.get_write_buffer_size() == fitting * size

    peers.resume()
    virtual.settle()

    assert [int.from_bytes(data, "big") for data in peers.take()] == list(range(fitting))
    assert virtual.stats.datagrams_sent == fitting
    assert recorder.log == ["made", "pause", "resume"]


def test_the_bound_can_be_set(virtual, peers):
    peers.stall()
    peers.transport.max_write_buffer = 640
    peers.transport.sendto(bytes(641), PEER)
    peers.transport.sendto(bytes(640), PEER)

    assert virtual.stats.datagrams_dropped == 1
    assert peers.transport.get_write_buffer_size() == 640
    assert not peers.transport.is_closing()


def test_empty_datagrams_are_bounded_too(virtual, peers):
    peers.stall()
    for _ in range(10_000):
        peers.transport.sendto(b"", PEER)
    peers.resume()
    virtual.settle()

    assert 0 < len(peers.sent) < 5000
    assert virtual.stats.datagrams_dropped == 10_000 - len(peers.sent)


def test_one_event_sends_a_bounded_number_of_datagrams(virtual, peers):
    peers.stall()
    for _ in range(SENDS_PER_EVENT + 10):
        peers.transport.sendto(b"x", PEER)
    peers.resume()

    virtual.run_once(0)
    assert len(peers.sent) == SENDS_PER_EVENT
    virtual.run_once(0)
    assert len(peers.sent) == SENDS_PER_EVENT + 10


@pytest.mark.parametrize("left", [HIGH_WATER // 4, HIGH_WATER // 4 + 1])
def test_the_protocol_is_paused_once_and_resumed_at_a_quarter(virtual, recorder, peers, left):
    peers.stall()
    for _ in range(SENDS_PER_EVENT):
        peers.transport.sendto(bytes(HIGH_WATER // SENDS_PER_EVENT), PEER)
    assert recorder.log == ["made"]
    peers.transport.sendto(bytes(left), PEER)
    peers.transport.sendto(b"", PEER)
    assert recorder.log == ["made", "pause"]

    peers.resume()
    virtual.run_once(0)
    assert peers.transport.get_write_buffer_size() == left
    resumed = left == HIGH_WATER // 4
    assert recorder.log == ["made", "pause", "resume"][: 3 if resumed else 2]
    virtual.settle()
    assert recorder.log == ["made", "pause", "resume"]


def test_a_lack_of_buffers_loses_one_datagram_and_does_not_wait_for_writability(
    virtual, recorder, peers
):
    # libuv#5194: such a socket counts as writable, and waiting for that spins.
    peers.fail(errno.ENOBUFS)
    peers.transport.sendto(b"lost", PEER)
    peers.transport.sendto(b"sent", PEER)
    virtual.settle()

    assert peers.take() == [b"sent"]
    assert virtual.stats.datagrams_dropped == 1
    assert recorder.errors == []
    assert peers.transport.get_write_buffer_size() == 0


def test_an_error_in_sending_is_reported_by_the_loop_and_counted(virtual, recorder, peers):
    peers.fail(errno.EMSGSIZE)
    peers.transport.sendto(b"too much", PEER)
    assert recorder.errors == []  # never from inside the call
    peers.transport.sendto(b"good", PEER)
    virtual.settle()

    assert [exc.errno for exc in recorder.errors] == [errno.EMSGSIZE]
    assert peers.take() == [b"good"]
    assert (virtual.stats.datagrams_sent, virtual.stats.datagrams_dropped) == (1, 1)


def test_an_error_in_the_queue_concerns_one_datagram(virtual, recorder, peers):
    peers.stall()
    for data in (b"one", b"two"):
        peers.transport.sendto(data, PEER)
    peers.fail(errno.EHOSTUNREACH)
    peers.resume()
    virtual.settle()

    assert [exc.errno for exc in recorder.errors] == [errno.EHOSTUNREACH]
    assert peers.take() == [b"two"]


def test_an_impossible_address_concerns_one_datagram(virtual, recorder, peers, failures):
    # If it is sent at once, the caller gets the error. If it is queued, the socket stays open.
    sock = peers.transport.get_extra_info("socket")
    sendto = sock.sendto

    def strict(data: bytes, addr: Any) -> int:
        if not sock.stalled and not isinstance(addr, tuple):
            raise TypeError("address must be tuple")
        return sendto(data, addr)

    sock.sendto = strict
    with pytest.raises(TypeError, match="tuple"):
        peers.transport.sendto(b"x", "nowhere")
    peers.stall()
    peers.transport.sendto(b"x", "nowhere")
    peers.transport.sendto(b"good", PEER)
    peers.resume()
    virtual.settle()

    assert peers.take() == [b"good"]
    assert virtual.stats.datagrams_dropped == 1
    assert [context["message"] for context in failures] == ["sendto failed:"]
    assert not peers.transport.is_closing()

    peers.stall()
    peers.transport.sendto(b"x", "nowhere")
    peers.resume()
    peers.transport.close()
    virtual.settle()
    assert recorder.log[-1] == ("lost", None)


def test_pause_writing_may_close_the_transport(virtual):
    class Quitter(DatagramRecorder):
        def pause_writing(self) -> None:
            super().pause_writing()
            self.transport.close()

    quitter = Quitter()
    peers = virtual.datagram_socket(lambda: quitter)
    peers.stall()
    peers.transport.sendto(bytes(HIGH_WATER + 1), PEER)
    virtual.settle()

    assert quitter.log == ["made", "pause", ("lost", None)]
    assert virtual.stats.datagrams_dropped == 1


def test_resume_writing_may_close_the_transport(virtual, failures):
    class Quitter(DatagramRecorder):
        def resume_writing(self) -> None:
            super().resume_writing()
            self.transport.close()

    quitter = Quitter()
    peers = virtual.datagram_socket(lambda: quitter)
    peers.stall()
    for _ in range(3):
        peers.transport.sendto(bytes(HIGH_WATER // 2), PEER)
    peers.resume()
    peers.send(b"unread")
    virtual.settle()

    assert quitter.log == ["made", "pause", "resume", ("lost", None)]
    assert quitter.received == []
    assert failures == []


def is_closed(peers: DatagramPeers) -> bool:
    return peers.transport.get_extra_info("socket").closed  # type: ignore[no-any-return]


# -- the end ---------------------------------------------------------------------------------------


def test_closing_sends_what_the_system_takes_at_once_and_counts_the_rest(virtual, recorder, peers):
    sock = peers.transport.get_extra_info("socket")
    sendto = sock.sendto

    def stall_after_two(data: bytes, addr: Any) -> int:
        sock.stalled = len(sock.sent) == 2
        return sendto(data, addr)

    peers.stall()
    for data in (b"1", b"2", b"3"):
        peers.transport.sendto(data, PEER)
    assert not peers.transport.is_closing()
    sock.sendto = stall_after_two
    peers.transport.close()
    assert peers.transport.is_closing()
    assert recorder.log == ["made"]  # called by the loop, never from inside close()
    virtual.settle()

    assert peers.take() == [b"1", b"2"]
    assert virtual.stats.datagrams_dropped == 1
    assert recorder.log == ["made", ("lost", None)]
    assert sock.closed
    assert peers.transport.get_protocol() is None


def test_aborting_sends_nothing_more(virtual, recorder, peers):
    peers.stall()
    peers.transport.sendto(b"1", PEER)
    peers.resume()
    assert peers.transport.get_protocol() is recorder

    peers.transport.abort()
    peers.transport.abort()
    peers.transport.close()
    virtual.settle()

    assert peers.sent == []
    assert recorder.log == ["made", ("lost", None)]
    assert virtual.stats.datagrams_dropped == 1


def test_datagrams_sent_after_closing_are_dropped_and_counted(virtual, peers):
    peers.transport.close()
    peers.transport.sendto(b"late", PEER)
    virtual.settle()
    peers.transport.sendto(b"later", PEER)

    assert peers.sent == []
    assert virtual.stats.datagrams_dropped == 2


def test_no_callback_comes_after_closing(virtual, recorder, peers):
    peers.fail(errno.EMSGSIZE)
    peers.transport.sendto(b"x", PEER)
    peers.transport.close()
    peers.send(b"late")
    virtual.settle()

    assert recorder.errors == []
    assert recorder.received == []
    assert recorder.log == ["made", ("lost", None)]


def test_a_protocol_that_raises_in_connection_made_loses_its_socket(virtual, failures):
    class Broken(DatagramRecorder):
        def connection_made(self, transport: DatagramTransport) -> None:
            super().connection_made(transport)
            raise ZeroDivisionError

    broken = Broken()
    peers = virtual.datagram_socket(lambda: broken)
    virtual.settle()

    assert is_closed(peers)
    assert [context["message"] for context in failures] == ["connection_made failed:"]
    [made, (lost, exc)] = broken.log
    assert (made, lost) == ("made", "lost")
    assert isinstance(exc, ZeroDivisionError)


def test_a_protocol_that_raises_in_connection_lost_is_reported_and_its_socket_closed(
    virtual, failures
):
    class Broken(DatagramRecorder):
        def connection_lost(self, exc: Exception | None) -> None:
            raise ZeroDivisionError

    peers = virtual.datagram_socket(Broken)
    peers.transport.close()
    virtual.settle()

    assert is_closed(peers)
    assert [context["message"] for context in failures] == ["connection_lost failed:"]


def test_a_shutdown_lets_the_protocol_say_goodbye(virtual):
    class Polite(DatagramRecorder):
        def shutdown_requested(self) -> None:
            self.transport.sendto(b"goodbye", PEER)
            self.transport.close()

    polite = Polite()
    peers = virtual.datagram_socket(lambda: polite)
    virtual.stop(10)
    virtual.run()

    assert peers.take() == [b"goodbye"]
    assert polite.log == ["made", ("lost", None)]


def test_a_shutdown_closes_the_socket_of_a_protocol_without_shutdown_requested(virtual):
    began = virtual.time()
    peers = [virtual.datagram_socket(asyncio.DatagramProtocol) for _ in range(2)]
    peers.append(virtual.datagram_socket(DatagramProtocol))
    peers[0].transport.close()
    virtual.stop(10)
    peers[1].transport.request_shutdown()
    virtual.run()

    assert all(is_closed(each) for each in peers)
    assert virtual.time() == began


def test_the_base_class_keeps_its_socket_open_whatever_happens(virtual):
    peers = virtual.datagram_socket(DatagramProtocol)
    protocol = peers.transport.get_protocol()
    peers.send(b"x")
    peers.fail()
    virtual.settle()
    peers.stall()
    for _ in range(3):
        peers.transport.sendto(bytes(HIGH_WATER // 2), PEER)
    peers.resume()
    virtual.settle()

    assert protocol.transport is peers.transport
    assert len(peers.take()) == 3
    assert not peers.transport.is_closing()


def test_repr_shows_the_state(virtual, peers):
    assert repr(peers.transport).endswith(" open queued=0>")
    peers.transport.close()
    assert repr(peers.transport).endswith(" closing queued=0>")


# -- real sockets ----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_udp_from_end_to_end(real, host):
    client = DatagramRecorder()
    try:
        [server] = real.listen_udp(Echo, host, 0)
    except OSError:
        pytest.skip(f"there is no {host} here")
    address = server.get_extra_info("sockname")
    real.connect_udp(lambda: client, host, address[1])
    until(real, lambda: client.log)
    client.transport.sendto(b"hello")
    client.transport.sendto(b"")
    client.transport.sendto(bytes(9000), address)
    until(real, lambda: len(client.received) == 3)

    assert client.received == [(b"hello", address), (b"", address), (bytes(9000), address)]
    echo = server.get_protocol()
    own_address = client.transport.get_extra_info("sockname")
    assert [addr for _, addr in echo.received] == [own_address] * 3
    assert client.transport.get_extra_info("peername") == address


def test_a_connected_socket_sends_to_its_peer_alone(real, recorder):
    [server] = real.listen_udp(DatagramRecorder, "127.0.0.1", 0)
    port = server.get_extra_info("sockname")[1]
    real.connect_udp(lambda: recorder, "127.0.0.1", port)
    until(real, lambda: recorder.log)

    with pytest.raises(ValueError, match=r"connected to .* and cannot send to"):
        recorder.transport.sendto(b"x", ("127.0.0.1", port - 1))


def test_a_port_without_a_listener_is_an_error_of_one_datagram(real, recorder):
    address = unused_address(socket.SOCK_DGRAM)
    real.connect_udp(lambda: recorder, *address)
    until(real, lambda: recorder.log)

    recorder.transport.sendto(b"refused")
    until(real, lambda: recorder.errors)
    assert recorder.errors[0].errno == errno.ECONNREFUSED

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(address)
        late.settimeout(TIMEOUT)
        recorder.transport.sendto(b"received")
        assert late.recv(100) == b"received"
    assert recorder.log == ["made"]


def test_a_second_socket_cannot_have_the_same_port(real):
    # With SO_REUSEADDR it could (cpython gh-81409).
    [server] = real.listen_udp(DatagramRecorder, "127.0.0.1", 0)
    sock = server.get_extra_info("socket")

    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
    with pytest.raises(OSError, match="in use"):
        real.listen_udp(DatagramRecorder, "127.0.0.1", sock.getsockname()[1])


def test_a_full_system_buffer_is_waited_for(real, recorder, tmp_path):
    # The system does not drop Unix datagrams: when its buffer is full, it takes no more.
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.setblocking(False)
        transport = real.connect_unix_datagram(lambda: recorder, path)
        total = 0
        while not transport.get_write_buffer_size():
            transport.sendto(total.to_bytes(4, "big"))
            total += 1
        received = []
        while len(received) < total:
            try:
                received.append(int.from_bytes(receiver.recv(100), "big"))
            except BlockingIOError:
                real.run_once(10)

    assert received == list(range(total))
    assert transport.get_write_buffer_size() == 0


def test_unix_datagrams_from_end_to_end_and_no_file_is_left_behind(real, tmp_path):
    server_path, client_path = str(tmp_path / "server"), str(tmp_path / "client")
    client = DatagramRecorder()
    server = real.listen_unix_datagram(Echo, server_path, mode=0o600)
    real.connect_unix_datagram(lambda: client, server_path, local_path=client_path)
    assert os.stat(server_path).st_mode & 0o777 == 0o600

    client.transport.sendto(b"hello")
    until(real, lambda: client.received)

    assert client.received == [(b"hello", server_path)]
    assert server.get_protocol().received == [(b"hello", client_path)]
    assert server.get_extra_info("sockname") == server_path
    assert client.transport.get_extra_info("peername") == server_path

    client.transport.close()
    server.close()
    until(real, lambda: not os.listdir(tmp_path))
    assert client.log == ["made", ("lost", None)]


def test_sending_to_an_unnamed_peer_is_reported(real, tmp_path):
    path = str(tmp_path / "server")
    server = real.listen_unix_datagram(Echo, path)
    echo = server.get_protocol()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
        nameless.sendto(b"hello", path)
        until(real, lambda: echo.errors)

    assert echo.received == [(b"hello", None)]
    assert not server.is_closing()


def test_a_duplicate_of_a_closed_socket_does_not_wake_the_loop(real, poller, recorder):
    # epoll watches the open file, which the duplicate keeps open, as a child process would
    # (libuv#1099).
    [transport] = real.listen_udp(lambda: recorder, "127.0.0.1", 0)
    with transport.get_extra_info("socket").dup() as duplicate:
        transport.close()
        until(real, lambda: len(recorder.log) == 2)
        duplicate.sendto(b"hello", duplicate.getsockname())
        reported = poller.reported
        real.run_once(0)

        assert poller.reported == reported
        assert duplicate.recv(100) == b"hello"


def test_a_failed_connect_leaves_no_file_behind(real, tmp_path):
    with pytest.raises(FileNotFoundError):
        real.connect_unix_datagram(
            DatagramRecorder, str(tmp_path / "nobody"), local_path=str(tmp_path / "client")
        )

    assert os.listdir(tmp_path) == []


def test_extra_info(real, recorder):
    [transport] = real.listen_udp(lambda: recorder, "127.0.0.1", 0)
    sock = transport.get_extra_info("socket")

    assert transport.get_extra_info("sockname") == sock.getsockname()
    assert transport.get_extra_info("peername") is None
    assert transport.get_extra_info("peername", "nobody") == "nobody"
    assert transport.get_extra_info("compression", 7) == 7
    transport.close()
    until(real, lambda: len(recorder.log) == 2)
    assert transport.get_extra_info("sockname", "gone") == "gone"


def test_a_socket_that_select_cannot_watch_is_refused_and_closed(monkeypatch):
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
            with pytest.raises(ValueError, match="select poller cannot watch"):
                reactor.listen_udp(DatagramRecorder, "127.0.0.1", 0)
        reactor.stop(10)
        reactor.run()  # returns at once, as nothing is open
        reactor.listen_udp(DatagramRecorder, "127.0.0.1", 0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_factory_that_raises_leaves_no_socket_and_no_file_behind(tmp_path):
    made = []

    def second_fails():
        made.append(DatagramProtocol())
        if len(made) == 2:
            raise ZeroDivisionError
        return made[-1]

    path = str(tmp_path / "socket")
    with Reactor() as reactor:
        made[:] = [None]
        with pytest.raises(ZeroDivisionError):
            reactor.listen_udp(second_fails, "127.0.0.1", 0)
        made[:] = [None]
        with pytest.raises(ZeroDivisionError):
            reactor.listen_unix_datagram(second_fails, path)
        assert not (tmp_path / "socket").exists()


def test_if_one_of_several_sockets_fails_all_are_closed(monkeypatch):
    def two_sockets(*_, **__):
        pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for sock in pair:
            sock.setblocking(False)
        return pair

    made = []

    def second_fails():
        made.append(DatagramProtocol())
        if len(made) == 2:
            raise ZeroDivisionError
        return made[-1]

    monkeypatch.setattr("reactor.reactor.bind_inet", two_sockets)
    with Reactor() as reactor:
        with pytest.raises(ZeroDivisionError):
            reactor.listen_udp(second_fails, "", 0)
        reactor.run_once(0)
        assert made[0].transport.is_closing()
