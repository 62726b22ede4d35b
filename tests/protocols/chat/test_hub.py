"""Joining, names, rooms, and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from protocols.chat import conversation
from protocols.chat.commands import execute, move
from protocols.chat.hub import Hub
from protocols.chat.limits import Limits
from protocols.chat.messages import ChatError, Kind

if TYPE_CHECKING:
    from ...tools.chat import Chat


# Joining


def test_a_newcomer_is_told_its_name_its_room_and_who_is_there(chat: Chat) -> None:
    chat.arrive()
    newcomer = chat.arrive()
    assert newcomer.sees() == ["*** You are guest2 in lobby", "*** 2 in lobby: guest1, guest2"]


def test_everyone_else_is_told_of_a_newcomer(chat: Chat) -> None:
    first, second = chat.gather("alice", "bob")
    chat.arrive("carol")
    assert first.sees() == second.sees() == ["*** carol joined lobby"]


def test_the_first_to_come_is_alone(chat: Chat) -> None:
    assert chat.arrive().sees() == ["*** You are guest1 in lobby", "*** 1 in lobby: guest1"]


def test_a_newcomer_is_shown_what_was_said_last(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("one", "/me waves", "/topic tea")
    assert chat.arrive("bob").sees()[-3:] == [
        "*** Topic of lobby: tea",
        "[time] alice: one",
        "[time] * alice waves",
    ]


def test_a_room_remembers_the_last_fifty_lines(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types(*[str(number) for number in range(60)])
    said = [m.text for m in chat.arrive().messages() if m.kind is Kind.SAID]
    assert said == [str(number) for number in range(10, 60)]


def test_a_room_remembers_only_so_many_characters(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(history_size=1000))
    (alice,) = chat.gather("alice")
    alice.types("x" * 500, "y" * 400, "z" * 400)
    said = [m.text[0] for m in chat.arrive().messages() if m.kind is Kind.SAID]
    assert said == ["y", "z"]


def test_the_last_lines_are_rendered_once_for_all_who_come(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("hello")
    chat.scheduler.settle()
    bob, carol = chat.arrive(), chat.arrive()
    assert bob.sink.batches[1] is carol.sink.batches[1]


def test_those_who_come_in_one_turn_are_announced_together(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    for _ in range(3):
        chat.hub.join(chat.arrive().sink)
    chat.scheduler.settle()
    assert len(alice.sink.batches) == 1
    assert len(alice.messages()) == 6


def test_a_newcomer_does_not_hear_of_those_who_came_before_it_in_the_same_turn(chat: Chat) -> None:
    chat.gather("alice")
    bob, carol = chat.arrive("bob"), chat.arrive("carol")
    assert bob.sees()[-1] == "*** carol joined lobby"
    assert carol.sees() == ["*** You are carol in lobby", "*** 3 in lobby: alice, bob, carol"]


def test_what_is_said_in_the_turn_of_joining_is_heard_exactly_once(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("before")
    bob = chat.arrive("bob")
    alice.types("after")
    assert [m.text for m in bob.messages() if m.kind is Kind.SAID] == ["before", "after"]


def test_the_list_of_members_is_cut_in_a_large_room(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(listed=2))
    chat.gather("alice", "bob", "carol", "dave")
    assert chat.arrive("eve").sees()[1] == "*** 5 in lobby: alice, bob, and 3 more"


def test_a_full_chat_lets_nobody_in_until_somebody_leaves(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(members=2))
    alice, _ = chat.gather("alice", "bob")
    with pytest.raises(ChatError, match="full"):
        chat.arrive()
    alice.member.leave()
    assert chat.arrive().name == "guest1"


# Names


def test_guests_are_counted_and_names_are_not_given_twice(chat: Chat) -> None:
    chat.arrive().member.leave()
    assert chat.arrive().name == "guest2"


def test_a_guest_does_not_get_a_name_that_is_taken(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/nick GUEST1")
    assert chat.arrive().name == "guest2"


@pytest.mark.parametrize("name", ["a", "A-b_c.9", "x" * 32, "...", "42"])
def test_valid_names(chat: Chat, name: str) -> None:
    assert chat.arrive(name).name == name


@pytest.mark.parametrize(
    "name",
    ["", "x" * 33, "two words", "semi;colon", "élan", "\u0430lice", "a\n", "#a", "a/b", "\u0661"],
)
def test_invalid_names(chat: Chat, name: str) -> None:
    with pytest.raises(ChatError, match="1 to 32 characters"):
        chat.arrive(name)
    assert not chat.hub.members


def test_names_are_unique_without_regard_to_case(chat: Chat) -> None:
    chat.arrive("Alice")
    with pytest.raises(ChatError, match="Somebody else is called aLICE"):
        chat.arrive("aLICE")


def test_everybody_in_the_room_hears_of_a_new_name(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.member.rename("carol")
    assert alice.sees() == bob.sees() == ["*** alice is now carol"]
    assert chat.hub.find("carol") is alice.member


def test_an_old_name_is_free_again(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.member.rename("carol")
    bob.member.rename("alice")
    assert chat.hub.find("alice") is bob.member


def test_a_name_may_change_its_case(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.member.rename("Alice")
    assert chat.hub.find("alice").name == "Alice"
    with pytest.raises(ChatError, match="already"):
        alice.member.rename("Alice")


def test_a_name_that_is_refused_leaves_the_old_one(chat: Chat) -> None:
    alice, _ = chat.gather("alice", "bob")
    with pytest.raises(ChatError):
        alice.member.rename("BOB")
    with pytest.raises(ChatError):
        alice.member.rename("no such name")
    assert alice.name == "alice"
    assert set(chat.hub.members) == {"alice", "bob"}


# Rooms


def test_going_to_another_room_is_told_in_both(chat: Chat) -> None:
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    bob.types("/join tea")
    chat.forget(alice, bob, carol)
    carol.types("/join TEA")
    assert alice.sees() == ["*** carol left lobby"]
    assert bob.sees() == ["*** carol joined tea"]
    assert carol.sees() == ["*** You are carol in tea", "*** 2 in tea: bob, carol"]


def test_rooms_do_not_hear_each_other(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    bob.types("/join tea")
    chat.forget(alice, bob)
    alice.types("in the lobby")
    bob.types("at tea")
    assert alice.sees() == ["[time] alice: in the lobby"]
    assert bob.sees() == ["[time] bob: at tea"]


def test_what_was_said_before_going_is_heard_before_the_new_room(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("wait!")
    bob.types("/join tea")
    alice.types("too late")
    assert bob.sees() == [
        "[time] alice: wait!",
        "*** You are bob in tea",
        "*** 1 in tea: bob",
    ]


def test_a_room_that_is_empty_is_forgotten_with_its_topic_and_its_lines(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/join tea", "/topic Darjeeling", "anybody?", "/part")
    assert set(chat.hub.rooms) == {"lobby"}
    alice.types("/join tea")
    assert alice.sees()[-2:] == ["*** You are alice in tea", "*** 1 in tea: alice"]


def test_the_lobby_stays_when_it_is_empty(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("remember me")
    alice.member.leave()
    chat.scheduler.settle()
    assert chat.arrive("bob").sees()[-1] == "[time] alice: remember me"


def test_part_goes_back_to_the_lobby(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/join tea", "/part")
    assert alice.member.rooms == (chat.hub.lobby,)
    with pytest.raises(ChatError, match="/quit"):
        execute(alice.member, "/part")


def test_the_number_of_rooms_is_limited(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(rooms=2))
    alice, bob = chat.gather("alice", "bob")
    alice.types("/join tea")
    with pytest.raises(ChatError, match="too many rooms"):
        move(bob.member, "coffee")
    move(bob.member, "tea")
    alice.member.leave()
    move(bob.member, "lobby")
    move(bob.member, "coffee")
    assert set(chat.hub.rooms) == {"lobby", "coffee"}


def test_a_room_has_a_name_like_a_member(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    with pytest.raises(ChatError, match="1 to 32"):
        move(alice.member, "no room")
    with pytest.raises(ChatError, match="already"):
        move(alice.member, "Lobby")
    assert set(chat.hub.rooms) == {"lobby"}


def test_a_topic_is_told_to_all_kept_and_cleared(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.member.set_topic("tea")
    assert alice.sees() == bob.sees() == ["*** alice set the topic of lobby: tea"]
    bob.member.set_topic("")
    assert alice.sees() == ["*** bob cleared the topic of lobby"]
    assert len(chat.arrive().sees()) == 2


def test_a_topic_has_a_limit(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(topic_length=10))
    (alice,) = chat.gather("alice")
    alice.member.set_topic("x" * 10)
    with pytest.raises(ChatError, match="at most 10"):
        alice.member.set_topic("x" * 11)
    assert chat.hub.lobby.topic == "x" * 10


# Saying


def test_everyone_in_the_room_hears_it_the_speaker_included(chat: Chat) -> None:
    people = chat.gather("alice", "bob", "carol")
    people[0].types("hello")
    assert [person.sees() for person in people] == [["[time] alice: hello"]] * 3


def test_a_private_word_is_heard_by_two_in_any_room(chat: Chat) -> None:
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    bob.types("/join tea")
    chat.forget(alice, bob, carol)
    alice.member.whisper("BOB", "psst")
    assert alice.sees() == bob.sees() == ["[time] alice -> bob: psst"]
    assert carol.sees() == []


def test_a_private_word_to_oneself_is_heard_once(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.member.whisper("alice", "hm")
    assert alice.sees() == ["[time] alice -> alice: hm"]


def test_a_private_word_to_nobody_is_refused(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    with pytest.raises(ChatError, match="Nobody is called bob"):
        alice.member.whisper("bob", "psst")
    with pytest.raises(ChatError) as refusal:
        alice.member.whisper("b" * 4000, "psst")
    assert len(str(refusal.value)) < 100


@pytest.mark.parametrize("text", ["", "   ", "x" * 4097])
def test_what_is_empty_or_too_long_is_refused(chat: Chat, text: str) -> None:
    alice, bob = chat.gather("alice", "bob")
    for say in (alice.member.say, alice.member.act, lambda text: alice.member.whisper("bob", text)):
        with pytest.raises(ChatError):
            say(text)
    assert bob.sees() == []


def test_more_than_connections_can_take_in_one_turn_is_refused_and_told(
    make_chat: type[Chat],
) -> None:
    chat = make_chat(Limits(turn_size=1000))
    alice, bob = chat.gather("alice", "bob")
    alice.types("x" * 600, "y" * 600, "z" * 100)
    assert [m.text[0] for m in bob.messages()] == ["x", "z"]
    alice.types("the next turn is another one")
    assert bob.sees() == ["[time] alice: the next turn is another one"]
    assert any("your line was not sent" in line for line in alice.sees())


# Leaving


def test_everyone_is_told_who_left_and_why(chat: Chat) -> None:
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    bob.member.leave("timed out")
    carol.member.leave()
    assert alice.sees() == ["*** bob left the chat: timed out", "*** carol left the chat"]
    assert set(chat.hub.members) == {"alice"}


def test_leaving_again_does_nothing(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    bob.member.leave()
    bob.member.leave("again")
    assert alice.sees() == ["*** bob left the chat"]


def test_a_way_in_that_lost_its_peer_is_not_asked_to_close_it(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.member.leave("connection lost")
    assert alice.sink.closed == []
    assert alice.member.gone


def test_a_dismissed_member_hears_what_was_said_and_is_closed(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("bye, bob")
    bob.member.dismiss("see you", "Goodbye")
    assert bob.sees() == ["[time] alice: bye, bob"]
    assert bob.sink.closed == ["Goodbye"]
    assert alice.sees() == ["[time] alice: bye, bob", "*** bob left the chat: see you"]


def test_parting_words_are_cut(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(topic_length=5))
    alice, bob = chat.gather("alice", "bob")
    bob.types("/quit farewell")
    assert alice.sees() == ["*** bob left the chat: farew"]


def test_a_member_that_has_left_can_do_nothing(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    bob.member.leave()
    chat.forget(alice)
    bob.types("hello?", "/ping", "/who", "/quit")
    bob.member.dismiss("", "")
    for attempt in (
        lambda: bob.member.say("x"),
        lambda: bob.member.whisper("alice", "x"),
        lambda: bob.member.rename("carol"),
        lambda: bob.member.join("tea"),
        bob.member.part,
        lambda: bob.member.set_topic("x"),
        lambda: bob.member.set_echo(False),
    ):
        with pytest.raises(ChatError, match="left"):
            attempt()
    assert not conversation.heartbeat(bob.member)
    assert alice.sees() == []
    assert bob.sees() == []
    assert bob.sink.closed == []


def test_closing_the_chat_tells_everyone_and_lets_nobody_in(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    bob.types("/join tea")
    chat.forget(alice, bob)
    alice.types("last line")
    chat.hub.close("The server is stopping")
    assert alice.sees() == ["[time] alice: last line"]
    assert alice.sink.closed == bob.sink.closed == ["The server is stopping"]
    assert not chat.hub.members
    with pytest.raises(ChatError, match="The server is stopping"):
        chat.arrive()
    alice.member.leave()  # as the way in does when it has lost the connection


def test_a_hub_has_default_limits(chat: Chat) -> None:
    hub = Hub(chat.scheduler)
    assert hub.limits == Limits()
    assert hub.flood.rate > 0
