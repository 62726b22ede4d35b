"""Who gets which messages of a turn: the audience of a room, without hub and names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from protocols.chat.audience import Audience
from protocols.chat.deliveries import Deliveries
from protocols.chat.messages import Batch, Kind, Message


class Turn:
    """A scheduler whose only turn ends when the test says so."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object], /) -> None:
        self.callbacks.append(callback)

    def end(self) -> None:
        callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            callback()


class Member:
    """A listener that is its own sink."""

    ignores_some = False
    mask = ""
    rooms = ()

    def __init__(self, name: str, *, echo: bool = True) -> None:
        self.name = name
        self.echo = echo
        self.sink = self
        self.batches: list[Batch] = []
        self.failures: list[BaseException] = []

    def deliver(self, batch: Batch, /) -> None:
        self.batches.append(batch)

    def wanted(self, messages: Sequence[Message], /) -> Sequence[Message]:
        if self.echo:
            return messages
        return [m for m in messages if m.kind is not Kind.SAID or m.sender != self.name]

    def close(self, reason: str, /) -> None:
        raise AssertionError("an audience closes no sink")

    def fail(self, exc: BaseException, /) -> None:
        self.failures.append(exc)

    def heard(self) -> list[list[str]]:
        """The texts in each batch."""
        return [[message.text for message in batch.messages] for batch in self.batches]


@pytest.fixture
def turn() -> Turn:
    return Turn()


@pytest.fixture
def deliveries(turn: Turn) -> Deliveries:
    return Deliveries(turn, lambda: 0.0)  # type: ignore[arg-type]


@pytest.fixture
def audience(deliveries: Deliveries) -> Audience:
    return Audience(deliveries)


def said(text: str, sender: str = "alice") -> Message:
    return Message(Kind.SAID, 0.0, "lobby", sender, text)


def test_all_members_share_one_batch_at_the_end_of_the_turn(audience: Audience, turn: Turn) -> None:
    alice, bob = Member("alice"), Member("bob")
    audience.add(alice)
    audience.add(bob)
    audience.post(said("one"))
    audience.post(said("two"))
    assert alice.heard() == bob.heard() == []
    assert len(turn.callbacks) == 1
    turn.end()
    assert alice.heard() == [["one", "two"]]
    assert alice.batches[0] is bob.batches[0]


def test_a_newcomer_hears_what_is_posted_after_it_came(audience: Audience, turn: Turn) -> None:
    alice, bob = Member("alice"), Member("bob")
    audience.add(alice)
    audience.post(said("before"))
    audience.add(bob)
    audience.post(said("after"))
    turn.end()
    assert alice.heard() == [["before", "after"]]
    assert bob.heard() == [["after"]]


def test_what_a_member_has_taken_it_does_not_get_again(
    audience: Audience, deliveries: Deliveries, turn: Turn
) -> None:
    alice = Member("alice")
    audience.add(alice)
    assert deliveries.take_pending(alice) == []
    audience.post(said("one"))
    (batch,) = deliveries.take_pending(alice)
    assert [message.text for message in batch.messages] == ["one"]
    assert deliveries.take_pending(alice) == []
    audience.post(said("two"))
    turn.end()
    assert alice.heard() == [["two"]]
    audience.post(said("three"))
    turn.end()
    assert alice.heard() == [["two"], ["three"]]


def test_a_message_may_leave_one_member_out(audience: Audience, turn: Turn) -> None:
    alice, bob = Member("alice"), Member("bob")
    audience.add(alice)
    audience.add(bob)
    audience.post(said("one"))
    audience.post(said("not for bob"), but=bob)
    audience.post(said("two"))
    turn.end()
    assert alice.heard() == [["one", "not for bob", "two"]]
    assert bob.heard() == [["one"], ["two"]]


def test_a_member_without_echo_does_not_hear_itself(audience: Audience, turn: Turn) -> None:
    alice, bob = Member("alice"), Member("bob", echo=False)
    audience.add(alice)
    audience.add(bob)
    audience.post(said("one", "bob"), speaker=bob)
    audience.post(said("two", "alice"))
    audience.post(Message(Kind.TOPIC, 0.0, "lobby", "bob", "tea"))
    turn.end()
    assert alice.heard() == [["one", "two", "tea"]]
    assert bob.heard() == [["two", "tea"]]
    audience.post(said("alone", "bob"), speaker=bob)
    turn.end()
    assert len(bob.heard()) == 1
    bob.echo = True
    audience.post(said("aloud", "bob"), speaker=bob)
    turn.end()
    assert bob.heard()[1:] == [["aloud"]]


def test_a_member_that_is_removed_hears_nothing_more(
    audience: Audience, deliveries: Deliveries, turn: Turn
) -> None:
    alice, bob = Member("alice"), Member("bob", echo=False)
    for member in (alice, bob):
        audience.add(member)
    audience.post(said("one"))
    deliveries.take_pending(alice)
    audience.remove(alice)
    audience.remove(bob)
    turn.end()
    assert alice.heard() == bob.heard() == []


def test_the_size_of_what_is_pending_starts_again_each_turn(audience: Audience, turn: Turn) -> None:
    audience.post(said("one"), 100)
    audience.post(said("two"), 20)
    assert audience.pending_size == 120
    turn.end()
    assert audience.pending_size == 0


def test_a_sink_that_raises_is_reported_and_the_others_hear_all(
    audience: Audience, turn: Turn
) -> None:
    class Broken(Member):
        def deliver(self, batch: Batch, /) -> None:
            raise error

    error = ValueError("a bug")
    broken, alice = Broken("broken"), Member("alice")
    audience.add(broken)
    audience.add(alice)
    audience.post(said("one"))
    turn.end()
    assert alice.heard() == [["one"]]
    assert broken.failures == [error]
