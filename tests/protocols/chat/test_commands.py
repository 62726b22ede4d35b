"""What the lines that members type do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from protocols.chat.commands import COMMANDS
from protocols.chat.limits import Limits
from protocols.chat.messages import Kind

if TYPE_CHECKING:
    from ...tools.chat import Chat


def test_a_line_is_said(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("hello", "    indented, with trailing space   ")
    assert bob.sees() == [
        "[time] alice: hello",
        "[time] alice:     indented, with trailing space",
    ]


def test_blank_lines_say_nothing(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("", "   ")
    assert alice.sees() == []


def test_two_slashes_say_a_line_with_one(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("//etc/passwd", "//")
    assert alice.sees() == ["[time] alice: /etc/passwd", "[time] alice: /"]


@pytest.mark.parametrize("line", ["QUIT", "quit", "Quit ", "/quit", "/QUIT"])
def test_quitting(chat: Chat, line: str) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types(line)
    assert alice.sink.closed == ["Goodbye"]
    assert bob.sees() == ["*** alice left the chat"]


def test_quitting_with_last_words(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/quit  see you tomorrow ")
    assert bob.sees() == ["*** alice left the chat: see you tomorrow"]


@pytest.mark.parametrize("line", ["quit smoking", "quitquit", "quiet", " quit"])
def test_a_longer_line_that_begins_with_quit_is_said(chat: Chat, line: str) -> None:
    (alice,) = chat.gather("alice")
    alice.types(line)
    assert alice.sees() == [f"[time] alice: {line}"]


def test_nick(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/nick  Carol ")
    assert alice.sees() == ["*** alice is now Carol"]


@pytest.mark.parametrize("line", ["/nick", "/nick two words"])
def test_nick_takes_one_word(chat: Chat, line: str) -> None:
    (alice,) = chat.gather("alice")
    alice.types(line)
    assert alice.sees() == ["*** Usage: /nick NAME"]


def test_join_and_part(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/join #tea", "/part", "/part", "/join")
    assert alice.sees() == [
        "*** You are alice in tea",
        "*** 1 in tea: alice",
        "*** You are alice in lobby",
        "*** 1 in lobby: alice",
        "*** You are in lobby already: /quit leaves the chat",
        "*** Usage: /join ROOM",
    ]


def test_rooms_lists_the_fullest_first_and_not_all(make_chat: type[Chat]) -> None:
    chat = make_chat(Limits(listed=2))
    alice, bob, carol, dave = chat.gather("alice", "bob", "carol", "dave")
    alice.types("/join tea")
    bob.types("/join coffee")
    carol.types("/join coffee")
    dave.types("/join coffee")
    chat.forget(alice)
    alice.types("/rooms")
    assert alice.sees() == ["*** 3 rooms: coffee (3), tea (1), and 1 more"]


def test_rooms_with_a_single_room(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/rooms")
    assert alice.sees() == ["*** 1 room: lobby (1)"]


def test_who(chat: Chat) -> None:
    alice, _ = chat.gather("alice", "bob")
    alice.types("/who")
    assert alice.sees() == ["*** 2 in lobby: alice, bob"]


def test_msg(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/msg bob  how are you? ")
    assert bob.sees() == alice.sees() == ["[time] alice -> bob: how are you?"]


@pytest.mark.parametrize("line", ["/msg", "/msg bob", "/msg bob  "])
def test_msg_takes_a_name_and_a_text(chat: Chat, line: str) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types(line)
    assert alice.sees() == ["*** Usage: /msg NAME TEXT"]
    assert bob.sees() == []


def test_me(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/me pours some tea", "/me")
    assert bob.sees() == ["[time] * alice pours some tea"]
    assert alice.sees()[1:] == ["*** Usage: /me TEXT"]


def test_topic(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/topic", "/topic All about tea", "/topic")
    assert alice.sees() == [
        "*** lobby has no topic: /topic TEXT sets one",
        "*** alice set the topic of lobby: All about tea",
        "*** Topic of lobby: All about tea",
    ]
    assert bob.sees() == ["*** alice set the topic of lobby: All about tea"]


@pytest.mark.parametrize("line", ["/ping", "/PING", "/ping now"])
def test_ping(chat: Chat, line: str) -> None:
    (alice,) = chat.gather("alice")
    alice.types(line)
    assert alice.sees() == ["*** pong"]


def test_help_names_every_command(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/help")
    shown = alice.sees()
    assert len(shown) == len(COMMANDS) + 1
    for name in COMMANDS:
        assert any(line.startswith(f"*** /{name}") for line in shown)


def test_help_for_one_command(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/help nick", "/help /NICK", "/help tea")
    assert alice.sees() == [
        "*** /nick NAME: change your name to NAME",
        "*** /nick NAME: change your name to NAME",
        "*** There is no command tea: /help lists them all",
    ]


def test_an_unknown_command_is_answered_with_a_hint_and_reaches_nobody(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/dance the tango", "/", "/pingpong", "/" + "x" * 4000)
    kinds_and_texts = [(m.kind, m.text) for m in alice.messages()]
    assert kinds_and_texts[0] == (
        Kind.ERROR,
        "There is no command /dance: /help lists them, // says a line that begins with /",
    )
    assert len(kinds_and_texts) == 4
    assert all(kind is Kind.ERROR and len(text) < 120 for kind, text in kinds_and_texts)
    assert bob.sees() == []


def test_only_the_member_that_asked_is_told_of_an_error(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/nick bob")
    assert alice.sees() == ["*** Somebody else is called bob"]
    assert bob.sees() == []


def test_echo_off_and_on(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("heard", "/echo off", "one", "/me waves", "/msg bob psst")
    bob.types("two")
    assert alice.sees() == [
        "[time] alice: heard",
        "*** You do not see your own lines any more",
        "[time] bob: two",
    ]
    assert bob.sees() == [
        "[time] alice: heard",
        "[time] alice: one",
        "[time] * alice waves",
        "[time] alice -> bob: psst",
        "[time] bob: two",
    ]
    alice.types("not heard", "/echo ON", "heard again")
    assert alice.sees() == ["*** You see your own lines", "[time] alice: heard again"]


def test_echo_takes_on_or_off(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/echo", "/echo maybe")
    assert alice.sees() == ["*** Usage: /echo on|off"] * 2
