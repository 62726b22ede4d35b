"""Clean text does nothing to a reader's terminal; harmless text is not changed."""

from __future__ import annotations

from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.text import MAX_MARKS, clean, clean_text

JOINERS = "\u200c\u200d"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain ASCII, with ~ and !",
        "  indented",
        "Grüße aus Köln",
        "привет, мир",
        "שלום עולם",
        "\u0645\u0631\u062d\u0628\u0627",  # Arabic
        "日本語テキスト",
        "e\u0301",  # decomposed stays decomposed
        "👩\u200d💻 and 👍🏽 and ❤\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a zero-width non-joiner
        "क्\u200dष",
        "\u06dd",
        "\U0001fae8 \U0001fadd",  # of 2022, and one that this Python may not know yet
    ],
)
def test_ordinary_text_of_any_script_is_kept(text: str) -> None:
    assert clean(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b[38;2;1;2;3mrgb", "rgb"),
        ("\x1b[?1049hscreen", "screen"),
        ("\x9b31mC1 introducer", "C1 introducer"),
        ("a\x1b]0;new title\x07b", "ab"),
        ("a\x1b]0;new title\x1b\\b", "ab"),
        ("a\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1bP$q\x1b\\b", "ab"),
        ("a\x1b_apc\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d", "abcd"),
        ("a\x1b(0b\x1b)Bc", "abc"),
        ("a\x1bcb\x1b7c", "abc"),
        ("a\x1b[", "a"),
        ("a\x1b", "a"),
        ("a\x1b]never ends", "a"),
        ("a\x1b]broken\x1b[31mb", "ab"),
        ("a\x1b[3\x1b[1mb", "ab"),
        ("a\x1b\x1b[1mb", "ab"),
        ("\x1b]x\x18y", "y"),
    ],
)
def test_escape_sequences_are_removed_as_a_whole(text: str, expected: str) -> None:
    assert clean(text.encode()) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\tb", "a b"),
        ("over\rwritten", "over written"),
        ("two\nlines", "two lines"),
        ("a\u2028b\u2029c\x85d\x0be", "a b c d e"),
        ("a\u00a0b\u3000c", "a b c"),
        ("be\x07ll\x08\x00\x7f", "bell"),
        ("abc\u202edef", "abcdef"),
        ("\u2066x\u2069\u200e\u200f\u061c", "x"),
        ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
        ("soft\u00adhyphen", "softhyphen"),
        ("tag\U000e0041\U000e007f", "tag"),
        ("private\ue000\U000f0000", "private"),
        ("reserved\u0378\ufdd0\U0001ffff\U000e0fff", "reserved"),
        ("sur\ud800rogate", "surrogate"),
    ],
)
def test_invisible_characters_are_removed_and_line_breaks_become_spaces(
    text: str, expected: str
) -> None:
    assert clean_text(text) == expected


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert clean(b"caf\xe9 \xff\xc0\x80") == "caf\ufffd \ufffd\ufffd\ufffd"


def test_the_number_of_marks_on_one_character_is_limited() -> None:
    assert clean_text("a" + "\u0301" * 30 + "b\u0302") == "a" + "\u0301" * MAX_MARKS + "b\u0302"


def test_the_number_of_joiners_in_a_row_is_limited() -> None:
    assert len(clean_text("\u200d" * 4000)) == MAX_MARKS


def test_marks_are_counted_across_removed_characters() -> None:
    assert len(clean_text("a" + "\u0301\u200b" * 30)) == 1 + MAX_MARKS


hostile = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\x1b\x9b\x9d\x90\x9c\x07\x18[]P\\;0m\u202e\u2066\u200d\u0301\r\n\t"),
    )
)


@given(hostile)
def test_the_result_has_only_visible_characters_and_spaces(text: str) -> None:
    for char in clean_text(text):
        assert category(char) not in {"Cc", "Cs", "Co", "Zl", "Zp"}
        assert category(char) != "Zs" or char == " "
        assert char not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"


@given(hostile)
def test_cleaning_twice_gives_the_same_as_cleaning_once(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once


@given(hostile)
def test_cleaning_makes_no_text_longer(text: str) -> None:
    assert len(clean_text(text)) <= len(text)


@given(st.binary())
def test_the_result_can_be_encoded_and_cleaned_again(raw: bytes) -> None:
    assert clean(clean(raw).encode()) == clean(raw)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_ascii_is_kept(text: str) -> None:
    assert clean(text.encode()) == text
