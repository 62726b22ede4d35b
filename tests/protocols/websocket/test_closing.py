"""The closing handshake, in both directions, and everything that has a time limit (RFC 6455
section 7)."""

from __future__ import annotations

import pytest

from protocols.http import HTTPServer
from protocols.websocket import Limits, WebSocket, accept
from reactor.testing import StreamPeer, VirtualReactor

from .browser import HANDSHAKE, Browser, Recorder, frame

TEXT, CLOSE, PING = 1, 8, 9


def closed(browser: Browser) -> tuple[int, str]:
    """The arguments of ``closed``, which must be called once and last."""
    ends = [call for call in browser.websocket.calls if call[0] == "closed"]
    assert ends == browser.websocket.calls[-1:]
    return ends[0][1:]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (4000, "näh")])
def test_the_client_closes(connect, code, reason):
    browser = connect()
    browser.close(code, reason)
    assert browser.close_frame() == (code, reason)
    assert closed(browser) == (code, reason)
    assert browser.peer.eof_received


def test_the_client_closes_without_a_code(connect):
    browser = connect()
    browser.close(None)
    assert closed(browser) == (1005, "")


def test_the_server_closes(connect, reactor):
    browser = connect()
    browser.websocket.close(4001, "enough")
    reactor.settle()
    assert browser.close_frame() == (4001, "enough")
    reactor.settle()
    assert closed(browser) == (4001, "enough")
    assert browser.peer.eof_received
    assert reactor.stats.connections == 0


def test_what_was_sent_before_the_close_arrives(connect, reactor):
    browser = connect()
    browser.websocket.send("last words")
    browser.websocket.close()
    reactor.settle()
    assert browser.messages() == ["last words"]
    assert browser.close_frame() == (1000, "")


def test_messages_before_the_clients_close_are_delivered(connect):
    browser = connect(lambda: Recorder(echo=True))
    browser.send_raw(frame(TEXT, b"one") + frame(TEXT, b"two") + frame(CLOSE, b"") + b"junk")
    assert browser.messages() == ["one", "two"]
    assert browser.websocket.calls == ["opened", "one", "two", ("closed", 1005, "")]


def test_nothing_is_delivered_and_nothing_sent_after_close(connect, reactor):
    browser = connect()
    browser.websocket.close()
    assert not browser.websocket.is_open
    browser.websocket.send("too late")
    browser.websocket.ping()
    browser.websocket.close(1001)
    browser.send_raw(frame(TEXT, b"too late as well"))
    assert reactor.stats.writes_dropped == 1
    assert browser.close_frame() == (1000, "")
    assert browser.websocket.calls == ["opened", ("closed", 1000, "")]


@pytest.mark.parametrize(
    ("code", "reason"), [(999, ""), (1005, ""), (1006, ""), (5000, ""), (1000, "x" * 124)]
)
def test_closing_with_what_is_not_valid_is_an_error(connect, code, reason):
    browser = connect()
    with pytest.raises(ValueError, match="cannot close with"):
        browser.websocket.close(code, reason)
    assert browser.websocket.is_open


def test_a_close_between_fragments_is_answered(connect):
    browser = connect()
    browser.send_raw(frame(TEXT, b"a", fin=False) + frame(CLOSE, (1000).to_bytes(2)))
    assert browser.close_frame() == (1000, "")


def test_closing_while_reading_is_paused_waits_for_the_answer_only(connect, reactor):
    browser = connect()
    browser.websocket.pause_reading()
    browser.send("not wanted")
    browser.websocket.close(4000)
    reactor.settle()
    assert browser.close_frame() == (4000, "")
    reactor.settle()
    assert closed(browser) == (4000, "")
    assert browser.websocket.messages == [("closed", 4000, "")]


def test_abort(connect, reactor):
    browser = connect()
    browser.websocket.abort()
    reactor.settle()
    assert closed(browser) == (1006, "")
    assert browser.peer.received == b""


def test_no_message_is_delivered_after_abort(connect):
    class Aborting(Recorder):
        def message_received(self, message):
            super().message_received(message)
            self.abort()

    browser = connect(Aborting)
    browser.send("one", "two")
    assert browser.websocket.messages == ["one", ("closed", 1006, "")]


def test_pausing_reading_while_closing_does_not_keep_the_answer_out(connect, reactor):
    browser = connect()
    browser.websocket.close(4000)
    browser.websocket.pause_reading()
    reactor.settle()
    assert browser.close_frame() == (4000, "")
    assert closed(browser) == (4000, "")


