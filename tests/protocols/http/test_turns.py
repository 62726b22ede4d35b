"""Slow requests share the turns of the loop, and other clients are served in between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocols.http import HTTPServer, Limits, Request, Response
from protocols.http.limits import READ_AHEAD
from protocols.http.turns import ARRIVALS, CONNECTION, WAITING
from reactor.testing import StreamPeer

from ...tools.http import GET, HTTPWorld, read_ahead

COST = 0.013  # seconds that a slow request takes, of the virtual clock
LONGEST = ARRIVALS + WAITING + 2 * COST


class Site:
    """A server with slow requests and quick ones."""

    def __init__(self, world: HTTPWorld, limits: Limits | None = None) -> None:
        self.reactor = world.reactor
        self.server = HTTPServer(self.handler, limits=limits)
        self.seen: list[str] = []

    def connect(self) -> StreamPeer:
        return self.reactor.connect(self.server)

    def handler(self, request: Request) -> Response | None:
        self.seen.append(request.path)
        if request.has_body:
            request.read(Response)
            return None
        if request.path.startswith("/slow"):
            self.reactor.stall(COST)
        return Response.text(request.path)

    def turn(self) -> float:
        """Run one turn. Returns how long it took."""
        self.reactor.run_once(0)
        return self.reactor.time() - self.reactor.now


@pytest.fixture
def site(world: HTTPWorld) -> Site:
    return Site(world)


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def answered(peer: StreamPeer) -> int:
    return peer.received.count(b"HTTP/1.1 200 ")


def test_pipelined_requests_wait_for_further_turns(site: Site) -> None:
    peer = site.connect()
    peer.send(get("/slow") * 250)
    turns = []
    while answered(peer) < 250:
        turns.append(site.turn())
    assert max(turns) <= 2 * (CONNECTION + COST)
    assert len(site.server.turns) == 0


@pytest.mark.parametrize("remembered", [True, False])
def test_requests_of_many_connections_share_a_turn(site: Site, remembered: bool) -> None:
    peers = [site.connect() for _ in range(250)]
    site.turn()
    for number, peer in enumerate(peers):
        peer.send(get("/slow" if remembered else f"/slow{number}"))
    turns = []
    while not all(map(answered, peers)):
        turns.append(site.turn())
    assert max(turns) <= LONGEST
    assert len(turns) < 250


def crowd(site: Site, number: int) -> list[StreamPeer]:
    """Connections that ask for more than a turn has time for."""
    peers = [site.connect() for _ in range(number)]
    for peer in peers:
        peer.send(get("/slow") * 20)
    for _ in range(3):
        site.turn()
    return peers


def test_new_requests_do_not_queue_behind_waiting_connections(site: Site) -> None:
    crowd(site, 250)
    for number in range(3):
        peer = site.connect()
        peer.send(get(f"/quick{number}"))
        site.turn()
        assert answered(peer) == 1


def test_waiting_connections_continue_while_new_requests_arrive(site: Site) -> None:
    peers = crowd(site, 10)
    for _ in range(200):
        for _ in range(5):
            site.connect().send(get("/slow"))
        site.turn()
    assert [answered(peer) for peer in peers] == [20] * 10


def test_waiting_connections_take_turns(site: Site) -> None:
    peers = crowd(site, 10)
    for _ in range(50):
        counts = [answered(peer) for peer in peers]
        assert max(counts) - min(counts) <= 2
        site.turn()


@pytest.mark.parametrize("chunk", [None, 7])
def test_everything_is_answered_in_order(site: Site, chunk: int | None) -> None:
    post = b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    peers = [site.connect() for _ in range(5)]
    for number, peer in enumerate(peers):
        requests = [get(f"/slow{number}"), get("/a"), post, b"\r\n", get("/slow/b"), get("/c")]
        peer.send(b"".join(requests) * 3, chunk)
        peer.send_eof()
    site.reactor.settle()
    for number, peer in enumerate(peers):
        bodies = [part.rpartition(b"\r\n\r\n")[2] for part in peer.received.split(b"HTTP/1.1")]
        assert bodies == [
            b"",
            *([f"/slow{number}".encode(), b"/a", b"hello", b"/slow/b", b"/c"] * 3),
        ]
        assert peer.closed


def test_waiting_for_a_turn_costs_the_client_no_deadline(world: HTTPWorld) -> None:
    site = Site(world, Limits(head_timeout=1.0, keepalive_timeout=1.0, write_timeout=4.0))
    peers = [site.connect() for _ in range(200)]
    for peer in peers:
        peer.send(get("/slow") * 3)
    site.reactor.settle()
    assert [answered(peer) for peer in peers] == [3] * 200
    world.reactor.advance(4.0)
    assert all(peer.eof_received for peer in peers)


def lose(peer: StreamPeer) -> None:
    peer.reset()


def close(peer: StreamPeer) -> None:
    peer.close()


@pytest.mark.parametrize("leave", [lose, close])
def test_a_connection_that_leaves_while_it_waits_is_forgotten(
    site: Site, leave: Callable[[StreamPeer], None]
) -> None:
    [peer] = crowd(site, 1)
    leave(peer)
    site.reactor.settle()
    assert peer.closed
    assert len(site.seen) < 20 or leave is close
    assert len(site.server.turns) == 0


def test_reading_ahead_while_waiting_has_a_limit(site: Site) -> None:
    crowd(site, 50)
    peer = site.connect()
    for _ in range(100):
        peer.send(get("/slow") * 400)
    for _ in range(100):
        site.turn()
        assert read_ahead(peer) < READ_AHEAD + 65536
    assert not peer.transport.is_reading()


def test_a_stop_answers_waiting_connections(site: Site) -> None:
    peers = [site.connect() for _ in range(20)]
    for peer in peers:
        peer.send(get("/slow"))
    peers[-1].send(GET[:10])
    late = site.connect()
    late.send(GET[:10])
    site.turn()
    site.reactor.stop(5.0)
    site.reactor.settle()
    assert [answered(peer) for peer in peers] == [1] * 20
    assert all(peer.eof_received for peer in (*peers, late))


# -- bodies ----------------------------------------------------------------------------------------

UPLOAD = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\n"


class Uploads(Site):
    """A server for which each piece of a body is slow work."""

    def handler(self, request: Request) -> Response | None:
        if not request.has_body:
            return Response.text(request.path)
        received = bytearray()

        def receive(data: bytes) -> None:
            received.extend(data)
            self.reactor.stall(COST)

        request.stream(receive, lambda: Response(bytes(received)))
        return None


def uploads(site: Site, number: int) -> list[StreamPeer]:
    """Connections whose bodies are not complete."""
    peers = [site.connect() for _ in range(number)]
    for peer in peers:
        peer.send(UPLOAD)
    site.reactor.settle()
    return peers


def test_bodies_of_many_connections_share_a_turn(world: HTTPWorld) -> None:
    site = Uploads(world)
    peers = uploads(site, 250)
    turns = []
    for number in range(4):
        for peer in peers:
            peer.send(b"%d" % number * 100)
        turns += [site.turn() for _ in range(20)]
    while not all(map(answered, peers)):
        turns.append(site.turn())
    assert max(turns) <= LONGEST
    body = b"".join(b"%d" % number * 100 for number in range(4))
    assert all(peer.received.endswith(b"\r\n\r\n" + body) for peer in peers)


def test_requests_do_not_queue_behind_bodies(world: HTTPWorld) -> None:
    site = Uploads(world)
    peers = uploads(site, 250)
    for _ in range(3):
        for peer in peers:
            peer.send(b"x" * 100)
        late = site.connect()
        late.send(GET)
        site.turn()
        assert answered(late) == 1


def test_a_body_that_waits_for_its_turn_is_not_late(world: HTTPWorld) -> None:
    site = Uploads(world, Limits(body_timeout=1.0, body_rate=100.0))
    peers = uploads(site, 250)  # together they take three times as long
    for peer in peers:
        peer.send(b"x" * 400)
    site.reactor.settle()
    assert [answered(peer) for peer in peers] == [1] * 250
