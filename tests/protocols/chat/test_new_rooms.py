"""Few members cannot use up all rooms: once half of them exist, each address has a share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from protocols.chat.limits import Limits
from protocols.chat.member import Member
from protocols.chat.messages import ChatError

from ...tools.chat import Chat

LIMITS = Limits(rooms=20, rooms_per_member=20, rooms_per_origin=4)  # the lobby is one of the rooms


def arrive(chat: Chat, name: str, origin: bytes | None) -> Member:
    return chat.hub.join(chat.recorder(), name=name, origin=origin, needs_room=False)


def create(member: Member, count: int) -> None:
    for number in range(count):
        member.join(f"{member.name}{number}")


def test_one_address_creates_half_of_all_rooms_and_leaves_the_others_to_others(
    make_chat: Callable[..., Chat],
) -> None:
    chat = make_chat(LIMITS)
    mallory = arrive(chat, "mallory", b"1")
    create(mallory, 9)
    with pytest.raises(ChatError, match="few rooms left, and 4 were created at your address"):
        mallory.join("one-more")
    eve = arrive(chat, "eve", b"1")  # a second member of the same address
    with pytest.raises(ChatError, match="few rooms left"):
        eve.join("one-more")
    eve.join("mallory0")  # a room that exists
    alice = arrive(chat, "alice", b"2")
    create(alice, 4)
    with pytest.raises(ChatError, match="few rooms left"):
        alice.join("one-more")
    create(arrive(chat, "bob", b"3"), 4)
    create(arrive(chat, "carol", b"4"), 2)
    assert len(chat.hub.rooms) == 20
    with pytest.raises(ChatError, match="too many rooms"):
        arrive(chat, "dave", b"5").join("one-more")


def test_a_room_that_is_gone_no_longer_counts(make_chat: Callable[..., Chat]) -> None:
    chat = make_chat(LIMITS)
    create(arrive(chat, "others", b"2"), 9)
    alice = arrive(chat, "alice", b"1")
    create(alice, 4)
    alice.part("alice0")
    alice.join("another")
    with pytest.raises(ChatError, match="few rooms left"):
        alice.join("one-more")


def test_members_of_this_machine_have_no_share(make_chat: Callable[..., Chat]) -> None:
    chat = make_chat(LIMITS)
    create(arrive(chat, "local", None), 19)
    assert len(chat.hub.rooms) == 20


def test_a_newcomer_whose_room_cannot_be_created_gets_into_the_lobby(
    make_chat: Callable[..., Chat],
) -> None:
    chat = make_chat(LIMITS)
    create(arrive(chat, "mallory", b"1"), 9)
    eve = chat.hub.join(chat.recorder(), name="eve", origin=b"1", room="tea")
    alice = chat.hub.join(chat.recorder(), name="alice", origin=b"2", room="coffee")
    assert (eve.room.name, alice.room.name) == ("lobby", "coffee")


def test_fifty_members_with_twenty_rooms_each_do_not_keep_others_from_creating_one(
    chat: Chat,
) -> None:
    for number in range(50):
        member = arrive(chat, f"m{number}", b"1")
        for count in range(20):
            try:
                member.join(f"r{number}.{count}")
            except ChatError:
                break
    assert len(chat.hub.rooms) == 500
    assert arrive(chat, "alice", b"2").join("tea").name == "tea"
