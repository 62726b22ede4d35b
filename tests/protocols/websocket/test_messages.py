"""Messages and frames, in both directions (RFC 6455 sections 5 and 8.1)."""

from __future__ import annotations

import tracemalloc
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Opcode

from protocols.websocket import Limits, Message, WebSocket
from protocols.websocket import frames as module
from reactor.testing import VirtualReactor

from .browser import Browser, Recorder, frame

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
echo = partial(Recorder, echo=True)


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize(
    "message",
    [
        "",
        "hello",
        "x" * 125,
        "x" * 126,
        "é" * 40_000,
        b"",
        b"\x00\xff",
        bytes(65_535),
        bytes(70_000),
    ],
    ids=lambda message: f"{type(message).__name__}{len(message)}",
)
def test_a_message_comes_back_as_it_was_sent(connect, message, deflate):
    browser = connect(echo, deflate=deflate)
    browser.send(message)
    assert browser.messages() == [message]


def test_several_messages_in_one_read_are_answered_in_order(connect):
    browser = connect(echo)
    browser.send("one", b"two", "three")
    assert browser.messages() == ["one", b"two", "three"]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_frames_may_be_cut_anywhere(connect, chunk):
    browser = connect(echo)
    browser.send("one", "two" * 50, b"three", chunk=chunk)
    assert browser.messages() == ["one", "two" * 50, b"three"]


def test_fragments_are_one_message(connect):
    browser = connect(echo)
    browser.send_fragments(Opcode.TEXT, b"h\xc3", b"", b"\xa4llo")
    browser.send_fragments(Opcode.BINARY, b"\xc3", b"x")
    assert browser.messages() == ["hällo", b"\xc3x"]


def test_control_frames_may_come_between_fragments(connect):
    browser = connect()
    browser.send_raw(
        frame(TEXT, b"a", fin=False) + frame(PING, b"!") + frame(PONG, b"?") + frame(CONT, b"b")
    )
    assert browser.websocket.calls == ["opened", ("pong", b"?"), "ab"]
    assert [(each.opcode, each.data) for each in browser.frames()] == [(Opcode.PONG, b"!")]


def test_a_small_frame_between_fragments_is_refused(connect):
    browser = connect()
    browser.send_raw(frame(TEXT, b"a", fin=False))
    browser.send_raw(frame(TEXT, b"b"))
    assert browser.close_frame()[0] == 1002
    assert browser.websocket.messages == [("closed", 1002, "expected a continuation frame")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"a", mask=None), 1002),
        (frame(TEXT, b"a", rsv=4), 1002),
        (frame(TEXT, b"a", rsv=2), 1002),
        (frame(3, b""), 1002),
        (frame(11, b""), 1002),
        (frame(CONT, b"a"), 1002),
        (frame(PING, bytes(126)), 1002),
        (frame(PING, b"", fin=False), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, (999).to_bytes(2)), 1002),
        (frame(CLOSE, (1005).to_bytes(2)), 1002),
        (frame(CLOSE, (1000).to_bytes(2) + b"\xff"), 1007),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"a", fin=False) + frame(CONT, b"\xff"), 1007),
        (frame(TEXT, b"\xc3", fin=False) + frame(CONT, b""), 1007),
    ],
    ids=repr,
)
@pytest.mark.parametrize("chunk", [None, 1])
def test_a_violation_closes_with_its_code(connect, data, code, chunk):
    browser = connect(echo)
    browser.send_raw(frame(TEXT, b"before") + data + frame(TEXT, b"behind"), chunk)
    assert browser.messages() == ["before"]
    assert browser.close_frame()[0] == code
    assert browser.websocket.messages[0] == "before"
    assert [call[:2] for call in browser.websocket.calls[2:]] == [("closed", code)]
    assert browser.peer.eof_received


@pytest.mark.parametrize("start", [frame(TEXT, b"start", fin=False), b""])
@pytest.mark.parametrize("offset", range(4))
def test_text_that_is_not_utf8_ends_before_its_frame_does(connect, start, offset):
    browser = connect()
    whole = frame(CONT if start else TEXT, b"x" * offset + "é".encode() + b"\xff" + b"y" * 200)
    browser.send_raw(start + whole[: 8 + offset + 2], chunk=1)
    assert not browser.peer.eof_received
    browser.send_raw(whole[8 + offset + 2 : 8 + offset + 3])
    assert browser.close_frame()[0] == 1007


def test_a_character_cut_by_fragments_and_reads_is_valid(connect):
    browser = connect()
    character = "🌍".encode()
    data = frame(TEXT, b"a" + character[:1], fin=False) + frame(CONT, character[1:] + b"b" * 130)
    browser.send_raw(data, chunk=1)
    assert browser.websocket.messages == ["a🌍" + "b" * 130]


