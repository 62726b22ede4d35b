"""Members who do not get all messages of a turn: they still share most of what is rendered."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.chat.messages import Kind, Message
from protocols.chat.selections import CHUNK

from ...tools.chat import Chat, Person


def settle_in(chat: Chat, people: list[Person]) -> None:
    """Let these people be announced, and take all messages so far."""
    chat.scheduler.advance(60)
    chat.forget(*people)


def texts(person: Person) -> list[str]:
    return [message.text for message in person.messages() if message.kind is Kind.SAID]


class Counting:
    """A renderer that counts the messages it renders."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, messages: Iterable[Message]) -> int:
        self.count += len(list(messages))
        return self.count

    def render(self, people: list[Person]) -> int:
        """Render what these people got, and return how many messages that took."""
        for person in people:
            for batch in person.sink.batches:
                batch.rendered(self)
        return self.count


def test_each_member_without_echo_gets_the_lines_of_all_others_in_order(chat: Chat) -> None:
    people = chat.gather(*[f"p{number}" for number in range(3 * CHUNK)])
    for person in people:
        person.member.set_echo(False)
    settle_in(chat, people)
    for count in range(2):
        for person in people:
            person.member.say(f"{person.name} {count}")
    for person in people:
        others = [f"{other.name} {count}" for count in range(2) for other in people]
        assert texts(person) == [line for line in others if line.split()[0] != person.name]


def test_a_crowd_of_speakers_without_echo_shares_most_renderings(chat: Chat) -> None:
    people = chat.gather(*[f"p{number}" for number in range(10 * CHUNK)])
    for person in people:
        person.member.set_echo(False)
    settle_in(chat, people)
    for person in people:
        person.member.say("hello")
    chat.scheduler.settle()
    rendered = Counting().render(people)
    assert rendered <= 11 * CHUNK + len(people) * CHUNK  # and not the square of the crowd


def test_a_crowd_that_is_answered_in_the_turn_shares_most_renderings(chat: Chat) -> None:
    people = chat.gather(*[f"p{number}" for number in range(10 * CHUNK)])
    settle_in(chat, people)
    for person in people:
        person.member.say("hello")
        person.types("/ping")
    chat.scheduler.settle()
    rendered = Counting().render(people)
    assert rendered <= 11 * CHUNK + len(people) * (2 * CHUNK + 1)
    for person in people:
        assert len(texts(person)) == len(people)


def test_the_same_holds_for_a_crowd_that_shares_rooms_where_somebody_is_renamed(chat: Chat) -> None:
    people = chat.roam(*[f"p{number}" for number in range(5 * CHUNK)])
    for person in people:
        person.member.set_echo(False)
        for room in ("tea", "coffee"):
            person.member.join(room)
    settle_in(chat, people)
    for person in people:
        person.member.say(person.name, "tea")
    people[0].member.rename("anna")
    people[0].member.say("anna", "coffee")
    chat.scheduler.settle()
    rendered = Counting().render(people)
    assert rendered <= 11 * CHUNK + len(people) * 2 * CHUNK
    names = ["p0", *[person.name for person in people[1:]], "anna"]
    assert texts(people[0]) == names[1:-1]
    for person in people[1:]:
        assert texts(person) == [name for name in names if name != person.name]


def test_all_who_ignore_the_same_member_share_a_batch(chat: Chat) -> None:
    troll, alice, bob, carol, dave = chat.gather("troll", "alice", "bob", "carol", "dave")
    for person in (alice, bob):
        person.member.ignore("troll")
    carol.member.ignore("dave")
    chat.forget(troll, alice, bob, carol, dave)
    troll.member.say("nonsense")
    dave.member.say("sense")
    chat.scheduler.settle()
    batches = [person.sink.batches for person in (alice, bob, carol, dave, troll)]
    assert [len(each) for each in batches] == [1, 1, 1, 1, 1]
    assert batches[0][0] is batches[1][0]
    assert batches[3][0] is batches[4][0]
    assert [texts(person) for person in (alice, bob, carol, dave)] == [
        ["sense"],
        ["sense"],
        ["nonsense"],
        ["nonsense", "sense"],
    ]


def test_somebody_else_who_is_ignored_costs_no_batch(chat: Chat) -> None:
    alice, bob, troll = chat.gather("alice", "bob", "troll")
    alice.member.ignore("troll")
    chat.forget(alice, bob, troll)
    bob.member.say("hello")
    chat.scheduler.settle()
    assert alice.sink.batches[0] is bob.sink.batches[0]
