"""The table of raw dialogues, with the commands in pieces of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactor.testing import VirtualReactor

from ...tools.ftp import FTPHouse
from .raw_dialogues import DIALOGUES


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(reactor: VirtualReactor, root: Path, name: str) -> None:
    client = FTPHouse(reactor, root, writable=True).client()
    assert [line[:4] for line in client.greeting] == ["220 "]
    for line, codes in _pairs(DIALOGUES[name]):
        replies = client.asks(line)
        assert _codes(replies) == codes.split(), (line, replies)


@pytest.mark.parametrize("size", [1, 2, 7])
@pytest.mark.parametrize("name", ["login", "cwd and cdup", "rename", "epsv all"])
def test_pieces_of_commands(reactor: VirtualReactor, root: Path, name: str, size: int) -> None:
    client = FTPHouse(reactor, root, writable=True).client()
    lines, codes = zip(*_pairs(DIALOGUES[name]), strict=True)
    client.peer.send("".join(f"{line}\r\n" for line in lines).encode(), size)
    assert _codes(client.replies()) == list(codes)


def _pairs(dialogue: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(dialogue[::2], dialogue[1::2], strict=True))


def _codes(replies: list[str]) -> list[str]:
    """The code of each reply, which may have several lines."""
    return [line[:3] for line in replies if line[:3].isdecimal() and line[3:4] == " "]
