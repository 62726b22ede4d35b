"""What a protocol may rely on with any transport: one suite over every kind of connection and every
poller of this machine."""

from __future__ import annotations

import logging
import os
import random
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Protocol, Reactor, WriteBufferOverflow
from reactor.transports.stream import READ_SIZE

from ...tools.certificates import tls_contexts
from ...tools.garbage import no_collection
from ...tools.recording import Recorder
from ...tools.waiting import until
from ...tools.worlds import MATRIX, World

CALLBACKS = (
    "connection_made",
    "data_received",
    "eof_received",
    "pause_writing",
    "resume_writing",
    "connection_lost",
)


def worlds(matrix: list[tuple[str, str]]) -> Any:
    @pytest.fixture(params=matrix, ids="-".join)
    def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
        world = World(*request.param, tmp_path)
        yield world
        world.close()

    return world


world = worlds(MATRIX)
half_closing = worlds([row for row in MATRIX if row[0] != "tls"])
on_sockets = worlds([row for row in MATRIX if row[0] != "memory"])


class Echo(Protocol):
    """An echo that respects flow control, as every echo should."""

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def pause_writing(self) -> None:
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.transport.resume_reading()


def through_every_callback(
    world: World, hook: Callable[..., Any], name: str
) -> tuple[Recorder, Recorder]:
    """Take a connection through all callbacks; ``hook`` is called in the one called ``name``."""
    one, other = Recorder(**{name: hook}), Recorder(eof_received=lambda _: True)
    world.connect(one, other)
    world.settle()
    if not one.transport.is_closing():
        other.transport.write(b"data")
        world.until(lambda: one.data == b"data" or one.lost)
    if not one.transport.is_closing():
        other.transport.pause_reading()
        world.fill(one)
        other.transport.resume_reading()
        world.until(lambda: not one.paused or one.lost)
        world.settle()
    if not one.transport.is_closing():
        if other.transport.can_write_eof():
            other.transport.write_eof()
        else:
            other.transport.close()
        world.until(lambda: one.eof)
    world.until(lambda: one.lost)
    world.settle()
    return one, other


# -- the order of callbacks, and data --------------------------------------------------------------


def test_callbacks_come_in_the_documented_order(world: World) -> None:
    one, other = world.pair()
    other.transport.write(b"hello")
    world.until(lambda: one.data)
    other.transport.close()
    world.until(lambda: one.lost and other.lost)
    world.settle()
    assert one.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]
    assert other.calls == ["connection_made", "connection_lost"]
    assert (one.data, one.lost, other.lost) == (b"hello", [None], [None])


def test_data_arrives_whole_and_in_order(world: World) -> None:
    one, other = world.pair()
    pieces = [random.Random(1).randbytes(size) for size in (1, 100_000, 3, 65_536, 2, 300_000)]
    for piece in pieces:
        one.transport.write(piece)
        world.reactor.run_once(0)
    world.until(lambda: len(other.data) == sum(map(len, pieces)))
    assert other.data == b"".join(pieces)


def test_a_large_echo_comes_back_whole(world: World) -> None:
    sent = random.Random(2).randbytes(3_000_000)
    rest = memoryview(sent)

    def produce(client: Recorder) -> None:
        nonlocal rest
        while rest and not client.paused:
            client.transport.write(rest[:50_000])
            rest = rest[50_000:]

    client = Recorder(resume_writing=produce)
    world.connect(Echo(), client)
    produce(client)
    world.until(lambda: len(client.data) == len(sent))
    assert client.data == sent


