"""The table of raw dialogues, with the commands in pieces of every kind."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor.testing import VirtualReactor

from ...tools.ftp import FTPHouse, fill
from .raw_dialogues import DIALOGUES


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(reactor: VirtualReactor, root: Path, name: str) -> None:
    client = FTPHouse(reactor, root, writable=True).client()
    assert [line[:4] for line in client.greeting] == ["220 "]
    for line, codes in _pairs(DIALOGUES[name]):
        replies = client.asks(line)
        assert _codes(replies) == codes.split(), (line, replies)


@given(st.sampled_from(sorted(DIALOGUES)), st.integers(1, 50))
@settings(deadline=None)
def test_commands_in_pieces_of_every_size(name: str, size: int) -> None:
    lines, codes = zip(*_pairs(DIALOGUES[name]), strict=True)
    with TemporaryDirectory() as folder, VirtualReactor() as reactor:
        client = FTPHouse(reactor, fill(Path(folder) / "root"), writable=True).client()
        client.peer.send("".join(f"{line}\r\n" for line in lines).encode(), size)
        assert _codes(client.replies()) == " ".join(codes).split()


def _pairs(dialogue: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(dialogue[::2], dialogue[1::2], strict=True))


def _codes(replies: list[str]) -> list[str]:
    """The code of each reply, which may have several lines."""
    return [line[:3] for line in replies if line[:3].isdecimal() and line[3:4] == " "]
