"""The exercise of lesson 10. Run it with ``python -m pytest docs/lessons/10_slow_consumer``."""

import pytest

from reactor.testing import VirtualReactor

PIECE = 65536  # bytes in one read, at most
DATA = b"".join(b"%07d\n" % number for number in range(100_000))


@pytest.fixture
def relay(exercise):
    """The reactor, and the peers at the two ends of a relay."""
    with VirtualReactor() as reactor:
        one, two = exercise.End(), exercise.End()
        one.other, two.other = two, one
        yield reactor, reactor.connect(lambda: one), reactor.connect(lambda: two)


def waiting(peer):
    """The bytes that wait in the relay for this peer."""
    return peer.transport.get_write_buffer_size()


def is_complete(received):
    """A function, as pytest would compare byte by byte to explain a failure."""
    return received == DATA


def test_what_one_sends_the_other_receives(relay):
    reactor, one, two = relay
    one.send(b"hello")
    two.send(b"hi")
    reactor.settle()
    assert (one.received, two.received) == (b"hi", b"hello")


def test_a_slow_reader_does_not_fill_the_relay(relay, exercise):
    reactor, one, two = relay
    two.stall()
    one.send(DATA, chunk=1000)
    reactor.settle()
    assert waiting(two) <= exercise.LIMIT + PIECE


def test_nothing_is_lost(relay):
    reactor, one, two = relay
    two.stall()
    one.send(DATA, chunk=1000)
    reactor.settle()
    two.resume()
    reactor.settle()
    assert is_complete(two.received)


def test_a_reader_that_stops_again_and_again_gets_everything(relay, exercise):
    reactor, one, two = relay
    one.send(DATA, chunk=1000)
    received = b""
    for _ in range(100):
        two.stall(room=10_000)
        reactor.settle()
        assert waiting(two) <= exercise.LIMIT + PIECE
        received += two.read()
    assert is_complete(received)


def test_the_other_direction_continues(relay):
    reactor, one, two = relay
    two.stall()
    one.send(DATA, chunk=1000)
    two.send(b"please wait")
    reactor.settle()
    assert one.received == b"please wait"


def test_when_one_leaves_the_other_is_disconnected(relay):
    reactor, one, two = relay
    one.close()
    reactor.settle()
    assert two.eof_received
