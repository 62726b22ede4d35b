"""What a user sees on the screen while typing, when lines come in.

The screen is emulated, by pyte. So the tests say which text is in which row and where the cursor
is, not which bytes were written.
"""

import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.console.terminal import Control, Line, LineEditor
from protocols.console.terminal.text import cell_width, text_width
from protocols.text import clean_text

LEFT, RIGHT, UP, DOWN = b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B"
HOME, END, DELETE, BACKSPACE = b"\x1b[H", b"\x1b[F", b"\x1b[3~", b"\x7f"
CTRL_LEFT, CTRL_RIGHT = b"\x1b[1;5D", b"\x1b[1;5C"


class Screen(pyte.Screen):
    """pyte's screen, which also counts bells, and wraps wide characters as real terminals do."""

    bells = 0

    def bell(self, *args: object) -> None:
        self.bells += 1

    def draw(self, data: str) -> None:
        for character in data:
            if self.cursor.x == self.columns - 1 and self.wraps and cell_width(character) == 2:
                super().draw(" ")
            super().draw(character)

    @property
    def wraps(self) -> bool:
        return pyte.modes.DECAWM in self.mode


class Session:
    """An editor with a screen, connected as in a client. It shows each entered line as sent."""

    def __init__(self, columns: int = 20, rows: int = 6, max_line_bytes: int = 4096) -> None:
        self.screen = Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.editor = LineEditor(columns, max_line_bytes=max_line_bytes)
        self.events: list[Line | Control] = []
        self.stream.feed(self.editor.redraw())

    def type(self, *chunks: bytes | str) -> None:
        for chunk in chunks:
            data = chunk.encode() if isinstance(chunk, str) else chunk
            for event in self.editor.feed(data):
                self.events.append(event)
                if event is Control.CLEAR_SCREEN:
                    self.stream.feed(self.editor.clear_screen())
                elif isinstance(event, Line):
                    self.stream.feed(self.editor.show(f"sent {event.text}"))
            self.stream.feed(self.editor.redraw())

    def show(self, text: str) -> None:
        self.stream.feed(self.editor.show(text))

    @property
    def rows(self) -> list[str]:
        """The rows down to the cursor's. Rows below it must be empty."""
        buffer, width = self.screen.buffer, range(self.screen.columns)
        rows = [
            "".join(buffer[y][x].data for x in width).rstrip() for y in range(self.screen.lines)
        ]
        assert not any(rows[self.screen.cursor.y + 1 :])
        return rows[: self.screen.cursor.y + 1]

    @property
    def row(self) -> str:
        return self.rows[-1]

    @property
    def under_cursor(self) -> str:
        cursor = self.screen.cursor
        return str(self.screen.buffer[cursor.y][cursor.x].data)

    @property
    def lines(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Line)]


def paste(text: str) -> bytes:
    return b"\x1b[200~" + text.encode() + b"\x1b[201~"


# Incoming lines and the line being typed


def test_an_incoming_line_is_shown_above_the_line_being_typed() -> None:
    session = Session()
    session.type("hel")
    session.show("bob: hi")
    session.type("lo")
    assert session.rows == ["bob: hi", "> hello"]
    assert session.screen.cursor.x == len("> hello")


def test_the_cursor_keeps_its_position_in_the_line() -> None:
    session = Session()
    session.type("held", LEFT)
    session.show("bob: hi")
    assert session.under_cursor == "d"
    session.type("lo, worl")
    assert session.rows == ["bob: hi", "> hello, world"]


def test_a_long_incoming_line_wraps_above_the_line_being_typed() -> None:
    session = Session(columns=20)
    session.type("typing")
    session.show("0123456789" * 4 + "and more")
    assert session.rows == ["01234567890123456789"] * 2 + ["and more", "> typing"]


def test_an_incoming_line_as_wide_as_the_screen_leaves_no_empty_row() -> None:
    session = Session(columns=20)
    session.show("0123456789" * 2)
    session.show("next")
    assert session.rows == ["01234567890123456789", "next", ">"]


def test_a_full_screen_scrolls_and_keeps_the_typed_line_at_the_bottom() -> None:
    session = Session(rows=4)
    session.type("typing")
    for number in range(10):
        session.show(f"line {number}")
    assert session.rows == ["line 7", "line 8", "line 9", "> typing"]


def test_several_lines_at_once_and_a_final_line_end() -> None:
    session = Session()
    session.show("one\r\n\ntwo\n")
    assert session.rows == ["one", "", "two", ">"]


def test_an_incoming_line_does_not_disturb_a_long_typed_line() -> None:
    session = Session(columns=20)
    session.type("the quick brown fox jumps over the lazy dog")
    before = session.row
    session.show("bob: hi")
    assert session.rows == ["bob: hi", before]


def test_after_enter_the_next_line_begins_in_an_empty_row() -> None:
    session = Session()
    session.type("hello\r", "x")
    assert session.rows == ["sent hello", "> x"]
    assert session.events == [Line("hello")]


