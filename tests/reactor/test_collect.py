"""``io_collect_interval``: the pauses after turns that sent no answer."""

import socket
import ssl
import threading
import time

import pytest

from reactor import READ, DatagramProtocol, Protocol, Reactor
from reactor.gathering import BUSY_FOR
from reactor.pollers import make_poller
from reactor.sockets.listener import ACCEPTS_PER_TURN
from reactor.transports.datagram import READS_PER_EVENT
from reactor.transports.stream import BULK_READ, READ_SIZE

from ..tools.clock import Clock
from ..tools.waiting import TIMEOUT

TURN = 10.0  # seconds: the longest wait of each turn


class RecordingPoller:
    """The best poller. It records how much shorter than ``TURN`` each wait was: that much of the
    turn was a pause."""

    def __init__(self):
        self._poller = make_poller()
        self.register = self._poller.register
        self.modify = self._poller.modify
        self.unregister = self._poller.unregister
        self.close = self._poller.close
        self.pauses = []

    def poll(self, timeout):
        if 0 < timeout < TURN:
            self.pauses.append(pytest.approx(TURN - timeout))
        return self._poller.poll(timeout)


class Listening(Protocol):
    """Answers questions only, with "yes"."""

    def data_received(self, data):
        if data.endswith(b"?"):
            self.transport.write(b"yes")


class ListeningDatagrams(DatagramProtocol):
    """The same for datagrams."""

    def datagram_received(self, data, addr):
        if data.endswith(b"?"):
            self.transport.sendto(b"yes", addr)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def poller():
    return RecordingPoller()


@pytest.fixture
def reactor(clock, poller):
    with Reactor(clock=clock, poller=poller) as reactor:
        reactor.io_collect_interval = 0.02
        yield reactor


@pytest.fixture
def pauses(poller):
    """The pauses so far, in seconds."""
    return poller.pauses


@pytest.fixture
def peer(reactor):
    ours, theirs = socket.socketpair()
    with theirs:
        reactor.connect_socket(Listening, ours)
        yield theirs


