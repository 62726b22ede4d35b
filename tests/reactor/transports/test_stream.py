"""StreamTransport over connections in memory: what is queued and when it is sent, water marks,
deadlines, and what a peer can do to us."""

from __future__ import annotations

import errno
import logging
import socket
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactor import (
    READ,
    WRITE,
    IdleTimer,
    Protocol,
    Reactor,
    StreamTransport,
    WriteBufferOverflow,
)
from reactor.testing import StreamPeer, VirtualReactor

from ...tools.recording import Recorder

HIGH_WATER = 65536


def connect(reactor: VirtualReactor, **hooks: Any) -> tuple[Recorder, StreamPeer]:
    end = Recorder(**hooks)
    peer = reactor.connect(lambda: end)
    reactor.settle()
    return end, peer


# -- writing ---------------------------------------------------------------------------------------


def test_what_is_written_is_sent_at_the_end_of_the_turn(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    end.transport.write(b"hello ")
    end.transport.write(b"world")
    assert (peer.received, end.transport.get_write_buffer_size()) == (b"", 11)
    reactor.run_once(0)
    assert (peer.received, peer.sends) == (b"hello world", 1)
    assert end.transport.get_write_buffer_size() == 0


def test_callbacks_of_one_turn_share_one_system_call(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor, data_received=lambda end, data: end.transport.write(data))
    reactor.call_soon(lambda: end.transport.write(b"soon "))
    reactor.call_later(0, lambda: end.transport.write(b"timer "))
    peer.send(b"data ")
    reactor.run_once(0)
    assert (peer.received, peer.sends) == (b"data timer soon ", 1)


def test_more_than_the_high_water_mark_is_sent_before_the_end_of_the_turn(
    reactor: VirtualReactor,
) -> None:
    end, peer = connect(reactor)
    end.transport.write(bytes(HIGH_WATER))
    assert peer.sends == 0
    end.transport.write(b"!")
    assert len(peer.received) == HIGH_WATER + 1
    end.transport.write(b"and the rest")
    reactor.settle()
    assert peer.received.endswith(b"!and the rest")
    assert end.calls == ["connection_made"]


def test_with_a_high_water_mark_of_zero_every_write_is_sent_at_once(
    reactor: VirtualReactor,
) -> None:
    end, peer = connect(reactor)
    end.transport.set_write_buffer_limits(high=0)
    end.transport.write(b"now")
    assert peer.received == b"now"
    peer.stall()
    end.transport.write(b"later")
    assert end.paused
    peer.resume()
    reactor.settle()
    assert (peer.received, end.paused) == (b"nowlater", False)


def test_partial_writes_continue_where_they_stopped(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    for piece in (b"one ", b"two ", b"three ", b"four"):
        end.transport.write(piece)
    for room in (1, 3, 2, 9):  # within a piece, at its end, at two ends at once
        peer.stall(room)
        reactor.settle()
    assert peer.received == b"one two three f"
    assert end.transport.get_write_buffer_size() == 3
    peer.resume()
    reactor.settle()
    assert peer.received == b"one two three four"


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 90_000)),
        st.tuples(st.just("writelines"), st.lists(st.integers(0, 300), max_size=1500)),
        st.tuples(st.just("stall"), st.integers(0, 100_000)),
        st.tuples(st.sampled_from(["read", "resume", "turn"]), st.none()),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(_STEPS, st.booleans())
