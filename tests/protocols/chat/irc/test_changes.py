"""Strings of signs, letters and values, as MODE takes them."""

from __future__ import annotations

import pytest

from protocols.chat.irc.changes import MAX_VALUES, Change, parse_changes


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("+m", [(True, "m", None)]),
        ("m", [(True, "m", None)]),
        ("+im-ts", [(True, "i", None), (True, "m", None), (False, "t", None), (False, "s", None)]),
        ("+ov-v a b c", [(True, "o", "a"), (True, "v", "b"), (False, "v", "c")]),
        ("+o a -v b", [(True, "o", "a"), (False, "v", "b")]),
        ("+o a v b", [(True, "o", "a"), (True, "v", "b")]),
        ("+kl key 5", [(True, "k", "key"), (True, "l", "5")]),
        ("-lk key", [(False, "l", None), (False, "k", "key")]),
        ("-k", [(False, "k", None)]),
        ("b", [(True, "b", None)]),
        ("+m b", [(True, "m", None), (True, "b", None)]),
        ("+b *!*@x", [(True, "b", "*!*@x")]),
        ("+Zm", [(True, "Z", None), (True, "m", None)]),
        ("+-", []),
    ],
)
def test_changes(text: str, changes: list[tuple[bool, str, str | None]]) -> None:
    assert parse_changes(text.split()) == [Change(*change) for change in changes]


def test_a_change_is_there_once() -> None:
    assert parse_changes(["b" * 400]) == [Change(True, "b", None)]


def test_the_number_of_values_is_limited() -> None:
    names = [f"n{n}" for n in range(MAX_VALUES + 3)]
    changes = parse_changes(["+" + "o" * len(names), *names])
    assert [change.value for change in changes] == names[:MAX_VALUES]


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("+o", True),
        ("-v", True),
        ("+k", True),
        ("-k", False),
        ("+l", True),
        ("-l", False),
        ("+b", False),
        ("-b", False),
        ("+m", False),
        ("+o a", False),
    ],
)
def test_which_changes_lack_a_value(text: str, lacking: bool) -> None:
    (change,) = parse_changes(text.split())
    assert change.lacks_value is lacking