def test_erase_leaves_an_empty_row_and_redraw_restores_the_line() -> None:
    session = Session()
    session.type("hello", LEFT)
    session.stream.feed(session.editor.erase())
    assert session.rows == [""]
    session.stream.feed(b"shell output\r\n" + session.editor.redraw())
    assert session.rows == ["shell output", "> hello"]
    assert session.under_cursor == "o"


def test_the_prompt_may_change_while_a_line_is_typed() -> None:
    session = Session()
    session.type("hello")
    session.editor.prompt = "\x1b[31malice> "
    session.show("you are alice")
    assert session.rows == ["you are alice", "alice> hello"]


# Keys


def test_clear_screen_keeps_the_line() -> None:
    session = Session()
    session.show("old")
    session.type("hello", LEFT, b"\x0c")
    assert session.rows == ["> hello"]
    assert session.under_cursor == "o"


# History


def test_up_and_down_walk_through_earlier_lines() -> None:
    session = Session()
    session.type("one\rtwo\r", "new")
    for key, text in [
        (UP, "two"),
        (UP, "one"),
        (UP, "one"),
        (DOWN, "two"),
        (DOWN, "new"),
        (DOWN, "new"),
        (b"\x10", "two"),
        (b"\x0e", "new"),
        (b"\x1bOA", "two"),
        (b"\x1bOB", "new"),
    ]:
        session.type(key)
        assert session.row == f"> {text}"
        assert session.screen.cursor.x == len(f"> {text}")
    assert session.screen.bells == 2


# Pasting


def test_pasted_lines_are_entered_in_order_and_the_unfinished_one_stays() -> None:
    session = Session()
    session.type("say: ", paste("one\rtwo\r\nthree\nfour"), "!")
    assert session.lines == ["say: one", "two", "three"]
    assert session.row == "> four!"


# Bounds


def test_characters_beyond_the_limit_ring_the_bell_and_are_counted() -> None:
    session = Session(max_line_bytes=8)
    session.type("ääää", "b", "cé")
    assert session.row == "> ääää"
    assert session.screen.bells == 2
    session.type("\r", "short\r")
    assert session.events == [Line("ääää", refused=3), Line("short")]


# Characters


def test_the_cursor_is_on_the_right_cell_after_wide_and_combining_characters() -> None:
    session = Session()
    session.type("漢e\u0301字x", LEFT * 2)
    session.show("bob: 你好")
    assert session.rows == ["bob: 你好", "> 漢é字x"]
    assert (session.screen.cursor.x, session.under_cursor) == (len("> ") + 3, "字")
    session.type(BACKSPACE)
    assert session.row == "> 漢字x"
    assert session.under_cursor == "字"


# Sideways scrolling


def test_a_long_line_scrolls_sideways_in_one_row() -> None:
    session = Session(columns=20)
    session.type("0123456789abcde")
    assert session.row == "> 0123456789abcde"
    session.type("fghijklmnopqrstuvwxyz")
    assert session.row == "> <pqrstuvwxyz"
    session.type(LEFT * 12)
    assert session.row == "> <hijklmnopqrstuv>"
    assert session.under_cursor == "o"
    session.type(HOME)
    assert session.rows == ["> 0123456789abcdef>"]
    assert session.under_cursor == "0"


def test_a_wide_character_cut_in_half_becomes_a_space() -> None:
    session = Session(columns=11)
    session.type("abcd漢efgh", LEFT * 4)
    assert session.row == "> < efgh"
    session.type(HOME)
    assert session.row == "> abcd漢e>"
    session.type("x")
    assert session.row == "> xabcd漢>"
    session.type("x")
    assert session.row == "> xxabcd >"


def test_marks_are_cut_together_with_their_character() -> None:
    session = Session(columns=20)
    session.type("e\u0301" * 20)
    assert session.row == "> <" + "é" * 11


letters = st.sampled_from("abcxyz ä漢字😀")


@given(
    text=st.text(letters, max_size=60),
    position=st.integers(0, 60),
    columns=st.integers(1, 45),
    prompt=st.sampled_from(["", "> ", "a long prompt> "]),
)
def test_the_character_at_the_cursor_is_always_visible_and_the_row_never_wraps(
    text: str, position: int, columns: int, prompt: str
) -> None:
    columns = max(columns, 10)
    session = Session(columns)
    session.editor.prompt = prompt
    session.type(text, LEFT * max(0, len(text) - position))
    assert len(session.rows) == 1
    shown = text[position : position + 1].strip()
    assert session.under_cursor.strip() == shown


def test_a_prompt_that_leaves_too_little_room_is_not_shown() -> None:
    session = Session(columns=12)
    session.editor.prompt = "somebody> "
    session.type("hello")
    assert session.row == "hello"


def test_a_terminal_that_measures_differently_shows_one_row_and_the_right_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Characters of ambiguous width are wide in some terminals.
    measure: Callable[[str], int] = pyte.screens.wcwidth
    monkeypatch.setattr(pyte.screens, "wcwidth", lambda c: 2 if c == "ä" else measure(c))
    session = Session(columns=20)
    session.show("before")
    session.type("äääääxäääääääää", LEFT * 10)
    assert session.under_cursor == "x"
    session.show("after")
    assert session.rows[:-1] == ["before", "after"]


