"""Lines of members who may be in several rooms: each is about the room where it was typed."""

from __future__ import annotations

import pytest

from protocols.chat import conversation
from protocols.chat.commands import commands_for
from protocols.chat.flood import FloodPolicy
from protocols.chat.messages import ErrorCode


@pytest.fixture
def alice(chat):
    (alice,) = chat.roam("alice")
    alice.member.join("tea", welcome=False)
    alice.member.join("cake", welcome=False)
    chat.forget(alice)
    return alice


def test_commands_act_where_they_were_typed(chat, alice):
    for line in ("hello", "/me waves", "/topic green", "/topic", "/mode +m", "/ban x", "//x"):
        conversation.receive(alice.member, line, "tea")
    messages = alice.messages()
    assert len(messages) == 7
    assert {message.room for message in messages} == {"tea"}
    assert chat.hub.rooms["cake"].rules.describe() == "+n"


def test_without_a_room_several_are_ambiguous(alice):
    conversation.receive(alice.member, "hello")
    (error,) = alice.messages()
    assert error.text == "You are in several rooms: say which one you mean"


def test_join_adds_a_room_and_part_leaves_one(alice):
    conversation.receive(alice.member, "/join jam", "tea")
    conversation.receive(alice.member, "/part", "tea")
    conversation.receive(alice.member, "/part #cake", "jam")
    assert [room.name for room in alice.member.rooms] == ["jam"]


def test_the_help_says_what_a_member_can_do(chat, alice):
    (typist,) = chat.gather("typist")
    assert commands_for(alice.member)["part"].usage == "/part [ROOM]"
    assert commands_for(typist.member)["part"].usage == "/part"
    typist.types("/help part")
    assert typist.sees() == ["*** /part: go back to the lobby"]


def test_members_in_one_room_may_name_it(chat):
    (typist,) = chat.gather("typist")
    conversation.receive(typist.member, "/who", "lobby")
    conversation.receive(typist.member, "/join tea", "lobby")
    conversation.receive(typist.member, "/who", "lobby")
    assert typist.sees() == [
        "*** 1 in lobby: typist",
        "*** You are typist in tea",
        "*** 1 in tea: typist",
        "*** You are not in lobby",
    ]


def test_done_is_called_once_for_each_line(make_chat):
    chat = make_chat(flood=FloodPolicy(rate=1, burst=1, queue=1))
    (alice,) = chat.gather("alice")
    results = []
    for number, line in enumerate(["one", "/nowhere", "three", "/ping", "/ping " * 9]):
        conversation.receive(
            alice.member, line, None, lambda exc, number=number: results.append((number, exc))
        )
    assert [(number, exc and exc.code) for number, exc in results] == [
        (0, None),
        (2, ErrorCode.TOO_FAST),
        (3, ErrorCode.TOO_FAST),
        (4, ErrorCode.TOO_FAST),
    ]
    chat.scheduler.advance(1)
    assert results[4][0] == 1
    assert results[4][1].code is ErrorCode.OTHER
    assert len(results) == 5


def test_done_is_not_called_for_a_member_that_is_dismissed(make_chat):
    chat = make_chat(flood=FloodPolicy(rate=1, burst=1, queue=0, drops=0))
    (alice,) = chat.gather("alice")
    results = []
    conversation.receive(alice.member, "one", None, results.append)
    conversation.receive(alice.member, "two", None, results.append)
    assert results == [None]
    assert alice.member.gone
