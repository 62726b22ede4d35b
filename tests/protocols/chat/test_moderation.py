"""What operators may do, and what the modes of a room allow."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.chat import moderation
from protocols.chat.limits import Limits
from protocols.chat.membership import Membership
from protocols.chat.messages import ChatError, Kind
from protocols.chat.modes import Mode, compiled, full_mask

if TYPE_CHECKING:
    from ...tools.chat import Chat, Person


def at_tea(chat: Chat, *names: str) -> list[Person]:
    """People who type lines and are in one room, the operator first."""
    people = chat.gather(*names)
    for person in people:
        person.types("/join tea")
    chat.forget(*people)
    return people


def last(person: Person) -> str:
    return person.sees()[-1]


# Operators


def test_the_first_member_of_a_room_is_its_operator(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    room = chat.hub.find_room("tea")
    assert room.operators == {alice.member}
    assert room.members[bob.member] is Membership.PLAIN
    bob.types("/mode")
    assert bob.sees() == ["*** Modes of tea: +n; operators: alice"]


def test_when_the_last_operator_leaves_the_one_who_is_there_longest_follows(chat: Chat) -> None:
    alice, bob, carol = at_tea(chat, "alice", "bob", "carol")
    alice.types("/part")
    expected = ["*** alice left tea", "*** bob decides in tea: its last operator has left"]
    assert bob.sees() == carol.sees() == expected
    alice.types("/join tea")
    assert chat.hub.find_room("tea").operators == {bob.member}
    bob.member.leave()
    assert chat.hub.find_room("tea").operators == {carol.member}


def test_a_room_keeps_its_other_operators(chat: Chat) -> None:
    alice, bob, carol = at_tea(chat, "alice", "bob", "carol")
    alice.types("/mode +o carol")
    assert bob.sees() == ["*** alice made carol an operator of tea"]
    alice.types("/quit")
    assert bob.sees() == ["*** alice left the chat"]
    assert chat.hub.find_room("tea").operators == {carol.member}


def test_the_only_operator_stays_one(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types("/mode -o alice")
    assert last(alice) == "*** alice is the only operator: make somebody else one first"
    alice.types("/mode +o bob", "/mode -o alice")
    assert last(bob) == "*** alice took from alice what an operator of tea may do"
    assert chat.hub.find_room("tea").operators == {bob.member}


@pytest.mark.parametrize(
    "line",
    [
        *("/kick alice", "/ban alice", "/unban alice", "/mode +m", "/mode -m", "/mode +o bob"),
        *("/mode +v bob", "/mode +k key", "/mode -k", "/mode +l 2", "/mode +b x", "/mode -b x"),
    ],
)
def test_others_may_not(chat: Chat, line: str) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    bob.types(line)
    assert bob.sees() == ["*** Only operators of tea can do this: /mode lists them"]
    assert alice.sees() == []


@pytest.mark.parametrize(
    "line",
    [
        *("/kick bob", "/ban bob", "/unban bob", "/mode +o alice", "/mode +v alice"),
        *("/mode +k key", "/mode -k", "/mode +l 2", "/mode -l"),
        *[f"/mode {sign}{letter}" for sign in "+-" for letter in "ntmis"],
    ],
)
def test_nobody_decides_in_the_lobby(chat: Chat, line: str) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types(line)
    assert alice.sees() == ["*** lobby has no operators"]
    assert bob.sees() == []
    assert chat.hub.lobby.operators == set()


# Kick


def test_who_is_kicked_and_types_lines_is_in_the_lobby(chat: Chat) -> None:
    alice, bob, carol = at_tea(chat, "alice", "bob", "carol")
    (dave,) = chat.gather("dave")
    alice.types("/kick BOB  too loud ")
    assert alice.sees() == carol.sees() == ["*** alice put bob out of tea: too loud"]
    assert dave.sees() == ["*** bob joined lobby"]
    assert bob.sees() == [
        "*** alice put bob out of tea: too loud",
        "*** You are bob in lobby",
        "*** 2 in lobby: dave, bob",
    ]
    assert bob.member.rooms == (chat.hub.lobby,)


def test_who_is_kicked_and_needs_no_room_may_be_in_none(chat: Chat) -> None:
    alice, bob = chat.roam("alice", "bob")
    for person in (alice, bob):
        person.member.join("tea")
    chat.forget(alice, bob)
    moderation.kick(alice.member, "bob", "out", "tea")
    (message,) = bob.messages()
    assert message[2:6] == ("tea", "alice", "out", "bob")
    assert message.kind is Kind.KICKED
    assert bob.member.rooms == ()


def test_kicking_oneself_is_leaving(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types("/kick alice")
    assert alice.member.rooms == (chat.hub.lobby,)
    assert bob.sees() == [
        "*** alice put alice out of tea",
        "*** bob decides in tea: its last operator has left",
    ]
    bob.types("/kick bob")
    assert set(chat.hub.rooms) == {"lobby"}


def test_only_who_is_there_can_be_kicked(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    chat.gather("bob")
    alice.types("/kick bob", "/kick nobody", "/kick")
    assert alice.sees() == [
        "*** bob is not in tea",
        "*** Nobody is called nobody: /who lists who is in the room",
        "*** Usage: /kick NAME [TEXT]",
    ]


# Bans


def test_a_ban_keeps_out_in_any_case(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types("/ban BOB", "/kick bob")
    assert alice.sees() == ["*** alice banned BOB from tea", "*** alice put bob out of tea"]
    bob.types("/nick Bob", "/join tea")
    assert last(bob) == "*** You are banned from tea"
    assert bob.member.rooms == (chat.hub.lobby,)
    alice.types("/ban")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(chat.hub.clock()))
    assert alice.sees() == [f"*** BOB (BOB!*@*) is banned: alice, {when}"]
    alice.types("/unban bob", "/unban bob", "/ban")
    assert alice.sees() == [
        "*** alice lets BOB into tea again",
        "*** No ban of tea is for bob: /ban lists them",
        "*** Nobody is banned from tea",
    ]
    bob.types("/join tea")
    assert bob.member.room.name == "tea"


def test_a_ban_on_a_name_is_one_on_its_address(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    bob, carol = (
        chat.person(chat.hub.join(sink, name=name, origin=origin), sink)
        for name, origin, sink in (
            ("bob", b"one", chat.recorder()),
            ("carol", b"two", chat.recorder()),
        )
    )
    alice.types("/ban bob")
    bob.types("/nick robert", "/join tea")
    carol.types("/join tea")
    assert "*** You are banned from tea" in bob.sees()
    assert carol.member.room.name == "tea"
    assert alice.sees()[0] == "*** alice banned bob from tea"
    alice.types("/unban bob")
    bob.types("/join tea")
    assert bob.member.room.name == "tea"
    assert b"one".decode() not in bob.member.mask


def test_a_ban_is_one_on_an_address_also_if_addresses_are_not_limited(
    make_chat: type[Chat],
) -> None:
    chat = make_chat(Limits(members_per_origin=0))
    (alice,) = at_tea(chat, "alice")
    sink = chat.recorder()
    bob = chat.person(chat.hub.join(sink, name="bob", origin=b"one"), sink)
    alice.types("/ban bob")
    bob.types("/nick robert", "/join tea")
    assert last(bob) == "*** You are banned from tea"


def test_who_is_banned_cannot_speak_nor_rename_itself(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types("/ban bob")
    chat.forget(alice, bob)
    bob.types("hello?", "/me waves", "/nick carol")
    assert bob.sees() == [
        *["*** You are banned from tea: you cannot speak there"] * 2,
        "*** You are banned from tea: keep your name, or leave",
    ]
    alice.types("/mode +v bob")
    bob.types("thank you")
    assert last(alice) == "[time] bob: thank you"


def test_banning_everyone_does_not_silence_operators(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    (carol,) = chat.gather("carol")
    alice.types("/ban *", "hello", "/nick ada")
    bob.types("hello")
    carol.types("/join tea")
    assert [line for line in alice.sees() if "hello" in line] == ["[time] alice: hello"]
    assert alice.name == "ada"
    assert last(bob) == "*** You are banned from tea: you cannot speak there"
    assert last(carol) == "*** You are banned from tea"
    alice.types("/invite carol")
    carol.types("/join tea")
    assert carol.member.room.name == "tea"


def test_bans_have_limits(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(bans=2, mask_length=10))
    (alice,) = at_tea(chat, "alice")
    alice.types("/ban a", "/ban A", "/ban b", "/ban c", "/ban " + "x" * 11, "/ban é", "/ban a b")
    assert [line for line in alice.sees() if "alice banned" not in line] == [
        "*** A is banned from tea already",
        "*** tea has 2 bans: /unban NAME removes one",
        *["*** A mask has 1 to 10 characters, without spaces: bob, or b*!*@*"] * 2,
        "*** Usage: /ban [NAME]",
    ]


@pytest.mark.parametrize(
    ("mask", "text", "matched"),
    [
        ("*", "", True),
        ("a*c", "ABBC", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        ("a", "ab", False),
        ("*a", "banana", True),
        ("*an", "banana", False),
        ("b*n*n*", "banana", True),
        ("[ab]", "a", False),
        ("**", "x", True),
        ("", "x", False),
    ],
)
def test_masks(mask: str, text: str, *, matched: bool) -> None:
    assert bool(compiled(mask).fullmatch(text)) is matched


def test_a_mask_that_tries_everything_takes_no_longer_than_its_length_says() -> None:
    assert not compiled("*a" * 40).fullmatch("a" * 39 + "b" * 40)


@pytest.mark.parametrize(
    ("mask", "full"),
    [
        ("bob", "bob!*@*"),
        ("b@host", "*!b@host"),
        ("bob!x", "bob!x@*"),
        ("@host", "*!*@host"),
        ("*", "*!*@*"),
    ],
)
def test_masks_are_completed(mask: str, full: str) -> None:
    assert full_mask(mask) == full


# Modes


def test_a_moderated_room(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types("/mode +m", "/mode +m")
    bob.types("hello", "/nick robert", "hello")
    alice.types("/mode +v robert")
    bob.types("hello")
    alice.types("/mode -v robert")
    bob.types("hello")
    muted = "*** tea is moderated: only those with a voice can speak"
    assert bob.sees() == [
        "*** alice made tea moderated: only those with a voice can speak",
        muted,
        "*** bob is now robert",
        muted,
        "*** alice gave robert a voice in tea",
        "[time] robert: hello",
        "*** alice took from robert the voice in tea",
        muted,
    ]


def test_a_room_with_a_key(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    (bob,) = chat.gather("bob")
    alice.types("/mode +k Earl{Grey}")
    assert alice.sees() == ["*** alice set the key of tea: Earl{Grey}"]
    bob.types("/join tea", "/join tea earl", "/join tea a b", "/join tea Earl{Grey}")
    assert bob.sees()[:4] == [
        *["*** tea has a key: /join tea KEY"] * 2,
        "*** Usage: /join ROOM",
        "*** You are bob in tea",
    ]
    alice.types("/mode -k", "/mode +k " + "x" * 33)
    assert alice.sees()[1:] == [
        "*** alice removed the key of tea",
        "*** A key has 1 to 32 characters, without spaces",
    ]


def test_a_room_with_a_limit(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    bob, carol = chat.gather("bob", "carol")
    alice.types("/mode +l 2", "/mode +l many")
    bob.types("/join tea")
    carol.types("/join tea")
    assert carol.sees()[-1] == "*** tea is full: it has 2 members"
    assert alice.sees() == [
        "*** alice limited tea to 2 members",
        "*** A limit is a number of members",
        "*** bob joined tea",
    ]
    alice.types("/mode -l")
    carol.types("/join tea")
    assert len(chat.hub.find_room("tea").members) == 3


def test_a_room_for_the_invited(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    (carol,) = chat.gather("carol")
    alice.types("/mode +i")
    carol.types("/join tea")
    bob.types("/invite carol")
    assert last(bob) == "*** Only operators invite others into tea"
    alice.types("/invite Carol", "/invite carol", "/invite bob", "/invite nobody")
    assert alice.sees()[1:] == [
        "*** You have invited Carol into tea",
        "*** carol has been invited already",
        "*** bob is in tea already",
        "*** Nobody is called nobody: /who lists who is in the room",
    ]
    carol.types("/join tea")
    assert carol.sees()[:3] == [
        "*** tea is open only to those who are invited",
        "*** alice invites you into tea: /join tea",
        "*** You are carol in tea",
    ]
    carol.types("/part", "/join tea")  # an invitation is for once
    assert last(carol) == "*** tea is open only to those who are invited"


def test_an_invitation_by_a_member_does_not_end_a_ban(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    (carol,) = chat.gather("carol")
    alice.types("/ban carol")
    bob.types("/invite carol")
    carol.types("/join tea")
    assert last(carol) == "*** You are banned from tea"
    alice.types("/invite carol")  # better than the one before
    carol.types("/join tea")
    assert carol.member.room.name == "tea"


def test_invitations_have_a_limit_and_the_oldest_is_forgotten(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(invitations=3))
    (bob,) = chat.gather("bob")
    people = chat.gather(*[f"p{number}" for number in range(5)])
    for number, person in enumerate(people):
        person.types(f"/join room{number}", "/mode +i", "/invite bob")
    bob.types("/join room1")
    assert last(bob) == "*** room1 is open only to those who are invited"
    bob.types("/join room2")
    assert bob.member.room.name == "room2"
    people[0].types("/part")
    people[0].types("/invite bob")
    assert last(people[0]) == "*** lobby is open to all"


def test_the_topic_may_be_left_to_operators(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types("/mode +t")
    bob.types("/topic mine")
    assert last(bob) == "*** Only operators set the topic of tea"
    alice.types("/topic ours")
    assert last(bob) == "*** alice set the topic of tea: ours"


def test_lines_from_outside_need_an_open_room(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    (bob,) = chat.roam("bob")
    with pytest.raises(ChatError, match="not in tea"):
        bob.member.say("knock", "tea")
    moderation.set_mode(alice.member, Mode.INSIDE, on=False)
    bob.member.say("knock", "tea")
    assert last(alice) == "[time] bob: knock"
    with pytest.raises(ChatError, match="not in tea"):
        bob.member.set_topic("mine", "tea")
    moderation.set_mode(alice.member, Mode.MODERATED, on=True)
    with pytest.raises(ChatError, match="moderated"):
        bob.member.say("knock", "tea")


def test_a_room_that_is_empty_forgets_its_modes_and_bans(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    alice.types("/mode +i", "/mode +k key", "/ban bob", "/part")
    (bob,) = chat.gather("bob")
    bob.types("/join tea")
    assert chat.hub.find_room("tea").operators == {bob.member}
    bob.types("/mode")
    assert last(bob) == "*** Modes of tea: +n; operators: bob"


@pytest.mark.parametrize(
    "rest", ["x", "+x", "m", "+", "+m now", "+o", "-o", "+k", "+l", "+k a b", "+mt", "-b"]
)
def test_mode_takes_a_sign_a_letter_and_a_value(chat: Chat, rest: str) -> None:
    (alice,) = at_tea(chat, "alice")
    alice.types(f"/mode {rest}")
    assert alice.sees() == ["*** Usage: /mode [+LETTER|-LETTER [VALUE]]"]


def test_events_say_who_whom_and_what(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")

    def change(mode: Mode, value: str = "", *, on: bool = True) -> None:
        moderation.set_mode(alice.member, mode, on=on, value=value, room="tea")

    change(Mode.VOICE, "BOB")
    change(Mode.KEY, "secret")
    change(Mode.KEY, on=False)
    change(Mode.LIMIT, "7")
    change(Mode.LIMIT, on=False)
    change(Mode.BAN, "b*")
    change(Mode.BAN, "b*!*@*", on=False)
    expected: list[Any] = [
        ("+v", "bob"),
        ("+k", "secret"),
        ("-k", ""),
        ("+l", "7"),
        ("-l", ""),
        ("+b", "b*!*@*"),
        ("-b", "b*!*@*"),
    ]
    heard = bob.messages()
    assert [(m.text, m.target) for m in heard] == expected
    assert all((m.kind, m.sender, m.room) == (Kind.MODE, "alice", "tea") for m in heard)


# Away, ignore


def test_being_away(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/away  having lunch ")
    assert alice.sees() == bob.sees() == ["*** alice is away: having lunch"]
    bob.types("/msg alice are you there?")
    assert bob.sees() == [
        "[time] bob -> alice: are you there?",
        "*** alice is away: having lunch",
    ]
    alice.types("/away having lunch", "/away", "/away", "/away " + "x" * 201)
    assert alice.sees()[1:] == [
        "*** You are away already",
        "*** alice is back",
        "*** You are not away",
        "*** The words for being away have at most 200 characters",
    ]


def test_two_who_are_away_answer_each_other_once(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/away a")
    bob.types("/away b")
    chat.forget(alice, bob)
    alice.types("/msg bob hi")
    assert len(alice.sees()) == 2
    assert len(bob.sees()) == 1
    alice.types("/msg alice hi")
    assert len(alice.sees()) == 1


def test_who_is_ignored_is_not_heard(chat: Chat) -> None:
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    alice.types("/ignore BOB")
    assert alice.sees() == ["*** You hear nothing more of BOB: /unignore BOB ends this"]
    bob.types("hello", "/me waves", "/msg alice psst", "/nick robert", "hello", "/join tea")
    bob.types("/invite alice")
    carol.types("hi")
    assert alice.sees() == ["*** bob is now robert", "*** robert left lobby", "[time] carol: hi"]
    assert bob.sees()[-1] == "*** You have invited alice into tea"
    alice.types("/ignore", "/join tea")
    assert alice.sees()[0] == "*** You ignore robert"
    assert not any("robert:" in line for line in alice.sees())
    alice.types("/unignore robert")
    bob.types("hello")
    assert alice.sees() == ["*** You hear robert again", "[time] robert: hello"]


def test_ignoring_has_limits(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(ignored=1))
    alice, _, _ = chat.gather("alice", "bob", "carol")
    alice.types("/ignore", "/ignore bob", "/ignore bob", "/ignore carol", "/ignore alice")
    alice.types("/ignore nobody", "/unignore carol", "/unignore")
    assert [line for line in alice.sees() if "hear nothing" not in line] == [
        "*** You ignore nobody",
        "*** You ignore bob already",
        "*** You ignore 1 members: /unignore NAME ends one",
        "*** You cannot ignore yourself: /echo off hides your own lines",
        "*** Nobody is called nobody: /who lists who is in the room",
        "*** You do not ignore carol: /ignore lists them",
        "*** Usage: /unignore NAME",
    ]


def test_the_lines_of_one_who_is_ignored_are_not_among_the_last_lines(chat: Chat) -> None:
    alice, bob = at_tea(chat, "alice", "bob")
    (carol,) = chat.gather("carol")
    bob.types("no")
    alice.types("yes")
    carol.types("/ignore bob", "/join tea")
    assert [m.text for m in carol.messages() if m.kind is Kind.SAID] == ["yes"]


def test_nothing_stays_of_those_who_have_left(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/ignore bob")
    bob.types("/ignore alice", "/nick robert", "/nick bob")
    bob.member.leave()
    alice.member.leave()
    assert not chat.hub._ignores._ignorers


@given(mask=st.text("ab*?", max_size=12), text=st.text("ab", max_size=12))
def test_masks_match_what_a_shell_would(mask: str, text: str) -> None:
    assert bool(compiled(mask).fullmatch(text)) is fnmatchcase(text, mask)


def test_a_mask_has_few_stars(chat: Chat) -> None:
    (alice,) = at_tea(chat, "alice")
    alice.types("/ban " + "*a" * 6)
    assert alice.sees() == ["*** A mask has at most 5 stars"]


def test_many_events_in_a_turn_are_refused_like_lines(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(turn_size=1000))
    alice, bob = at_tea(chat, "alice", "bob")
    alice.types(*["/mode +m", "/mode -m"] * 50, *["/away x", "/away"] * 10, "/nick ada", "/topic x")
    full = "*** Too much is being said in tea just now: your line was not sent"
    assert alice.sees().count(full) > 90
    assert len(bob.sees()) < 20
    alice.types("/nick ada")
    assert bob.sees() == ["*** alice is now ada"]
