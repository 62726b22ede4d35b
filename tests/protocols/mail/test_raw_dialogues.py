"""The table of raw dialogues, in pieces of every size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.mail import Limits
from reactor.testing import VirtualReactor

from .raw_dialogues import CASES, Case, Exact
from .world import SMTPWorld


def run(case: Case, reactor: VirtualReactor, chunk: int | None) -> None:
    world = SMTPWorld(reactor, **case.settings)
    peer = world.connect()
    for data, *expected in case.all_steps:
        line = data if isinstance(data, Exact) or data.endswith(b"\r\n") else data + b"\r\n"
        replies = world.ask(peer, line, chunk and max(chunk, len(line) // 5000))
        lines = replies.splitlines()
        if len(expected) == 1:  # the last line of a reply with several
            lines = lines[-1:]
        assert len(lines) == len(expected), replies
        for got, start in zip(lines, expected, strict=True):
            assert got.startswith(start), replies
    assert peer.eof_received == case.closed
    assert [message.content for message in world.messages] == list(case.contents)
    if case.sender is not None:
        assert str(world.messages[0].envelope.sender) == case.sender
    if case.recipients is not None:
        assert tuple(map(str, world.messages[0].envelope.recipients)) == case.recipients
    assert world.server.shared.memory.used == 0


@pytest.mark.parametrize("chunk", [None, 1, 2, 3, 7, 1000])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_dialogue(case: Case, chunk: int | None, reactor: VirtualReactor) -> None:
    run(case, reactor, chunk)


def test_help_names_no_command_that_is_refused(reactor: VirtualReactor) -> None:
    world = SMTPWorld(reactor)
    reply = world.ask(world.connect(), b"HELP\r\n")
    names = reply.partition("Commands: ")[2].split()
    assert {"MAIL", "DATA", "BDAT"} <= set(names)
    for name in names:
        asked = world.ask(world.connect(), name.encode() + b"\r\n")
        assert name in ("AUTH", "STARTTLS") or not asked.startswith("502"), name
    assert " VRFY HELP AUTH STARTTLS\r\n" in reply  # EHLO tells whether these two can be used


LINES = st.lists(st.binary(max_size=30).map(lambda line: line.translate(None, b"\r\n")))


@given(lines=LINES, cuts=st.lists(st.integers(1, 40), min_size=1))
def test_every_content_arrives_in_pieces_of_every_size(lines: list[bytes], cuts: list[int]) -> None:
    content = b"".join(line + b"\r\n" for line in lines)
    stuffed = b"".join((b"." if line[:1] == b"." else b"") + line + b"\r\n" for line in lines)
    with VirtualReactor() as reactor:
        world = SMTPWorld(reactor)
        peer = world.begin()
        rest, index = stuffed + b".\r\n", 0
        while rest:
            size = cuts[index % len(cuts)]
            peer.send(rest[:size])
            rest, index = rest[size:], index + 1
        reactor.settle()
        assert peer.read().startswith(b"250")
        assert [message.content for message in world.messages] == [content]


PIECES = st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"x", b"\0", b"MAIL FROM:<>"])


@given(pieces=st.lists(PIECES, max_size=30), chunk=st.integers(1, 9))
def test_only_crlf_dot_crlf_ends_the_data(pieces: list[bytes], chunk: int) -> None:
    """Compared with the definition: RFC 5321 sections 4.1.1.4 and 4.5.2."""
    data = b"".join(pieces) + b"\r\n.\r\n"
    text = b"\r\n" + data
    end = text.index(b"\r\n.\r\n")
    sent = text[2 : end + 2] if end else b""
    bare = sent.replace(b"\r\n", b"")
    with VirtualReactor() as reactor:
        world = SMTPWorld(reactor, limits=Limits(errors=1000))
        peer = world.begin()
        reply = world.ask(peer, data, chunk)
        if b"\r" in bare or b"\n" in bare:
            assert reply.startswith("550 5.6.0")
            assert not [m for m in world.messages if m.content]
        else:
            assert reply.startswith("250")
            assert world.messages[0].content == (b"\r\n" + sent).replace(b"\r\n.", b"\r\n")[2:]


@given(
    data=st.lists(st.one_of(PIECES, st.binary(max_size=9)), max_size=60), chunk=st.integers(1, 99)
)
def test_garbage_gets_replies_and_breaks_nothing(data: list[bytes], chunk: int) -> None:
    with VirtualReactor() as reactor:
        world = SMTPWorld(reactor)
        peer = world.connect()
        world.ask(peer, b"".join(data) + b"\r\n", chunk)
        reactor.advance(2000)
        assert peer.eof_received
        assert world.server.shared.memory.used == 0
        assert world.server.shared.connections == 0