def test_a_connection_that_is_closed_stays_closed(connect, reactor):
    class Stubborn(Recorder):
        def closed(self, code, reason):
            super().closed(code, reason)
            self.send("too late")
            self.ping()
            self.close(4000)
            self.pause_reading()
            self.resume_reading()
            self.abort()

    browser = connect(Stubborn)
    timers = len(reactor.timers)
    browser.peer.reset()
    reactor.settle()
    assert closed(browser) == (1006, "")
    assert len(reactor.timers) < timers
    assert reactor.stats.writes_dropped == 1


@pytest.mark.parametrize("data", [b"", frame(TEXT, b"cut")[:5]], ids=["between", "within"])
def test_an_end_without_a_close(connect, reactor, data):
    browser = connect()
    browser.peer.send(data)
    browser.peer.close()
    reactor.settle()
    assert closed(browser) == (1006, "")


def test_a_broken_connection(connect, reactor):
    browser = connect()
    browser.peer.reset()
    reactor.settle()
    assert closed(browser) == (1006, "")


# -- exceptions ------------------------------------------------------------------------------------


class Broken(Recorder):
    def message_received(self, message):
        raise ZeroDivisionError(message)


def test_a_websocket_that_raises_is_closed_with_1011():
    failures = []
    with VirtualReactor() as reactor:
        reactor.set_exception_handler(lambda _, context: failures.append(context))
        browser = Browser(reactor, Broken)
        browser.send("one", "two")
        assert browser.close_frame() == (1011, "")
        assert closed(browser) == (1011, "")
    (failure,) = failures
    assert failure["message"] == "Broken.message_received failed:"
    assert str(failure["exception"]) == "one"


@pytest.mark.parametrize("method", ["opened", "pong_received", "pause_writing"])
def test_any_of_its_methods_may_raise(method):
    failures = []

    class Other(Recorder):
        pass

    def fail(*_):
        raise ZeroDivisionError

    with VirtualReactor() as reactor:
        reactor.set_exception_handler(lambda _, context: failures.append(context))
        setattr(Other, method, fail)
        browser = Browser(reactor, Other)
        browser.send_raw(frame(10, b""))
        if method == "pause_writing":
            browser.peer.stall()
            browser.websocket.send(bytes(100_000))
            browser.peer.resume()
            reactor.settle()
        assert browser.close_frame() == (1011, "")
    assert len(failures) == 1


# -- time ------------------------------------------------------------------------------------------


def test_a_silent_client_is_pinged_and_given_up(connect, reactor):
    browser = connect()
    reactor.advance(19.9)
    assert browser.peer.received == b""
    reactor.advance(0.2)
    assert browser.peer.received == b"\x89\x00"
    reactor.advance(19.8)
    assert browser.websocket.is_open
    reactor.advance(0.2)
    assert closed(browser) == (1006, "")


def test_any_byte_is_an_answer(connect, reactor):
    browser = connect()
    for _ in range(10):
        reactor.advance(15)
        browser.send_raw(frame(TEXT, b"long" * 100)[:1])
        browser.send_raw(frame(TEXT, b"long" * 100)[1:])
    assert browser.websocket.is_open


def test_pings_come_every_interval(connect, reactor):
    browser = connect(limits=Limits(ping_interval=30, ping_timeout=5))
    pings = 0
    for _ in range(100):
        reactor.advance(1)
        pings += len(browser.frames())  # which answers them
    assert pings == 3
    assert browser.websocket.is_open


def test_no_pings_if_the_interval_is_zero(connect, reactor):
    browser = connect(limits=Limits(ping_interval=0))
    reactor.advance(10_000)
    assert browser.websocket.is_open
    assert browser.peer.received == b""


def test_a_client_whose_messages_are_not_wanted_is_not_disconnected(connect, reactor):
    browser = connect()
    browser.websocket.pause_reading()
    reactor.advance(1000)
    assert browser.websocket.is_open


def test_a_client_that_reads_slowly_is_not_disconnected(connect, reactor):
    """It does not see a ping before it has read what was sent before."""
    browser = connect()
    browser.peer.stall()
    browser.websocket.send(bytes(1_000_000))
    for _ in range(20):
        reactor.advance(5)
        browser.peer.stall(room=40_000)
    assert browser.websocket.is_open


def test_a_client_that_does_not_read_is_disconnected(connect, reactor):
    browser = connect()
    browser.peer.stall()
    browser.websocket.send(bytes(100_000))
    reactor.advance(41)
    assert closed(browser) == (1006, "")


