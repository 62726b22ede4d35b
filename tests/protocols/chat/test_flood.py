"""A member that is too fast is delayed, loses lines, and is dismissed; others notice nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.chat import conversation
from protocols.chat.flood import FloodGate, FloodPolicy, Verdict
from protocols.chat.messages import Kind
from protocols.text import clean_text

if TYPE_CHECKING:
    from ...tools.chat import Chat, Person

POLICY = FloodPolicy(rate=2, burst=4, queue=3, queue_size=1000, drops=5, ping_cost=0.5)


@pytest.fixture
def flooded(make_chat: type[Chat]) -> tuple[Chat, Person, Person]:
    """A chat with POLICY, a fast talker and a listener."""
    chat = make_chat(flood=POLICY)
    alice, bob = chat.gather("alice", "bob")
    return chat, alice, bob


def said(person: Person) -> list[str]:
    return [m.text for m in person.messages() if m.kind is Kind.SAID]


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_ten_pasted_lines_are_said_at_once(make_chat: type[Chat]) -> None:
    chat = make_chat(flood=FloodPolicy())
    alice, bob = chat.gather("alice", "bob")
    alice.types(*numbers(10))
    assert said(bob) == numbers(10)
    assert chat.scheduler.timers_set == 0


def test_eighty_pasted_lines_are_delayed_and_keep_their_order(make_chat: type[Chat]) -> None:
    chat = make_chat(flood=FloodPolicy())
    alice, bob = chat.gather("alice", "bob")
    alice.types(*numbers(80))
    assert len(said(bob)) == 20
    chat.scheduler.advance(12.01)
    assert said(bob) == numbers(80)[20:]
    assert chat.hub.lines_dropped == 0


def test_beyond_the_burst_lines_come_at_the_rate(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(7))
    assert said(bob) == numbers(4)
    chat.scheduler.advance(0.499)
    assert said(bob) == []
    chat.scheduler.advance(0.002)
    assert said(bob) == ["4"]
    chat.scheduler.advance(1)
    assert said(bob) == ["5", "6"]
    assert chat.scheduler.pending_timers() == 0


def test_a_line_does_not_overtake_those_that_wait(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(6))
    chat.scheduler.advance(0.6)
    alice.types("late")
    chat.scheduler.advance(5)
    assert said(bob) == [*numbers(6), "late"]


def test_commands_wait_like_lines(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(4), "/nick carol", "as carol")
    assert bob.sees()[-1] == "[time] alice: 3"
    chat.scheduler.advance(2)
    assert bob.sees() == ["*** alice is now carol", "[time] carol: as carol"]


def test_other_members_are_not_delayed(flooded: tuple[Chat, Person, Person]) -> None:
    _, alice, bob = flooded
    alice.types(*numbers(9))
    bob.types("calm")
    assert said(bob)[-1] == "calm"


def test_lines_that_find_the_queue_full_are_dropped_with_one_notice(
    flooded: tuple[Chat, Person, Person],
) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(4 + 3 + 4))
    notices = [m.text for m in alice.messages() if m.kind is Kind.NOTICE]
    assert notices == ["You are sending too fast: lines are being dropped until you slow down"]
    chat.scheduler.advance(10)
    assert said(bob) == numbers(7)
    assert chat.hub.lines_dropped == 4


def test_the_queue_is_limited_in_characters_too(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(4), "x" * 600, "y" * 600, "z" * 300)
    chat.scheduler.advance(10)
    assert [text[0] for text in said(bob)[4:]] == ["x", "z"]


def test_a_member_that_slowed_down_is_warned_again(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, _ = flooded
    for _ in range(3):
        alice.types(*numbers(9))
        chat.scheduler.advance(60)
    assert alice.kinds().count(Kind.NOTICE) == 3
    assert not alice.sink.closed


def test_a_member_that_does_not_stop_is_dismissed_and_the_room_notified(
    flooded: tuple[Chat, Person, Person],
) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(100))
    assert alice.sink.closed == ["You kept sending too fast"]
    assert bob.sees()[-1] == "*** alice left the chat: flooding"
    assert chat.hub.members_expelled == 1
    assert chat.hub.lines_dropped == 6 + 3  # those beyond the queue, and those in it
    assert chat.scheduler.pending_timers() == 0


def test_a_steady_flood_is_dismissed_too(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, _ = flooded
    for _ in range(100):
        alice.types("again")
        chat.scheduler.advance(0.1)
    assert alice.sink.closed


def test_the_rate_itself_can_be_kept_up(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    for _ in range(100):
        alice.types("calm")
        chat.scheduler.advance(0.5)
    assert len(said(bob)) == 100
    assert chat.scheduler.timers_set == 0


def test_long_lines_cost_more(make_chat: type[Chat]) -> None:
    chat = make_chat(flood=FloodPolicy(rate=1, burst=4, token_size=100))
    alice, bob = chat.gather("alice", "bob")
    alice.types("x" * 250, "second", "third")
    assert [text[0] for text in said(bob)] == ["x", "s"]


def test_a_line_that_costs_more_than_a_full_bucket_does_not_wait_forever(
    make_chat: type[Chat],
) -> None:
    chat = make_chat(flood=FloodPolicy(rate=1, burst=4, token_size=100))
    alice, bob = chat.gather("alice", "bob")
    alice.types("first", "x" * 2000)
    assert len(said(bob)) == 1
    chat.scheduler.advance(1.1)
    assert len(said(bob)) == 1


def test_pings_are_answered_while_lines_wait(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, _ = flooded
    alice.types(*numbers(6))
    chat.scheduler.advance(0.3)
    chat.forget(alice)
    alice.types("/ping")
    assert alice.sees() == ["*** pong"]


def test_pings_and_heartbeats_have_a_small_cost(
    flooded: tuple[Chat, Person, Person],
) -> None:
    chat, alice, _ = flooded
    alice.types(*["/ping"] * 10)
    assert len(alice.sees()) == 8
    assert not conversation.heartbeat(alice.member)
    chat.scheduler.advance(60)
    for _ in range(60):
        assert conversation.heartbeat(alice.member)
        chat.scheduler.advance(0.5)
    assert not alice.sink.closed


def test_endless_pings_are_dismissed(flooded: tuple[Chat, Person, Person]) -> None:
    _, alice, bob = flooded
    alice.types(*["/ping"] * 50)
    assert alice.sink.closed
    assert bob.sees() == ["*** alice left the chat: flooding"]


def test_dropped_pings_do_not_suppress_the_notice(flooded: tuple[Chat, Person, Person]) -> None:
    _, alice, _ = flooded
    alice.types(*numbers(7), "/ping", "one too many")
    assert alice.kinds().count(Kind.NOTICE) == 1


def test_without_a_rate_nothing_is_limited(make_chat: type[Chat]) -> None:
    chat = make_chat(flood=FloodPolicy(rate=0))
    alice, bob = chat.gather("alice", "bob")
    alice.types(*numbers(1000), *["/ping"] * 1000)
    assert conversation.heartbeat(alice.member)
    assert len(said(bob)) == 1000
    assert not alice.sink.closed


def test_a_member_may_have_its_own_policy(make_chat: type[Chat]) -> None:
    chat = make_chat(flood=POLICY)
    robot = chat.arrive("robot", flood=FloodPolicy(rate=0))
    robot.types(*numbers(100))
    assert len(said(robot)) == 100


def test_lines_that_wait_are_dropped_and_counted_when_the_member_leaves(
    flooded: tuple[Chat, Person, Person],
) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(6))
    alice.member.leave()
    assert chat.hub.lines_dropped == 2
    chat.scheduler.advance(10)
    assert said(bob) == numbers(4)
    assert chat.scheduler.pending_timers() == 0


def test_quitting_waits_for_the_lines_before_it(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(6), "/quit", "never said")
    chat.scheduler.advance(10)
    assert said(bob) == numbers(6)
    assert alice.sink.closed == ["Goodbye"]


def test_a_peer_that_has_finished_is_closed_when_all_its_lines_are_said(
    flooded: tuple[Chat, Person, Person],
) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(7))  # the queue is full now
    conversation.finish(alice.member, "", "Goodbye")
    assert not alice.sink.closed
    chat.scheduler.advance(10)
    assert said(bob) == numbers(7)
    assert alice.sink.closed == ["Goodbye"]
    assert chat.hub.lines_dropped == 0


def test_a_peer_that_has_finished_is_closed_at_once_if_no_line_waits(
    flooded: tuple[Chat, Person, Person],
) -> None:
    _, alice, bob = flooded
    conversation.finish(alice.member, "", "Goodbye")
    bob.types("hello")
    conversation.finish(bob.member, "gone", "Goodbye")
    assert alice.sink.closed == bob.sink.closed == ["Goodbye"]


def test_other_actions_are_subject_to_flood_control_too(
    flooded: tuple[Chat, Person, Person],
) -> None:
    chat, alice, bob = flooded
    for number in range(6):
        conversation.submit(alice.member, alice.member.say, str(number), size=1)
    conversation.submit(alice.member, alice.member.join, "no room")
    assert said(bob) == numbers(4)
    chat.scheduler.advance(10)
    assert said(bob) == ["4", "5"]
    assert alice.kinds()[-1] is Kind.ERROR


def test_an_exception_in_a_delayed_action_loses_only_that_member(
    flooded: tuple[Chat, Person, Person], caplog: pytest.LogCaptureFixture
) -> None:
    chat, alice, bob = flooded
    alice.types(*numbers(4))
    conversation.submit(alice.member, lambda: 1 // 0)
    alice.types("never said")
    chat.scheduler.advance(10)
    assert alice.sink.closed == ["Internal error"]
    assert bob.sees()[-1] == "*** alice left the chat: internal error"
    assert caplog.records[0].exc_info is not None


def test_a_member_that_only_listens_has_no_gate(flooded: tuple[Chat, Person, Person]) -> None:
    chat, alice, bob = flooded
    alice.types("hello")
    assert bob.member.gate is None
    assert chat.scheduler.timers_set == 0


# The gate by itself


def job() -> None:
    """Do nothing."""


@given(
    st.floats(0.1, 100),
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 10), st.integers(0, 5000)), max_size=200),
)
def test_never_more_passes_than_burst_and_rate_allow(
    rate: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    policy = FloodPolicy(rate=rate, burst=burst, token_size=1000)
    gate = FloodGate(policy)
    now = start = 1000.0
    spent = 0.0
    for pause, size in steps:
        now += pause
        while gate.release(now):
            spent += 1
        if gate.admit(now, size, (job, ())) is Verdict.PASS:
            spent += min(1 + size // 1000, burst)
        assert spent <= burst + (now - start) * rate + 1e-3


@given(st.floats(0.1, 100), st.floats(0, 1e9))
def test_a_line_is_released_after_its_delay(rate: float, start: float) -> None:
    gate = FloodGate(FloodPolicy(rate=rate, burst=1))
    assert gate.admit(start, 0, (job, ())) is Verdict.PASS
    assert gate.delay(start) is None
    assert gate.admit(start, 0, (job, ())) is Verdict.QUEUED
    assert gate.release(start) is None
    delay = gate.delay(start)
    assert delay is not None
    assert gate.release(start + delay + 1e-6) == (job, ())


def test_a_closed_gate_holds_no_lines() -> None:
    gate = FloodGate(FloodPolicy(rate=1, burst=1))
    verdicts = [gate.admit(0.0, 0, (job, ())) for _ in range(4)]
    assert verdicts == [Verdict.PASS] + [Verdict.QUEUED] * 3
    assert gate.close() == 3
    assert gate.delay(0.0) is None
    assert gate.release(100.0) is None


def test_dropped_lines_are_not_cleaned(
    make_chat: type[Chat], monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned = 0

    def counted(text: str) -> str:
        nonlocal cleaned
        cleaned += 1
        return clean_text(text)

    monkeypatch.setattr("protocols.chat.commands.clean_text", counted)
    chat = make_chat(flood=FloodPolicy())
    alice, bob = chat.gather("alice", "bob")
    alice.types(*["\x01a" * 2000] * 50, *["/ping " + "\x01a" * 2000] * 50)
    chat.scheduler.settle()
    assert cleaned == 5
    assert said(bob) == ["a" * 2000] * 5


@pytest.mark.parametrize("line", ["HEARTBEAT", "\x1b[mHEART\u200bBEAT"])
def test_a_heartbeat_is_never_said_even_among_control_characters(
    make_chat: type[Chat], line: str
) -> None:
    chat = make_chat()
    alice, bob = chat.gather("alice", "bob")
    alice.types(line, "/ping\tnow", "/ping\x1c")
    assert bob.sees() == []
    assert alice.sees() == ["*** pong"] * 2


def test_more_pings_at_once_than_a_full_bucket_pays_for_are_refused() -> None:
    gate = FloodGate(POLICY)
    assert gate.admit_ping(0.0, 9) is Verdict.EXPEL
    gate = FloodGate(POLICY)
    assert gate.admit_ping(0.0, 8) is Verdict.PASS
    assert gate.admit_ping(0.0, 1) is Verdict.DROP
