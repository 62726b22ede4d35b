"""Those who poll: they share a budget of time, and nobody waits without end."""

from __future__ import annotations

import pytest

from protocols.http import HTTPServer, Response
from protocols.inspector.polls import LONGEST, MOST_WAITING, REST, Polls
from protocols.inspector.server import LIMITS
from reactor.testing import VirtualReactor


class World:
    """``cost``: seconds that each answer takes. ``made``: when each was made, and for what."""

    def __init__(self) -> None:
        self.reactor = VirtualReactor()
        self.cost, self.cpu = 0.01, 0.0
        self.made = []
        self.polls = Polls(self.reactor, cpu_time=lambda: self.cpu)
        self.began = self.reactor.time()

    def ask(self, what="x"):
        peer = self.reactor.connect(HTTPServer(self.handle, limits=LIMITS))
        peer.send(f"GET /{what} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.reactor.settle()
        return peer

    def handle(self, request):
        return self.polls.answer(request, request.path, lambda: self.make(request.path))

    def make(self, what):
        self.made.append((round(self.reactor.time() - self.began, 6), what))
        self.cpu += self.cost
        if what == "/broken":
            raise ValueError("broken")
        return Response(f"{what} {len(self.made)}".encode())

    def status(self, peer):
        return int(peer.received.split()[1]) if peer.received else None


@pytest.fixture
def world():
    world = World()
    with world.reactor:
        yield world


def test_who_asks_seldom_is_answered_at_once(world):
    for _ in range(3):
        assert world.ask().received.startswith(b"HTTP/1.1 200 OK\r\n")
        world.reactor.advance(0.01 * REST)
    assert len(world.made) == 3


def test_many_who_ask_for_the_same_get_one_answer_after_the_rest(world):
    first = world.ask()
    others = [world.ask() for _ in range(10)]
    assert world.status(first) == 200
    assert not any(world.status(peer) for peer in others)
    world.reactor.advance(0.01 * REST)
    assert world.made == [(0.0, "/x"), (0.01 * REST, "/x")]
    assert all(peer.received.endswith(b"/x 2") for peer in others)


def test_different_answers_are_made_one_after_another_and_use_about_two_percent(world):
    for what in "abc" * 5:
        world.ask(what)
    world.reactor.advance(10)
    rest = 0.01 * REST
    # The first "a" alone, at once.
    expected = [(0.0, "/a"), (rest, "/b"), (2 * rest, "/c"), (3 * rest, "/a")]
    assert world.made == [(pytest.approx(when), what) for when, what in expected]


def test_the_rest_has_an_end(world):
    world.cost = 60.0
    world.ask()
    second = world.ask()
    world.reactor.advance(LONGEST)
    assert world.status(second) == 200


def test_too_many_who_wait_are_refused_and_those_who_leave_make_room(world):
    world.ask()
    waiting = [world.ask(str(number % 7)) for number in range(MOST_WAITING)]
    refused = world.ask()
    assert refused.received.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in refused.received
    for peer in waiting:
        peer.reset()
    world.reactor.settle()
    assert not world.polls._waiting
    accepted = [world.ask(what) for what in "yz"]
    world.reactor.advance(0.01 * REST)
    assert list(map(world.status, accepted)) == [200, None]  # there is only one timer
    world.reactor.advance(0.01 * REST)
    assert [what for _, what in world.made] == ["/x", "/y", "/z"]
    world.reactor.advance(LONGEST)
    assert len(world.made) == 3


def test_an_answer_that_cannot_be_made_is_an_error_for_those_who_asked(world, caplog):
    world.ask()
    broken, fine = world.ask("broken"), world.ask("fine")
    world.reactor.advance(0.01 * REST * 2)
    assert (world.status(broken), world.status(fine)) == (500, 200)
    assert "ValueError: broken" in caplog.text