def test_one_event_reads_a_bounded_amount_and_the_next_connection_has_its_turn(
    world: World,
) -> None:
    hot, sender = world.pair()
    quiet, other = world.pair()
    hot.transport.pause_reading()
    waiting = world.fill(sender)
    hot.transport.resume_reading()
    other.transport.write(b"me too")
    before = world.reactor.stats.turns
    world.until(lambda: quiet.data == b"me too")
    turns = world.reactor.stats.turns - before
    assert max(hot.pieces) <= READ_SIZE
    assert len(hot.data) <= turns * READ_SIZE
    assert len(hot.data) < waiting


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_many_small_writes_of_a_turn_leave_in_one_system_call(tls: bool) -> None:
    """In memory this is counted by the tests of StreamTransport."""

    class CountingSocket(ssl.SSLSocket if tls else socket.socket):  # type: ignore[misc]
        sends = 0

        def send(self, data: bytes, flags: int = 0) -> int:
            self.sends += 1
            return super().send(data, flags)

        def sendmsg(self, *args: Any) -> int:
            self.sends += 1
            return super().sendmsg(*args)

    server = client = None
    ours, theirs = socket.socketpair()
    if tls:
        server, _ = tls_contexts()
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE
        client.sslsocket_class = CountingSocket
    else:
        ours = CountingSocket(fileno=ours.detach())
    one, other = Recorder(), Recorder()
    with Reactor() as reactor:
        reactor.connect_socket(lambda: other, theirs, tls=server)
        transport = reactor.connect_socket(lambda: one, ours, tls=client)
        until(reactor, lambda: one.made and other.made)
        sock = transport.get_extra_info("socket")
        assert isinstance(sock, CountingSocket)
        for number in range(5000):
            transport.write(b"%d " % number)
        transport.writelines([b"and ", b"more"])
        assert sock.sends == 0
        reactor.run_once(0)
        assert sock.sends == 1
        until(reactor, lambda: other.data.endswith(b"and more"))
    assert other.data.split()[:5000] == [b"%d" % number for number in range(5000)]


def test_more_pieces_than_one_sendmsg_takes(world: World) -> None:
    one, other = world.pair()
    one.transport.set_write_buffer_limits(high=1_000_000)
    pieces = [bytes([number % 256]) * 100 for number in range(3000)]
    for piece in pieces:
        one.transport.write(piece)
    world.until(lambda: len(other.data) == 300_000)
    assert other.data == b"".join(pieces)


def test_a_big_single_write(world: World) -> None:
    one, other = world.pair()
    data = random.Random(3).randbytes(8_000_000)
    one.transport.max_write_buffer = len(data)
    one.transport.write(data)
    world.until(lambda: len(other.data) == len(data))
    assert other.data == data
    world.settle()
    assert one.calls == ["connection_made", "pause_writing", "resume_writing"]


def test_a_buffer_may_be_changed_right_after_writing_it(world: World) -> None:
    one, other = world.pair()
    buffer = bytearray(b"first ")
    one.transport.write(buffer)
    one.transport.write(memoryview(buffer)[:3])
    buffer[:] = b"second"
    one.transport.write(memoryview(b"-t-h-i-r-d")[1::2])
    one.transport.writelines([buffer, memoryview(b"fourth")])
    buffer[:] = b"......"
    world.until(lambda: len(other.data) == 26)
    assert other.data == b"first firthirdsecondfourth"


@pytest.mark.parametrize("nothing", [b"", bytearray(), memoryview(b"")])
def test_writing_nothing_does_nothing(world: World, nothing: bytes) -> None:
    one, other = world.pair()
    one.transport.write(nothing)
    one.transport.writelines([nothing, nothing])
    assert one.transport.get_write_buffer_size() == 0
    one.transport.write(b".")
    world.until(lambda: other.data == b".")


