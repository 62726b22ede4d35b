"""Pausing, stepping, slow motion and recordings, as viewers ask for them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from protocols.chat.hub import Hub
from protocols.chat.lines import LineServer
from protocols.inspector.control import Control, ControlError
from protocols.inspector.watching import Watcher
from reactor import Protocol, Reactor, read_recording
from reactor.testing import VirtualReactor

from ...tools.clock import Clock
from ...tools.commands import environment
from ...tools.waiting import TIMEOUT, wait_until


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


class Timers:
    """What ``Control`` sets to end a lonely pause."""

    def __init__(self):
        self.set = []

    def __call__(self, delay, function):
        timer = Timer(self, delay, function)
        self.set.append(timer)
        return timer


class Timer:
    def __init__(self, timers, delay, function):
        self.timers, self.delay, self.function = timers, delay, function

    def cancel(self):
        self.timers.set.remove(self)

    def fire(self):
        self.timers.set.remove(self)
        self.function()


class World:
    """A reactor that another thread runs, and its control."""

    def __init__(self):
        self.reactor = Reactor(debug=False)
        self.timers = Timers()
        self.clock = Clock()
        self.control = Control(self.reactor, call_later=self.timers, clock=self.clock)
        self.thread = threading.Thread(target=self.reactor.run)
        self.thread.start()

    def perform(self, action, **more):
        self.control.perform({"action": action, **more})

    def pause(self):
        self.perform("pause")
        self.wait()

    def wait(self):
        """Wait until the loop has stopped."""
        wait_until(lambda: self.control.document()["stepping"] is False)

    @property
    def step(self):
        return self.control._stepper.turn.step

    @property
    def mode(self):
        return self.control.document()["mode"]

    def call(self, function, *args):
        self.reactor.call_soon_threadsafe(function, *args)

    def runs(self):
        """Whether the loop runs at full speed, without a stepper."""
        ran = threading.Event()
        self.call(ran.set)
        assert ran.wait(TIMEOUT)
        wait_until(lambda: not hasattr(type(self.reactor), "_plain"))
        return True

    def close(self):
        self.control.close()
        if not self.reactor.is_closed():
            self.call(self.reactor.stop)
            self.thread.join(TIMEOUT)
            self.reactor.close()


@pytest.fixture
def world():
    made = World()
    yield made
    made.close()


def refused(world, action, message, **more):
    with pytest.raises(ControlError) as caught:
        world.perform(action, **more)
    assert str(caught.value) == message


# -- requests --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({}, "the action must be one of pause, step, turn"),
        ({"action": "explode"}, "the action must be one of"),
        ({"action": ["pause"]}, "the action must be one of"),
        ({"action": "slow"}, "turns_per_second must be a number from 1 to 50"),
        ({"action": "slow", "turns_per_second": 0.5}, "from 1 to 50"),
        ({"action": "slow", "turns_per_second": 51}, "from 1 to 50"),
        ({"action": "slow", "turns_per_second": True}, "from 1 to 50"),
        ({"action": "slow", "turns_per_second": "5"}, "from 1 to 50"),
        ({"action": "slow", "turns_per_second": float("nan")}, "from 1 to 50"),
        ({"action": "record", "payload": -1}, "payload must be a number from 0 to 1024"),
        ({"action": "record", "payload": 1025}, "from 0 to 1024"),
    ],
)
def test_a_request_that_is_none_is_refused(request_, message):
    with VirtualReactor(debug=False) as reactor:
        control = Control(reactor)
        with pytest.raises(ValueError, match=message):
            control.perform(request_)
        assert control.document()["mode"] == "running"
        control.close()


def test_nothing_observes_the_loop_before_the_first_action(world):
    assert world.runs()
    assert world.control.document() == {
        "mode": "running",
        "turns_per_second": None,
        "stepping": False,
        "recording": None,
        "recorded": False,
    }


# -- pausing and stepping --------------------------------------------------------------------------


def test_pausing_and_resuming(world):
    world.pause()
    assert (world.mode, world.step) == ("paused", 1)
    ran = threading.Event()
    world.call(ran.set)
    refused(world, "pause", "the loop is paused already")
    assert not ran.is_set()
    world.perform("resume")
    assert ran.wait(TIMEOUT)
    assert world.mode == "running"
    assert world.runs()


def test_what_needs_a_pause_is_refused_without_one(world):
    for action in ("step", "turn", "resume"):
        refused(world, action, "the loop is not paused")


def test_steps_and_turns(world):
    world.pause()
    world.call(lambda: None)  # so that the loop need not wait
    steps = []
    for _ in range(8):
        world.perform("step")
        world.wait()
        steps.append(world.step)
    assert steps == [2, 3, 4, 5, 6, 7, 8, 1]
    world.call(lambda: None)
    number = world.control._stepper.turn.number
    world.perform("turn")
    world.wait()
    assert (world.control._stepper.turn.number, world.step) == (number + 1, 1)


def test_quick_steps_are_made_one_after_another(world):
    """Once, a step was refused while the one before it was running."""
    world.pause()
    world.call(lambda: None)  # so that the loop need not wait
    for _ in range(6):
        world.perform("step")
    world.wait()
    assert world.step == 7


def test_a_step_right_after_the_pause_is_made(world):
    entered, leave = threading.Event(), threading.Event()
    world.call(lambda: (entered.set(), leave.wait(TIMEOUT)))
    assert entered.wait(TIMEOUT)
    # The next turn adds the stepper. This one is for the turn after it, so that it need not wait.
    world.call(world.reactor.call_soon, lambda: None)
    world.perform("pause")
    world.perform("step")
    world.perform("turn")
    leave.set()
    world.wait()
    assert world.step == 1


def held_in_a_step(world):
    """A paused loop that is in a step, which does not end before the returned event is set."""
    entered, leave = threading.Event(), threading.Event()
    world.pause()
    world.call(lambda: (entered.set(), leave.wait(TIMEOUT)))
    for _ in range(6):
        world.perform("step")
    assert entered.wait(TIMEOUT)
    return leave


@pytest.mark.parametrize("action", ["pause", "resume", "slow"])
def test_steps_that_wait_are_dropped_by_another_action(world, action):
    leave = held_in_a_step(world)
    world.perform("step")
    world.perform("step")
    world.perform(action, **({"turns_per_second": 50} if action == "slow" else {}))
    assert not world.control._steps
    leave.set()
    if action == "pause":
        world.wait()
        assert world.step == 1


def test_steps_do_not_pile_up_without_end_or_for_long(world):
    leave = held_in_a_step(world)
    for _ in range(20):
        world.perform("step")
    refused(world, "step", "the step has not ended: it waits for events, or works")
    world.perform("pause")
    leave.set()
    world.wait()


def test_a_step_that_waits_for_events_can_be_ended_by_a_pause(world):
    world.pause()
    while world.step != 2:
        world.perform("step")
        world.wait()
    world.perform("step")
    wait_until(lambda: not world.control._stepper.is_paused)
    assert world.control.document()["stepping"] is True
    world.clock.now += 0.21
    refused(world, "step", "the step has not ended: it waits for events, or works")
    world.perform("pause")
    world.wait()
    assert world.mode == "paused"


def test_a_line_that_arrives_during_a_pause_waits(world):
    one, other = socket.socketpair()
    with other:
        world.call(world.reactor.connect_socket, Echo, one)
        assert world.runs()
        world.pause()
        other.send(b"hello")
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(10)
        world.perform("turn")
        world.wait()
        assert other.recv(10) == b"hello"


def test_slow_motion(world):
    world.perform("slow", turns_per_second=50)
    assert world.control.document()["turns_per_second"] == 50
    world.perform("slow", turns_per_second=25)
    wait_until(lambda: world.control._stepper._delay == 1 / (25 * 8))
    ran = threading.Event()
    world.call(ran.set)
    assert ran.wait(TIMEOUT)
    world.pause()
    assert (world.mode, world.control.document()["turns_per_second"]) == ("paused", None)
    world.perform("slow", turns_per_second=50)
    assert world.mode == "slow"
    world.perform("resume")
    assert world.runs()


def test_actions_during_a_long_turn_have_their_effect_after_it(world):
    entered, leave = threading.Event(), threading.Event()
    world.call(lambda: (entered.set(), leave.wait(TIMEOUT)))
    assert entered.wait(TIMEOUT)
    world.perform("pause")
    refused(world, "pause", "the loop is paused already")
    world.clock.now += 0.21
    refused(world, "step", "the loop has not stopped yet")
    world.perform("record")
    world.perform("resume")
    world.perform("pause")
    assert world.control.document()["stepping"] is True
    leave.set()
    world.wait()
    assert world.step == 1


def test_too_many_actions_for_a_loop_that_works_are_refused(world):
    entered, leave = threading.Event(), threading.Event()
    world.call(lambda: (entered.set(), leave.wait(TIMEOUT)))
    assert entered.wait(TIMEOUT)

    def act():
        for _ in range(200):
            world.perform("pause")
            world.perform("resume")

    try:
        with pytest.raises(ControlError, match="too many actions wait"):
            act()
    finally:
        leave.set()
    wait_until(lambda: not world.control._queued)


# -- ends of a pause -------------------------------------------------------------------------------


def test_closing_the_control_ends_a_pause(world):
    world.pause()
    world.control.close()
    world.control.close()
    assert world.runs()
    refused(world, "pause", "the inspector is closed")


def test_stopping_the_loop_ends_a_pause(world):
    world.pause()
    world.control._stepper.run(world.reactor.stop)
    world.thread.join(TIMEOUT)
    assert world.mode == "running"
    world.reactor.close()
    refused(world, "pause", "the loop is closed")


def test_a_loop_that_is_shutting_down_is_not_paused(world):
    one, other = socket.socketpair()

    class Busy(Protocol):
        def shutdown_requested(self):
            stopping.set()

    stopping = threading.Event()
    with other:
        world.call(world.reactor.connect_socket, Busy, one)
        world.call(world.reactor.stop, TIMEOUT)
        assert stopping.wait(TIMEOUT)
        refused(world, "pause", "the loop is stopping")
        refused(world, "slow", "the loop is stopping", turns_per_second=5)
        other.close()
        world.thread.join(TIMEOUT)
        world.reactor.close()


def test_a_pause_without_viewers_ends_after_a_minute(world):
    world.pause()
    (timer,) = world.timers.set
    assert timer.delay == 60
    world.control.viewers_changed(1)
    assert world.timers.set == []
    world.control.viewers_changed(2)
    world.control.viewers_changed(0)
    world.control.viewers_changed(0)
    (timer,) = world.timers.set
    assert world.mode == "paused"
    timer.fire()
    assert world.mode == "running"
    assert world.runs()


def test_a_pause_that_has_ended_needs_no_viewers(world):
    world.perform("slow", turns_per_second=50)
    assert len(world.timers.set) == 1
    world.perform("resume")
    assert world.timers.set == []
    world.control.viewers_changed(1)
    world.control.viewers_changed(0)
    assert world.timers.set == []


STOPPED = """
import threading
from protocols.inspector.control import Control
from reactor import Reactor
with Reactor(grace=1) as reactor:
    control = Control(reactor)
    control.perform({"action": "pause"})
    def tell():
        while control.document()["stepping"]:
            pass
        print("paused", flush=True)
    threading.Thread(target=tell).start()
    reactor.run()
    print(control.document()["mode"])
    control.close()
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_paused_process(signum):
    process = subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "paused\n"
    os.kill(process.pid, signum)
    output, errors = process.communicate(timeout=TIMEOUT)
    assert (output, errors, process.returncode) == ("running\n", "", 0)


