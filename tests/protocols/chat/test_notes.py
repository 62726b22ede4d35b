"""What ways in need of the hub for programs: notes, tags, codes of errors, users and their past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from protocols.chat.commands import execute
from protocols.chat.limits import Limits
from protocols.chat.messages import ChatError, ErrorCode, Kind

if TYPE_CHECKING:
    from ...tools.chat import Chat


def test_a_note_to_a_room_is_shown_and_remembered_as_such(chat: Chat) -> None:
    clock, alice = chat.gather("clock", "alice")
    clock.member.say("noon", kind=Kind.NOTE)
    assert alice.sees() == ["[time] -clock- noon"]
    assert chat.arrive("bob").sees()[-1] == "[time] -clock- noon"


def test_a_note_to_one_member_is_never_answered_with_why_it_is_away(chat: Chat) -> None:
    clock, alice = chat.gather("clock", "alice")
    alice.member.set_away("lunch")
    chat.forget(clock, alice)
    clock.member.whisper("alice", "noon", kind=Kind.NOTE)
    assert alice.sees() == ["[time] -clock -> alice- noon"]
    assert clock.kinds() == [Kind.NOTE]


@pytest.mark.parametrize("private", [True, False])
def test_who_ignores_a_member_gets_no_notes_of_it(chat: Chat, private: bool) -> None:
    clock, alice = chat.gather("clock", "alice")
    alice.member.ignore("clock")
    if private:
        clock.member.whisper("alice", "noon", kind=Kind.NOTE)
    else:
        clock.member.say("noon", kind=Kind.NOTE)
    assert Kind.NOTE not in alice.kinds()


def test_the_tags_of_a_line_are_passed_on_and_count(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    tags = (("+reply", "17"),)
    alice.member.say("yes", tags=tags)
    alice.member.whisper("bob", "no", tags=tags)
    [said, private] = bob.messages()
    assert said.tags == private.tags == tags
    assert said.size == private.size + 1 == said._replace(tags=()).size + len("+reply" + "17")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("/nick b:b", ErrorCode.BAD_NAME),
        ("/nick bob", ErrorCode.NAME_IN_USE),
        ("/msg carol hi", ErrorCode.NO_SUCH_MEMBER),
        ("/topic " + 1000 * "x", ErrorCode.TOO_LONG),
        ("/kick bob", ErrorCode.NOT_OPERATOR),
        ("/join lobby", ErrorCode.IN_ROOM_ALREADY),
    ],
)
def test_an_error_has_a_code_for_programs(chat: Chat, line: str, code: ErrorCode) -> None:
    alice, _ = chat.gather("alice", "bob")
    with pytest.raises(ChatError) as caught:
        execute(alice.member, line)
    assert caught.value.code is code


def test_names_may_have_the_brackets_of_irc(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types(r"/nick [a]{b}|\^`-_.1")
    assert alice.sees() == [r"*** alice is now [a]{b}|\^`-_.1"]


def test_a_member_has_the_user_that_its_way_in_says(chat: Chat) -> None:
    member = chat.hub.join(chat.recorder(), name="alice", user="~al", realname="Alice L.")
    assert member.mask == "alice!~al@local"
    assert (member.user, member.realname) == ("~al", "Alice L.")
    (bob,) = chat.gather("bob")
    assert (bob.member.mask, bob.member.realname) == ("bob!bob@local", "bob")


def test_the_last_members_of_a_name_are_remembered_latest_first(chat: Chat) -> None:
    for name in ("Al", "al"):
        chat.hub.join(chat.recorder(), name=name, user=f"~{name}").leave()
    (bob,) = chat.gather("bob")
    bob.types("/nick AL")
    assert [(f.name, f.user, f.host) for f in chat.hub.former_members("AL")] == [
        ("al", "~al", "local"),
        ("Al", "~Al", "local"),
    ]
    assert [former.name for former in chat.hub.former_members("Bob")] == ["bob"]


def test_only_so_many_are_remembered(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(former_members=1))
    for name in ("alice", "bob"):
        chat.hub.join(chat.recorder(), name=name).leave()
    assert not chat.hub.former_members("alice")
    assert chat.hub.former_members("bob")
    former = chat.hub._former
    assert (len(former._entries), list(former._by_name)) == (1, ["bob"])


def test_several_were_called_the_same(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(former_members=3))
    for name in ("alice", "alice", "bob", "Alice"):
        chat.hub.join(chat.recorder(), name=name).leave()
    assert [former.name for former in chat.hub.former_members("ALICE")] == ["Alice", "alice"]
