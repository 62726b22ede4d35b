"""Which messages are delivered together, to whom, and in which order."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.chat import conversation
from protocols.chat.messages import Batch, Kind, Message
from protocols.chat.render import render_line, render_lines

from ...tools.chat import Chat


def test_all_that_is_said_in_a_turn_is_delivered_once(chat: Chat) -> None:
    people = chat.gather("alice", "bob", "carol")
    for person in people:
        person.types("one", "two")
    assert not any(person.sink.batches for person in people)
    chat.scheduler.settle()
    assert [len(person.sink.batches) for person in people] == [1, 1, 1]
    assert len(people[0].messages()) == 6


def test_all_members_are_given_the_same_batch(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("hello")
    chat.scheduler.settle()
    assert alice.sink.batches[0] is bob.sink.batches[0]


def test_a_batch_is_rendered_once() -> None:
    batch = Batch((Message(Kind.SAID, 0, "lobby", "alice", "hello"),))
    calls = []

    def renderer(messages: tuple[Message, ...]) -> int:
        calls.append(messages)
        return len(messages)

    assert [batch.rendered(renderer), batch.rendered(renderer)] == [1, 1]
    assert calls == [batch.messages]
    assert batch.rendered(len) == 1  # another renderer has its own


def test_an_answer_follows_what_was_said_before_it(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("one")
    bob.types("/ping")
    alice.types("two")
    assert bob.sees() == ["[time] alice: one", "*** pong", "[time] alice: two"]
    assert alice.sees() == ["[time] alice: one", "[time] alice: two"]


def test_an_answer_does_not_divide_the_batch_of_the_others(chat: Chat) -> None:
    alice, bob, carol = chat.gather("alice", "bob", "carol")
    alice.types("one")
    bob.types("/ping")
    alice.types("two")
    chat.scheduler.settle()
    assert len(alice.sink.batches) == 1
    assert alice.sink.batches[0] is carol.sink.batches[0]


def test_an_answer_at_the_end_of_the_turn_leaves_nothing_to_deliver(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("one")
    bob.types("/ping", "/ping")
    assert bob.sees() == ["[time] alice: one", "*** pong", "*** pong"]


def test_a_private_word_follows_what_was_said_before_it(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("one", "/msg bob two", "three")
    expected = ["[time] alice: one", "[time] alice -> bob: two", "[time] alice: three"]
    assert alice.sees() == bob.sees() == expected


def test_a_member_without_echo_is_told_what_happens_to_it(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/echo off", "/topic tea", "/nick carol")
    assert alice.sees()[1:] == ["*** alice set the topic of lobby: tea", "*** alice is now carol"]


def test_a_new_name_does_not_bring_the_echo_back(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/echo off")
    chat.forget(alice)
    alice.types("one", "/nick carol", "two")
    bob.types("/nick alice", "three")
    assert alice.sees() == [
        "*** alice is now carol",
        "*** bob is now alice",
        "[time] alice: three",
    ]


def test_echo_off_stays_off_in_another_room(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("/echo off", "/join tea", "nobody hears", "/part", "one")
    bob.types("two")
    assert alice.sees()[-1] == "[time] bob: two"
    assert not any("nobody hears" in line or "one" in line for line in alice.sees())
    alice.types("/echo on", "three")
    assert alice.sees()[-1] == "[time] alice: three"


def test_a_lone_speaker_without_echo_gets_no_batch(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/echo off")
    chat.forget(alice)
    alice.types("one", "two")
    chat.scheduler.settle()
    assert alice.sink.batches == []


def test_a_member_that_leaves_in_a_turn_gets_nothing_more(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("one")
    bob.member.leave()
    assert bob.sees() == []
    assert alice.sees() == ["[time] alice: one", "*** bob left the chat"]


def test_a_room_may_become_empty_in_a_turn(chat: Chat) -> None:
    (alice,) = chat.gather("alice")
    alice.types("/join tea", "hello")
    alice.member.leave()
    chat.scheduler.settle()
    assert chat.hub.lobby.members == {}


# Any order of events: everyone hears everything once, in order.

ACTIONS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["say", "/ping", "/who", "/msg 1", "/echo off", "/echo on", "turn"]),
    ),
    max_size=40,
)


@given(actions=ACTIONS)
def test_everyone_hears_each_line_once_and_in_order(
    actions: list[tuple[int, str]],
) -> None:
    chat = Chat()
    people = chat.gather("p0", "p1", "p2", "p3")
    expected: list[list[str]] = [[], [], [], []]
    echo = [True] * 4
    for number, (who, action) in enumerate(actions):
        if action == "turn":
            chat.scheduler.settle()
        elif action == "say":
            people[who].types(f"line {number}")
            for other in range(4):
                if other != who or echo[who]:
                    expected[other].append(f"line {number}")
        elif action == "/msg 1":
            people[who].types(f"/msg p1 line {number}")
            expected[1].append(f"line {number}")
            if who != 1 and echo[who]:
                expected[who].append(f"line {number}")
        else:
            people[who].types(action)
            if action.startswith("/echo"):
                echo[who] = action == "/echo on"
    heard = [
        [m.text for m in person.messages() if m.kind in {Kind.SAID, Kind.PRIVATE}]
        for person in people
    ]
    chat.close()
    assert heard == expected


# A sink that fails


class Broken:
    """A sink that raises, and counts how often it was asked to close."""

    def __init__(
        self, *, kind: type[BaseException] = ZeroDivisionError, close_raises: bool = False
    ) -> None:
        self.closed = 0
        self.works = True
        self.kind = kind
        self.close_raises = close_raises

    def deliver(self, batch: Batch, /) -> None:
        if not self.works:
            raise self.kind("a bug")

    def close(self, reason: str, /) -> None:
        self.closed += 1
        if self.close_raises:
            raise self.kind("another bug")


@pytest.fixture(params=[ZeroDivisionError, GeneratorExit])
def broken(request: pytest.FixtureRequest) -> Broken:
    return Broken(kind=request.param)


@pytest.mark.parametrize("trigger", ["room", "answer", "echo off", "dismiss", "close"])
def test_a_sink_that_raises_loses_only_its_own_member(
    chat: Chat, broken: Broken, trigger: str, caplog: pytest.LogCaptureFixture
) -> None:
    (alice,) = chat.gather("alice")
    member = chat.hub.join(broken, name="bob")
    if trigger == "echo off":
        member.set_echo(False)
    (carol,) = chat.gather("carol")
    chat.forget(alice)
    broken.works = False
    alice.types("hello")
    if trigger == "answer":
        conversation.receive(member, "/who")
        conversation.receive(member, "/who")
    elif trigger == "dismiss":
        member.dismiss("", "")
    elif trigger == "close":
        chat.hub.close("stopping")
    expected = ["[time] alice: hello"]
    if trigger == "dismiss":
        expected.append("*** bob left the chat")
    elif trigger != "close":
        expected.append("*** bob left the chat: internal error")
    assert alice.sees() == carol.sees() == expected
    assert broken.closed == 1
    assert member.gone
    assert "bob" not in chat.hub.members
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_a_sink_that_fails_on_arrival_does_not_stay(chat: Chat, broken: Broken) -> None:
    broken.works = False
    chat.hub.join(broken)
    chat.scheduler.settle()
    assert not chat.hub.members
    assert broken.closed == 1


def test_a_sink_that_cannot_even_be_closed_is_logged(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Broken(close_raises=True)
    member = chat.hub.join(sink)
    with caplog.at_level(logging.ERROR):
        conversation.receive(member, "/quit")
    assert "could not be closed" in caplog.text
    assert not chat.hub.members


def test_a_sink_that_fails_is_logged_once(
    chat: Chat, broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    member = chat.hub.join(broken, name="bob")
    broken.works = False
    conversation.receive(member, "/who")
    member.fail(ZeroDivisionError("a consequence"))
    chat.scheduler.settle()
    assert len(caplog.records) == 1
    assert broken.closed == 1


def test_a_way_in_may_lose_its_peer_while_its_sink_fails(chat: Chat, broken: Broken) -> None:
    (alice,) = chat.gather("alice")
    member = chat.hub.join(broken, name="bob")
    broken.works = False
    conversation.receive(member, "/who")
    member.leave("connection lost")
    chat.scheduler.settle()
    assert alice.sees() == ["*** bob joined lobby", "*** bob left the chat: connection lost"]


# Lines


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (Message(Kind.JOINED, 0, "lobby", "alice"), "*** alice joined lobby"),
        (Message(Kind.LEFT, 0, "lobby", "alice"), "*** alice left lobby"),
        (Message(Kind.QUIT, 0, "lobby", "alice"), "*** alice left the chat"),
        (Message(Kind.QUIT, 0, "lobby", "alice", "bye"), "*** alice left the chat: bye"),
        (Message(Kind.NOTICE, 0, "lobby", text="careful"), "*** careful"),
    ],
)
def test_messages_as_lines(message: Message, line: str) -> None:
    assert render_line(message) == line


def test_lines_end_as_a_telnet_terminal_needs_it() -> None:
    notice = Message(Kind.NOTICE, 0, "", text="é")
    assert render_lines((notice, notice)) == "*** é\r\n*** é\r\n".encode()


def test_a_message_has_the_time_of_day_when_it_was_said(chat: Chat) -> None:
    alice, bob = chat.gather("alice", "bob")
    alice.types("hello")
    (message,) = bob.messages()
    assert message.id > 0
    assert message[:6] == (Kind.SAID, chat.hub.clock(), "lobby", "alice", "hello", "")
