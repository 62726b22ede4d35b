"""``io_collect_interval``: letting events gather after turns that answered nobody."""

import socket
import threading

import pytest

from reactor import READ, DatagramProtocol, Protocol, Reactor
from reactor.loop import BUSY_FOR
from reactor.sockets.connector import Connector
from reactor.sockets.listener import ACCEPTS_PER_TURN
from reactor.transports.datagram import READS_PER_EVENT
from reactor.transports.stream import BULK_READ, READ_SIZE

from ..tools.certificates import tls_contexts
from ..tools.clock import Clock
from ..tools.waiting import TIMEOUT


class Listening(Protocol):
    """Reads and says nothing, but "yes" to a question."""

    def data_received(self, data):
        if data.endswith(b"?"):
            self.transport.write(b"yes")


class ListeningDatagrams(DatagramProtocol):
    """The same over datagrams."""

    def datagram_received(self, data, addr):
        if data.endswith(b"?"):
            self.transport.sendto(b"yes", addr)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def reactor(clock):
    with Reactor(clock=clock) as reactor:
        reactor.io_collect_interval = 0.02
        yield reactor


@pytest.fixture
def waits(reactor, monkeypatch):
    """The waits for events to gather, in seconds; they are not really waited for."""
    waits = []
    monkeypatch.setattr(reactor._wakeup, "wait", waits.append)
    return waits


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
    reactor.run_once(10)


def test_after_a_turn_that_answered_nobody_events_gather(reactor, waits, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    assert waits == []

    peer.send(b"heartbeat")
    turn(reactor)
    assert waits == [0.02]


def test_after_an_answer_the_next_event_is_not_kept_waiting(reactor, waits, peer):
    for _ in range(3):
        peer.send(b"are you there?")
        turn(reactor)
        assert peer.recv(10) == b"yes"

    assert waits == []


def test_a_turn_without_events_does_not_count(reactor, waits, peer):
    reactor.run_once(0)
    peer.send(b"heartbeat")
    turn(reactor)

    assert waits == []


def test_timers_and_callbacks_are_not_kept_waiting(reactor, waits, peer):
    peer.send(b"heartbeat")
    turn(reactor)
    peer.send(b"heartbeat")
    reactor.call_soon(lambda: None)
    turn(reactor)
    assert waits == []

    timer = reactor.call_later(0.001, lambda: None)  # and the clock stands still
    peer.send(b"heartbeat")
    turn(reactor)
    assert len(waits) == 1
    assert waits[0] <= 0.001
    timer.cancel()


def test_it_is_off_by_default(waits, reactor, peer):
    reactor.io_collect_interval = Reactor().io_collect_interval
    for _ in range(2):
        peer.send(b"heartbeat")
        turn(reactor)

    assert waits == []


def test_another_thread_ends_the_wait(reactor, peer):
    reactor.io_collect_interval = 60.0
    peer.send(b"heartbeat")
    turn(reactor)
    done = threading.Event()
    thread = threading.Timer(0.05, reactor.call_soon_threadsafe, [done.set])
    thread.start()
    reactor.run_once()
    thread.join()

    assert done.is_set()


def test_descriptors_of_ones_own_gather_as_well(reactor, waits):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reactor.register(ours.fileno(), READ, lambda mask: ours.recv(10))
        for _ in range(2):
            theirs.send(b"x")
            turn(reactor)
        reactor.unregister(ours.fileno())

    assert waits == [0.02]


def test_a_datagram_is_an_answer(reactor, waits, datagram_peer):
    for _ in range(3):
        datagram_peer.send(b"are you there?")
        turn(reactor)
        assert datagram_peer.recv(10) == b"yes"
    assert waits == []

    datagram_peer.send(b"heartbeat")
    turn(reactor)
    datagram_peer.send(b"heartbeat")
    turn(reactor)
    assert waits == [0.02]


def test_while_more_datagrams_come_than_one_event_reads_none_gather(
    reactor, clock, waits, datagram_peer
):
    for _ in range(READS_PER_EVENT):  # all that one event may read: more may be waiting
        datagram_peer.send(b"heartbeat")
    turn(reactor)
    assert reactor.stats.datagrams_received == READS_PER_EVENT

    clock.now += 0.9 * BUSY_FOR
    for _ in range(2):
        datagram_peer.send(b"heartbeat")
        turn(reactor)
    assert waits == []

    clock.now += 0.2 * BUSY_FOR
    turn(reactor)  # it is late,
    turn(reactor)  # and this one finds nothing more to catch up with
    for _ in range(2):
        datagram_peer.send(b"heartbeat")
        turn(reactor)
    assert waits == [0.02]


def test_a_few_datagrams_in_a_turn_gather(reactor, waits, datagram_peer):
    for _ in range(READS_PER_EVENT - 1):
        datagram_peer.send(b"heartbeat")
    turn(reactor)
    datagram_peer.send(b"heartbeat")
    turn(reactor)

    assert waits == [0.02]


def test_what_waits_for_room_is_sent_on_without_a_pause(reactor, waits, peer):
    [transport] = reactor._endpoints
    size = 3_000_000
    transport.max_write_buffer = size
    transport.write(bytes(size))
    received = 0
    while received < size:
        turn(reactor)
        received += len(peer.recv(1 << 20))

    assert waits == []


@pytest.mark.parametrize("size", [BULK_READ, READ_SIZE])
def test_data_in_bulk_is_read_on_without_a_pause(reactor, waits, peer, size):
    for _ in range(3):
        peer.send(bytes(size))
        turn(reactor)

    assert waits == []


def test_a_crowd_at_the_door_is_let_in_without_a_pause(reactor, waits):
    listener = reactor.listen_tcp(Listening, "127.0.0.1", 0)
    crowd = [socket.create_connection(listener.addresses[0]) for _ in range(2 * ACCEPTS_PER_TURN)]
    while listener.connections < len(crowd):
        turn(reactor)
    for peer in crowd:
        peer.close()

    assert waits == []


def test_who_has_just_come_in_is_not_kept_waiting(reactor, waits):
    listener = reactor.listen_tcp(Listening, "127.0.0.1", 0)
    with socket.create_connection(listener.addresses[0]) as peer:
        turn(reactor)
        peer.send(b"are you there?")
        turn(reactor)

    assert waits == []


def test_a_connection_that_is_being_made_is_not_kept_waiting(reactor, waits, peer):
    class Relay(Protocol):
        def data_received(self, data):
            reactor.connect_tcp(Protocol, *server.getsockname())

    reactor.connect_socket(Relay, (pair := socket.socketpair())[0])
    with socket.create_server(("127.0.0.1", 0)) as server, pair[1]:
        pair[1].send(b"go")
        turn(reactor)
        while any(isinstance(endpoint, Connector) for endpoint in reactor._endpoints):
            turn(reactor)

    assert waits == []


def test_a_tls_handshake_is_not_kept_waiting(reactor, waits):
    server_context, client_context = tls_contexts()
    made = []

    class Client(Protocol):
        def connection_made(self, transport):
            made.append(transport)

    ours, theirs = socket.socketpair()
    reactor.connect_socket(Protocol, ours, tls=server_context)
    reactor.connect_socket(Client, theirs, tls=client_context, server_hostname="localhost")
    while not made:
        turn(reactor)

    assert waits == []


def test_a_handler_of_ones_own_can_say_that_it_has_answered(reactor, waits):
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

    assert waits == []
