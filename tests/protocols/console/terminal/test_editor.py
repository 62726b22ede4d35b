"""The line that results from what is typed. No screen is needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.console.terminal import Control, Line, LineEditor
from protocols.console.terminal.text import next_boundary, text_width
from protocols.text import clean_text

LEFT, RIGHT, UP, DOWN = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B"
HOME, END, DELETE, BACKSPACE = b"\x1b[H", b"\x1b[F", b"\x1b[3~", b"\x7f"
CTRL_LEFT, CTRL_RIGHT = b"\x1b[1;5D", b"\x1b[1;5C"


# Keys

TEXT = "one two  three"


@pytest.mark.parametrize(
    ("keys", "text", "cursor"),
    [
        (b"", TEXT, 14),
        (LEFT, TEXT, 13),
        (b"\x1bOD", TEXT, 13),
        (b"\x02", TEXT, 13),
        (LEFT * 20, TEXT, 0),
        (RIGHT, TEXT, 14),
        (HOME + RIGHT, TEXT, 1),
        (HOME + b"\x1bOC", TEXT, 1),
        (HOME + b"\x06", TEXT, 1),
        (HOME, TEXT, 0),
        (b"\x1bOH", TEXT, 0),
        (b"\x1b[1~", TEXT, 0),
        (b"\x1b[7~", TEXT, 0),
        (b"\x01", TEXT, 0),
        (HOME + END, TEXT, 14),
        (HOME + b"\x1bOF", TEXT, 14),
        (HOME + b"\x1b[4~", TEXT, 14),
        (HOME + b"\x1b[8~", TEXT, 14),
        (HOME + b"\x05", TEXT, 14),
        (BACKSPACE, "one two  thre", 13),
        (b"\x08", "one two  thre", 13),
        (HOME + BACKSPACE, TEXT, 0),
        (DELETE, TEXT, 14),
        (HOME + DELETE, "ne two  three", 0),
        (HOME + b"\x04", "ne two  three", 0),
        (b"\x04", TEXT, 14),
        (LEFT * 5 + b"\x0b", "one two  ", 9),
        (LEFT * 5 + b"\x15", "three", 0),
        (b"\x17", "one two  ", 9),
        (b"\x17\x17", "one ", 4),
        (b"\x17" * 5, "", 0),
        (LEFT * 2 + b"\x17", "one two  ee", 9),
        (b"\x1b\x7f", "one two  ", 9),
        (CTRL_LEFT, TEXT, 9),
        (b"\x1bb", TEXT, 9),
        (CTRL_LEFT * 2, TEXT, 4),
        (CTRL_LEFT * 5, TEXT, 0),
        (HOME + CTRL_RIGHT, TEXT, 3),
        (HOME + b"\x1bf" * 3, TEXT, 14),
        (HOME + CTRL_RIGHT * 5, TEXT, 14),
        (b"\x1b[1;1D", TEXT, 13),
        (b"\x1b[1;5H", TEXT, 0),
        (LEFT + b"X", "one two  threXe", 14),
        (b"\t!", TEXT + " !", 16),
        # Keys without a meaning here change nothing: F1 of the console, F5, Insert, focus, Esc.
        (b"\x1b[[A\x1b[15~\x1b[2~\x1b[I\x1bOP\x1b[1;2P\x00\x1c\x1b", TEXT, 14),
        (b"\x1b" + LEFT, TEXT, 13),
        (b"\x1bx", TEXT + "x", 15),
        # An unfinished sequence ends at the first character that cannot belong to it.
        ("\x1b[12é".encode(), TEXT + "é", 15),
        (b"\x1b[\x01", TEXT, 0),
        (HOME + b"\x1b[3;" + b"1" * 1000 + b"~", TEXT, 0),
    ],
)
def test_each_key_changes_the_line_or_moves_the_cursor(keys: bytes, text: str, cursor: int) -> None:
    editor = LineEditor()
    assert editor.feed(TEXT.encode() + keys) == []
    assert (editor.text, editor.cursor) == (text, cursor)


def test_keys_that_are_for_the_client() -> None:
    editor = LineEditor()
    assert editor.feed(b"\x04") == [Control.EOF]
    assert editor.feed(b"x\x04\x7f\x04") == [Control.EOF]
    assert editor.feed(b"half\x03") == [Control.INTERRUPT]
    assert editor.text == ""
    assert editor.feed(b"\x0c") == [Control.CLEAR_SCREEN]


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_one_line_end_enters_one_line(end: bytes) -> None:
    assert LineEditor().feed(b"one" + end + b"two" + end) == [Line("one"), Line("two")]


# History


def test_a_recalled_line_can_be_changed_and_both_versions_are_remembered() -> None:
    editor = LineEditor()
    editor.feed(b"one\r")
    assert editor.feed(UP + b"!\r") == [Line("one!")]
    editor.feed(UP)
    assert editor.text == "one!"
    editor.feed(UP)
    assert editor.text == "one"


def test_changes_of_recalled_lines_are_kept_until_a_line_is_entered() -> None:
    editor = LineEditor()
    editor.feed(b"one\rtwo\r" + UP + b" changed" + UP + DOWN)
    assert editor.text == "two changed"
    editor.feed(DOWN + b"three\r" + UP + UP)
    assert editor.text == "two"


def test_empty_and_repeated_lines_are_remembered_once() -> None:
    editor = LineEditor()
    editor.feed(b"one\r\r\rtwo\rtwo\r" + UP + UP)
    assert editor.text == "one"


def test_the_history_forgets_its_oldest_line() -> None:
    editor = LineEditor(history_size=2)
    editor.feed(b"one\rtwo\rthree\r" + UP * 9)
    assert editor.text == "two"


# Pasting


def paste(text: str) -> bytes:
    return b"\x1b[200~" + text.encode() + b"\x1b[201~"


def test_control_characters_in_pasted_text_are_not_keys() -> None:
    editor = LineEditor()
    events = editor.feed(b"one\r" + paste("a\x01\x03\x04\x0c\x7f\x1b[A\x1b[D\x1b\x7f\tb\x1b[31mc"))
    assert events == [Line("one")]
    assert editor.text == "a  bc"  # the form feed and the tab are spaces
    editor.feed(b"\x01")
    assert editor.cursor == 0


# Bounds


def test_the_limit_is_in_bytes_and_erasing_makes_room() -> None:
    editor = LineEditor(max_line_bytes=8)
    editor.feed("漢字x".encode() + BACKSPACE * 2 + b"12345")
    assert editor.text == "漢12345"
    editor.feed(b"\r12345678" + UP + b"9" + BACKSPACE + b"!" + DOWN + b"\x17" + b"87654321")
    assert editor.text == "87654321"


def test_a_line_has_at_most_4096_bytes_by_default() -> None:
    assert LineEditor().feed(b"x" * 5000 + b"\r") == [Line("x" * 4096, refused=904)]


# Characters


@pytest.mark.parametrize(
    ("text", "cells", "characters"),
    [
        ("abc", 3, 3),
        ("漢字", 4, 2),
        ("\uff46\uff55\uff4c\uff4c", 8, 4),
        ("e\u0301e\u0323\u0302", 2, 2),
        ("ㅎ", 2, 1),
        ("\u1112\u1161\u11ab", 2, 1),
        ("क\u0903", 2, 1),
        ("😀!", 3, 2),
        ("👩\u200d👧", 4, 1),
    ],
)
def test_the_cursor_moves_by_whole_characters(text: str, cells: int, characters: int) -> None:
    editor = LineEditor()
    editor.feed(text.encode())
    assert text_width(text) == cells
    steps = 0
    while editor.cursor > 0:
        editor.feed(LEFT)
        steps += 1
    assert steps == characters
    editor.feed(RIGHT * characters)
    assert editor.cursor == len(text)
    editor.feed(BACKSPACE * (characters - 1))
    assert editor.text == text[: next_boundary(text, 0)]


def test_reads_may_split_utf8() -> None:
    editor = LineEditor()
    for byte in "ä漢😀\r".encode():
        events = editor.feed(bytes([byte]))
    assert events == [Line("ä漢😀")]


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert LineEditor().feed(b"a\xff\xc3(b\r") == [Line("a\ufffd\ufffd(b")]


@given(st.binary(max_size=80))
def test_typed_and_pasted_bytes_never_put_a_control_character_into_a_line(data: bytes) -> None:
    editor = LineEditor()
    events = editor.feed(data + b"\x1b[200~" + data + b"\x1b[201~\r")
    for event in events:
        if isinstance(event, Line):
            assert clean_text(event.text) == event.text
