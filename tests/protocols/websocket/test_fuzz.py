"""For any input: none of our code fails, the WebSocket's methods are called in the right order, and
every message is delivered."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.http import HTTPServer
from protocols.websocket import Limits, accept
from reactor.testing import VirtualReactor

from .browser import HANDSHAKE, Browser, Recorder, frame

TEXT, CLOSE = 1, 8

# Small, so that they are reached.
LIMITS = Limits(message_size=300, inflated_size=200, fragments=4, frames_per_turn=3)

PAYLOADS = st.one_of(
    st.binary(max_size=130),
    st.text(max_size=40).map(str.encode),
    st.integers(0, 5000).map(lambda code: code.to_bytes(2)),
    st.just(bytes(301)),
)
FRAMES = st.one_of(
    st.builds(
        frame,
        st.sampled_from([0, 1, 2, 8, 9, 10]),
        PAYLOADS,
        fin=st.booleans(),
        rsv=st.sampled_from([0, 0, 0, 4]),
    ),
    st.builds(
        frame,
        st.integers(0, 15),
        PAYLOADS,
        fin=st.booleans(),
        rsv=st.integers(0, 7),
        mask=st.sampled_from([b"abcd", bytes(4), None]),
    ),
    st.binary(max_size=20),
)


class Reacting(Recorder):
    """Also does what the messages ask for."""

    def message_received(self, message):
        super().message_received(message)
        match len(message) % 7:
            case 1:
                self.send(message)
            case 2:
                self.ping(b"?")
            case 3:
                self.pause_reading()
                self.reactor.call_soon(self.resume_reading)
            case 4 if message[0] in ("c", ord("c")):
                self.close(4000)
            case 5 if message[0] in ("a", ord("a")):
                self.abort()


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAMES, max_size=12), st.integers(1, 60), st.booleans(), st.booleans())
def test_any_input_is_handled(frames, chunk, deflate, resets):
    failures = []
    with VirtualReactor() as reactor:
        reactor.set_exception_handler(lambda _, context: failures.append(context))
        browser = Browser(reactor, Reacting, deflate=deflate, limits=LIMITS)
        transport = browser.websocket._connection.transport
        browser.send_raw(b"".join(frames), chunk)
        if resets:
            browser.peer.reset()
        else:
            browser.peer.close()
        reactor.advance(60)
        calls = browser.websocket.calls
        assert failures == []
        assert transport.is_closing()
        assert calls[0] == "opened"
        assert [call[0] for call in calls[1:] if isinstance(call, tuple)].count("closed") == 1
        assert calls[-1][0] == "closed"
        assert all(len(call) <= 300 for call in calls if isinstance(call, str | bytes))


class Pausing(Recorder):
    """Pauses reading at the messages that say so."""

    def message_received(self, message):
        super().message_received(message)
        if "pause" in message:
            self.pause_reading()
        if "resume" in message:
            self.resume_reading()


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["small", "x" * 200, "pause", "pause, resume"]), max_size=40),
    st.one_of(st.none(), st.integers(1, 400)),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_every_message_is_delivered(messages, chunk, is_late, closes, ends):
    """However it arrives, however reading is paused, and whatever follows at once."""
    recorder = Pausing()
    with VirtualReactor() as reactor:

        def handler(request):
            if is_late:
                reactor.call_later(1, accept_it, request)
            else:
                accept_it(request)

        def accept_it(request):
            accept(request, lambda: recorder, limits=Limits(frames_per_turn=3))

        peer = reactor.connect(HTTPServer(handler))
        frames = [frame(TEXT, message.encode()) for message in messages]
        close = frame(CLOSE, (1000).to_bytes(2)) if closes else b""
        peer.send(HANDSHAKE + b"".join(frames) + close, chunk)
        if ends:
            peer.send_eof()
        reactor.advance(1.1)
        for _ in messages:
            recorder.resume_reading()
            reactor.settle()
        end = [("closed", 1000 if closes else 1006, "")] if closes or ends else []
        assert recorder.calls == ["opened", *messages, *end]