def test_writing_text_is_refused(world: World) -> None:
    one, _ = world.pair()
    with pytest.raises(TypeError):
        one.transport.write("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        one.transport.writelines(["text"])  # type: ignore[list-item]


def test_all_bytes_are_counted(world: World) -> None:
    one, _ = world.pair()
    one.transport.write(bytes(200_000))
    world.settle()
    assert world.reactor.stats.bytes_sent == 200_000
    assert world.reactor.stats.bytes_received == 200_000
    assert world.reactor.stats.connections == 2


def test_another_protocol_takes_over(world: World) -> None:
    second = Recorder()

    def upgrade(first: Recorder, data: bytes) -> None:
        second.transport = first.transport
        second.calls.append("connection_made")
        first.transport.set_protocol(second)

    first, other = world.pair(data_received=upgrade)
    world.ends[0] = second
    other.transport.write(b"upgrade")
    world.until(lambda: first.data)
    assert second.transport.get_protocol() is second
    other.transport.write(b"now for you")
    world.until(lambda: second.data == b"now for you")
    other.transport.close()
    world.until(lambda: second.lost)
    assert first.calls == ["connection_made", "data_received"]
    assert second.calls == ["connection_made", "data_received", "eof_received", "connection_lost"]


def test_extra_info(world: World) -> None:
    one, other = world.pair()
    assert one.transport.reactor is world.reactor
    assert one.transport.get_extra_info("socket").fileno() >= 0
    assert one.transport.get_extra_info("no such thing", "default") == "default"
    if world.kind in ("tcp4", "tcp6", "tls"):
        assert one.transport.get_extra_info("peername") == other.transport.get_extra_info(
            "sockname"
        )
        assert other.transport.get_extra_info("peername") == one.transport.get_extra_info(
            "sockname"
        )
    elif world.kind == "unix":
        assert one.transport.get_extra_info("peername", "unnamed") == "unnamed"
    state = repr(one.transport)
    assert "open" in state
    one.transport.abort()
    assert "lost" in repr(one.transport)


# -- flow control ----------------------------------------------------------------------------------


def test_water_marks_pause_and_resume_in_pairs(world: World) -> None:
    one, other = world.pair()
    other.transport.pause_reading()
    total = 0
    for _ in range(3):
        total += world.fill(one)
        assert one.transport.get_write_buffer_size() > one.transport.get_write_buffer_limits()[1]
        other.transport.resume_reading()
        world.until(lambda: not one.paused)
        assert one.transport.get_write_buffer_size() <= one.transport.get_write_buffer_limits()[0]
        other.transport.pause_reading()
    other.transport.resume_reading()
    world.until(lambda: len(other.data) == total)
    assert one.calls == ["connection_made", *["pause_writing", "resume_writing"] * 3]


def test_a_slow_reader_does_not_delay_the_others(world: World) -> None:
    one, stuck = world.pair()
    stuck.transport.pause_reading()
    world.fill(one)
    two, quick = world.pair()
    for number in range(10):
        one.transport.write(b"for the stuck one")
        two.transport.write(b"%d" % number)
        world.until(lambda: len(quick.data) == number + 1)  # noqa: B023
    assert quick.data == b"0123456789"
    assert one.transport.get_write_buffer_size() > 0


def test_a_peer_that_never_reads_is_disconnected_at_the_cap(world: World) -> None:
    one, stuck = world.pair()
    two, other = world.pair()
    stuck.transport.pause_reading()
    one.transport.max_write_buffer = 200_000
    written = 0
    while not one.transport.is_closing():
        one.transport.write(bytes(50_000))
        written += 50_000
        assert one.transport.get_write_buffer_size() <= 65536 + 200_000
        world.reactor.run_once(0)
        assert written < 100_000_000
    world.until(lambda: one.lost)
    assert isinstance(one.lost[0], WriteBufferOverflow)
    assert "a peer that does not read" in str(one.lost[0])
    two.transport.write(b"unharmed")
    world.until(lambda: other.data == b"unharmed")


def test_a_paused_reader_gets_nothing_until_it_resumes(world: World) -> None:
    one, other = world.pair()
    assert one.transport.is_reading()
    one.transport.pause_reading()
    one.transport.pause_reading()  # a second call does nothing
    assert not one.transport.is_reading()
    other.transport.write(b"wait")
    world.settle()
    assert one.data == b""
    one.transport.resume_reading()
    one.transport.resume_reading()
    assert one.transport.is_reading()
    world.until(lambda: one.data == b"wait")


def test_pausing_in_data_received_ends_the_data_there(world: World) -> None:
    one, other = world.pair(data_received=lambda end, data: end.transport.pause_reading())
    other.transport.write(bytes(5 * READ_SIZE))
    for times in range(1, 4):
        world.until(lambda: len(one.pieces) == times)  # noqa: B023
        world.settle()
        assert len(one.pieces) == times
        one.transport.resume_reading()


@pytest.mark.parametrize("stop", ["pause_reading", "close", "abort"])
def test_a_connection_stopped_by_another_in_the_same_turn_gets_no_data(
    world: World, stop: str
) -> None:
    ends: list[Recorder] = []

    def stop_the_other(end: Recorder, data: bytes) -> None:
        victim = ends[1 - ends.index(end)]
        victim.transport.write(b"goodbye")  # close() has something to wait for
        getattr(victim.transport, stop)()

    for _ in range(2):
        one, other = world.pair(data_received=stop_the_other)
        ends.append(one)
        one.transport.pause_reading()
        other.transport.write(b"data")
    world.settle()
    for end in ends:  # now the poller reports both in one batch
        end.transport.resume_reading()
    world.until(lambda: any(end.data for end in ends))
    world.settle()
    assert sorted(bytes(end.data) for end in ends) == [b"", b"data"]


# -- half-closing ----------------------------------------------------------------------------------


def test_half_close_and_answer(half_closing: World) -> None:
    world = half_closing
    one, other = world.pair(eof_received=lambda end: True)
    assert other.transport.can_write_eof()
    other.transport.write(b"question")
    other.transport.write_eof()
    world.until(lambda: one.eof)
    world.settle()
    assert (one.data, one.lost) == (b"question", [])
    one.transport.write(b"answer")
    world.until(lambda: other.data == b"answer")
    one.transport.write_eof()
    world.until(lambda: one.lost and other.lost)
    assert one.lost == other.lost == [None]


def test_both_half_close(half_closing: World) -> None:
    world = half_closing
    one, other = world.pair(eof_received=lambda end: True)
    other.hooks["eof_received"] = lambda end: True
    one.transport.write(b"one")
    one.transport.write_eof()
    other.transport.write(b"other")
    other.transport.write_eof()
    world.until(lambda: one.lost and other.lost)
    assert (one.data, other.data, one.lost, other.lost) == (b"other", b"one", [None], [None])


def test_half_close_waits_for_what_is_queued(half_closing: World) -> None:
    world = half_closing
    one, other = world.pair()
    other.transport.pause_reading()
    total = world.fill(one)
    one.transport.write_eof()
    one.transport.write_eof()  # a second call does nothing
    world.settle()
    other.transport.resume_reading()
    world.until(lambda: other.eof)
    assert len(other.data) == total


def test_writing_after_half_close_raises(half_closing: World) -> None:
    one, other = half_closing.pair()
    one.transport.write_eof()
    with pytest.raises(RuntimeError, match="write_eof"):
        one.transport.write(b"more")
    with pytest.raises(RuntimeError, match="write_eof"):
        one.transport.writelines([b"more"])
    with pytest.raises(RuntimeError, match="write_eof"), open(__file__, "rb") as file:
        one.transport.sendfile(file)
    other.transport.write(b"still reading")
    half_closing.until(lambda: one.data == b"still reading")


def test_a_connection_sends_what_is_queued_and_closes_at_the_end_of_data(
    world: World,
) -> None:
    one, other = world.pair(eof_received=lambda end: end.transport.write(b"goodbye"))
    other.hooks["eof_received"] = lambda end: True
    if world.half_close:
        other.transport.write_eof()
        world.until(lambda: other.eof)
        assert other.data == b"goodbye"
        other.transport.close()
    else:
        other.transport.close()
    world.until(lambda: one.lost and other.lost)
    assert one.lost == [None]


def test_a_connection_kept_open_at_the_end_of_data_does_not_spin(half_closing: World) -> None:
    one, other = half_closing.pair(eof_received=lambda end: True)
    other.transport.write_eof()
    half_closing.until(lambda: one.eof)
    half_closing.settle()
    one.transport.resume_reading()  # has no effect any more
    assert not one.transport.is_reading()
    half_closing.settle()
    assert one.lost == []


# -- closing ---------------------------------------------------------------------------------------


def test_close_sends_what_is_queued(world: World) -> None:
    one, other = world.pair()
    other.transport.pause_reading()
    total = world.fill(one)
    one.transport.close()
    one.transport.close()  # a second call does nothing
    assert one.transport.is_closing()
    assert "closing" in repr(one.transport)
    world.settle()
    assert one.lost == []
    other.transport.resume_reading()
    world.until(lambda: one.lost and other.lost)
    assert len(other.data) == total
    assert one.lost == other.lost == [None]


def test_closing_stops_reading(world: World) -> None:
    one, other = world.pair()
    other.transport.pause_reading()
    world.fill(one)
    one.transport.close()
    one.transport.resume_reading()  # has no effect any more
    other.transport.write(b"too late")
    world.settle()
    assert one.data == b""


def test_abort_drops_what_is_queued(world: World) -> None:
    one, other = world.pair()
    other.transport.pause_reading()
    total = world.fill(one)
    one.transport.abort()
    one.transport.abort()
    one.transport.close()
    assert one.transport.get_write_buffer_size() == 0
    assert one.lost == []  # never from inside the call
    world.until(lambda: one.lost)
    assert one.lost == [None]
    other.transport.resume_reading()
    world.until(lambda: other.lost)
    assert len(other.data) < total


def test_writing_to_a_lost_connection_is_counted_and_quiet(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = world.pair()
    with caplog.at_level(logging.DEBUG):
        one.transport.write(b"before")
        one.transport.close()
        one.transport.write(b"dropped")
        one.transport.writelines([b"dropped", b"too"])
        world.until(lambda: one.lost and other.lost)
        for _ in range(100):
            one.transport.write(b"dropped")
        one.transport.write_eof() if world.half_close else None
        one.transport.pause_reading()
        one.transport.resume_reading()
    assert world.reactor.stats.writes_dropped == 102
    assert other.data == b"before"
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_a_reset_reaches_the_protocol_as_an_error(world: World) -> None:
    one, other = world.pair()
    other.transport.pause_reading()
    one.transport.write(b"never read")
    world.settle()
    other.transport.abort()
    world.until(lambda: one.lost)
    assert isinstance(one.lost[0], ConnectionResetError)
    assert not one.eof


def test_the_peer_gets_all_we_sent_although_we_leave_input_unread(world: World) -> None:
    """A socket closed with unread input sends RST, and that can destroy what was sent before."""
    one, other = world.pair(data_received=lambda end, data: end.transport.pause_reading())
    for _ in range(10):
        other.transport.write(bytes(20_000))
        world.reactor.run_once(0)
    world.until(lambda: one.data)
    one.transport.write(b"that is too much")
    one.transport.close()
    other.transport.write(b"and even more")
    world.until(lambda: other.lost)
    assert other.data == b"that is too much"
    assert other.lost == [None]


def test_a_lost_connection_leaves_nothing_for_the_garbage_collector(world: World) -> None:
    def live() -> list[weakref.ref[Any]]:
        one, other = world.pair()
        other.transport.write(b"data")
        world.until(lambda: one.data)
        one.transport.close()
        world.until(lambda: one.lost and other.lost)
        world.settle()
        assert one.transport.get_protocol() is None
        assert one.violations == other.violations == []
        world.ends.clear()
        return [weakref.ref(end) for end in (one, one.transport, other, other.transport)]

    with no_collection():
        assert [reference() for reference in live()] == [None] * 4


def test_a_descriptor_held_by_another_process_reports_nothing_after_the_close(
    on_sockets: World,
) -> None:
    """As after a fork: epoll watches the open file, not the descriptor."""
    world = on_sockets
    one, other = world.pair()
    copy = os.dup(one.transport.get_extra_info("socket").fileno())
    try:
        one.transport.abort()
        world.until(lambda: one.lost)
        other.transport.write(b"anybody there?")
        world.settle()
    finally:
        os.close(copy)


def test_a_descriptor_is_reused_only_after_the_turn(on_sockets: World) -> None:
    """Otherwise its new owner would get events of the old one in the same batch."""
    world = on_sockets
    ends: list[Recorder] = []
    numbers: list[int] = []

    def replace_the_other(end: Recorder, data: bytes) -> None:
        victim = ends[1 - ends.index(end)].transport
        numbers.append(victim.get_extra_info("socket").fileno())
        victim.abort()
        numbers.append(os.open(os.devnull, os.O_RDONLY))

    for _ in range(2):
        one, other = world.pair(data_received=replace_the_other)
        ends.append(one)
        one.transport.pause_reading()
        other.transport.write(b"data")
    world.settle()
    for end in ends:
        end.transport.resume_reading()
    world.until(lambda: numbers)
    old, new = numbers
    assert new != old
    os.close(new)
    world.settle()
    assert sorted(bytes(end.data) for end in ends) == [b"", b"data"]


# -- a peer that has left --------------------------------------------------------------------------


@pytest.mark.parametrize("leave", ["close", "abort"])
def test_a_paused_reader_whose_peer_has_left_does_not_spin(world: World, leave: str) -> None:
    one, other = world.pair()
    one.transport.pause_reading()
    other.transport.write(b"the last words")
    world.settle()
    getattr(other.transport, leave)()
    world.settle()
    assert one.lost == []
    one.transport.resume_reading()
    world.until(lambda: one.lost)
    assert one.data == b"the last words"
    assert one.eof or world.kind == "tls"  # where an abort is an error, not the end of data


def test_a_paused_reader_that_has_half_closed_does_not_spin_on_hangup(half_closing: World) -> None:
    one, other = half_closing.pair()
    one.transport.pause_reading()
    other.transport.write(b"the last words")
    one.transport.write_eof()
    half_closing.until(lambda: other.lost)
    half_closing.settle()  # meanwhile the poller reports a hangup
    assert one.lost == []
    one.transport.resume_reading()
    half_closing.until(lambda: one.lost)
    assert (one.data, one.lost) == (b"the last words", [None])


def test_a_paused_reader_notices_the_loss_by_writing(world: World) -> None:
    one, other = world.pair()
    one.transport.pause_reading()
    other.transport.abort()
    world.settle()
    for _ in range(10):
        if not one.lost:
            one.transport.write(b"anybody there?")
            world.settle()
    assert isinstance(one.lost[0], OSError)


# -- callbacks that do things ----------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLBACKS)
def test_a_callback_that_raises_loses_only_its_connection(world: World, name: str) -> None:
    bystander, friend = world.pair()

    def fail(*_: Any) -> None:
        raise ZeroDivisionError(name)

    one, _ = through_every_callback(world, fail, name)
    assert [str(context["exception"]) for context in world.complaints] == [name]
    assert world.complaints[0]["protocol"] is one
    assert world.complaints[0]["message"] == f"{name} failed:"
    assert world.complaints[0]["transport"] is one.transport
    world.complaints.clear()
    if name != "connection_lost":
        assert isinstance(one.lost[0], ZeroDivisionError)
    assert one.calls[-2:] == [name, "connection_lost"] or name == "connection_lost"
    friend.transport.write(b"still here")
    world.until(lambda: bystander.data == b"still here")


def write_from_the_callback(end: Recorder, *_: Any) -> None:
    end.transport.write(b"<from the callback>")


@pytest.mark.parametrize(
    "name", ["connection_made", "data_received", "pause_writing", "resume_writing"]
)
def test_writing_in_a_callback(world: World, name: str) -> None:
    _, other = through_every_callback(world, write_from_the_callback, name)
    assert b"<from the callback>" in other.data


def test_writing_in_eof_received(half_closing: World) -> None:
    """Over TLS the peer has closed by then; one that still reads is in the tests of TLS."""
    _, other = through_every_callback(half_closing, write_from_the_callback, "eof_received")
    assert other.data.endswith(b"<from the callback>")


def test_writing_in_connection_lost_is_dropped_and_counted(world: World) -> None:
    _, other = through_every_callback(world, write_from_the_callback, "connection_lost")
    assert world.reactor.stats.writes_dropped == 1
    assert b"<from the callback>" not in other.data


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("end_it", ["close", "abort"])
def test_ending_in_a_callback(world: World, name: str, end_it: str) -> None:
    def hook(end: Recorder, *_: Any) -> None:
        end.transport.write(b"written before")
        getattr(end.transport, end_it)()
        end.transport.write(b"written after")
        assert end.transport.is_closing()

    one, other = through_every_callback(world, hook, name)
    assert one.lost == [None]
    assert world.reactor.stats.writes_dropped >= 1
    assert b"written after" not in other.data