@pytest.fixture
def datagram_peer(reactor):
    [server] = reactor.listen_udp(ListeningDatagrams, "127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.connect(server.get_extra_info("sockname"))
        peer.settimeout(TIMEOUT)
        yield peer


def turn(reactor):
    reactor.run_once(TURN)


def test_a_turn_that_sent_no_answer_is_followed_by_a_pause(reactor, pauses, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    assert pauses == []

    peer.send(b"heartbeat")
    turn(reactor)
    assert pauses == [0.02]


def test_a_turn_that_sent_an_answer_is_not_followed_by_a_pause(reactor, pauses, peer):
    for _ in range(3):
        peer.send(b"are you there?")
        turn(reactor)
        assert peer.recv(10) == b"yes"

    assert pauses == []


def test_a_turn_without_events_is_not_followed_by_a_pause(reactor, pauses, peer):
    reactor.run_once(0)
    peer.send(b"heartbeat")
    turn(reactor)

    assert pauses == []


def test_a_queued_callback_is_not_delayed(reactor, pauses, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    peer.send(b"heartbeat")
    reactor.call_soon(lambda: None)
    turn(reactor)

    assert pauses == []


def test_a_timer_is_not_delayed(reactor, peer):
    reactor.io_collect_interval = 60.0
    peer.send(b"heartbeat")
    turn(reactor)
    timer = reactor.call_later(0.001, lambda: None)
    began = time.monotonic()
    turn(reactor)

    assert time.monotonic() - began < 30
    timer.cancel()


def test_by_default_there_are_no_pauses(poller):
    ours, theirs = socket.socketpair()
    with theirs, Reactor(poller=poller) as reactor:
        reactor.connect_socket(Listening, ours)
        for _ in range(2):
            theirs.send(b"heartbeat")
            turn(reactor)

    assert poller.pauses == []


def test_setting_the_interval_to_zero_ends_the_pauses(reactor, pauses, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    reactor.io_collect_interval = 0.0
    peer.send(b"heartbeat")
    turn(reactor)

    assert pauses == []


def test_a_call_from_another_thread_ends_the_pause(reactor, peer):
    reactor.io_collect_interval = 60.0
    peer.send(b"heartbeat")
    turn(reactor)
    called = []
    thread = threading.Timer(0.05, reactor.call_soon_threadsafe, [called.append, True])
    thread.start()
    began = time.monotonic()
    reactor.run_once(120)
    thread.join()

    assert called == [True]
    assert time.monotonic() - began < 30


def test_events_of_a_programs_own_descriptors_gather_too(reactor, pauses):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reactor.register(ours.fileno(), READ, lambda mask: ours.recv(10))
        for _ in range(2):
            theirs.send(b"x")
            turn(reactor)
        reactor.unregister(ours.fileno())

    assert pauses == [0.02]


def test_a_datagram_is_an_answer(reactor, pauses, datagram_peer):
    for _ in range(3):
        datagram_peer.send(b"are you there?")
        turn(reactor)
        assert datagram_peer.recv(10) == b"yes"
    assert pauses == []

    datagram_peer.send(b"heartbeat")
    turn(reactor)
    datagram_peer.send(b"heartbeat")
    turn(reactor)
    assert pauses == [0.02]


def test_after_more_datagrams_than_one_event_reads_there_are_no_pauses_for_a_while(
    reactor, clock, pauses, datagram_peer
):
    for _ in range(READS_PER_EVENT):  # as many as one event may read: more may be waiting
        datagram_peer.send(b"heartbeat")
    turn(reactor)
    assert reactor.stats.datagrams_received == READS_PER_EVENT

    clock.now += 0.9 * BUSY_FOR
    for _ in range(2):
        datagram_peer.send(b"heartbeat")
        turn(reactor)
    assert pauses == []

    clock.now += 0.2 * BUSY_FOR
    reactor.run_once(0)  # is late
    reactor.run_once(0)  # finds nothing to catch up with
    for _ in range(2):
        datagram_peer.send(b"heartbeat")
        turn(reactor)
    assert pauses == [0.02]


def test_after_fewer_datagrams_than_one_event_reads_there_is_a_pause(
    reactor, pauses, datagram_peer
):
    for _ in range(READS_PER_EVENT - 1):
        datagram_peer.send(b"heartbeat")
    turn(reactor)
    datagram_peer.send(b"heartbeat")
    turn(reactor)

    assert pauses == [0.02]


def test_a_queue_longer_than_the_systems_buffer_is_sent_without_pauses(reactor, pauses):
    ours, theirs = socket.socketpair()
    with theirs:
        transport = reactor.connect_socket(Listening, ours)
        size = 3_000_000
        transport.max_write_buffer = size
        transport.write(bytes(size))
        received = 0
        while received < size:
            turn(reactor)
            received += len(theirs.recv(1 << 20))

    assert pauses == []


@pytest.mark.parametrize("size", [BULK_READ, READ_SIZE])
def test_a_bulk_transfer_is_read_without_pauses(reactor, pauses, peer, size):
    for _ in range(3):
        peer.send(bytes(size))
        turn(reactor)

    assert pauses == []


def test_many_waiting_connections_are_accepted_without_pauses(reactor, pauses):
    listener = reactor.listen_tcp(Listening, "127.0.0.1", 0)
    crowd = [socket.create_connection(listener.addresses[0]) for _ in range(2 * ACCEPTS_PER_TURN)]
    while listener.connections < len(crowd):
        turn(reactor)
    for peer in crowd:
        peer.close()

    assert pauses == []


def test_the_first_request_of_a_new_connection_is_not_delayed(reactor, pauses):
    listener = reactor.listen_tcp(Listening, "127.0.0.1", 0)
    with socket.create_connection(listener.addresses[0]) as peer:
        turn(reactor)
        peer.send(b"are you there?")
        turn(reactor)

    assert pauses == []


def test_connecting_is_not_delayed(reactor, pauses):
    made = []

    class Client(Protocol):
        def connection_made(self, transport):
            made.append(transport)

    class Relay(Protocol):
        def data_received(self, data):
            reactor.connect_tcp(Client, *server.getsockname())

    reactor.connect_socket(Relay, (pair := socket.socketpair())[0])
    with socket.create_server(("127.0.0.1", 0)) as server, pair[1]:
        pair[1].send(b"go")
        turn(reactor)
        while not made:
            turn(reactor)

    assert pauses == []


def test_a_tls_handshake_is_not_delayed(reactor, pauses, certificate):
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(certificate.chain, certificate.key)
    client_context = ssl.create_default_context(cafile=certificate.ca)
    made = []

    class Client(Protocol):
        def connection_made(self, transport):
            made.append(transport)

    ours, theirs = socket.socketpair()
    reactor.connect_socket(Protocol, ours, tls=server_context)
    reactor.connect_socket(Client, theirs, tls=client_context, server_hostname="localhost")
    while not made:
        turn(reactor)

    assert pauses == []


def test_a_programs_own_handler_can_set_answered(reactor, pauses):
    ours, theirs = socket.socketpair()

    def answer(mask):
        ours.send(ours.recv(10))
        reactor.answered = True

    with ours, theirs:
        reactor.register(ours.fileno(), READ, answer)
        for _ in range(3):
            theirs.send(b"x")
            turn(reactor)
        reactor.unregister(ours.fileno())

    assert pauses == []
