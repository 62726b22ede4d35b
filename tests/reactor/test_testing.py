"""``reactor.testing``, on which users build their own tests."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from typing import Any

import pytest

from reactor import READ, DatagramProtocol, IdleTimer, LineProtocol, Protocol
from reactor.testing import VirtualReactor

from ..tools.recording import Recorder


class Echo(Protocol):
    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


# -- time ------------------------------------------------------------------------------------------


def test_time_passes_from_deadline_to_deadline(reactor: VirtualReactor) -> None:
    beats: list[float] = []

    def beat() -> None:
        beats.append(reactor.time())
        reactor.call_later(5, beat)

    reactor.call_later(5, beat)
    reactor.advance(3600)
    assert beats == [1000.0 + 5 * number for number in range(1, 721)]
    assert reactor.time() == 4600.0


def test_time_begins_at_start_and_stands_still() -> None:
    with VirtualReactor(start=7.5) as reactor:
        reactor.settle()
        for _ in range(10):
            reactor.run_once(0)
        assert reactor.time() == reactor.now == 7.5


def test_settling_runs_what_is_due_now_and_nothing_later(reactor: VirtualReactor) -> None:
    order: list[str] = []
    reactor.call_later(0, order.append, "timer")
    reactor.call_soon(lambda: reactor.call_soon(order.append, "soon"))
    reactor.call_later(0.001, order.append, "later")
    reactor.settle()
    assert sorted(order) == ["soon", "timer"]
    assert reactor.time() == 1000.0


def test_a_loop_that_is_busy_forever_is_an_error(reactor: VirtualReactor) -> None:
    def again() -> None:
        reactor.call_soon(again)

    again()
    with pytest.raises(RuntimeError, match="still busy after 100000 turns"):
        reactor.settle()


def test_a_loop_that_would_wait_forever_is_an_error(
    reactor: VirtualReactor,
) -> None:
    reactor.connect(Echo)
    with pytest.raises(RuntimeError, match="nothing is left to wait for"):
        reactor.run()
    reactor.call_later(3, reactor.stop)
    reactor.run()
    assert reactor.time() == 1003.0


@pytest.mark.parametrize("delay", [0.1, 1 / 3, 1e-9, 1e6])
def test_time_moves_exactly_to_a_deadline(reactor: VirtualReactor, delay: float) -> None:
    fired: list[float] = []
    when = reactor.time() + delay
    reactor.call_at(when, lambda: fired.append(reactor.time()))
    reactor.advance(2 * delay)
    assert fired == [when]


def test_a_turn_waits_no_longer_than_its_timeout(reactor: VirtualReactor) -> None:
    fired: list[str] = []
    reactor.call_later(10, fired.append, "timer")
    reactor.run_once(4)
    assert (reactor.time(), fired) == (1004.0, [])
    reactor.run_once(100)
    assert (reactor.time(), fired) == (1010.0, ["timer"])


def test_advancing_stops_between_two_deadlines(reactor: VirtualReactor) -> None:
    fired: list[int] = []
    for delay in (1, 2, 3):
        reactor.call_later(delay, fired.append, delay)
    reactor.advance(2)
    assert (fired, reactor.time()) == ([1, 2], 1002.0)
    reactor.advance(0)
    assert (fired, reactor.time()) == ([1, 2], 1002.0)
    reactor.advance(0.5)
    assert (fired, reactor.time()) == ([1, 2], 1002.5)


def test_after_an_exception_time_stands_where_it_was_raised(reactor: VirtualReactor) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    reactor.call_later(2, interrupt)
    with pytest.raises(KeyboardInterrupt):
        reactor.advance(10)
    assert reactor.time() == 1002.0
    reactor.run_once(50)  # the limit of the interrupted advance() is forgotten
    assert reactor.time() == 1052.0


def test_an_idle_timer_expires_exactly_when_it_is_due(reactor: VirtualReactor) -> None:
    expired: list[float] = []
    timer = IdleTimer(reactor, 15, lambda: expired.append(reactor.time()))
    reactor.advance(14)
    timer.touch()
    reactor.advance(14.999)
    assert expired == []
    reactor.advance(0.001)
    assert expired == [pytest.approx(1029.0)]


def test_there_are_no_pauses_in_virtual_time(reactor: VirtualReactor) -> None:
    reactor.io_collect_interval = 0.01
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.send(b"abc", chunk=1)
    reactor.call_later(5, peer.send, b"d")
    reactor.settle()
    assert (end.data, reactor.time()) == (b"abc", 1000.0)
    reactor.advance(5)
    assert (end.data, reactor.time()) == (b"abcd", 1005.0)


# -- stalls ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("waiting", [False, True])
def test_a_stall_passes_time_in_which_nothing_runs(reactor: VirtualReactor, waiting: bool) -> None:
    fired: list[float] = []
    reactor.call_later(1, lambda: fired.append(reactor.time()))
    reactor.stall(10, waiting=waiting)
    assert fired == []
    reactor.settle()
    assert fired == [1010.0]
    reactor.advance(1)
    assert reactor.time() == 1011.0


def test_a_turn_reports_at_most_max_events(reactor: VirtualReactor) -> None:
    reactor.max_events = 2
    ends = [Recorder() for _ in range(5)]
    peers = [reactor.connect(lambda end=end: end) for end in ends]
    for peer in peers:
        peer.send(b"ab", chunk=1)
    counts = []
    for _ in range(5):
        reactor.run_once(0)
        counts.append(sum(len(end.data) for end in ends))
    assert counts == [2, 4, 6, 8, 10]
    assert [end.data for end in ends] == [b"ab"] * 5


# -- threads ---------------------------------------------------------------------------------------


def slowly(result: Any) -> Any:
    time.sleep(0.02)
    return result


@pytest.mark.parametrize("run", [VirtualReactor.settle, lambda reactor: reactor.advance(5)])
def test_calls_in_threads_are_waited_for(reactor: VirtualReactor, run: Any) -> None:
    results: list[tuple[Any, float]] = []

    def first_done(call: Any) -> None:
        results.append((call.result(), reactor.time()))
        again = reactor.run_in_thread(slowly, "second")
        again.add_done_callback(lambda call: results.append((call.result(), reactor.time())))

    reactor.run_in_thread(slowly, "first").add_done_callback(first_done)
    reactor.call_later(1, lambda: results.append(("timer", reactor.time())))
    run(reactor)
    assert results[:2] == [("first", 1000.0), ("second", 1000.0)]
    assert results[2:] == [("timer", 1001.0)][: len(results) - 2]


def test_a_thread_started_during_advance_is_waited_for_at_that_time(
    reactor: VirtualReactor,
) -> None:
    times: list[float] = []

    def start() -> None:
        call = reactor.run_in_thread(slowly, 1)
        call.add_done_callback(lambda call: times.append(reactor.time()))

    reactor.call_later(2, start)
    reactor.advance(5)
    assert times == [1002.0]


def test_run_waits_for_threads_too(reactor: VirtualReactor) -> None:
    reactor.run_in_thread(slowly, 1).add_done_callback(lambda call: reactor.stop())
    reactor.call_later(100, print)
    reactor.run()
    assert reactor.time() == 1000.0


def test_a_call_in_a_thread_that_does_not_end_is_named(reactor: VirtualReactor) -> None:
    gate = threading.Event()
    reactor.thread_timeout = 0.01
    call = reactor.run_in_thread(gate.wait)
    with pytest.raises(RuntimeError, match=r"has not ended in 0.01 s: <ThreadCall of .*wait"):
        reactor.settle()
    call.cancel()  # so it is not waited for
    reactor.settle()
    gate.set()


def test_with_a_thread_timeout_of_zero_threads_are_not_waited_for(reactor: VirtualReactor) -> None:
    gate = threading.Event()
    reactor.thread_timeout = 0
    call = reactor.run_in_thread(gate.wait)
    reactor.advance(60)
    assert not call.done()
    assert reactor.time() == 1060.0
    gate.set()
    reactor.thread_timeout = 10
    reactor.settle()
    assert call.done()


# -- errors ----------------------------------------------------------------------------------------


class Failing(Protocol):
    def data_received(self, data: bytes) -> None:
        raise ZeroDivisionError(data.decode())


def failing() -> VirtualReactor:
    reactor = VirtualReactor()
    reactor.connect(Failing).send(b"made by the test")
    return reactor


@pytest.mark.parametrize(
    "run", [VirtualReactor.settle, VirtualReactor.run, lambda reactor: reactor.advance(5)]
)
def test_a_protocol_that_raises_fails_the_test(run: Any) -> None:
    with failing() as reactor:
        with pytest.raises(ZeroDivisionError, match="made by the test"):
            run(reactor)
        assert reactor.time() == 1000.0
        reactor.settle()  # it is raised once


def test_an_error_that_was_not_raised_yet_is_raised_by_close() -> None:
    reactor = failing()
    with pytest.raises(ZeroDivisionError), reactor:
        reactor.run_once(0)
    assert reactor.is_closed()
    reactor = failing()
    reactor.run_once(0)
    with pytest.raises(ZeroDivisionError):
        reactor.close()
    assert reactor.is_closed()


def test_an_error_does_not_hide_the_exception_that_ends_the_test() -> None:
    def fail_otherwise() -> None:
        with failing() as reactor:
            reactor.run_once(0)
            raise AssertionError

    with pytest.raises(AssertionError):
        fail_otherwise()


def test_several_errors_are_raised_as_a_group() -> None:
    with failing() as reactor:
        reactor.connect(Failing).send(b"another")
        with pytest.raises(ExceptionGroup) as caught:
            reactor.settle()
    assert [str(exc) for exc in caught.value.exceptions] == ["made by the test", "another"]


def test_an_exception_handler_gets_the_errors() -> None:
    errors: list[Any] = []
    with failing() as reactor:
        reactor.set_exception_handler(lambda _, context: errors.append(context["exception"]))
        reactor.settle()
    assert [str(error) for error in errors] == ["made by the test"]


# -- connections -----------------------------------------------------------------------------------


def test_the_example_of_the_docstring(reactor: VirtualReactor) -> None:
    peer = reactor.connect(Echo)
    peer.send(b"hello", chunk=1)
    reactor.settle()
    assert peer.received == b"hello"


def test_chunks_arrive_in_turns_of_their_own(reactor: VirtualReactor) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.send(b"1234567", chunk=3)
    for times in (1, 2, 3):
        reactor.run_once(0)
        assert len(end.pieces) == times
    assert end.pieces == [3, 3, 1]
    peer.send(b"")  # has no effect
    reactor.settle()
    assert end.data == b"1234567"
    assert not end.eof


def test_data_beyond_the_size_of_one_read_stays_for_the_next(reactor: VirtualReactor) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.send(bytes(100_000))
    reactor.settle()
    assert end.pieces == [65536, 100_000 - 65536]


def test_received_data_stays_until_it_is_read(reactor: VirtualReactor) -> None:
    peer = reactor.connect(Echo)
    for word in (b"one ", b"two "):
        peer.send(word)
        reactor.settle()
    assert (peer.received, peer.sends) == (b"one two ", 2)
    assert peer.read() == b"one two "
    assert (peer.received, peer.read()) == (b"", b"")


def test_the_protocol_sees_the_peers_name(reactor: VirtualReactor) -> None:
    info = reactor.connect(Echo).transport.get_extra_info
    assert info("peername") == ("192.0.2.1", 50000)
    assert info("sockname") == ("192.0.2.2", 8000)
    other = reactor.connect(Echo, peername=("2001:db8::1", 1, 0, 0))
    assert other.transport.get_extra_info("peername") == ("2001:db8::1", 1, 0, 0)


def test_a_stalled_peer_takes_as_much_as_there_is_room(reactor: VirtualReactor) -> None:
    peer = reactor.connect(Echo)
    peer.stall(room=4)
    peer.send(b"hello world")
    reactor.settle()
    assert (peer.received, peer.transport.get_write_buffer_size()) == (b"hell", 7)
    assert peer.read() == b"hell"
    reactor.settle()
    assert peer.received == b"o wo"
    peer.resume()
    reactor.settle()
    assert peer.received == b"o world"


def test_after_send_eof_the_protocol_can_still_send(reactor: VirtualReactor) -> None:
    end = Recorder(eof_received=lambda end: True)
    peer = reactor.connect(lambda: end)
    peer.send(b"question")
    peer.send_eof()
    reactor.settle()
    assert end.calls == ["connection_made", "data_received", "eof_received"]
    assert not peer.eof_received
    end.transport.write(b"answer")
    end.transport.write_eof()
    reactor.settle()
    assert (peer.received, peer.eof_received, peer.closed) == (b"answer", True, True)
    assert end.lost == [None]


def test_after_close_one_more_send_succeeds(reactor: VirtualReactor) -> None:
    end = Recorder(eof_received=lambda end: True)
    peer = reactor.connect(lambda: end)
    end.transport.write(b"before")
    reactor.settle()
    peer.close()
    reactor.settle()
    end.transport.write(b"the first still succeeds")
    reactor.settle()
    assert end.lost == []
    end.transport.write(b"the second does not")
    reactor.settle()
    assert isinstance(end.lost[0], BrokenPipeError)
    assert peer.received == b"beforethe first still succeeds"


@pytest.mark.parametrize("error", [errno.ECONNRESET, errno.ETIMEDOUT])
def test_reset_breaks_the_connection_with_the_given_error(
    reactor: VirtualReactor, error: int
) -> None:
    end = Recorder()
    peer = reactor.connect(lambda: end)
    peer.send(b"never delivered")
    peer.reset(error)
    reactor.settle()
    assert end.calls == ["connection_made", "connection_lost"]
    assert isinstance(end.lost[0], OSError)
    assert end.lost[0].errno == error


def test_closing_with_unread_data_resets_the_connection(reactor: VirtualReactor) -> None:
    for unread, broken in ((b"", False), (b"unread", True)):
        peer = reactor.connect(Echo)
        peer.send(unread)
        peer.transport.abort()
        reactor.settle()
        assert (peer.closed, peer.eof_received, peer.reset_received) == (True, True, broken)


# -- pairs -----------------------------------------------------------------------------------------


def test_two_protocols_talk_to_each_other(reactor: VirtualReactor) -> None:
    class Client(LineProtocol):
        answers: list[str] = []  # noqa: RUF012

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self.send_line("hello")

        def line_received(self, line: str) -> None:
            self.answers.append(line)
            self.transport.close()

    first, second = reactor.connect_pair(Client, Echo)
    reactor.settle()
    assert Client.answers == ["hello"]
    assert first.is_closing()
    assert second.is_closing()
    assert (reactor.stats.connections, reactor.stats.lingering) == (0, 0)


def test_a_pair_holds_at_most_its_capacity_on_the_way(reactor: VirtualReactor) -> None:
    one, other = Recorder(), Recorder()
    reactor.connect_pair(lambda: one, lambda: other, capacity=10)
    other.transport.pause_reading()
    one.transport.write(b"0123456789abcdef")
    reactor.settle()
    assert one.transport.get_write_buffer_size() == 6
    other.transport.resume_reading()
    reactor.settle()
    assert (other.data, other.pieces) == (b"0123456789abcdef", [10, 6])
    assert one.transport.get_write_buffer_size() == 0


def test_writing_to_a_closed_end_fails(reactor: VirtualReactor) -> None:
    one, other = Recorder(), Recorder()
    reactor.connect_pair(lambda: one, lambda: other)
    one.transport.pause_reading()
    other.transport.abort()
    reactor.settle()
    one.transport.write(b"anybody there?")
    reactor.settle()
    assert isinstance(one.lost[0], BrokenPipeError)


def test_closing_one_end_with_unread_data_resets_the_other(reactor: VirtualReactor) -> None:
    one, other = Recorder(), Recorder()
    reactor.connect_pair(lambda: one, lambda: other)
    other.transport.pause_reading()
    one.transport.write(b"unread")
    other.transport.write(b"lost with it")
    one.transport.pause_reading()
    reactor.settle()
    other.transport.abort()
    reactor.settle()
    assert one.data == b""
    assert isinstance(one.lost[0], ConnectionResetError)


# -- datagrams -------------------------------------------------------------------------------------


class Answering(DatagramProtocol):
    def __init__(self) -> None:
        self.errors: list[OSError] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data.upper(), addr)

    def error_received(self, exc: OSError) -> None:
        self.errors.append(exc)


def test_datagrams_come_from_and_go_to_addresses(reactor: VirtualReactor) -> None:
    peers = reactor.datagram_socket(Answering)
    here, there = ("192.0.2.1", 50000), ("192.0.2.9", 7)
    peers.send(b"from here")
    peers.send(b"from there", there)
    peers.send(b"", there)
    reactor.settle()
    assert peers.sent == [(b"FROM HERE", here), (b"FROM THERE", there), (b"", there)]
    assert peers.take(there) == [b"FROM THERE", b""]
    assert peers.take(("192.0.2.8", 1)) == []
    assert peers.take() == [b"FROM HERE"]
    assert peers.sent == []
    assert peers.transport.get_extra_info("sockname") == ("192.0.2.2", 9000)


def test_datagrams_wait_while_the_network_is_stalled(reactor: VirtualReactor) -> None:
    peers = reactor.datagram_socket(Answering, sockname=("192.0.2.2", 5))
    peers.stall()
    peers.send(b"a")
    peers.send(b"b")
    reactor.settle()
    assert (peers.sent, peers.transport.get_write_buffer_size()) == ([], 2)
    peers.resume()
    reactor.settle()
    assert [data for data, _ in peers.sent] == [b"A", b"B"]


def test_a_failed_datagram_is_reported_and_the_others_are_served(reactor: VirtualReactor) -> None:
    protocol = Answering()
    peers = reactor.datagram_socket(lambda: protocol)
    peers.fail()
    peers.send(b"still served")
    reactor.settle()
    assert [type(exc) for exc in protocol.errors] == [ConnectionRefusedError]
    assert [data for data, _ in peers.sent] == [b"STILL SERVED"]
    peers.fail(errno.EHOSTUNREACH)
    protocol.transport.sendto(b"lost", ("192.0.2.1", 1))
    reactor.settle()
    assert protocol.errors[1].errno == errno.EHOSTUNREACH


def test_a_connected_datagram_socket_has_one_peer(reactor: VirtualReactor) -> None:
    peers = reactor.datagram_socket(Answering)
    peers.transport.sendto(b"to whom it may concern")
    assert peers.sent == [(b"to whom it may concern", None)]


# -- being strict ----------------------------------------------------------------------------------


def test_real_sockets_are_refused(reactor: VirtualReactor) -> None:
    """They would never be reported as ready, and the test would hang or prove nothing."""
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(ValueError, match="virtual reactor cannot watch the real descriptor"):
            reactor.connect_socket(Echo, one)
        with pytest.raises(ValueError, match="virtual reactor"):
            reactor.listen_tcp(Echo, "127.0.0.1", 0)
    for connect in (reactor.connect_tcp, reactor.connect_udp):
        with pytest.raises(ValueError, match="cannot open a real connection"):
            connect(Echo, "127.0.0.1", 80)
    with pytest.raises(ValueError, match="cannot open a real connection"):
        reactor.connect_unix(Echo, "/nowhere")


def test_the_poller_refuses_what_real_pollers_refuse(reactor: VirtualReactor) -> None:
    fd = reactor.connect(Echo).transport.get_extra_info("socket").fileno()
    with pytest.raises(FileExistsError):
        reactor.register(fd, READ, print)
    with pytest.raises(FileNotFoundError):
        reactor.modify(fd + 1, READ)
    reactor.unregister(fd)
    with pytest.raises(FileNotFoundError):
        reactor.modify(fd, READ)
    reactor.register(fd, READ, print)


def test_memory_sockets_have_numbers_that_no_descriptor_has(reactor: VirtualReactor) -> None:
    fd = reactor.connect(Echo).transport.get_extra_info("socket").fileno()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(fd)


def test_closing_the_reactor_loses_every_connection() -> None:
    end = Recorder()
    with VirtualReactor() as reactor:
        peer = reactor.connect(lambda: end)
        reactor.settle()
    assert end.lost == [None]
    assert peer.closed
