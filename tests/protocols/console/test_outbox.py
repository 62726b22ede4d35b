"""Lines on their way to a server: the window, answers, losses."""

import pytest

from protocols.console.outbox import Outbox

TIMEOUT = 10.0


class Sender:
    """An outbox whose answers are the lines themselves; lines that begin with ``/`` have none."""

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


def test_a_window_of_lines_is_on_the_way(sender):
    sender.outbox.open()
    sender.put(*"abcde")
    assert sender.sent == ["a", "b", "c"]

    sender.outbox.answered("a")

    assert sender.sent == ["a", "b", "c", "d"]
    assert list(sender.outbox.waiting) == ["e"]


def test_the_window_is_bounded_in_characters_but_one_line_may_always_go(sender):
    sender.outbox.open()
    sender.put("x" * 500, "y" * 60, "z" * 60)
    assert sender.sent == ["x" * 500]

    sender.outbox.answered("x" * 500)
    assert sender.sent[1:] == ["y" * 60]

    sender.outbox.answered("y" * 60)
    assert sender.sent[2:] == ["z" * 60]


def test_an_answer_passes_over_what_was_lost(sender):
    sender.outbox.open()
    sender.put(*"abc")
    sender.outbox.answered("c")

    assert sender.lost == ["a", "b"]
    assert (sender.outbox.lost, sender.outbox.unanswered) == (2, 0)


def test_answers_to_nothing_and_late_ones_do_not_matter(sender, reactor):
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


def test_silence_loses_what_is_on_the_way_and_goes_on(sender, reactor):
    sender.outbox.open()
    sender.put(*"abcde")
    reactor.advance(TIMEOUT - 1)
    sender.outbox.answered("a")
    reactor.advance(TIMEOUT - 1)
    assert sender.lost == []

    reactor.advance(1)

    assert sender.lost == ["b", "c", "d"]
    assert sender.sent == list("abcde")


def test_a_line_whose_answer_is_unknown_travels_alone(sender):
    sender.outbox.open()
    sender.put("a", "/b", "c")
    assert sender.sent == ["a"]

    sender.outbox.answered("a")
    assert sender.sent == ["a", "/b"]
    assert sender.outbox.travels_alone == "/b"

    sender.outbox.settle()
    assert sender.sent == ["a", "/b", "c"]
    assert sender.outbox.lost == 0


def test_what_has_no_answer_when_all_is_settled_is_lost(sender):
    sender.outbox.open()
    sender.put("a", "b")
    sender.outbox.settle()

    assert sender.lost == ["a", "b"]


def test_what_is_not_taken_is_sent_again_in_order(sender):
    sender.outbox.open()
    sender.put("a", "b", "c", "d")
    sender.outbox.hold()
    sender.outbox.take_back()
    sender.outbox.open()

    assert sender.sent == ["a", "b", "c", "a", "b", "c"]
    assert list(sender.outbox.waiting) == ["d"]
    assert sender.outbox.lost == 0


def test_a_line_without_an_answer_is_not_awaited(sender, reactor):
    sender.outbox.open()
    sender.put("/quit")
    reactor.advance(2 * TIMEOUT)

    assert sender.outbox.unanswered == 0
    assert sender.lost == []