def test_any_writes_and_partial_sends_keep_order_and_count(
    steps: list[tuple[str, Any]], close: bool
) -> None:
    with VirtualReactor() as reactor:
        end, peer = connect(reactor)
        end.transport.max_write_buffer = 1 << 30
        written, taken = bytearray(), bytearray()

        def some(size: int) -> bytes:
            piece = bytes((len(written) + i) % 251 for i in range(size % 997))
            piece = (piece * (size // 997 + 1))[:size] if piece else bytes(size)
            written.extend(piece)
            return piece

        for step, value in steps:
            match step:
                case "write":
                    end.transport.write(some(value))
                case "writelines":
                    for size in value:
                        end.transport.write(some(size))
                case "stall":
                    peer.stall(value)
                case "read":
                    taken += peer.read()
                case "resume":
                    peer.resume()
                case "turn":
                    reactor.run_once(0)
            waiting = end.transport.get_write_buffer_size()
            assert waiting == len(written) - len(taken) - len(peer.received)
            assert not (end.paused and waiting <= HIGH_WATER // 4 and step == "turn")
            assert end.paused or waiting <= HIGH_WATER
        if close:
            end.transport.close()
        peer.resume()
        reactor.settle()
        assert taken + peer.received == written
        assert end.transport.get_write_buffer_size() == 0
        assert end.violations == []
        assert peer.eof_received == close


def test_a_slow_reader_costs_one_system_call_for_each_report(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall(10)
    end.transport.write(bytes(1000))
    reactor.settle()
    calls: list[int] = []
    sock = end.transport.get_extra_info("socket")
    send = sock.send

    def count(data: bytes, flags: int = 0) -> int:
        calls.append(len(data))
        return send(data, flags)  # type: ignore[no-any-return]

    sock.send = count
    for times in range(1, 4):
        peer.read()
        reactor.settle()
        assert len(calls) == times


def test_a_broadcast_is_one_system_call_for_each_member(reactor: VirtualReactor) -> None:
    members = [connect(reactor) for _ in range(10)]
    for _ in range(20):
        for end, _peer in members:
            end.transport.write(b"line\r\n")
    reactor.settle()
    assert [peer.sends for _, peer in members] == [1] * 10
    assert all(peer.received == b"line\r\n" * 20 for _, peer in members)


# -- flow control ----------------------------------------------------------------------------------


def test_bytes_sent_by_a_callback_of_a_flush_are_counted_too(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor, resume_writing=lambda end: end.transport.write(bytes(200_000)))
    peer.stall()
    end.transport.write(bytes(100_000))
    peer.resume()
    reactor.settle()
    assert len(peer.received) == reactor.stats.bytes_sent == 300_000


def test_water_marks(reactor: VirtualReactor) -> None:
    transport = connect(reactor)[0].transport
    assert transport.get_write_buffer_limits() == (HIGH_WATER // 4, HIGH_WATER)
    transport.set_write_buffer_limits(high=1000)
    assert transport.get_write_buffer_limits() == (250, 1000)
    transport.set_write_buffer_limits(low=300)
    assert transport.get_write_buffer_limits() == (300, 1200)
    transport.set_write_buffer_limits(high=7, low=7)
    assert transport.get_write_buffer_limits() == (7, 7)
    transport.set_write_buffer_limits()
    assert transport.get_write_buffer_limits() == (HIGH_WATER // 4, HIGH_WATER)


@pytest.mark.parametrize(("high", "low"), [(10, 11), (-1, None), (10, -1)])
def test_water_marks_in_the_wrong_order_are_refused(
    reactor: VirtualReactor, high: int, low: int | None
) -> None:
    transport = connect(reactor)[0].transport
    with pytest.raises(ValueError, match="water marks"):
        transport.set_write_buffer_limits(high, low)
    assert transport.get_write_buffer_limits() == (HIGH_WATER // 4, HIGH_WATER)


def test_the_protocol_is_paused_above_the_high_mark_and_resumed_at_the_low_one(
    reactor: VirtualReactor,
) -> None:
    end, peer = connect(reactor)
    end.transport.set_write_buffer_limits(high=100, low=20)
    peer.stall()
    end.transport.write(bytes(100))
    reactor.settle()
    assert not end.paused
    end.transport.write(b"!")
    assert end.paused
    end.transport.write(bytes(100))  # does not call pause_writing again
    peer.stall(180)
    reactor.settle()
    assert (end.paused, end.transport.get_write_buffer_size()) == (True, 21)
    peer.stall(1)
    reactor.settle()
    assert (end.paused, end.transport.get_write_buffer_size()) == (False, 20)
    assert end.calls == ["connection_made", "pause_writing", "resume_writing"]


def test_lowering_the_marks_pauses_at_once(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(bytes(100))
    reactor.settle()
    assert not end.paused
    end.transport.set_write_buffer_limits(high=50)
    assert end.paused


def test_a_producer_that_writes_whenever_it_may_fills_the_queue_and_no_more(
    reactor: VirtualReactor,
) -> None:
    def produce(end: Recorder) -> None:
        while not end.paused and len(end.data) < 1_000_000:
            end.data += bytes(10_000)  # used here for what was produced
            end.transport.write(bytes(10_000))

    end, peer = connect(reactor, resume_writing=produce)
    peer.stall(100_000)
    produce(end)
    total = 0
    while size := len(peer.read()):
        total += size
        reactor.settle()
        assert end.transport.get_write_buffer_size() <= HIGH_WATER + 10_000
    assert total == 1_000_000
    assert reactor.stats.bytes_sent == total
    assert end.violations == []


def test_resume_writing_is_not_called_after_close_or_write_eof(reactor: VirtualReactor) -> None:
    for stop in ("close", "write_eof"):
        end, peer = connect(reactor)
        peer.stall()
        end.transport.write(bytes(2 * HIGH_WATER))
        getattr(end.transport, stop)()
        peer.resume()
        reactor.settle()
        assert len(peer.received) == 2 * HIGH_WATER
        assert "resume_writing" not in end.calls


def test_the_cap_is_counted_from_the_high_water_mark(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.set_write_buffer_limits(high=1000)
    end.transport.max_write_buffer = 500
    end.transport.write(bytes(1500))
    reactor.settle()
    assert not end.transport.is_closing()
    end.transport.write(b"!")
    assert end.transport.is_closing()
    assert end.transport.get_write_buffer_size() == 0
    reactor.settle()
    assert isinstance(end.lost[0], WriteBufferOverflow)
    assert str(end.lost[0]) == "1501 bytes wait to be sent to a peer that does not read them"


def test_a_protocol_that_ignores_pause_writing_cannot_grow_our_memory(
    reactor: VirtualReactor,
) -> None:
    end, peer = connect(reactor, data_received=lambda end, data: end.transport.write(data * 10))
    peer.stall()
    most = 0
    for _ in range(100):
        peer.send(bytes(10_000))
        reactor.settle()
        most = max(most, end.transport.get_write_buffer_size())
    assert most <= HIGH_WATER + (1 << 20)
    assert isinstance(end.lost[0], WriteBufferOverflow)
    assert peer.closed


def test_pause_writing_may_write(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor, pause_writing=lambda end: end.transport.write(b"slow down"))
    peer.stall()
    end.transport.write(bytes(HIGH_WATER + 1))
    assert end.transport.get_write_buffer_size() == HIGH_WATER + 1 + len(b"slow down")
    peer.resume()
    reactor.settle()
    assert peer.received.endswith(b"slow down")


# -- reading ---------------------------------------------------------------------------------------


def test_readiness_is_a_hint(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    sock = end.transport.get_extra_info("socket")
    sock.state = lambda: READ  # reported as readable, with nothing to read
    reactor.run_once(0)
    assert end.calls == ["connection_made"]
    peer.stall()
    end.transport.write(b"x")
    reactor.run_once(0)
    sock.state = lambda: READ | WRITE  # and as writable, without room
    reactor.run_once(0)
    assert (end.calls, end.transport.get_write_buffer_size()) == (["connection_made"], 1)
    del sock.state


def test_an_event_for_reading_does_not_try_to_write(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(b"waits")
    reactor.settle()
    sock = end.transport.get_extra_info("socket")
    sock.send = None  # calling it would fail
    peer.send(b"data")
    reactor.settle()
    assert end.data == b"data"
    end.transport.abort()


def test_an_event_for_writing_does_not_try_to_read(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(b"waits")
    reactor.settle()
    sock = end.transport.get_extra_info("socket")
    sock.recv = None  # calling it would fail
    peer.resume()
    reactor.settle()
    assert peer.received == b"waits"


def test_writing_to_a_stalled_peer_makes_no_system_calls(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(bytes(HIGH_WATER + 1))
    reactor.settle()
    sock = end.transport.get_extra_info("socket")
    sock.send = None  # calling it would fail
    for _ in range(10):
        end.transport.write(b"more")
    reactor.settle()
    assert end.transport.get_write_buffer_size() == HIGH_WATER + 1 + 40
    assert end.calls == ["connection_made", "pause_writing"]


def test_data_is_the_same_however_the_peer_cuts_it(reactor: VirtualReactor) -> None:
    for chunk in (1, 2, 3, None):
        end, peer = connect(reactor)
        peer.send(b"hello world", chunk)
        reactor.settle()
        assert end.data == b"hello world"
        assert max(end.pieces) == (chunk or 11)


def test_an_idle_timer_covers_a_paused_reader_whose_peer_has_left(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    end.transport.pause_reading()
    IdleTimer(reactor, 60, end.transport.abort)
    peer.close()
    reactor.advance(59)
    assert end.lost == []  # the poller does not report it
    reactor.advance(1)
    assert end.lost == [None]


def test_a_reset_is_noticed_while_reading_is_paused(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    end.transport.pause_reading()
    peer.reset(errno.ETIMEDOUT)
    reactor.settle()
    assert isinstance(end.lost[0], TimeoutError)


def test_a_reset_is_noticed_while_only_writing_continues(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor, eof_received=lambda end: True)
    peer.send_eof()
    reactor.settle()
    peer.stall()
    end.transport.write(b"waits")
    reactor.settle()
    peer.reset()
    reactor.settle()
    assert isinstance(end.lost[0], ConnectionResetError)


def test_an_error_without_a_number_is_a_reset(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    end.transport.pause_reading()

    def getsockopt(level: int, option: int) -> int:
        raise OSError(errno.EINVAL, "no such option")

    end.transport.get_extra_info("socket").getsockopt = getsockopt
    peer.reset()
    reactor.settle()
    assert isinstance(end.lost[0], ConnectionResetError)


def test_hangup_after_the_end_of_data_ends_a_connection_kept_open(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor, eof_received=lambda end: True)
    peer.send_eof()
    reactor.settle()
    assert end.lost == []
    sock = end.transport.get_extra_info("socket")
    sock.eof_sent = True  # now both directions have ended, and the poller reports a hangup
    reactor.settle()
    assert isinstance(end.lost[0], ConnectionResetError)


def test_write_eof_on_a_broken_connection(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.reset()
    end.transport.write_eof()
    reactor.settle()
    assert isinstance(end.lost[0], ConnectionResetError)


# -- ending ----------------------------------------------------------------------------------------


def test_a_peer_that_reads_nothing_cannot_delay_our_close_forever(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall(3)
    end.transport.write(b"goodbye")
    end.transport.close()
    reactor.advance(end.transport.close_timeout - 1)
    assert (peer.received, end.lost) == (b"goo", [])
    reactor.advance(1)
    assert isinstance(end.lost[0], TimeoutError)
    assert "30 s" in str(end.lost[0])
    assert peer.closed


def test_the_close_deadline_holds_for_what_was_stuck_before(
    reactor: VirtualReactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamTransport, "close_timeout", 1.0)
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(b"stuck")
    reactor.advance(100)
    assert end.lost == []
    end.transport.close()
    reactor.advance(1)
    assert isinstance(end.lost[0], TimeoutError)


def test_a_close_that_succeeds_leaves_no_timer(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(b"goodbye")
    end.transport.close()
    for _ in range(3):  # each time one byte is sent
        peer.stall(1)
        reactor.settle()
        assert len(reactor.timers) == 1
    peer.resume()
    peer.close()
    reactor.settle()
    assert (peer.received, end.lost, len(reactor.timers)) == (b"goodbye", [None], 0)


def test_closing_while_the_peer_breaks_the_connection(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(b"goodbye")
    end.transport.close()
    reactor.settle()
    peer.reset()
    reactor.settle()
    assert isinstance(end.lost[0], ConnectionResetError)
    assert len(reactor.timers) == 0


def test_a_failing_send_ends_the_connection(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    end.transport.write(b"x")
    peer.reset(errno.EPIPE)
    end.transport.flush()
    end.transport.flush()  # does nothing
    reactor.settle()
    assert isinstance(end.lost[0], BrokenPipeError)


def test_a_flush_of_nothing_sends_nothing(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    end.transport.flush()
    end.transport.write(b"x")
    end.transport.abort()
    reactor.settle()
    assert peer.sends == 0


def test_connection_lost_is_called_on_a_protocol_set_after_the_loss(
    reactor: VirtualReactor,
) -> None:
    end, _ = connect(reactor)
    end.transport.abort()
    heir = Recorder()
    heir.calls.append("connection_made")
    end.transport.set_protocol(heir)
    reactor.settle()
    assert (end.lost, heir.lost) == ([], [None])


# -- the reactor's shutdown ------------------------------------------------------------------------


def test_shutdown_closes_idle_connections_without_waiting(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    before = reactor.time()
    reactor.stop(grace=60)
    reactor.run()
    assert end.lost == [None]
    assert peer.closed
    assert reactor.time() == before


def test_shutdown_sends_what_is_queued(reactor: VirtualReactor) -> None:
    class Polite(Recorder):
        def shutdown_requested(self) -> None:
            self.transport.write(b"goodbye")
            self.transport.close()

    end = Polite()
    peer = reactor.connect(lambda: end)
    peer.stall()
    reactor.call_later(1, peer.resume)
    reactor.stop(grace=60)
    reactor.run()
    assert (peer.received, end.lost) == (b"goodbye", [None])


def test_shutdown_waits_for_a_busy_protocol_within_its_grace(reactor: VirtualReactor) -> None:
    class Busy(Recorder):
        def shutdown_requested(self) -> None:
            pass

    end = Busy()
    reactor.connect(lambda: end)
    before = reactor.time()
    reactor.stop(grace=7)
    reactor.run()
    assert end.lost == [None]
    assert reactor.time() == before + 7


def test_shutdown_aborts_what_does_not_read_when_the_grace_is_over(reactor: VirtualReactor) -> None:
    end, peer = connect(reactor)
    peer.stall()
    end.transport.write(b"never read")
    before = reactor.time()
    reactor.stop(grace=3)
    reactor.run()
    assert end.lost == [None]
    assert reactor.time() == before + 3


def test_shutdown_requested_is_not_called_while_closing(reactor: VirtualReactor) -> None:
    class Counting(Recorder):
        asked = 0

        def shutdown_requested(self) -> None:
            self.asked += 1

    end = Counting()
    peer = reactor.connect(lambda: end)
    peer.stall()
    end.transport.write(b"goodbye")
    end.transport.close()
    reactor.stop(grace=1)
    reactor.run()
    assert (end.asked, end.lost) == (0, [None])


def test_a_protocol_that_raises_in_shutdown_requested_does_not_delay_the_shutdown(
    reactor: VirtualReactor, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Recorder):
        def shutdown_requested(self) -> None:
            raise LookupError("not now")

    broken, other = Broken(), Recorder()
    reactor.connect(lambda: broken)
    reactor.connect(lambda: other)
    before = reactor.time()
    reactor.stop(grace=60)
    with pytest.raises(LookupError, match="not now"):
        reactor.run()
    assert isinstance(broken.lost[0], LookupError)
    assert (other.lost, reactor.time()) == ([None], before)
    assert "shutdown_requested failed" in caplog.text


def test_shutdown_closes_the_connection_of_a_protocol_without_shutdown_requested(
    reactor: VirtualReactor,
) -> None:
    """Any class with the methods of a protocol will do, one of asyncio's for example."""
    lost: list[Exception | None] = []

    class Foreign:
        def connection_made(self, transport: StreamTransport) -> None: ...
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    reactor.connect(Foreign)  # type: ignore[arg-type]
    reactor.stop(grace=60)
    reactor.run()
    assert lost == [None]


# -- failing ---------------------------------------------------------------------------------------


def test_a_protocol_that_raises_has_its_traceback_in_the_log(
    reactor: VirtualReactor, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Protocol):
        def data_received(self, data: bytes) -> None:
            raise LookupError("no such entry")

        def __repr__(self) -> str:
            return "<Broken>"

    peer = reactor.connect(Broken)
    peer.send(b"data")
    with pytest.raises(LookupError):
        reactor.settle()
    assert peer.eof_received
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        "data_received failed: <Broken>",
    )
    assert "no such entry" in caplog.text


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupts_propagate(reactor: VirtualReactor, interrupt: type[BaseException]) -> None:
    def raise_it(*_: object) -> None:
        raise interrupt

    _, peer = connect(reactor, data_received=raise_it)
    peer.send(b"data")
    with pytest.raises(interrupt):
        reactor.settle()


def test_the_socket_may_have_no_name(reactor: VirtualReactor) -> None:
    end, _ = connect(reactor)
    sock = end.transport.get_extra_info("socket")
    assert end.transport.get_extra_info("sockname") == sock.getsockname()

    def getsockname() -> None:
        raise OSError(errno.EBADF, "closed")

    sock.getsockname = getsockname
    assert end.transport.get_extra_info("sockname", "nothing") == "nothing"


def test_start_reports_its_result_after_connection_made() -> None:
    results: list[object] = []
    end = Recorder()
    ours, theirs = socket.socketpair()
    with theirs, Reactor() as reactor:
        ours.setblocking(False)
        transport = StreamTransport(reactor, ours, end)
        transport.start(lambda exc: results.append((exc, end.made)))
        assert results == [(None, True)]