# -- a pause expires nobody ------------------------------------------------------------------------


def test_a_pause_expires_no_member_of_a_chat():
    clock = Clock()
    ours, theirs = socket.socketpair()
    with theirs, Reactor(clock=clock, debug=False) as reactor:
        theirs.setblocking(False)
        server = LineServer(Hub(reactor), reactor, heartbeat_timeout=15)
        reactor.connect_socket(server.connection, ours)
        control = Control(reactor, call_later=Timers())

        def pass_time(seconds):
            for _ in range(seconds):
                clock.now += 1
                for _ in range(4):
                    reactor.run_once(0)

        def an_hour_later():
            wait_until(lambda: control.document()["stepping"] is False)
            clock.now += 3600
            control.perform({"action": "resume"})

        theirs.send(b"HEARTBEAT\n")
        pass_time(6)  # a newcomer's first line may wait for some seconds
        theirs.send(b"HEARTBEAT\n")
        pass_time(13)
        control.perform({"action": "pause"})
        thread = threading.Thread(target=an_hour_later)
        thread.start()
        reactor.run_once(0)  # adds the stepper
        reactor.run_once(0)  # pauses
        thread.join(TIMEOUT)
        theirs.send(b"HEARTBEAT\n")
        pass_time(13)
        assert reactor.stats.connections == 1
        pass_time(4)  # without a pause, that is too long
        assert reactor.stats.connections == 0
        control.close()


