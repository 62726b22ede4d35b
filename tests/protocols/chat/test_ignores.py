"""Whom a member ignores, while names change hands within a turn."""

from __future__ import annotations

from protocols.chat.messages import Kind

from ...tools.chat import Chat, Person


def said(person: Person) -> list[str]:
    return [message.text for message in person.messages() if message.kind is Kind.SAID]


def test_a_line_is_not_lost_when_one_who_is_ignored_takes_its_speakers_name(chat: Chat) -> None:
    alice, bob, troll = chat.gather("alice", "bob", "troll")
    alice.member.ignore("troll")
    bob.member.say("hello")
    bob.member.rename("robert")
    troll.member.rename("bob")
    troll.member.say("nonsense")
    assert said(alice) == ["hello"]


def test_the_same_when_the_speaker_has_left(chat: Chat) -> None:
    alice, bob, troll = chat.gather("alice", "bob", "troll")
    alice.member.ignore("troll")
    bob.member.say("hello")
    bob.member.leave()
    troll.member.rename("bob")
    assert said(alice) == ["hello"]


def test_one_without_echo_does_not_lose_the_lines_of_one_whose_name_it_takes(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.member.set_echo(False)
    chat.forget(alice, bob)
    alice.member.say("mine")
    bob.member.say("hello")
    bob.member.rename("robert")
    alice.member.rename("bob")
    assert said(alice) == ["hello"]


def test_one_who_is_ignored_does_not_get_through_by_leaving_the_room_and_a_new_name(
    chat: Chat,
) -> None:
    alice, troll = chat.roam("alice", "troll")
    for person in (alice, troll):
        person.member.join("tea")
    alice.member.ignore("troll")
    chat.forget(alice, troll)
    troll.member.say("nonsense")
    troll.member.part("tea")
    troll.member.rename("friend")
    assert said(alice) == []
