"""For any input: none of our code fails, and the WebSocket's methods are called in the right
order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.websocket import Limits
from reactor.testing import VirtualReactor

from .browser import Browser, Recorder, frame

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