# -- recording -------------------------------------------------------------------------------------


def turns_of(world):
    return [line["turn"] for path in world.control.recording_files() for line in lines(path)]


def lines(path):
    return [line for line in read_recording(path) if "turn" in line]


def test_a_recording(world):
    refused(world, "stop_recording", "no recording is going on")
    assert world.control.recording_files() == []
    world.perform("record", payload=10)
    refused(world, "record", "a recording is going on already")
    one, other = socket.socketpair()
    with other:
        world.call(world.reactor.connect_socket, Echo, one)
        other.send(b"hello")
        assert other.recv(10) == b"hello"
    wait_until(lambda: world.control.document()["recording"]["turns"] > 1)
    world.perform("stop_recording")
    document = world.control.document()
    assert (document["recording"], document["recorded"]) == (None, True)
    wait_until(lambda: not world.control.is_writing())
    assert world.runs()
    (path,) = world.control.recording_files()
    assert any(line.get("received_data") for line in lines(path))
    assert path.stat().st_mode & 0o777 == 0o600
    world.control.close()
    wait_until(lambda: not path.parent.exists())


def test_a_recording_begins_with_what_was_counted_before():
    ours, theirs = socket.socketpair()
    with theirs, Reactor() as reactor:
        watcher = Watcher()
        reactor.add_observer(watcher)
        control = Control(reactor, watcher, call_later=Timers())
        reactor.connect_socket(Echo, ours)
        for data, action in ((b"before", "record"), (b"meanwhile", "stop_recording")):
            theirs.send(data)
            reactor.run_once(0)
            control.perform({"action": action})
            reactor.run_once(0)
        (path,) = control.recording_files()
        (first, *_) = read_recording(path)
        row = next(r for r in first["snapshot"]["descriptors"] if r["kind"] == "stream")
        assert (row["received"], row["sent"], row["last_event"]) == (6, 6, "R")
        counted = watcher.descriptors[row["fd"]]
        assert (counted.received, counted.sent) == (15, 15)  # each counts for itself
        control.close()