def test_the_closing_handshake_has_a_deadline(connect, reactor):
    browser = connect()
    browser.websocket.close(4000)
    for _ in range(49):
        browser.peer.send(frame(PING, b""))  # which does not extend the deadline
        reactor.advance(0.1)
    assert reactor.stats.connections == 1
    reactor.advance(0.2)
    assert reactor.stats.connections == 0
    assert closed(browser) == (4000, "")


def test_a_client_that_does_not_read_the_close_is_cut(connect, reactor):
    browser = connect()
    browser.peer.stall()
    browser.close()
    reactor.advance(5.1)
    assert reactor.stats.connections == 0
    assert closed(browser) == (1000, "")


def test_the_server_stops(connect, reactor):
    browser = connect()
    browser.websocket.send("before")
    reactor.stop(10)
    reactor.settle()
    assert browser.messages() == ["before"]
    assert browser.close_frame() == (1001, "the server stops")
    assert closed(browser) == (1001, "the server stops")


def test_a_client_that_closes_already_may_finish_while_the_server_stops(connect, reactor):
    browser = connect()
    browser.websocket.close(4000)
    reactor.stop(10)
    reactor.settle()
    assert browser.close_frame() == (4000, "")
    assert closed(browser) == (4000, "")


def test_a_handshake_that_ends_while_the_server_stops(reactor):
    recorder = Recorder()
    peer = reactor.connect(HTTPServer(lambda request: accept(request, lambda: recorder)))
    peer.send(HANDSHAKE[:50])
    reactor.settle()
    reactor.stop(10)
    reactor.settle()
    peer.send(HANDSHAKE[50:])
    reactor.settle()
    assert peer.received.endswith(b"\x88\x12\x03\xe9the server stops")
    peer.send(frame(CLOSE, (1001).to_bytes(2)))
    reactor.settle()
    assert recorder.calls == ["opened", ("closed", 1001, "")]
    assert reactor.stats.connections == 0


# -- accepted late ---------------------------------------------------------------------------------


def accepted_late(reactor: VirtualReactor, websocket: WebSocket, data: bytes) -> StreamPeer:
    """A client that ends behind ``data``, and was accepted only after all that had arrived."""
    server = HTTPServer(
        lambda request: reactor.call_later(1, accept, request, lambda: websocket) and None
    )
    peer = reactor.connect(server)
    peer.send(HANDSHAKE + data)
    peer.send_eof()
    reactor.advance(1.1)
    return peer


def test_a_client_that_left_before_it_is_accepted_opens_nothing(reactor):
    made = []
    server = HTTPServer(
        lambda request: reactor.call_later(1, accept, request, lambda: made.append(1)) and None
    )
    peer = reactor.connect(server)
    peer.send(HANDSHAKE)
    reactor.settle()
    peer.reset()
    reactor.advance(1.1)
    assert made == []


def test_a_request_is_accepted_once(reactor):
    def handler(request):
        accept(request, Recorder)
        with pytest.raises(RuntimeError, match="answered already"):
            accept(request, lambda: pytest.fail("called"))

    peer = reactor.connect(HTTPServer(handler))
    peer.send(HANDSHAKE)
    reactor.settle()
    assert peer.received.startswith(b"HTTP/1.1 101 ")


def test_all_messages_before_the_end_of_data_are_delivered(reactor):
    recorder = Recorder()
    accepted_late(reactor, recorder, frame(TEXT, b"x") * 600)
    assert recorder.messages == ["x"] * 600 + [("closed", 1006, "")]


def test_a_close_behind_many_messages_is_answered_after_the_end_of_data(reactor):
    recorder = Recorder()
    peer = accepted_late(reactor, recorder, frame(TEXT, b"x") * 300 + frame(CLOSE, b"\x0f\xa0"))
    assert recorder.messages == ["x"] * 300 + [("closed", 4000, "")]
    assert peer.received.endswith(b"\x88\x02\x0f\xa0")


def test_the_end_of_data_waits_while_reading_is_paused(reactor):
    class Paused(Recorder):
        def opened(self):
            super().opened()
            self.pause_reading()

    recorder = Paused()
    accepted_late(reactor, recorder, frame(TEXT, b"x") * 2)
    assert recorder.calls == ["opened"]
    recorder.resume_reading()
    reactor.settle()
    assert recorder.calls == ["opened", "x", "x", ("closed", 1006, "")]


def test_closing_discards_what_waits_before_the_end_of_data(reactor):
    class Closing(Recorder):
        def message_received(self, message):
            super().message_received(message)
            self.close(4000)

    recorder = Closing()
    accepted_late(reactor, recorder, frame(TEXT, b"x") * 600)
    assert recorder.calls == ["opened", "x", ("closed", 4000, "")]
