"""One line of IRC: parsed, formatted, cut and cleaned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.chat.irc.grammar import (
    Line,
    LineError,
    cut,
    format_line,
    parse_line,
    split,
    with_formatting,
    without_formatting,
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("PING", Line({}, "", "PING", [])),
        ("ping x", Line({}, "", "PING", ["x"])),
        ("JOIN :", Line({}, "", "JOIN", [""])),
        ("PRIVMSG #a :hi there", Line({}, "", "PRIVMSG", ["#a", "hi there"])),
        ("PRIVMSG #a ::) x", Line({}, "", "PRIVMSG", ["#a", ":) x"])),
        ("PRIVMSG #a :x :y", Line({}, "", "PRIVMSG", ["#a", "x :y"])),
        ("PRIVMSG  #a   hi ", Line({}, "", "PRIVMSG", ["#a", "hi"])),
        ("  NICK a", Line({}, "", "NICK", ["a"])),
        (":alice!a@b NICK :c", Line({}, "alice!a@b", "NICK", ["c"])),
        ("@a=1;b;+c=x\\sy\\:\\\\ :s X", Line({"a": "1", "b": "", "+c": "x y;\\"}, "s", "X", [])),
        ("@a=1;a=2;=3 X", Line({"a": "2"}, "", "X", [])),
        ("@a=\\z\\ X", Line({"a": "z"}, "", "X", [])),
        ("001 x", Line({}, "", "001", ["x"])),
    ],
)
def test_a_line_has_parts(text: str, line: Line) -> None:
    assert parse_line(text) == line


@pytest.mark.parametrize("text", ["", " ", ":", ":source", ":source ", "@tag", "@tag ", "@", "@ "])
def test_a_line_without_a_command_is_blank(text: str) -> None:
    assert parse_line(text) is None


@pytest.mark.parametrize("text", ["%", "J0IN", "12", "1234", "PRIV\0MSG x", ": :x", "é"])
def test_a_command_is_letters_or_three_digits(text: str) -> None:
    with pytest.raises(LineError):
        parse_line(text)


def test_after_14_parameters_the_rest_is_one() -> None:
    line = parse_line("X " + " ".join(map(str, range(20))))
    assert line is not None
    assert len(line.params) == 15
    assert line.params[-1] == "14 15 16 17 18 19"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("PING " + 505 * "x", True),
        ("PING " + 506 * "x", False),
        ("PING " + 252 * "é", True),
        ("PING " + 253 * "é", False),
        ("@" + 4094 * "x" + " PING " + 505 * "x", True),
        ("@" + 4095 * "x" + " PING", False),
    ],
)
def test_a_line_has_a_length(text: str, fits: bool) -> None:
    if fits:
        assert parse_line(text) is not None
        return
    with pytest.raises(LineError) as caught:
        parse_line(text)
    assert caught.value.too_long


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        (("PING",), "PING"),
        (("PING", ""), "PING :"),
        (("PRIVMSG", "#a", "hi there"), "PRIVMSG #a :hi there"),
        (("PRIVMSG", "#a", ":)"), "PRIVMSG #a ::)"),
        (("PRIVMSG", "#a", "hi"), "PRIVMSG #a hi"),
        (("401", "a", "no such\r\nQUIT", "x"), "401 a nosuchQUIT x"),
        (("401", "a", "", "x"), "401 a * x"),
        (("401", "a", "::b", "x"), "401 a b x"),
        (("X", "a\0b\nc\rd"), "X abcd"),
    ],
)
def test_parts_make_a_line(parts: tuple[str, ...], line: str) -> None:
    assert format_line(*parts) == line


def test_a_line_may_have_a_source_and_tags() -> None:
    tags = (("time", "now"), ("+x", "a; b\\\r\n"), ("y", ""))
    line = format_line("X", "z", source="alice", tags=tags)
    assert line == "@time=now;+x=a\\:\\sb\\\\\\r\\n;y :alice X z"


def test_a_line_is_cut_between_two_characters() -> None:
    line = format_line("X", "é" * 400, tags=(("a", "b" * 1000),))
    text = line.partition(" ")[2]
    assert len(text.encode()) in {509, 510}
    assert text.endswith("é")


words = st.text(st.characters(exclude_characters="\0\r\n ", exclude_categories=["Cs"]), min_size=1)
middles = words.filter(lambda word: not word.startswith(":"))
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
texts = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]))


@given(st.lists(middles, max_size=5), texts, st.dictionaries(st.sampled_from("abcd"), values))
def test_what_is_formatted_can_be_parsed(
    middle: list[str], last: str, tags: dict[str, str]
) -> None:
    params = [*[word[:20] for word in middle], last[:40]]
    line = format_line("X", *params, source="s", tags=tuple(tags.items()))
    if len(line) < 4000:
        assert parse_line(line) == Line(tags, "s", "X", params)


@given(st.text())
def test_any_line_can_be_parsed_or_is_refused(text: str) -> None:
    try:
        parse_line(text)
    except LineError:
        pass


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(4, 50))
def test_parts_of_a_text_fit_and_lose_nothing_but_spaces(text: str, size: int) -> None:
    parts = split(text, size)
    assert all(len(part.encode()) <= size for part in parts)
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")
    assert cut(text, size).encode() == text.encode()[:size].decode(errors="ignore").encode()


def test_a_text_is_split_at_a_space() -> None:
    assert split("one two three", 9) == ["one two", "three"]
    assert split("aaaaaaaaaaaa", 5) == ["aaaaa", "aaaaa", "aa"]
    assert split("a bbbbbbbbbbb", 9) == ["a bbbbbbb", "bbbb"]


@pytest.mark.parametrize(
    ("text", "clean", "formatted"),
    [
        ("plain", "plain", "plain"),
        ("\x02bold\x02 \x1ditalic\x0f", "bold italic", "\x02bold\x02 \x1ditalic\x0f"),
        ("\x0304,12red\x03 1", "red 1", "\x0304,12red\x03 1"),
        ("\x03,5", ",5", "\x03,5"),
        ("\x04ff0000red", "red", "\x04ff0000red"),
        ("\x11mono\x1e\x1f\x16", "mono", "\x11mono\x1e\x1f\x16"),
        ("\x1b[31m\x07a\tb", "a b", "a b"),
        ("\x1b\x02[31mred", "red", "\x02[31mred"),
        ("a\x01VERSION\x01", "aVERSION", "aVERSION"),
        ("\u202eevil", "evil", "evil"),
    ],
)
def test_codes_for_colours_are_not_for_everybody(text: str, clean: str, formatted: str) -> None:
    assert without_formatting(text) == clean
    assert with_formatting(text) == formatted