def test_a_compressed_text_is_checked_too(connect):
    browser = connect(deflate=True)
    browser.core.send_text(b"\xff" * 500)
    browser._flush()
    assert browser.close_frame()[0] == 1007


@given(
    st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300)), max_size=6),
    st.integers(1, 400),
    st.booleans(),
)
def test_any_messages_in_any_pieces(messages, chunk, deflate):
    with VirtualReactor() as reactor:
        browser = Browser(reactor, echo, deflate=deflate)
        browser.send(*messages, chunk=chunk)
        assert browser.messages() == messages


# -- what the server sends -------------------------------------------------------------------------


def test_a_message_for_many_is_rendered_once_for_each_kind_of_connection(connect):
    browsers = [connect(deflate=deflate) for deflate in (False, False, True, True)]
    message = Message("all of you " * 50)
    for browser in browsers:
        browser.websocket.send(message)
    browsers[0].reactor.settle()
    sent = [browser.peer.received for browser in browsers]
    assert sent[0] == sent[1] != sent[2] == sent[3]
    assert len(sent[2]) < len(sent[0]) / 5
    assert all(browser.messages() == ["all of you " * 50] for browser in browsers)


@pytest.mark.parametrize(("size", "frames"), [(1000, 3), (100, 1)])
def test_rendering_is_not_repeated(connect, monkeypatch, size, frames):
    rendered = []
    for name in ("render_frame", "render_deflated"):
        render = getattr(module, name)

        def count(*args, render=render):
            rendered.append(render(*args))
            return rendered[-1]

        monkeypatch.setattr(module, name, count)
    small_window = ClientPerMessageDeflateFactory(server_max_window_bits=9)
    browsers = [connect(deflate=deflate) for deflate in (False, True, small_window) * 3]
    message = Message("x" * size)
    for browser in browsers:
        browser.websocket.send(message)
    assert len(rendered) == frames
    browsers[0].reactor.settle()
    assert all(browser.messages() == ["x" * size] for browser in browsers)


def test_a_message_may_be_binary(connect):
    browser = connect()
    browser.websocket.send(Message(b"\xff"))
    browser.reactor.settle()
    assert browser.messages() == [b"\xff"]


def test_small_messages_are_not_compressed(connect):
    browser = connect(deflate=True)
    browser.websocket.send("x" * 100)
    browser.reactor.settle()
    assert browser.peer.received == b"\x81\x64" + b"x" * 100


@pytest.mark.parametrize("data", [bytearray(b"ab"), memoryview(b"ab"), memoryview(b"aabb")[::2]])
def test_anything_like_bytes_may_be_sent(connect, data):
    browser = connect()
    browser.websocket.send(data)
    browser.reactor.settle()
    assert browser.messages()[0][:1] == b"a"


@pytest.mark.parametrize("message", [5, None, ["a"]])
def test_nothing_else_may_be_sent(connect, message):
    browser = connect()
    with pytest.raises(TypeError):
        browser.websocket.send(message)
    with pytest.raises(TypeError):
        Message(message)


def test_pings_in_both_directions(connect):
    browser = connect()
    browser.ping(b"theirs")
    browser.websocket.ping(b"ours")
    browser.reactor.settle()
    assert [(each.opcode, each.data) for each in browser.frames()] == [
        (Opcode.PONG, b"theirs"),
        (Opcode.PING, b"ours"),
    ]
    assert browser.websocket.calls == ["opened", ("pong", b"ours")]
    with pytest.raises(ValueError, match="125 bytes"):
        browser.websocket.ping(bytes(126))


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("size", [10, 125, 126, 1000])
def test_a_message_beyond_its_size_is_refused(connect, size, deflate):
    browser = connect(limits=Limits(message_size=size), deflate=deflate)
    browser.send("x" * size)
    assert browser.websocket.messages == ["x" * size]
    browser.send("x" * (size + 1))
    assert browser.close_frame()[0] == 1009


def test_the_size_is_known_before_the_payload_comes(connect):
    browser = connect(limits=Limits(message_size=1000))
    browser.send_raw(frame(TEXT, bytes(1001))[:8])
    assert browser.close_frame()[0] == 1009


def test_the_size_of_fragments_adds_up(connect):
    browser = connect(limits=Limits(message_size=10))
    browser.send_fragments(Opcode.TEXT, b"12345", b"12345")
    assert browser.websocket.messages == ["1234512345"]
    browser.send_fragments(Opcode.TEXT, b"12345", b"12345", b"1")
    assert browser.close_frame()[0] == 1009


def test_inflating_stops_at_its_limit(connect):
    browser = connect(limits=Limits(inflated_size=1000), deflate=True)
    browser.send("x" * 1000)
    assert browser.websocket.messages == ["x" * 1000]
    browser.send("x" * 1001)
    assert browser.close_frame()[0] == 1009


