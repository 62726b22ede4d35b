"""Lines in flight to a server: the window, answers, losses."""

import pytest

from protocols.console.outbox import Outbox

TIMEOUT = 10.0


class Sender:
    """An outbox that expects each line itself as its answer; the answers to lines that begin with
    ``/`` are unknown."""

    def __init__(self, reactor):
        self.sent = []
        self.lost = []
        self.outbox = Outbox(
            reactor,
            self._transmit,
            lambda line: None if line.startswith("/") else line,
            self.lost.extend,
            window=3,
            window_size=100,
            timeout=TIMEOUT,
        )

    def _transmit(self, line):
        self.sent.append(line)
        return line != "/quit"

    def put(self, *lines):
        for line in lines:
            self.outbox.put(line)


@pytest.fixture
def sender(reactor):
    return Sender(reactor)


def test_nothing_is_sent_before_it_is_open(sender):
    sender.put("a", "b")
    assert sender.sent == []

    sender.outbox.open()

    assert sender.sent == ["a", "b"]


def test_at_most_a_window_of_lines_is_in_flight(sender):
    sender.outbox.open()
    sender.put(*"abcde")
    assert sender.sent == ["a", "b", "c"]

    sender.outbox.answered("a")

    assert sender.sent == ["a", "b", "c", "d"]
    assert list(sender.outbox.waiting) == ["e"]


def test_the_window_is_limited_in_characters_but_one_line_is_always_sent(sender):
    sender.outbox.open()
    sender.put("x" * 500, "y" * 60, "z" * 60)
    assert sender.sent == ["x" * 500]

    sender.outbox.answered("x" * 500)
    assert sender.sent[1:] == ["y" * 60]

    sender.outbox.answered("y" * 60)
    assert sender.sent[2:] == ["z" * 60]


def test_lines_before_an_answered_line_are_lost(sender):
    sender.outbox.open()
    sender.put(*"abc")
    sender.outbox.answered("c")

    assert sender.lost == ["a", "b"]
    assert (sender.outbox.lost, sender.outbox.unanswered) == (2, 0)


def test_unexpected_and_late_answers_are_ignored(sender, reactor):
    sender.outbox.open()
    sender.outbox.answered("?")
    sender.put("a")
    reactor.advance(TIMEOUT)
    sender.outbox.answered("a")

    assert sender.lost == ["a"]


def test_equal_lines_are_counted_one_by_one(sender):
    sender.outbox.open()
    sender.put(*"aaa")
    sender.outbox.answered("a")
    sender.outbox.answered("a")

    assert sender.outbox.drop() == ["a"]


def test_after_a_timeout_lines_in_flight_are_lost_and_the_rest_is_sent(sender, reactor):
    sender.outbox.open()
    sender.put(*"abcde")
    reactor.advance(TIMEOUT - 1)
    sender.outbox.answered("a")
    reactor.advance(TIMEOUT - 1)
    assert sender.lost == []

    reactor.advance(1)

    assert sender.lost == ["b", "c", "d"]
    assert sender.sent == list("abcde")


def test_a_line_whose_answer_is_unknown_is_sent_alone(sender):
    sender.outbox.open()
    sender.put("a", "/b", "c")
    assert sender.sent == ["a"]

    sender.outbox.answered("a")
    assert sender.sent == ["a", "/b"]
    assert sender.outbox.sent_alone == "/b"

    sender.outbox.settle()
    assert sender.sent == ["a", "/b", "c"]
    assert sender.outbox.lost == 0


def test_lines_without_an_answer_are_lost_when_all_is_settled(sender):
    sender.outbox.open()
    sender.put("a", "b")
    sender.outbox.settle()

    assert sender.lost == ["a", "b"]


def test_rejected_lines_are_sent_again_in_order(sender):
    sender.outbox.open()
    sender.put("a", "b", "c", "d")
    sender.outbox.hold()
    sender.outbox.take_back()
    sender.outbox.open()

    assert sender.sent == ["a", "b", "c", "a", "b", "c"]
    assert list(sender.outbox.waiting) == ["d"]
    assert sender.outbox.lost == 0


def test_a_line_that_has_no_answer_does_not_time_out(sender, reactor):
    sender.outbox.open()
    sender.put("/quit")
    reactor.advance(2 * TIMEOUT)

    assert sender.outbox.unanswered == 0
    assert sender.lost == []