# Resizing


@pytest.mark.parametrize("columns", [12, 30, 60])
def test_resize_redraws_the_line_for_the_new_width(columns: int) -> None:
    text = "the quick brown fox jumps over the lazy dog"
    session = Session(columns=20)
    session.show("bob: hi")
    session.type(text, LEFT * 5)
    session.screen.resize(columns=columns)
    session.stream.feed(session.editor.resize(columns))
    session.show("bob: ho")
    fresh = Session(columns=columns)
    fresh.type(text, LEFT * 5)
    assert session.rows == ["bob: hi", "bob: ho", fresh.row]
    assert session.screen.cursor.x == fresh.screen.cursor.x


def test_a_terminal_of_unknown_width_is_treated_as_narrow() -> None:
    session = Session(columns=10)
    session.stream.feed(session.editor.resize(0))
    session.type("x" * 50)
    assert len(session.rows) == 1


# Control characters in incoming text


@given(st.text(st.characters(max_codepoint=0x300) | st.sampled_from("\x1b[]\\mH;2\x9b\n\ud800")))
def test_shown_text_cannot_control_the_terminal(text: str) -> None:
    assert not {unicodedata.category(character) for character in clean_text(text)} & {"Cc", "Cs"}
    session = Session(columns=20, rows=8)
    session.type("typing", LEFT)
    session.show(text)
    session.show("after")
    assert session.rows[-2:] == ["after", "> typing"]
    assert session.under_cursor == "g"
    assert session.screen.bells == 0


# Input split anywhere, and mixed with incoming lines

_input = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace")),
        st.text("ab 漢\u0301", max_size=8).map(str.encode),
        st.text("ab\r\n", max_size=8).map(paste),
        st.sampled_from(
            [LEFT, RIGHT, UP, DOWN, HOME, END, DELETE, BACKSPACE, CTRL_LEFT, b"\r", b"\n"]
        ),
        st.sampled_from([b"\x04", b"\x03", b"\x0b", b"\x0c", b"\x15", b"\x17", b"\x1b"]),
    ),
    max_size=30,
).map(b"".join)


@given(data=_input, cuts=st.lists(st.integers(0, 200), max_size=20))
def test_input_split_anywhere_gives_the_same_lines_and_the_same_screen(
    data: bytes, cuts: list[int]
) -> None:
    whole = Session()
    whole.type(data)
    pieces = Session()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces.type(*(data[start:end] for start, end in pairwise(places)))
    assert pieces.events == whole.events
    assert pieces.rows == whole.rows
    assert (pieces.screen.cursor.x, pieces.screen.cursor.y) == (
        whole.screen.cursor.x,
        whole.screen.cursor.y,
    )


class Model:
    """What a user expects of the line, as simply as possible."""

    def __init__(self) -> None:
        self.left: list[str] = []
        self.right: list[str] = []  # nearest to the cursor first
        self.above: list[str] = []

    def press(self, key: bytes) -> None:
        if key == LEFT and self.left:
            self.right.insert(0, self.left.pop())
        elif key == RIGHT and self.right:
            self.left.append(self.right.pop(0))
        elif key == HOME:
            self.left, self.right = [], self.left + self.right
        elif key == END:
            self.left, self.right = self.left + self.right, []
        elif key == BACKSPACE and self.left:
            self.left.pop()
        elif key == DELETE and self.right:
            self.right.pop(0)
        elif key == b"\r":
            self.above.append("sent " + "".join(self.left + self.right))
            self.left, self.right = [], []


def wrapped(line: str, columns: int) -> list[str]:
    rows = [""]
    for character in line:
        if text_width(rows[-1] + character) > columns:
            rows.append("")
        rows[-1] += character
    return [row.rstrip() for row in rows]


_step = st.one_of(
    st.tuples(st.just("type"), st.text("abcdefgh 漢字", max_size=9)),
    st.tuples(st.just("incoming"), st.text("ABCDEFGH .", max_size=50)),
    st.tuples(
        st.just("press"), st.sampled_from([LEFT, RIGHT, HOME, END, BACKSPACE, DELETE, b"\r"])
    ),
)


@given(st.lists(_step, max_size=25))
def test_any_mixture_of_typing_and_incoming_lines_is_shown_completely(
    steps: list[tuple[str, str | bytes]],
) -> None:
    columns = 40
    session, model = Session(columns, rows=200), Model()
    for what, value in steps:
        if isinstance(value, bytes):
            session.type(value)
            model.press(value)
        elif what == "type":
            session.type(value)
            model.left += value
        else:
            session.show(value)
            model.above.append(value)
    *above, row = session.rows
    assert above == [row for line in model.above for row in wrapped(line, columns)]
    before, after = "".join(model.left), "".join(model.right)
    if text_width(before + after) < columns - len("> ") - 1:
        assert row == f"> {before}{after}".rstrip()
        assert session.screen.cursor.x == text_width(f"> {before}")
    assert session.under_cursor.strip() == after[:1].strip()
