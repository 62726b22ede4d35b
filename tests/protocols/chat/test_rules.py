"""Bans cost little: what was found about a member is remembered."""

from __future__ import annotations

import re
from typing import Any

import pytest

from protocols.chat.messages import ChatError
from protocols.chat.modes import Ban
from protocols.chat.rules import Rules

from ...tools.chat import Chat, Person


class CountingPattern:
    """A pattern that counts how often something is compared with it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern)
        self.count = 0

    def fullmatch(self, text: str) -> Any:
        self.count += 1
        return self.pattern.fullmatch(text)


def ban(rules: Rules, mask: str, pattern: str) -> tuple[Ban, CountingPattern]:
    counting = CountingPattern(pattern)
    new = Ban(mask, "", "alice", 0.0, counting)  # type: ignore[arg-type]
    rules.add_ban(new)
    return new, counting


@pytest.fixture
def people(chat: Chat) -> list[Person]:
    people = chat.roam("alice", "bob")
    for person in people:
        person.member.join("tea")
    return people


@pytest.fixture
def rules(chat: Chat, people: list[Person]) -> Rules:
    return chat.hub.find_room("tea").rules


def test_a_ban_is_compared_once_with_each_who_speaks(people: list[Person], rules: Rules) -> None:
    _, first = ban(rules, "x!*@*", "x!.*")
    for _ in range(5):
        people[1].member.say("hello")
    assert first.count == 1
    _, second = ban(rules, "y!*@*", "y!.*")
    people[1].member.say("hello")
    assert (first.count, second.count) == (1, 1)


def test_a_ban_that_ends_costs_no_comparison_for_those_whom_it_did_not_describe(
    people: list[Person], rules: Rules
) -> None:
    gone, _ = ban(rules, "x!*@*", "x!.*")
    _, left = ban(rules, "y!*@*", "y!.*")
    people[1].member.say("hello")
    rules.remove_ban(gone)
    people[1].member.say("hello")
    assert left.count == 1


def test_one_who_changes_its_name_again_and_again_is_not_compared_each_time(
    people: list[Person], rules: Rules
) -> None:
    _, pattern = ban(rules, "x!*@*", "x!.*")
    for number in range(20):
        people[1].member.rename(f"bob{number}")
    assert pattern.count == 1


def test_a_ban_that_is_new_holds_the_name_of_one_who_could_change_it_before(
    people: list[Person], rules: Rules
) -> None:
    ban(rules, "x!*@*", "x!.*")
    bob = people[1].member
    bob.rename("bobby")
    ban(rules, "bobby!*@*", "bobby!.*")
    with pytest.raises(ChatError, match="keep your name, or leave"):
        bob.rename("bob")
    with pytest.raises(ChatError, match="you cannot speak there"):
        bob.say("hello")


def test_a_new_name_that_a_ban_describes_cannot_speak_but_can_be_changed_back(
    people: list[Person], rules: Rules
) -> None:
    ban(rules, "bobby!*@*", "bobby!.*")
    bob = people[1].member
    bob.rename("bobby")
    with pytest.raises(ChatError, match="you cannot speak there"):
        bob.say("hello")
    bob.rename("bob")
    bob.say("hello")


def test_one_who_was_banned_speaks_again_when_the_ban_has_ended(
    people: list[Person], rules: Rules
) -> None:
    old, _ = ban(rules, "bob!*@*", "bob!.*")
    bob = people[1].member
    with pytest.raises(ChatError):
        bob.say("hello")
    ban(rules, "x!*@*", "x!.*")
    with pytest.raises(ChatError):
        bob.say("hello")
    rules.remove_ban(old)
    bob.say("hello")
    bob.rename("bobby")


def test_one_who_comes_back_is_compared_again(people: list[Person], rules: Rules) -> None:
    _, pattern = ban(rules, "x!*@*", "x!.*")
    bob = people[1].member
    bob.say("hello")
    bob.rename("bobby")
    bob.part("tea")
    compared = pattern.count
    bob.join("tea")
    assert pattern.count == compared + 1
    bob.rename("bob")
    assert pattern.count == compared + 2