def test_a_new_recording_replaces_the_old_one(world):
    world.perform("record")
    (first,) = world.control.recording_files()
    world.perform("stop_recording")
    world.perform("record")
    (second,) = world.control.recording_files()
    assert first != second
    assert not first.exists()


def test_a_recording_begins_and_ends_during_a_pause(world):
    world.pause()
    world.perform("record")
    recording = world.control._recording
    wait_until(lambda: recording._loop is not None)
    assert world.control._stepper.is_paused
    world.call(lambda: None)
    world.perform("turn")
    world.wait()
    assert world.control.document()["recording"]["turns"] == 1
    world.perform("stop_recording")
    wait_until(lambda: recording._loop is None)
    assert world.control._stepper.is_paused
    assert len(turns_of(world)) == 1


def test_a_recording_that_fails_is_over(world, caplog):
    world.perform("record")
    recording = world.control._recording
    wait_until(lambda: recording._loop is not None)
    world.call(recording._failed, OSError(28, "No space left on device"))
    wait_until(lambda: world.control.document()["recording"] is None)
    assert "No space left" in caplog.text
    world.perform("record")


def test_a_folder_that_cannot_be_written_is_one_line(world, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    refused(world, "record", "cannot record: No such file or directory")
    assert world.control.document()["recorded"] is False


def test_closing_after_the_loop_deletes_the_recording():
    with VirtualReactor(debug=False) as reactor:
        control = Control(reactor, call_later=Timers())
        control.perform({"action": "record"})
        reactor.settle()
        (path,) = control.recording_files()
    control.close()
    assert not path.parent.exists()
