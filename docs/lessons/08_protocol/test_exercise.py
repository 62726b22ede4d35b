"""The exercise of lesson 8. Run it with ``python -m pytest docs/lessons/08_protocol``.

There are no sockets here: a protocol is called with bytes, and writes bytes."""

import pytest

from reactor.testing import VirtualReactor


@pytest.fixture
def answers(exercise):
    """Lets a client send some pieces. Returns what it received after each of them."""
    with VirtualReactor() as reactor:

        def answers(*pieces):
            client = reactor.connect(exercise.Shout)
            received = []
            for piece in pieces:
                client.send(piece)
                reactor.settle()
                received.append(client.read())
                if client.eof_received:
                    received.append("closed")
                    break
            return received

        yield answers


def test_a_line_in_upper_case(answers):
    assert answers(b"hello\n") == [b"HELLO\n"]


def test_nothing_is_answered_before_the_line_is_complete(answers):
    assert answers(b"hel", b"lo", b"\n") == [b"", b"", b"HELLO\n"]


def test_many_lines_in_one_piece(answers):
    assert answers(b"one\ntwo\nth", b"ree\n") == [b"ONE\nTWO\n", b"THREE\n"]


def test_two_clients_have_nothing_in_common(answers):
    assert answers(b"one") == [b""]
    assert answers(b"two\n") == [b"TWO\n"]


def test_a_line_may_have_80_bytes(answers):
    assert answers(b"a" * 79, b"b", b"\n") == [b"", b"", b"A" * 79 + b"B\n"]


def test_a_line_that_is_too_long_ends_the_connection(answers):
    assert answers(b"a" * 81 + b"\n")[-1] == "closed"


def test_so_does_a_line_that_never_ends(answers):
    assert answers(*[b"a" * 10] * 100)[-1] == "closed"


def test_the_lines_before_it_are_answered_and_those_after_it_are_not(answers):
    lines = [b"one\n", b"a" * 81 + b"\n", b"two\n"]
    assert answers(b"".join(lines)) == [b"ONE\n", "closed"]
    assert answers(*lines) == [b"ONE\n", b"", "closed"]
