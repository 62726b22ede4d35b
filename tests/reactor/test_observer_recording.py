"""Recordings: what is written, that it is complete and bounded, and what a full disk does."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from reactor import READ, Protocol, Reactor, Recorder, read_recording
from reactor.command.errors import WRONG_USAGE
from reactor.testing import VirtualReactor

from ..tools.commands import environment, one_line, run_script
from ..tools.waiting import TIMEOUT


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "turns"


def turns(path: Path) -> list[dict]:
    return [line for line in read_recording(path) if "turn" in line]


# -- the format ------------------------------------------------------------------------------------


def test_a_turn_is_a_line(reactor, path):
    peer = reactor.connect(Echo)
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    later = reactor.connect(Protocol)
    peer.send(b"12345")
    reactor.call_later(9, print)
    reactor.run_once()
    reactor.remove_observer(recorder)

    header, turn = read_recording(path)
    fd = peer.transport._fd
    assert header["recording"] == 1
    assert [d["fd"] for d in header["snapshot"]["descriptors"]][1:] == [fd]
    assert turn["times"] == [1000.0] * 9
    del turn["times"]
    ((opened),) = turn.pop("opened")
    assert (opened["fd"], opened["protocol"]) == (later.transport._fd, "Protocol")
    assert turn == {
        "turn": 0,
        "timeout": 9.0,
        "reason": "timer",
        "timer": "print",
        "events": [[fd, "R"]],
        "calls": [["event", "Echo.data_received", 0, fd, "R", 5]],
        "flushes": [[fd, 5, 0]],
        "stats": {"connections": 2},
    }


def test_durations_are_microseconds_and_a_timer_set_again_says_so(reactor, path):
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    timer = reactor.call_later(1, lambda: (timer.reschedule(1), reactor.stall(0.0015)))
    reactor.advance(1.5)
    reactor.remove_observer(recorder)

    calls = [turn["calls"] for turn in turns(path) if "calls" in turn]
    assert calls == [[["timer", "<lambda>", 1500, None, "", 0, True]]]


def test_payload_is_recorded_if_asked_for(reactor, path):
    recorder = Recorder(path, payload=3)
    reactor.add_observer(recorder)
    peer = reactor.connect(Echo)
    peer.send(b"\xff\x00abc")
    reactor.run_once()
    reactor.remove_observer(recorder)

    (turn,) = turns(path)
    fd = str(peer.transport._fd)
    assert turn["received_data"][fd].encode("latin-1") == b"\xff\x00a"
    assert turn["sent_data"] == turn["received_data"]


def test_a_name_that_is_not_unicode_is_recorded(reactor, path):
    recorder = Recorder(path)
    reactor.add_observer(recorder)

    def function():
        pass

    function.__qualname__ = "a\udc80b"
    reactor.call_soon(function)
    reactor.settle()
    reactor.remove_observer(recorder)
    assert turns(path)[0]["calls"][0][1] == "a?b"


def test_a_turn_with_much_in_it_is_cut(reactor, path):
    recorder = Recorder(path, max_size=1 << 16, payload=1 << 16)
    reactor.add_observer(recorder)
    peer = reactor.connect(Echo)
    for _ in range(500):
        reactor.call_soon(lambda: None)
    peer.send(bytes(60_000))
    reactor.run_once()
    reactor.remove_observer(recorder)

    (turn,) = turns(path)
    assert turn["more"] > 500
    assert "calls" not in turn
    assert path.stat().st_size < 1 << 16


# -- size ------------------------------------------------------------------------------------------


def record_many(reactor, path, number=3000):
    recorder = Recorder(path, max_size=1 << 16)
    reactor.add_observer(recorder)
    peer = reactor.connect(Echo)
    for _ in range(number):
        peer.send(b"x")
        reactor.run_once(0)
        peer.read()
    reactor.remove_observer(recorder)


def test_two_files_of_bounded_size_have_the_newest_turns(reactor, path, tmp_path):
    record_many(reactor, path)

    assert sorted(file.name for file in tmp_path.iterdir()) == ["turns", "turns.1"]
    assert all(file.stat().st_size <= 1 << 16 for file in tmp_path.iterdir())
    numbers = [turn["turn"] for turn in turns(path)]
    assert numbers == list(range(numbers[0], 3000))
    assert 300 < len(numbers) < 2900
    headers = [line for line in read_recording(path) if "recording" in line]
    assert len(headers) == 2
    shown = headers[1]["snapshot"]["descriptors"][1]
    assert shown["received"] == shown["sent"] > 100  # counted from the beginning


def test_a_recording_of_an_earlier_run_is_kept_and_not_mixed(reactor, path, tmp_path):
    for _ in range(2):
        recorder = Recorder(path)
        reactor.add_observer(recorder)
        reactor.run_once(0)
        reactor.remove_observer(recorder)

    assert [turn["turn"] for turn in turns(path)] == [1]
    assert [turn["turn"] for turn in turns(tmp_path / "turns.1")] == [0]


def test_only_the_owner_may_read_it(path):
    Recorder(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_recording_needs_room(path):
    with pytest.raises(ValueError, match="at least 65536"):
        Recorder(path, max_size=1000)
    assert not path.exists()


@pytest.mark.parametrize("target", ["/dev/null", "."])
def test_only_regular_files_are_written(target):
    with pytest.raises(OSError, match="not a regular file"):
        Recorder(target)


# -- errors ----------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line_in_the_log_and_ends_the_recording(
    reactor, path, monkeypatch, caplog
):
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    peer = reactor.connect(Echo)
    real_write, room = os.pwrite, [300]

    def pwrite(fd, data, offset):
        room[0] -= (size := min(len(data), room[0]))
        if not size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real_write(fd, data[:size], offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    room[0] = 10_000
    for _ in range(2000):
        peer.send(b"x")
        reactor.run_once(0)

    assert len(peer.received) == 2000
    (record,) = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert record.getMessage() == f"the recording in {path} ends: No space left on device"
    assert record.exc_info is None
    assert type(reactor) is VirtualReactor or reactor.get_debug()
    assert path.read_bytes()[-1:] in (b"", b"\n")


def test_an_interrupt_while_writing_loses_and_repeats_nothing(reactor, path, monkeypatch):
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    for _ in range(3):
        reactor.run_once(0)
    real_write = os.pwrite

    def interrupted(fd, data, offset):
        real_write(fd, data[:50], offset)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "pwrite", interrupted)
    with pytest.raises(KeyboardInterrupt):
        recorder._write()
    monkeypatch.setattr(os, "pwrite", real_write)
    reactor.remove_observer(recorder)

    assert [turn["turn"] for turn in turns(path)] == [0, 1, 2]


def test_an_incomplete_last_line_is_left_out(reactor, path):
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    reactor.run_once(0)
    reactor.run_once(0)
    reactor.remove_observer(recorder)
    path.write_bytes(path.read_bytes()[:-5])

    assert [turn["turn"] for turn in turns(path)] == [0]


@pytest.mark.parametrize("text", ["", "no JSON\n", "[]\n", "{}\n", '{"recording": 99}\n'])
def test_another_file_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(ValueError, match="not a recording"):
        list(read_recording(path))


# -- the command -----------------------------------------------------------------------------------


def echo_once(server):
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello")
        assert client.recv(10) == b"hello"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_the_command_records_until_it_is_stopped(serve, path, signum):
    server = serve("--protocol", "echo", "--port", "0", "--record", str(path))
    echo_once(server)
    assert server.stop(signum) == (0, "")

    recorded = turns(path)
    calls = [call for turn in recorded for call in turn.get("calls", ())]
    assert ["Echo.data_received", 5] in [[call[1], call[5]] for call in calls if len(call) == 6]
    opened = [d["kind"] for turn in recorded for d in turn.get("opened", ())]
    assert opened[0] == "listener"
    assert "stream" in opened
    assert [turn["turn"] for turn in recorded] == list(range(len(recorded)))
    assert any("Listener" in call[1] or "stop" in call[1] for call in calls)


ENDINGS = {
    "exception": "raise SystemExit(3)",
    "second signal": "for _ in 'ab': signal.raise_signal(signal.SIGTERM)",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_recording_is_complete_however_the_process_ends(tmp_path, path, ending):
    (tmp_path / "ending.py").write_text(
        "import signal\nfrom reactor import Protocol\n"
        "class End(Protocol):\n"
        "    def data_received(self, data):\n"
        f"        {ENDINGS[ending]}\n"
    )
    options = ["--protocol", "ending:End", "--port", "0", "--record", str(path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "reactor", *options],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    port = int(process.stdout.readline().rpartition(":")[2])
    process.stdout.readline()
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"x")
        process.communicate(timeout=TIMEOUT)

    (turn,) = [turn for turn in turns(path) if "ended_by" in turn]
    expected = "SystemExit" if ending == "exception" else "KeyboardInterrupt"
    assert turn["ended_by"] == expected
    assert process.returncode == (3 if ending == "exception" else 130)


@pytest.mark.parametrize("ending", ["reactor.close()", "del reactor, recorder", ""])
def test_a_recording_whose_program_does_not_end_it_is_complete(path, ending):
    """Once, the turns of the last second were lost."""
    script = f"""
