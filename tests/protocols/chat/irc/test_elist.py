"""The conditions of LIST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protocols.chat.irc.elist import parse_conditions
from tests.tools.chat import WALL_TIME, Chat


@pytest.fixture
def chat() -> Iterator[Chat]:
    """``tea`` is two hours old and has three members; ``coffee`` is new and has one, and a
    topic."""
    chat = Chat()
    for name in ("alice", "bob", "carol"):
        chat.roam(name)[0].member.join("tea")
    chat.hub.rooms["tea"].created -= 7200
    (dora,) = chat.roam("dora")
    dora.member.join("coffee")
    dora.member.set_topic("beans")
    yield chat
    chat.close()


@pytest.mark.parametrize(
    ("text", "rooms"),
    [
        ("", "tea coffee"),
        ("#tea", "tea"),
        ("#TEA,#coffee", "tea coffee"),
        ("#cocoa", ""),
        ("*ea", "tea"),
        ("#t?a", "tea"),
        ("!*ea", "coffee"),
        ("*,!*ea", "coffee"),
        (">1", "tea"),
        (">3", ""),
        ("<3", "coffee"),
        (">0,<100,!#coffee", "tea"),
        ("C<60", "coffee"),
        ("C>60", "tea"),
        ("c>60", "tea"),
        ("T<60", "coffee"),  # tea has no topic
        ("T>60", ""),
        ("*" * 6, "tea coffee"),  # too many stars: ignored
    ],
)
def test_conditions(chat: Chat, text: str, rooms: str) -> None:
    wanted = parse_conditions(text)
    names = [name for name in ("tea", "coffee") if wanted(chat.hub.rooms[name], WALL_TIME)]
    assert " ".join(names) == rooms


def test_too_many_conditions_are_ignored(chat: Chat) -> None:
    wanted = parse_conditions(",".join([">0"] * 20 + ["#cocoa"]))
    assert wanted(chat.hub.rooms["tea"], WALL_TIME)
