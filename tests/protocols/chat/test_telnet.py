"""The filter removes telnet commands from the text, and refuses offers up to a limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.chat.telnet import MAX_ANSWERS, MAX_SUBNEGOTIATION, TelnetFilter

from ...tools.tracing import trace

IAC, DONT, DO, WONT, WILL, SB, IP, NOP, SE = (
    bytes((code,)) for code in (255, 254, 253, 252, 251, 250, 244, 241, 240)
)
TIMING_MARK = b"\x06"


def feed(data: bytes) -> tuple[bytes, bytes]:
    return TelnetFilter().feed(data)


def test_text_without_commands_is_not_changed() -> None:
    assert feed("hello, wörld\r\n".encode()) == ("hello, wörld\r\n".encode(), b"")


def test_commands_are_taken_out() -> None:
    assert feed(b"a" + IAC + NOP + b"b" + IAC + IP + b"c") == (b"abc", b"")


@pytest.mark.parametrize("option", [b"\x01", b"\x03", b"\x18", b"\x1f", b"\xff"])
def test_requests_and_offers_are_refused(option: bytes) -> None:
    text, answer = feed(b"x" + IAC + DO + option + IAC + WILL + option + b"y")
    assert text == b"xy"
    assert answer == IAC + WONT + option + IAC + DONT + option


def test_refusals_are_not_answered() -> None:
    assert feed(IAC + WONT + b"\x01" + IAC + DONT + b"\x01") == (b"", b"")


def test_each_timing_mark_is_answered_or_ctrl_c_would_freeze_the_client() -> None:
    telnet = TelnetFilter()
    ctrl_c = IAC + IP + IAC + DO + TIMING_MARK
    for _ in range(3):
        assert telnet.feed(ctrl_c) == (b"", IAC + WONT + TIMING_MARK)


def test_the_answers_on_one_connection_are_limited() -> None:
    telnet = TelnetFilter()
    answered = [telnet.feed(IAC + DO + b"\x01")[1] for _ in range(MAX_ANSWERS + 5)]
    assert all(answered[:MAX_ANSWERS])
    assert not any(answered[MAX_ANSWERS:])


def test_two_filters_talking_to_each_other_fall_silent() -> None:
    left, right = TelnetFilter(), TelnetFilter()
    _, answer = left.feed(IAC + DO + b"\x01" + IAC + WILL + b"\x03")
    assert answer
    assert right.feed(answer) == (b"", b"")


def test_subnegotiations_are_taken_out() -> None:
    terminal_type = IAC + SB + b"\x18\x00xterm" + IAC + IAC + b"x" + IAC + SE
    assert feed(b"a" + terminal_type + b"b") == (b"ab", b"")


def test_an_unfinished_subnegotiation_swallows_a_limited_number_of_bytes() -> None:
    text, _ = feed(IAC + SB + b"x" * (MAX_SUBNEGOTIATION + 3))
    assert text == b"xxx"


def test_a_command_ends_a_subnegotiation_whose_end_is_missing() -> None:
    assert feed(IAC + SB + b"abc" + IAC + DO + b"\x01d") == (b"d", IAC + WONT + b"\x01")


def test_a_doubled_iac_is_one_byte_of_text() -> None:
    assert feed(b"a" + IAC + IAC + b"b") == (b"a\xffb", b"")


@pytest.mark.parametrize("following", [b"\n", b"a", "é".encode()])
def test_a_stray_255_leaves_what_follows_it(following: bytes) -> None:
    assert feed(b"\xff" + following) == (b"\xff" + following, b"")


def test_enter_in_character_mode_ends_a_line() -> None:
    assert feed(b"hello\r\0again\r\0") == (b"hello\r\nagain\r\n", b"")


def test_enter_in_character_mode_may_be_cut_in_two() -> None:
    telnet = TelnetFilter()
    assert telnet.feed(b"hello\r")[0] == b"hello\r"
    assert telnet.feed(b"\0")[0] == b"\n"
    assert telnet.feed(b"\0")[0] == b"\0"


@pytest.mark.parametrize(
    "command", [IAC + NOP, IAC + DO + b"\x01", IAC + SB + b"abc" + IAC + SE, IAC + IAC]
)
def test_many_commands_are_handled_together(command: bytes) -> None:
    texts: list[bytes] = []
    calls = trace(lambda: texts.append(feed(b"a" + command * 10_000 + b"b")[0]))
    # Other files' calls do not count: a garbage collection may run any finalizer.
    file = "protocols/chat/telnet.py"
    assert 0 < sum(call.file == file for call in calls) < 10
    assert texts[0].replace(b"\xff", b"") == b"ab"


def test_a_command_that_never_ends_withholds_a_limited_number_of_bytes() -> None:
    telnet = TelnetFilter()
    telnet.feed(IAC + SB)
    withheld = 0
    for _ in range(10_000):
        text, _ = telnet.feed(b"x")
        withheld += 1 - len(text)
        assert withheld <= MAX_SUBNEGOTIATION


stream = st.lists(
    st.one_of(
        st.binary(max_size=4),
        st.sampled_from(
            [IAC, SB, SE, DO, WILL, IAC + SB, IAC + SE, IAC + DO, b"\r", b"\0", b"x" * 300]
        ),
    ),
    max_size=30,
).map(b"".join)


@given(stream, st.lists(st.integers(1, 50)))
def test_how_the_stream_is_cut_makes_no_difference(data: bytes, cuts: list[int]) -> None:
    whole = feed(data)
    telnet = TelnetFilter()
    texts, answers = [], []
    position = 0
    for size in [*cuts, len(data)]:
        text, answer = telnet.feed(data[position : position + size])
        position += size
        texts.append(text)
        answers.append(answer)
    assert (b"".join(texts), b"".join(answers)) == whole


@given(stream)
def test_text_and_answer_are_not_longer_than_the_data(data: bytes) -> None:
    text, answer = feed(data)
    assert len(text) <= len(data)
    assert len(answer) <= len(data)


@given(st.text(max_size=200))
def test_utf8_passes_unchanged(text: str) -> None:
    raw = text.replace("\r\0", "").encode()
    assert feed(raw) == (raw, b"")
