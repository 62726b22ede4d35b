"""Members in several rooms, or in none: what they hear, how often, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from protocols.chat.limits import Limits
from protocols.chat.lists import rooms_of, visible_rooms
from protocols.chat.messages import ChatError, Kind
from protocols.chat.moderation import set_mode
from protocols.chat.modes import Mode
from protocols.chat.traffic import BURST

if TYPE_CHECKING:
    from ...tools.chat import Chat, Person


def of_kind(person: Person, *kinds: Kind) -> list[tuple[str, str, str]]:
    return [(m.room, m.sender, m.text) for m in person.messages() if m.kind in kinds]


def test_a_member_hears_all_of_its_rooms_and_speaks_in_each(chat: Chat) -> None:
    alice, bob, carol = chat.roam("alice", "bob", "carol")
    for room in ("tea", "coffee"):
        alice.member.join(room)
    bob.member.join("tea")
    carol.member.join("coffee")
    chat.forget(alice, bob, carol)
    alice.member.say("with milk", "tea")
    alice.member.say("black", "Coffee")
    assert of_kind(bob, Kind.SAID) == [("tea", "alice", "with milk")]
    assert of_kind(carol, Kind.SAID) == [("coffee", "alice", "black")]
    assert len(alice.sink.batches) == 2
    assert [room.name for room in alice.member.rooms] == ["tea", "coffee"]


def test_a_member_in_no_room_can_be_found_and_written_to(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    (bob,) = chat.roam("bob")
    assert bob.member.rooms == ()
    assert alice.sees() == []
    alice.member.whisper("BOB", "psst")
    assert bob.sees() == ["[time] alice -> bob: psst"]
    bob.member.rename("robert")
    assert bob.sees() == ["*** bob is now robert"]
    bob.member.leave()
    assert chat.hub.members.keys() == {"alice"}
    assert alice.sees() == ["[time] alice -> bob: psst"]


def test_a_member_in_no_room_is_asked_for_one(chat: Chat) -> None:
    (alice,) = chat.roam("alice")
    with pytest.raises(ChatError, match="in no room"):
        alice.member.say("hello")
    alice.member.join("tea")
    alice.member.join("coffee")
    with pytest.raises(ChatError, match="several rooms"):
        alice.member.say("hello")
    with pytest.raises(ChatError, match="There is no room cocoa"):
        alice.member.say("hello", "cocoa")
    alice.member.part("tea")
    alice.member.say("hello")
    assert of_kind(alice, Kind.SAID) == [("coffee", "alice", "hello")]


def test_leaving_a_room_tells_its_members_why(chat: Chat) -> None:
    alice, bob = chat.roam("alice", "bob")
    for person in (alice, bob):
        person.member.join("tea")
    chat.forget(alice, bob)
    bob.member.part("tea", "too hot")
    assert alice.sees() == ["*** bob left tea: too hot"]
    assert bob.sees() == []
    with pytest.raises(ChatError, match="not in tea"):
        bob.member.part("tea")


def test_a_member_has_a_limited_number_of_rooms(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(rooms_per_member=2))
    (alice,) = chat.roam("alice")
    alice.member.join("a")
    alice.member.join("b")
    with pytest.raises(ChatError, match="in 2 rooms"):
        alice.member.join("c")
    assert set(chat.hub.rooms) == {"lobby", "a", "b"}


@pytest.mark.parametrize("shared", [1, 2, 5])
@pytest.mark.parametrize("noise", [False, True])
def test_renames_departures_and_absence_are_told_once(
    chat: Chat, shared: int, *, noise: bool
) -> None:
    alice, bob, carol = chat.roam("alice", "bob", "carol")
    rooms = [f"room{number}" for number in range(shared)]
    for room in rooms:
        alice.member.join(room)
        bob.member.join(room)
    carol.member.join(rooms[-1])
    chat.forget(alice, bob, carol)
    if noise:
        for room in reversed(rooms):
            alice.member.say("before", room)
    alice.member.rename("ada")
    alice.member.set_away("lunch")
    if noise:
        for room in rooms:
            alice.member.say("after", room)
    alice.member.leave("bye")
    events = (Kind.RENAMED, Kind.AWAY, Kind.QUIT)
    expected = [("", "alice", "ada"), ("", "ada", "lunch"), ("", "ada", "bye")]
    heard = bob.messages()
    assert [(m.room, m.sender, m.text) for m in heard if m.kind in events] == expected
    if noise:
        assert [m.sender for m in heard if m.kind is Kind.SAID] == ["alice"] * shared + ["ada"] * (
            shared
        )
        assert [m.id for m in heard] == sorted(m.id for m in heard)
    assert of_kind(carol, *events) == expected


def test_those_in_the_same_rooms_share_the_batch_of_all_of_them(chat: Chat) -> None:
    alice, *others = chat.roam("alice", "bob", "carol", "dave")
    for person in (alice, *others):
        person.member.join("tea")
        person.member.join("coffee")
    chat.forget(alice, *others)
    alice.member.say("one", "tea")
    alice.member.rename("ada")
    chat.scheduler.settle()
    batches = [person.sink.batches for person in others]
    assert [len(each) for each in batches] == [1, 1, 1]
    assert batches[0][0] is batches[1][0] is batches[2][0]


def test_a_name_that_is_taken_again_in_another_room_is_heard_in_order(chat: Chat) -> None:
    alice, bob, watcher = chat.roam("alice", "bob", "watcher")
    for person, rooms in ((alice, ["a"]), (bob, ["b"]), (watcher, ["b", "a"])):
        for room in rooms:
            person.member.join(room)
    chat.forget(alice, bob, watcher)
    bob.member.say("first", "b")  # this room has something to deliver before the other
    alice.member.leave()
    bob.member.rename("alice")
    assert [m.kind for m in watcher.messages()] == [
        Kind.SAID,
        Kind.QUIT,
        Kind.MODE,
        Kind.RENAMED,
    ]


def test_an_answer_follows_what_was_said_in_all_rooms(chat: Chat) -> None:
    alice, bob = chat.roam("alice", "bob")
    for person in (alice, bob):
        person.member.join("tea")
        person.member.join("coffee")
    chat.forget(alice, bob)
    alice.member.say("one", "coffee")
    alice.member.say("two", "tea")
    alice.member.say("three", "coffee")
    bob.member.tell(Kind.REPLY, "pong")
    assert [m.text for m in bob.messages()] == ["one", "three", "two", "pong"]  # room by room


def test_members_without_echo_share_the_batch_if_they_are_silent(chat: Chat) -> None:
    people = chat.gather("alice", "bob", "carol")
    for person in people:
        person.member.set_echo(False)
    people[0].types("hello")
    chat.scheduler.settle()
    assert people[0].sink.batches == []
    assert people[1].sink.batches[0] is people[2].sink.batches[0]


def test_a_crowd_names_all_and_says_what_they_did_in_the_room(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(listed=2))
    (watcher,) = chat.gather("watcher")
    people = [chat.arrive() for _ in range(BURST + 5)]
    chat.scheduler.advance(1)
    crowd = watcher.messages()[-1]
    names = tuple(person.name for person in people[BURST:])
    assert (crowd.kind, crowd.room, crowd.target) == (Kind.CROWD, "lobby", "joined")
    assert crowd.names == names
    assert crowd.text.endswith("and 3 more")


def test_one_of_a_crowd_that_leaves_several_rooms_has_left_each(chat: Chat) -> None:
    watcher, *people = chat.roam("watcher", *[f"p{n}" for n in range(BURST + 1)])
    for person in (watcher, *people):
        person.member.join("tea")
        person.member.join("coffee")
    chat.scheduler.advance(60)
    chat.forget(watcher)
    for person in people:
        person.member.leave()
    assert len(of_kind(watcher, Kind.QUIT)) == BURST
    chat.scheduler.advance(1)
    last = people[-1].name
    assert of_kind(watcher, Kind.LEFT) == [("tea", last, ""), ("coffee", last, "")]


def test_lines_have_ids_by_which_missed_ones_are_filled_in(chat: Chat) -> None:
    alice, bob = chat.roam("alice", "bob")
    for person in (alice, bob):
        person.member.join("tea")
    chat.forget(alice, bob)
    for text in ("one", "two", "three", "four"):
        alice.member.say(text)
    heard = bob.messages()
    assert len({m.id for m in heard}) == 4
    bob.member.part("tea")
    bob.member.join("tea", after=heard[1].id)
    again = [m for m in bob.messages() if m.kind is Kind.SAID]
    assert again == heard[2:]
    missed = bob.member.history("tea", after=heard[2].id)
    assert missed is not None
    assert missed.messages == tuple(heard[3:])
    assert bob.member.history("tea", after=heard[3].id) is None
    bob.member.part("tea")
    with pytest.raises(ChatError, match="not in tea"):
        bob.member.history("tea")


def test_entering_without_a_welcome_tells_the_name_of_the_room_alone(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/join tea", "/topic Darjeeling", "hello")
    (bob,) = chat.roam("bob")
    room = bob.member.join("TEA", welcome=False)
    assert [(m.kind, m.room) for m in bob.messages()] == [(Kind.ENTERED, "tea")]
    assert (room.topic, room.topic_setter, room.topic_time) == (
        "Darjeeling",
        "alice",
        chat.hub.clock(),
    )


def test_lists_of_rooms_leave_out_secret_ones(chat: Chat) -> None:
    alice, bob = chat.roam("alice", "bob")
    alice.member.join("tea")
    alice.member.join("hidden")
    set_mode(alice.member, Mode.SECRET, on=True, room="hidden")
    assert [room.name for room in visible_rooms(bob.member)] == ["lobby", "tea"]
    assert [room.name for room in visible_rooms(alice.member)] == ["lobby", "tea", "hidden"]
    assert [room.name for room in rooms_of(alice.member, bob.member)] == ["tea"]
    assert [room.name for room in rooms_of(alice.member, alice.member)] == ["tea", "hidden"]
    bob.types("/rooms")
    assert bob.sees() == ["*** 2 rooms: tea (1), lobby (0)"]


def test_closing_the_chat_ends_all_memberships(chat: Chat) -> None:
    alice, bob = chat.roam("alice", "bob")
    alice.member.join("tea")
    alice.member.join("coffee")
    chat.hub.close("The server is stopping")
    assert alice.sink.closed == bob.sink.closed == ["The server is stopping"]
    assert alice.member.rooms == ()
    chat.scheduler.settle()


def test_a_member_in_a_hundred_rooms_quits_in_one_message(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(rooms_per_member=100))
    people = chat.roam(*[f"p{number}" for number in range(20)])
    for person in people:
        for number in range(100):
            person.member.join(f"room{number}")
    chat.scheduler.advance(60)
    chat.forget(*people)
    people[1].member.leave("bye")
    chat.scheduler.settle()
    for person in people[2:]:
        assert len(person.sink.batches) == 1
        assert [m.kind for m in person.messages()] == [Kind.QUIT]
    people[0].member.leave()  # the operator of all
    heard = people[2].messages()
    assert sum(m.kind is Kind.QUIT for m in heard) == 1
    assert sum(m.kind is Kind.MODE for m in heard) == 100
