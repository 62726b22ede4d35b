"""The watchdog: what blocks a turn, and what only looks like it."""

from __future__ import annotations

import socket
import sys
import threading
import time

import pytest

from protocols.inspector.places import short_path, stack_of
from protocols.inspector.watchdog import Watchdog
from protocols.inspector.watching import Watcher
from reactor import Protocol, Reactor, Stepper
from reactor.testing import VirtualReactor

from ...tools.clock import Clock
from ...tools.waiting import wait_until


class World:
    """A loop in virtual time, and a watchdog that looks when the test says so."""

    def __init__(self, threshold=0.1):
        self.reactor = VirtualReactor(debug=False)
        self.watcher = Watcher()
        self.clock = Clock(0.0)
        self.cpu = Clock(0.0)
        self.reactor.add_observer(self.watcher)
        self.dog = Watchdog(
            self.reactor,
            self.watcher,
            threshold,
            clock=self.clock,
            cpu=self.cpu,
            frames=lambda: {threading.get_ident(): self.frame},
        )
        self.asked = self.dog.look()

    def pass_time(self, seconds, *, cpu=0.0, asked=None):
        """Let time pass in a callback, and let the watchdog look at the end."""
        self.frame = sys._getframe(1)
        self.reactor.stall(seconds)
        self.clock.now += seconds
        self.cpu.now += cpu
        self.dog._asked = seconds if asked is None else asked
        self.asked = self.dog.look()

    def sleep_through(self, seconds, *, cpu):
        """Let time pass in a callback, in which the watchdog cannot run."""
        self.reactor.stall(seconds)
        self.clock.now += seconds
        self.cpu.now += cpu

    def run(self, *callbacks):
        for callback in callbacks:
            self.reactor.call_soon(callback)
        self.reactor.settle()
        self.dog.look()

    def blocked(self):
        return self.dog.document()["recent"]


@pytest.fixture
def world():
    made = World()
    with made.reactor:
        yield made


def test_a_turn_that_works_for_too_long_is_listed_with_the_line_that_blocks(world):
    going_on = []

    def blocks():
        world.pass_time(0.11)  # the line that blocks
        going_on.extend(world.blocked())

    world.run(blocks)
    world.run()
    (during,) = going_on
    (after,) = world.blocked()

    assert (during["going_on"], during["took"], during["samples"]) == (True, 0.11, 1)
    assert during["name"].endswith("blocks")
    assert "test_watchdog.py:" in during["where"]
    assert during["where"].endswith("in blocks")
    assert during["line"] == "world.pass_time(0.11)  # the line that blocks"
    assert after["stack"][-1] == f"{during['where']}: {during['line']}"
    assert after["hottest"] == [[during["where"], 1]]
    assert (after["going_on"], after["took"], after["id"]) == (False, 0.11, 1)
    assert world.dog.document()["total"] == 1


def test_a_turn_is_listed_once_and_its_samples_are_counted(world):
    def blocks():
        for _ in range(12):
            world.pass_time(0.015)

    world.run(blocks)
    (entry,) = world.blocked()

    assert entry["samples"] == 6
    assert entry["took"] == pytest.approx(0.18)
    assert sum(samples for _, samples in entry["hottest"]) == 6


def test_the_first_sample_is_taken_when_the_threshold_has_passed(world):
    asked = []

    def works():
        world.pass_time(0.03)
        asked.append(world.asked)
        world.pass_time(0.05)
        asked.append(world.asked)
        world.pass_time(0.021)
        asked.append(world.asked)

    world.run(works)

    assert asked == pytest.approx([0.071, 0.021, 0.015])
    assert world.blocked()[0]["samples"] == 1


def test_an_endless_turn_is_sampled_less_and_less_often(world):
    asked = {}

    def blocks():
        for count in range(1, 1101):
            world.pass_time(0.2)
            asked[count] = world.asked

    world.run(blocks)

    assert (asked[199], asked[200], asked[999], asked[1000]) == (0.015, 0.1, 0.1, 1.0)


def test_short_turns_and_waits_are_not_listed(world):
    world.run(lambda: world.pass_time(0.09), lambda: None)
    world.reactor.call_later(60, lambda: None)
    world.reactor.advance(120)
    world.dog.look()

    assert world.dog.document() == {"total": 0, "recent": []}