@pytest.mark.parametrize("limits", [Limits(inflated_size=1000), Limits(message_size=1000)])
def test_inflating_fragments_stops_at_their_limit(connect, limits):
    """The second frame begins with nothing left, which zlib would take for no limit."""
    browser = connect(limits=limits, deflate=True)
    browser.send_fragments(Opcode.BINARY, bytes(1000), bytes(10_000_000), b"")
    assert browser.close_frame()[0] == 1009
    assert browser.websocket.messages[0][0] == "closed"


def test_a_message_of_many_fragments_is_refused(connect):
    browser = connect(limits=Limits(fragments=3))
    browser.send_fragments(Opcode.TEXT, b"a", b"b", b"c")
    assert browser.websocket.messages == ["abc"]
    browser.send_fragments(Opcode.TEXT, b"a", b"", b"", b"")
    assert browser.close_frame() == (1008, "more than 3 fragments")


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("message", ["x" * 500_000, bytes(500_000)], ids=["text", "binary"])
def test_an_idle_connection_does_not_hold_its_last_message(reactor, deflate, message):
    browser = Browser(reactor, WebSocket, deflate=deflate)
    tracemalloc.start()
    try:
        browser.send_fragments(Opcode.BINARY, bytes(250_000), bytes(250_000))
        held_after_fragments = tracemalloc.get_traced_memory()[0]
        browser.send(message)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert max(held, held_after_fragments) < 100_000


def test_a_flood_of_frames_leaves_turns_for_others(connect, reactor):
    browser = connect(limits=Limits(frames_per_turn=10))
    other = connect()
    browser.peer.send(frame(TEXT, b"x") * 35)
    handled = []
    for _ in range(6):
        reactor.run_once(0)
        handled.append(len(browser.websocket.calls) - 1)
    # Waiting frames come after other events of the turn; the first time, at its end.
    assert handled == [20, 30, 35, 35, 35, 35]
    other.send("heard")
    assert other.websocket.messages == ["heard"]


def test_frames_that_cost_much_leave_time_for_others(reactor, connect):
    """However few they are, and however many clients send them."""

    class Costly(Recorder):
        def message_received(self, message):
            super().message_received(message)
            reactor.stall(0.004)

    other = connect()
    browsers = [connect(Costly) for _ in range(20)]
    for browser in browsers:
        browser.websocket._connection._turns = other.websocket._connection._turns  # of one server
        browser.peer.send(frame(TEXT, b"x") * 10)
    longest = 0.0
    for _ in range(200):
        other.peer.send(frame(TEXT, b"heard") * 2)
        start = reactor.time()
        reactor.run_once(0)
        longest = max(longest, reactor.time() - start)
    assert longest < 0.1
    assert all(browser.websocket.messages == ["x"] * 10 for browser in browsers)
    assert len(other.websocket.messages) == 400


def test_a_peer_that_pings_and_does_not_read_fills_no_queue(connect, reactor):
    browser = connect()
    browser.peer.stall()
    browser.websocket.send(bytes(100_000))
    reactor.settle()
    waiting = browser.websocket._connection.transport.get_write_buffer_size()
    for number in range(100):
        browser.peer.send(frame(PING, b"%d" % number))
    reactor.settle()
    assert browser.websocket._connection.transport.get_write_buffer_size() == waiting
    browser.peer.resume()
    reactor.settle()
    assert [each.data for each in browser.frames()[1:]] == [b"99"]


def test_a_peer_that_does_not_read_is_cut(connect, reactor):
    browser = connect(limits=Limits(write_buffer=100_000))
    browser.peer.stall()
    for _ in range(3):
        browser.websocket.send(bytes(60_000))
    reactor.settle()
    assert browser.websocket.calls[1:] == ["pause_writing", ("closed", 1006, "")]


# -- flow control ----------------------------------------------------------------------------------


def test_writing_is_paused_and_resumed(connect, reactor):
    browser = connect()
    browser.peer.stall()
    browser.websocket.send(bytes(100_000))
    reactor.settle()
    assert browser.websocket.calls == ["opened", "pause_writing"]
    browser.peer.resume()
    reactor.settle()
    assert browser.websocket.calls == ["opened", "pause_writing", "resume_writing"]


@pytest.mark.parametrize("chunk", [None, 1])
def test_nothing_is_delivered_while_reading_is_paused(connect, reactor, chunk):
    class OneByOne(Recorder):
        def message_received(self, message):
            super().message_received(message)
            self.pause_reading()

    browser = connect(OneByOne)
    browser.send("one", "two", "three", chunk=chunk)
    for expected in (["one"], ["one", "two"], ["one", "two", "three"]):
        assert browser.websocket.messages == expected
        browser.websocket.resume_reading()
        reactor.settle()