import sys
from reactor import Reactor, Recorder

reactor = Reactor()
recorder = Recorder(sys.argv[1])
reactor.add_observer(recorder)
reactor.run_once(0)
for _ in range(9):
    reactor.call_soon(print)
    reactor.run_once()
{ending}
"""
    output, errors, status = run_script(script, str(path))
    assert (output, errors, status) == ("\n" * 9, "", 0)
    recorded = turns(path)
    assert [turn["turn"] for turn in recorded][:10] == list(range(10))
    assert sum(len(turn.get("calls", ())) for turn in recorded) == 9


def test_closing_that_is_refused_does_not_end_a_recording(path):
    with Reactor() as reactor:
        recorder = Recorder(path)
        reactor.add_observer(recorder)
        reactor.call_soon(reactor.close)
        refused = []
        reactor.set_exception_handler(lambda _, context: refused.append(context["exception"]))
        reactor.run_once()
        reactor.run_once(0)
        assert [type(exc) for exc in refused] == [RuntimeError]
        assert recorder.turns == 2
    assert len(turns(path)) == 2


def test_a_file_that_cannot_be_written_is_one_line(run_reactor, tmp_path):
    file = tmp_path / "missing" / "turns"
    result = run_reactor("--protocol", "echo", "--port", "0", "--record", str(file))
    expected = f"reactor: cannot record in {file}: No such file or directory\n"
    assert (one_line(result.stderr), result.returncode) == (expected, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--record-size", "5"], "--record-size requires --record"),
        (["--record", "x", "--record-size", "0"], "expected a size of at least 1 byte"),
    ],
)
def test_wrong_usage_is_one_line(run_reactor, arguments, message, tmp_path):
    result = run_reactor("--protocol", "echo", *arguments, cwd=tmp_path)
    assert message in one_line(result.stderr)
    assert result.returncode == WRONG_USAGE
    assert list(tmp_path.iterdir()) == []


def test_workers_are_not_recorded(run_reactor, tmp_path):
    result = run_reactor(
        "--protocol", "http", "--workers", "2", "--port", "0", "--record", "turns", cwd=tmp_path
    )
    assert one_line(result.stderr) == "reactor: --record cannot be combined with --workers\n"
    assert (result.returncode, list(tmp_path.iterdir())) == (WRONG_USAGE, [])


def test_lines_are_json_lines(reactor, path):
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    reactor.run_once(0)
    reactor.remove_observer(recorder)
    assert [json.loads(line) for line in path.read_text().splitlines()] == list(
        read_recording(path)
    )


# -- snapshots between turns -----------------------------------------------------------------------


def snapshots(path: Path) -> list[dict]:
    return [line for line in read_recording(path) if "snapshot" in line]


def record_turns(reactor, path, seconds, number, **options):
    recorder = Recorder(path, **options)
    reactor.add_observer(recorder)
    for _ in range(number):
        reactor.stall(seconds)
        reactor.run_once(0)
    reactor.remove_observer(recorder)
    return recorder


def test_there_is_a_snapshot_each_second(reactor, path):
    peer = reactor.connect(Echo)
    recorder = record_turns(reactor, path, 0.25, 21)

    header, *later = snapshots(path)
    assert [line["time"] - header["time"] for line in later] == [1, 2, 3, 4, 5]
    assert all("wall" in line and "recording" not in line for line in later)
    assert [d["fd"] for d in later[0]["snapshot"]["descriptors"]][1:] == [peer.transport._fd]
    assert later[-1]["snapshot"]["stats"]["turns"] == header["snapshot"]["stats"]["turns"] + 20
    assert recorder.turns == len(turns(path)) == 21


def test_a_large_snapshot_waits_until_it_is_at_most_half_of_what_was_written(reactor, path):
    for _ in range(150):
        reactor.connect(Echo)
    reactor.run_once(0)
    record_turns(reactor, path, 0.5, 60)

    _, *later = snapshots(path)
    sizes = [len(json.dumps(line)) for line in later]
    apart = [after["time"] - before["time"] for before, after in pairwise(later)]
    assert len(later) > 3
    assert min(sizes) > 30_000
    for size, seconds in zip(sizes[:-1], apart, strict=True):
        assert size / 20_000 < seconds < size / 8192 + 1


def test_a_snapshot_that_takes_long_is_rare(reactor, path, monkeypatch):
    clock = iter(range(0, 1000, 1))  # each snapshot takes a second: at most one in 20 seconds
    monkeypatch.setattr("reactor.recording.time.perf_counter", lambda: next(clock))
    record_turns(reactor, path, 0.5, 100)

    _, *later = snapshots(path)
    assert [round(after["time"] - before["time"], 3) for before, after in pairwise(later)] == [
        20
    ] * 2


def test_a_snapshot_shows_few_of_many_descriptors(reactor, path):
    for _ in range(1200):
        reactor.connect(Echo)
    record_turns(reactor, path, 1, 2)

    shown = [
        (len(line["snapshot"]["descriptors"]), line["snapshot"]["descriptors_total"])
        for line in snapshots(path)
    ]
    assert shown == [(1000, 1201), (200, 1201)]


def test_the_beginning_of_the_end_is_a_snapshot(reactor, path):
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    reactor.connect(Echo)
    reactor.call_soon(reactor.stop, 5)
    reactor.run()
    reactor.remove_observer(recorder)

    assert [line["snapshot"]["loop"]["stopping"] for line in snapshots(path)] == [False, True]


# -- what turns tell of descriptors ----------------------------------------------------------------


def test_a_slow_reader_is_followed_through_its_turns(reactor, path):
    peer = reactor.connect(Protocol)
    fd = peer.transport._fd
    recorder = Recorder(path)
    reactor.add_observer(recorder)
    peer.stall()
    actions = [
        lambda: peer.transport.write(bytes(1000)),
        lambda: peer.transport.write(bytes(70_000)),
        peer.transport.pause_reading,
        lambda: None,
        peer.transport.close,
        peer.resume,
    ]
    for action in actions:
        action()
        reactor.run_once(0)
    reactor.remove_observer(recorder)

    followed = [
        (turn.get("modified"), turn.get("changed", {}).get(str(fd))) for turn in turns(path)
    ]
    growth = {"interest": "RW", "reading_paused": False, "queued": 1000, "unsent": 1000}
    assert followed == [
        ([[fd, "RW"]], growth),
        (None, {"writing_paused": True, "queued": 71000, "unsent": 71000}),
        ([[fd, "W"]], {"interest": "W", "reading_paused": True}),
        (None, None),
        (None, {"closing": True}),
        ([[fd, ""]], None),  # it is lost in this turn
    ]


def test_a_descriptor_that_is_not_watched_any_more_is_recorded(path):
    with Reactor(debug=False) as reactor:
        one, other = socket.socketpair()
        with one, other:
            fd = one.fileno()
            reactor.register(fd, READ, print)
            transport = reactor.connect_socket(Protocol, other.dup())
            recorder = Recorder(path)
            reactor.add_observer(recorder)
            reactor.unregister(fd)
            transport.pause_reading()
            transport.abort()
            reactor.run_once(0)
            reactor.remove_observer(recorder)

    assert turns(path)[0]["unregistered"] == [fd]  # the transport is closed, or still open


def test_a_forked_child_does_not_write(path):
    script = """
import os
import sys
from reactor import Reactor, Recorder

def fork():
    global child
    child = os.fork()
    if not child:
        os.read(reading, 1)  # until the parent has written more
        sys.exit()
    reactor.call_soon(end)

def end():
    recorder.close()
    os.write(writing, b"x")
    print(os.waitpid(child, 0)[1])
    reactor.stop()

reactor = Reactor()
recorder = Recorder(sys.argv[1])
reactor.add_observer(recorder)
reading, writing = os.pipe()
reactor.call_soon(fork)
reactor.run()
reactor.close()
"""
    output, errors, status = run_script(script, str(path))
    assert (output, status) == ("0\n", 0), errors
    recorded = list(read_recording(path))
    assert len(recorded) == path.read_bytes().count(b"\n")
    assert [line["ended_by"] for line in recorded if "ended_by" in line] == []
