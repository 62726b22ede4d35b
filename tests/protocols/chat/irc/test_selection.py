"""Which lines of a history a client asks for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from protocols.chat.irc import selection
from protocols.chat.irc.selection import Point, parse_point
from protocols.chat.messages import Kind, Message

START = 1_700_000_000
# One line a second, with the ids 10, 20, ... 100.
LINES = [Message(Kind.SAID, START + n, "tea", "alice", str(n), id=n * 10) for n in range(1, 11)]


def point(text: str) -> Point:
    found = parse_point(text)
    assert found is not None
    return found


def texts(messages: Sequence[Message]) -> list[int]:
    return [int(message.text) for message in messages]


def stamp(n: int) -> str:
    return f"timestamp=2023-11-14T22:13:{20 + n}.000Z"


@pytest.fixture(params=["msgid", "timestamp"])
def at(request: pytest.FixtureRequest):
    """Returns the position of line ``n``, by its id or by its time."""
    if request.param == "msgid":
        return lambda n: point(f"msgid={n * 10}")
    return lambda n: point(stamp(n))


def test_the_latest(at) -> None:
    assert texts(selection.latest(LINES, None, 3)) == [8, 9, 10]
    assert texts(selection.latest(LINES, None, 50)) == list(range(1, 11))
    assert texts(selection.latest(LINES, at(8), 50)) == [9, 10]
    assert texts(selection.latest(LINES, at(4), 2)) == [9, 10]
    assert selection.latest([], None, 3) == []


def test_before_a_line(at) -> None:
    assert texts(selection.before(LINES, at(4), 50)) == [1, 2, 3]
    assert texts(selection.before(LINES, at(4), 2)) == [2, 3]
    assert texts(selection.before(LINES, at(1), 2)) == []


def test_after_a_line(at) -> None:
    assert texts(selection.after(LINES, at(7), 50)) == [8, 9, 10]
    assert texts(selection.after(LINES, at(7), 2)) == [8, 9]
    assert texts(selection.after(LINES, at(10), 2)) == []


def test_around_a_line(at) -> None:
    assert texts(selection.around(LINES, at(5), 1)) == [5]
    assert texts(selection.around(LINES, at(5), 3)) == [4, 5, 6]
    assert texts(selection.around(LINES, at(5), 4)) == [4, 5, 6, 7]
    assert texts(selection.around(LINES, at(1), 3)) == [1, 2, 3]
    assert texts(selection.around(LINES, at(10), 3)) == [8, 9, 10]
    assert texts(selection.around(LINES, at(5), 50)) == list(range(1, 11))


def test_between_two_lines(at) -> None:
    assert texts(selection.between(LINES, at(2), at(8), 50)) == [3, 4, 5, 6, 7]
    assert texts(selection.between(LINES, at(8), at(2), 50)) == [3, 4, 5, 6, 7]
    assert texts(selection.between(LINES, at(2), at(8), 2)) == [3, 4]
    assert texts(selection.between(LINES, at(8), at(2), 2)) == [6, 7]
    assert texts(selection.between(LINES, at(4), at(5), 2)) == []


def test_a_line_that_is_gone_still_has_its_place() -> None:
    assert texts(selection.after(LINES, point("msgid=45"), 2)) == [5, 6]
    assert texts(selection.before(LINES, point("timestamp=2023-11-14T22:13:24.5Z"), 2)) == [3, 4]


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "",
        "msgid=",
        "msgid=x1",
        "msgid=٣",
        "timestamp=",
        "timestamp=now",
        "timestamp=2023-02-31T00:00:00.000Z",
        "timestamp=2023-11-14 22:13:20",
        "account=alice",
    ],
)
def test_what_names_no_position(text: str) -> None:
    assert parse_point(text) is None
