"""Lingering close: the peer gets all that was sent, and cannot keep our socket for long."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from reactor import READ, Reactor
from reactor.testing import StreamPeer, VirtualReactor
from reactor.transports import linger as lingering

from ...tools.recording import Recorder
from ...tools.waiting import until


@pytest.fixture
def reactor() -> Iterator[VirtualReactor]:
    with VirtualReactor() as reactor:
        yield reactor
    assert reactor.stats.lingering == 0


def write_and_close(reactor: VirtualReactor) -> tuple[Recorder, StreamPeer]:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    end.transport.write(b"the last words")
    end.transport.close()
    reactor.settle()
    assert end.lost == [None]  # the protocol does not wait for the peer
    return end, peer


def test_over_tcp_the_last_data_survives_unread_input() -> None:
    """The server closes while the client is still sending, as after a request that is too large.
    Without lingering the client gets a reset instead of the answer."""

    def refuse(server: Recorder, data: bytes) -> None:
        server.transport.write(b"too large")
        server.transport.close()

    with Reactor() as reactor:
        server = Recorder(data_received=refuse)
        listener = reactor.listen_tcp(lambda: server, "127.0.0.1", 0)
        with socket.create_connection(listener.addresses[0]) as client:
            client.setblocking(False)
            answer = bytearray()
            for _ in range(10):
                client.send(bytes(50_000))
                reactor.run_once(0.01)
            until(reactor, lambda: server.lost)
            while True:
                client.send(b"more")
                reactor.run_once(0.01)
                try:
                    data = client.recv(100)
                except BlockingIOError:
                    continue
                if not data:
                    break
                answer += data
        assert answer == b"too large"
        until(reactor, lambda: reactor.stats.lingering == 0)


def test_lingering_lasts_until_the_peer_has_finished(reactor: VirtualReactor) -> None:
    _, peer = write_and_close(reactor)
    assert (peer.received, peer.eof_received, peer.closed) == (b"the last words", True, False)
    assert reactor.stats.lingering == 1
    peer.send(b"more data", chunk=2)
    reactor.settle()
    assert not peer.closed
    peer.send_eof()
    reactor.settle()
    assert (peer.closed, peer.reset_received) == (True, False)
    assert len(reactor.timers) == 0


def test_lingering_is_bounded_in_time(reactor: VirtualReactor) -> None:
    _, peer = write_and_close(reactor)
    reactor.advance(lingering.LINGER_TIMEOUT - 0.1)
    peer.send(b"more")  # does not prolong it
    reactor.settle()
    assert not peer.closed
    reactor.advance(0.1)
    assert peer.closed


def test_lingering_is_bounded_in_bytes(reactor: VirtualReactor) -> None:
    _, peer = write_and_close(reactor)
    peer.send(bytes(lingering.LINGER_BYTES - 1), chunk=60_000)
    reactor.settle()
    assert not peer.closed
    peer.send(b"!")
    reactor.settle()
    assert peer.closed


def test_lingering_is_bounded_in_number(
    reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lingering, "MAX_LINGERING", 3)
    peers = [write_and_close(reactor)[1] for _ in range(5)]
    assert [peer.closed for peer in peers] == [False, False, False, True, True]
    assert all(peer.received == b"the last words" for peer in peers)
    peers[0].close()
    reactor.settle()
    assert not write_and_close(reactor)[1].closed  # there is room again
    assert reactor.stats.lingering == 3


def test_a_peer_that_has_finished_is_not_waited_for(reactor: VirtualReactor) -> None:
    end = Recorder(eof_received=lambda end: end.transport.write(b"the last words"))
    peer = reactor.connect(lambda: end)
    peer.send_eof()
    reactor.settle()
    assert (peer.received, peer.closed) == (b"the last words", True)


def test_a_broken_connection_is_not_waited_for(reactor: VirtualReactor) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    end.transport.close()
    peer.reset()
    reactor.settle()
    assert peer.closed


def test_a_reset_ends_lingering(reactor: VirtualReactor) -> None:
    _, peer = write_and_close(reactor)
    peer.reset(errno.ECONNRESET)
    reactor.settle()
    assert peer.closed


def test_abort_does_not_linger(reactor: VirtualReactor) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.send(b"unread")
    end.transport.abort()
    reactor.settle()
    assert (peer.closed, peer.reset_received) == (True, True)


def test_a_shutdown_discards_what_has_arrived_and_does_not_linger(reactor: VirtualReactor) -> None:
    _, before = write_and_close(reactor)
    before.send(bytes(1000), chunk=10)
    end = Recorder()
    open_still = reactor.connect(lambda: end)
    open_still.send(bytes(1000), chunk=10)
    now = reactor.time()
    reactor.stop(grace=60)
    reactor.run()
    assert reactor.time() == now
    for peer in (before, open_still):
        assert (peer.closed, peer.reset_received) == (True, False)


def test_the_peers_end_and_a_shutdown_may_come_in_the_same_turn(reactor: VirtualReactor) -> None:
    # A socket that begins to linger during a shutdown is asked to end in the next turn. Here the
    # peer's end is handled first in that turn.
    end = Recorder(connection_lost=lambda end, exc: peer.close())
    peer = reactor.connect(lambda: end)
    reactor.stop(grace=60)
    reactor.run()
    assert peer.closed
    assert reactor.stats.lingering == 0


def test_readiness_is_a_hint(reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch) -> None:
    _, peer = write_and_close(reactor)
    sock = peer.transport.get_extra_info("socket")
    monkeypatch.setattr(sock, "state", lambda: READ)  # reported as readable, with nothing to read
    reactor.run_once(0)
    assert not peer.closed
    monkeypatch.undo()
    peer.close()
    reactor.settle()
    assert peer.closed
