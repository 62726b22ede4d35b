"""After a stall, everything that has arrived is read before any timer runs: the loop in virtual
time, and over real pollers."""

from __future__ import annotations

import contextlib
import itertools
import resource
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import READ, DatagramProtocol, IdleTimer, Protocol, Reactor
from reactor.backlog import LATE, LONGEST
from reactor.pollers import POLLERS, EpollPoller
from reactor.sockets.connector import CONNECT_TIMEOUT, Connector
from reactor.testing import DatagramPeers, StreamPeer, VirtualReactor
from reactor.timers import Deadline
from reactor.transports.linger import LINGER_TIMEOUT

from ..tools.certificates import tls_contexts
from ..tools.clock import Clock
from ..tools.recording import Recorder
from ..tools.waiting import until

TIMEOUT = 15.0
STALL = 17.0
SHORT = 0.01  # too short for a stall
NEEDS_EPOLL = pytest.mark.skipif(not hasattr(select, "epoll"), reason="needs epoll")


class Member(Protocol):
    """Expires after ``TIMEOUT`` seconds of silence."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.expired_at: float | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.idle = IdleTimer(self.reactor, TIMEOUT, self.expire)

    def data_received(self, data: bytes) -> None:
        self.idle.touch()

    def expire(self) -> None:
        self.expired_at = self.reactor.time()
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.idle.cancel()


class Members(DatagramProtocol):
    """The same for the peers of a datagram socket."""

    def __init__(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.timers: dict[Any, IdleTimer] = {}
        self.expired: list[Any] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if addr not in self.timers:
            self.timers[addr] = IdleTimer(self.reactor, TIMEOUT, self.expired.append, addr)
        self.timers[addr].touch()


@pytest.fixture(params=[False, True], ids=["working", "waiting"])
def stall(request: pytest.FixtureRequest, reactor: VirtualReactor) -> Callable[[float], None]:
    """``stall(seconds)``: a callback blocks, or the process is stopped while the loop waits."""
    return lambda seconds: reactor.stall(seconds, waiting=request.param)


def join(reactor: VirtualReactor, number: int) -> list[tuple[StreamPeer, Member]]:
    members = [Member(reactor) for _ in range(number)]
    joined = [(reactor.connect(lambda each=each: each), each) for each in members]
    reactor.settle()
    return joined


# -- everything is read ----------------------------------------------------------------------------


def test_members_whose_heartbeats_are_unread_do_not_expire(reactor, stall):
    members = join(reactor, 10)
    reactor.advance(1)
    for peer, _ in members:
        peer.send(b"HEARTBEAT")
    stall(STALL)
    reactor.settle()
    assert [member.expired_at for _, member in members] == [None] * 10

    reactor.advance(TIMEOUT)  # from when it was read
    assert {member.expired_at for _, member in members} == {1001.0 + STALL + TIMEOUT}


def test_silent_members_expire_as_soon_as_everything_is_read(reactor, stall):
    members = join(reactor, 3)
    reactor.advance(1)
    members[1][0].send(b"HEARTBEAT")
    stall(STALL)
    reactor.settle()
    assert [member.expired_at for _, member in members] == [1001 + STALL, None, 1001 + STALL]


def test_everything_is_read_when_a_poll_reports_only_some_descriptors(reactor, stall):
    reactor.max_events = 3
    members = join(reactor, 20)
    for peer, _ in members:
        peer.send(b"HEARTBEAT")
    stall(STALL)
    reactor.settle()
    assert [member.expired_at for _, member in members] == [None] * 20


def test_data_for_several_reads_is_read_before_timers_run(reactor, stall):
    end = Recorder()
    peer = reactor.connect(lambda: end)
    reactor.settle()
    seen: list[int] = []
    reactor.call_later(1, lambda: seen.append(len(end.data)))
    peer.send(bytes(1_000_000))
    stall(STALL)
    reactor.settle()
    assert seen == [1_000_000]


def test_datagrams_for_several_events_are_read_before_timers_run(reactor, stall):
    members = Members(reactor)
    peers: DatagramPeers = reactor.datagram_socket(lambda: members)
    for _ in range(2):
        for number in range(300):
            peers.send(b"HEARTBEAT", ("192.0.2.1", number))
        stall(STALL)
        reactor.settle()
        assert len(members.timers) == 300
    assert members.expired == []


def test_callbacks_that_continue_reading_run_before_timers(reactor, stall):
    # TLS and pipelined HTTP requests do this.
    order: list[str] = []

    class Later(Protocol):
        def data_received(self, data: bytes) -> None:
            self.go_on(3)

        def go_on(self, left: int) -> None:
            if left:
                reactor.call_soon(self.go_on, left - 1)
            else:
                order.append("read")

    peer = reactor.connect(Later)
    reactor.settle()
    reactor.call_later(1, order.append, "timer")
    peer.send(b"x")
    stall(STALL)
    reactor.settle()
    assert order == ["read", "timer"]


def test_the_result_of_another_thread_comes_before_timers_run(reactor, stall):
    order: list[str] = []
    reactor.call_later(5, order.append, "deadline")
    stall(STALL)
    reactor.call_soon_threadsafe(reactor.call_soon, order.append, "result")
    reactor.settle()
    assert order == ["result", "deadline"]


@pytest.mark.parametrize(
    "stalls", [(STALL, 3 * STALL), (STALL, STALL), (0.1, STALL, STALL), (0.1, 0.3, STALL, STALL)]
)
def test_a_stall_while_catching_up_is_a_stall_too(reactor, stall, stalls):
    reactor.max_events = 2
    members = join(reactor, 9)
    for seconds in stalls:
        for peer, _ in members:
            peer.send(b"HEARTBEAT")
        stall(seconds)
        reactor.run_once(0)
    reactor.settle()
    assert [member.expired_at for _, member in members] == [None] * 9


def test_members_read_after_a_handler_that_blocked_count_from_its_end(reactor):
    """Their heartbeats arrived meanwhile, and are read in the turn that began long before."""
    members = join(reactor, 10)
    third = members[2][1]

    def block(data: bytes) -> None:
        for peer, _ in members[:3]:  # the others have one that is unread still
            peer.send(b"HEARTBEAT")
        reactor.stall(STALL)

    third.data_received = block  # type: ignore[method-assign]
    for peer, _ in members:
        peer.send(b"HEARTBEAT")
    reactor.run_once()
    third.data_received = lambda data: third.idle.touch()  # type: ignore[method-assign]
    reactor.settle()
    assert [member.expired_at for _, member in members] == [None] * 10

    reactor.advance(TIMEOUT)
    assert {member.expired_at for _, member in members} == {1000.0 + STALL + TIMEOUT}


def test_time_between_two_runs_is_a_stall_too(reactor):
    reactor.max_events = 2
    members = join(reactor, 9)
    reactor.call_soon(reactor.stop)
    reactor.run()
    for peer, _ in members:
        peer.send(b"HEARTBEAT")
    reactor.stall(STALL)
    reactor.call_soon(reactor.call_soon, reactor.stop)
    reactor.run()
    reactor.settle()
    assert [member.expired_at for _, member in members] == [None] * 9


# -- how long timers are delayed -------------------------------------------------------------------


def test_without_a_stall_timers_are_not_delayed(reactor):
    turns: list[int] = []
    for delay in (0.01, 1, 3600):
        reactor.call_later(delay, lambda: turns.append(reactor.stats.turns))
    reactor.advance(4000)
    assert turns == [1, 2, 3]
    assert reactor.stats.stalled_time == 0


def test_after_a_stall_that_left_nothing_to_read_timers_run_at_once(reactor):
    fired: list[float] = []
    reactor.call_later(1, lambda: fired.append(reactor.time()))
    reactor.stall(STALL)
    reactor.run_once(0)
    assert fired == [1000 + STALL]


def test_a_small_delay_is_not_a_stall(reactor):
    fired: list[str] = []
    peer = reactor.connect(Recorder)
    reactor.settle()
    reactor.call_later(LATE / 2, fired.append, "timer")
    peer.send(b"x")
    reactor.stall(LATE)
    reactor.run_once(0)
    assert fired == ["timer"]
    assert reactor.stats.stalled_time == 0


@pytest.mark.parametrize(("seconds", "held"), [(2.0, 2.0), (STALL, LONGEST), (3600.0, LONGEST)])
def test_a_descriptor_that_is_always_ready_delays_timers_for_a_bounded_time(reactor, seconds, held):
    """A peer that floods us, or a regular file. The bound is the length of the stall, or less."""
    fired: list[float] = []

    class Flooded(Protocol):
        def data_received(self, data: bytes) -> None:
            reactor.stall(0.01)
            if not fired:
                peer.send(b"more")

    peer = reactor.connect(Flooded)
    reactor.settle()
    reactor.call_later(1, lambda: fired.append(reactor.time()))
    peer.send(b"x")
    reactor.stall(seconds)
    reactor.settle()
    assert fired == [pytest.approx(1000 + seconds + held, abs=0.02)]


def test_a_grace_period_ends_in_time_while_a_peer_floods_the_loop_after_a_stall(reactor):
    class Flooded(Protocol):
        def data_received(self, data: bytes) -> None:
            reactor.stall(0.01)
            peer.send(b"more")

        def shutdown_requested(self) -> None:
            pass

    peer = reactor.connect(Flooded)
    reactor.settle()
    peer.send(b"x")
    reactor.stall(3600)
    reactor.stop(1)
    reactor.run()
    assert reactor.time() == pytest.approx(1000 + 3600 + 1, abs=0.1)


def test_a_stop_during_a_stall_leaves_nothing_for_the_next_run(reactor):
    reactor.connect(Protocol)
    reactor.settle()
    reactor.stall(3600)
    reactor.stop(1)
    reactor.run()

    members = join(reactor, 3)
    reactor.advance(0.04)  # a turn that is not late
    reactor.max_events = 1
    for peer, _ in members:
        peer.send(b"HEARTBEAT")
    reactor.stall(STALL)
    reactor.settle()
    assert [member.expired_at for _, member in members] == [None] * 3


@pytest.mark.parametrize("growth", [1.0, 1.01, 1.9])
def test_timers_run_regularly_when_every_turn_is_late(reactor, growth):
    fired: list[float] = []
    length = 0.2

    def work() -> None:
        nonlocal length
        reactor.stall(length)
        length = min(length * growth, 2.0)
        if len(fired) < 20:
            reactor.call_soon(work)

    def tick() -> None:
        fired.append(reactor.time())
        reactor.call_later(1, tick)

    work()
    tick()
    while len(fired) < 20:
        reactor.run_once(0)
    waits = [later - earlier for earlier, later in itertools.pairwise(fired)]
    assert max(waits) < 1 + 4 * 2.0


@pytest.mark.parametrize("growth", [2.1, 3.0, 10.0])
def test_timers_run_although_each_turn_is_a_longer_stall_than_the_one_before(reactor, growth):
    # For example because threads queue callbacks faster than the loop runs them.
    turns = 0
    runs: list[int] = []

    def work() -> None:
        nonlocal turns
        reactor.stall(0.06 * growth**turns)
        turns += 1
        if turns < 12:
            reactor.call_soon(work)

    def tick() -> None:
        runs.append(turns)
        if turns < 12:
            reactor.call_later(0.01, tick)

    work()
    tick()
    reactor.settle()
    assert max(later - earlier for earlier, later in itertools.pairwise(runs)) <= 3


def test_there_are_no_pauses_while_catching_up():
    clock = Clock()
    with Reactor(clock=clock) as reactor:
        reactor.io_collect_interval = 60.0
        ours, theirs = socket.socketpair()
        with theirs:
            reactor.connect_socket(Recorder, ours)
            theirs.send(b"x")
            reactor.run_once(0)
            theirs.send(b"x")
            clock.now += STALL
            reactor.run_once(0)
            began = time.monotonic()
            reactor.run_once(100)  # catches up: it neither pauses nor waits
            assert time.monotonic() - began < 30


def test_stalled_time_is_counted(reactor, stall):
    stall(STALL)
    reactor.call_later(STALL - 1, print)
    reactor.settle()
    reactor.advance(100)
    assert reactor.stats.stalled_time == pytest.approx(STALL)
    assert reactor.stats.as_dict()["stalled_time"] == reactor.stats.stalled_time


# -- deadlines that depend on our answers ----------------------------------------------------------


def test_a_deadline_is_postponed_by_the_length_of_the_stall(reactor, stall):
    fired: list[float] = []
    Deadline(reactor, 10, lambda: fired.append(reactor.time()))
    reactor.advance(4)
    stall(STALL)
    reactor.advance(9.99)  # of the 10 seconds, 4 have passed before the stall
    if reactor.time() < 1000 + 10 + STALL:
        assert fired == []
    reactor.advance(10)
    assert fired == [pytest.approx(1000 + 10 + STALL)]


def test_a_deadline_is_postponed_only_once(reactor):
    fired: list[float] = []

    def work() -> None:
        reactor.stall(0.5)
        if not fired:
            reactor.call_soon(work)

    Deadline(reactor, 10, lambda: fired.append(reactor.time()))
    work()
    reactor.settle()
    assert 1020 <= fired[0] < 1023


def test_without_a_stall_a_deadline_is_an_ordinary_timer(reactor):
    fired: list[float] = []
    deadline = Deadline(reactor, 10, lambda: fired.append(reactor.time()))
    reactor.advance(5)
    deadline.reschedule(10)
    cancelled = Deadline(reactor, 10, print)
    reactor.call_at(1015, cancelled.cancel)
    reactor.advance(100)
    assert fired == [1015]


def test_a_rescheduled_deadline_ignores_earlier_stalls(reactor):
    fired: list[float] = []
    deadline = Deadline(reactor, 100, lambda: fired.append(reactor.time()))
    reactor.stall(STALL)
    reactor.run_once(0)
    deadline.reschedule(10)
    reactor.advance(100)
    assert fired == [1000 + STALL + 10]


def test_the_timeout_of_a_connector_is_postponed_by_the_stall(reactor, stall):
    failures: list[Exception] = []
    Connector(reactor, Protocol, failures.append, target="nowhere")
    reactor.advance(1)
    stall(CONNECT_TIMEOUT)
    reactor.settle()
    assert failures == []
    reactor.advance(CONNECT_TIMEOUT - 1)
    assert len(failures) == 1


def test_the_timeout_of_closing_is_postponed_by_the_stall(reactor, stall):
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.stall()
    end.transport.write(b"last words")
    end.transport.close()
    reactor.advance(1)
    stall(end.transport.close_timeout)
    reactor.settle()
    assert end.lost == []
    peer.resume()
    reactor.settle()
    assert (peer.received, end.lost) == (b"last words", [None])


def test_a_lingering_peer_is_read_before_its_timeout(reactor, stall):
    peer = reactor.connect(Protocol)
    peer.transport.close()
    reactor.settle()
    assert reactor.stats.lingering == 1
    peer.send(bytes(500_000))
    stall(LINGER_TIMEOUT)
    reactor.settle()
    assert not peer.reset_received


# -- over real pollers -----------------------------------------------------------------------------


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Room for more descriptors than a shell usually allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"the system allows {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@NEEDS_EPOLL
def test_epoll_can_report_more_than_python_asks_for(many_descriptors: None):
    poller = EpollPoller()
    pairs = [socket.socketpair() for _ in range(1100)]
    try:
        for ours, theirs in pairs:
            theirs.send(b"x")
            poller.register(ours.fileno(), READ)
        assert len(poller.poll(0)) == 1023
        assert len(poller.poll_all()) == 1100
        for ours, _ in pairs:
            poller.unregister(ours.fileno())
        assert poller.poll_all() == []
    finally:
        poller.close()
        for pair in pairs:
            for sock in pair:
                sock.close()


@NEEDS_EPOLL
def test_poll_all_reports_regular_files(tmp_path: Path):
    poller = EpollPoller()
    with (tmp_path / "file").open("w+") as file:
        poller.register(file.fileno(), READ)
        assert poller.poll_all() == [(file.fileno(), READ)]
        poller.modify(file.fileno(), 0)
        assert poller.poll_all() == []
    poller.close()


@pytest.mark.parametrize("poller", [name for name in POLLERS if name != "select"])
def test_a_blocked_callback_expires_none_of_many_members(poller, many_descriptors):
    clock = Clock()
    with Reactor(poller=poller, clock=clock) as reactor:
        members = [Member(reactor) for _ in range(1500)]
        peers = []
        for member in members:
            ours, theirs = socket.socketpair()
            peers.append(theirs)
            reactor.connect_socket(lambda member=member: member, ours)
        clock.now += SHORT
        reactor.run_once(0)
        for peer in peers:
            peer.send(b"HEARTBEAT")
        clock.now += STALL
        for _ in range(5):
            reactor.run_once(0)
        expired = [member for member in members if member.expired_at is not None]
    for peer in peers:
        peer.close()
    assert expired == []


def test_a_blocked_callback_expires_no_peer_of_a_datagram_socket():
    clock = Clock()
    with Reactor(clock=clock) as reactor:
        members = Members(reactor)
        [transport] = reactor.listen_udp(lambda: members, "127.0.0.1", 0)
        address = transport.get_extra_info("sockname")
        clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(100)]
        for client in clients:
            client.sendto(b"HEARTBEAT", address)
        until(reactor, lambda: len(members.timers) == 100)
        clock.now += SHORT
        reactor.run_once(0)
        for client in clients:
            client.sendto(b"HEARTBEAT", address)
        clock.now += STALL
        until(reactor, lambda: reactor.stats.datagrams_received == 200)
        for client in clients:
            client.close()
        assert members.expired == []


def test_the_timeout_of_a_tls_handshake_is_postponed_by_the_stall():
    now = [1000.0]
    server, client = tls_contexts()
    with Reactor(clock=lambda: now[0]) as reactor:
        ours, theirs = socket.socketpair()
        end = Recorder()
        transport = reactor.connect_socket(lambda: end, ours, tls=server)
        theirs.setblocking(False)
        peer = client.wrap_socket(
            theirs, server_hostname="localhost", do_handshake_on_connect=False
        )
        with peer:
            with contextlib.suppress(ssl.SSLWantReadError):
                peer.do_handshake()
            now[0] += 1000.0  # between the client's hello and our answer
            for _ in range(5):
                reactor.run_once(0)
            assert not transport.is_closing()
            with contextlib.suppress(ssl.SSLWantReadError):
                peer.do_handshake()
            until(reactor, lambda: end.made)