def test_a_call_that_keeps_the_interpreters_lock_is_listed_without_samples(world):
    def computes():
        world.sleep_through(0.5, cpu=0.5)

    world.run(computes)
    (entry,) = world.blocked()

    assert (entry["samples"], entry["stack"], entry["where"], entry["line"]) == (0, [], None, None)
    assert (entry["took"], entry["going_on"]) == (0.5, False)
    assert entry["name"].endswith("computes")


def test_a_stopped_process_is_not_listed(world):
    world.run(lambda: world.sleep_through(30, cpu=0.001))

    assert world.blocked() == []


def test_the_time_of_a_stop_does_not_count(world):
    def blocks():
        world.pass_time(0.12)
        world.pass_time(30, asked=0.015)
        world.pass_time(0.02)

    world.run(blocks)

    assert world.blocked()[0]["took"] == pytest.approx(0.12 + 0.02)


def test_the_longest_call_names_the_turn(world):
    class Slow(Protocol):
        def data_received(self, data):
            world.reactor.stall(0.2)

    peer = world.reactor.connect(Slow)
    peer.send(b"x")
    world.reactor.call_soon(lambda: None)
    world.reactor.settle()
    world.dog.look()

    assert world.blocked()[0]["name"] == "Slow.data_received"


def test_a_pause_is_not_listed(world):
    stepper = Stepper()
    world.reactor.add_observer(stepper)

    def while_paused():
        for _ in range(3):
            world.pass_time(1.0)
        stepper.resume()

    stepper.pause()
    stepper.run(while_paused)
    world.run(lambda: None)

    assert world.blocked() == []


def test_the_list_is_bounded(world):
    for _ in range(25):
        world.run(lambda: world.sleep_through(0.2, cpu=0.2))
    document = world.dog.document()

    assert document["total"] == 25
    assert [entry["id"] for entry in document["recent"]] == list(range(25, 5, -1))


@pytest.mark.parametrize("threshold", [0, -1, float("nan")])
def test_the_threshold_must_be_more_than_nothing(threshold):
    with VirtualReactor() as reactor, pytest.raises(ValueError, match="more than 0"):
        Watchdog(reactor, Watcher(), threshold)


def test_a_tiny_threshold_does_not_keep_the_processor_busy():
    made = World(threshold=1e-9)
    with made.reactor:
        assert made.asked == 0.005
        made.run(lambda: made.pass_time(1e-10))
        assert made.asked == 0.005


def test_the_thread_finds_time_sleep_in_a_handler():
    released = threading.Event()

    class Sleepy(Protocol):
        def data_received(self, data):
            released.wait(60)  # until it was noticed

    with Reactor(debug=False) as reactor:
        watcher = Watcher()
        reactor.add_observer(watcher)
        dog = Watchdog(reactor, watcher, 0.05)
        dog.start()
        with pytest.raises(RuntimeError, match="started before"):
            dog.start()
        listener = reactor.listen_tcp(Sleepy, "127.0.0.1", 0)
        thread = threading.Thread(target=reactor.run)
        thread.start()
        try:
            with socket.create_connection(listener.addresses[0]) as sock:
                sock.send(b"x")
                entry = wait_until(
                    lambda: next((e for e in dog.document()["recent"] if e["samples"] > 2), None)
                )
                released.set()
                wait_until(lambda: not dog.document()["recent"][0]["going_on"])
        finally:
            released.set()
            reactor.call_soon_threadsafe(reactor.stop)
            thread.join()
            dog.close()
            dog.close()
    assert entry["line"] == "released.wait(60)  # until it was noticed"
    assert entry["where"].endswith("Sleepy.data_received")
    assert entry["name"] == "Sleepy.data_received"
    assert "threading.py" in entry["stack"][-1]
    assert not any(thread.name == "watchdog" for thread in threading.enumerate())


# -- places ----------------------------------------------------------------------------------------


def test_the_stack_of_a_deep_recursion_is_bounded():
    def deep(depth):
        return deep(depth - 1) if depth else stack_of(sys._getframe())

    assert len(deep(100).lines) == 30


def test_no_frame_has_no_stack():
    assert stack_of(None) is None


def test_paths_are_short():
    assert short_path(time.__name__) == "time"
    assert short_path(threading.__file__) == "threading.py"
    assert short_path("/nowhere/app.py") == "app.py"
