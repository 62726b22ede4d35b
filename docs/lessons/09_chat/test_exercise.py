"""The exercise of lesson 9. Run it with ``python -m pytest docs/lessons/09_chat``.

Time is virtual here: ``advance(3600)`` lets an hour pass, timer by timer, in a moment."""

import pytest

from reactor.testing import VirtualReactor

PING, TIMED_OUT = b"PING\r\n", b"timed out\r\n"


@pytest.fixture
def reactor():
    with VirtualReactor() as reactor:
        yield reactor


@pytest.fixture
def client(reactor, exercise):
    return reactor.connect(exercise.Pinged)


def say(reactor, client, text):
    """Returns what the client has received by then."""
    client.send(text)
    reactor.settle()
    return client.read()


def test_a_client_is_not_asked_too_early(reactor, client, exercise):
    reactor.advance(exercise.ASK - 0.1)
    assert client.received == b""


def test_a_silent_client_is_asked_and_disconnected(reactor, client, exercise):
    reactor.advance(exercise.ASK)
    assert client.received == PING
    reactor.advance(exercise.WAIT - 0.1)
    assert client.read() == PING
    reactor.advance(0.1)
    assert client.received == TIMED_OUT
    assert client.eof_received


def test_a_client_that_answers_stays(reactor, client, exercise):
    for _ in range(100):
        reactor.advance(exercise.ASK)
        assert client.read() == PING
        assert say(reactor, client, b"PONG\n") == b""
    assert not client.eof_received


def test_anything_is_an_answer(reactor, client, exercise):
    reactor.advance(exercise.ASK + exercise.WAIT - 0.1)
    client.read()
    assert say(reactor, client, b"hello\n") == b"you said hello\r\n"
    reactor.advance(exercise.ASK - 0.1)
    assert client.received == b""


def test_even_half_a_line(reactor, client, exercise):
    reactor.advance(exercise.ASK + exercise.WAIT - 0.1)
    client.read()
    assert say(reactor, client, b"hel") == b""
    reactor.advance(exercise.ASK - 0.1)
    assert client.received == b""


def test_a_client_that_talks_is_never_asked(reactor, client, exercise):
    for _ in range(100):
        reactor.advance(exercise.ASK / 2)
        assert say(reactor, client, b"hello\n") == b"you said hello\r\n"


def test_the_time_counts_from_the_last_sign_of_life(reactor, client, exercise):
    reactor.advance(exercise.ASK / 2)
    say(reactor, client, b"hello\n")
    reactor.advance(exercise.ASK - 0.1)
    assert client.received == b""
    reactor.advance(0.1)
    assert client.received == PING


@pytest.mark.parametrize("asked", [False, True])
def test_no_timer_is_left_when_a_client_has_gone(reactor, client, exercise, asked):
    reactor.advance(exercise.ASK if asked else 1.0)
    assert (client.received == PING) == asked
    client.reset()
    reactor.settle()
    assert len(reactor.timers) == 0
