"""The state document: what it says of a loop, and that it is JSON."""

from __future__ import annotations

import json

import pytest

from protocols.inspector.control import Control
from protocols.inspector.state import State
from protocols.inspector.table import View
from protocols.inspector.turns import describe_turn, newest_interesting, time_of_steps
from protocols.inspector.watchdog import Watchdog
from protocols.inspector.watching import Watcher
from reactor import IdleTimer, Protocol, RecentTurns, Recorder, Stepper, Turn, read_recording
from reactor.testing import VirtualReactor

from ...tools.clock import Clock

KEYS = {
    "loop",
    "stats",
    "control",
    "turn",
    "turns",
    "pending",
    "steps",
    "strip",
    "descriptors",
    "timers",
    "callbacks",
    "slowest",
    "blocked",
    "errors",
    "closed",
}


class Echo(Protocol):
    def data_received(self, data):
        self.transport.write(data)


class World:
    def __init__(self):
        self.reactor = VirtualReactor(debug=False)
        self.clock = Clock()
        self.watcher = Watcher()
        self.control = Control(self.reactor)
        self.dog = Watchdog(self.reactor, self.watcher)
        self.state = State(
            self.reactor, self.watcher, self.control, self.dog, title="chat", clock=self.clock
        )
        self.reactor.add_observer(self.watcher)

    def document(self, query=""):
        """The next document, as a viewer gets it."""
        self.clock.now += 1
        return json.loads(json.dumps(self.state.document(View.parse(query)), allow_nan=False))

    def during(self, function):
        """Call ``function`` in a step of the loop: that is how another thread would see it."""
        self.reactor.call_soon(function)
        self.reactor.run_once(0)


@pytest.fixture
def world():
    made = World()
    with made.reactor:
        yield made
        made.control.close()


def test_an_idle_loop(world):
    document = world.document()

    assert document.keys() == KEYS
    assert document["turn"] is None
    assert document["loop"]["time"] == 1000.0
    assert document["control"]["mode"] == "running"
    assert document["descriptors"]["kinds"] == {"wake-up": 1}
    assert document["pending"] is None
    assert document["strip"] == {}


def test_a_busy_loop(world):
    reactor = world.reactor
    reactor.set_exception_handler(lambda *_: None)
    peer = reactor.connect(Echo)
    peer.send(b"hello")
    reactor.call_later(5, reactor.stop)
    IdleTimer(reactor, 60, reactor.stop)
    timer = reactor.call_later(6, reactor.stop)
    reactor.call_later(1, reactor.call_soon, lambda: None)
    reactor.advance(2)
    timer.cancel()
    reactor.call_soon(lambda: 1 / 0)
    gone = reactor.connect(Echo)
    gone.reset()
    reactor.settle()
    reactor.call_soon(lambda: None)
    document = world.document()
    row = document["descriptors"]["rows"][str(peer.transport._fd)]

    assert (row["protocol"], row["received"], row["sent"]) == ("Echo", 5, 5)
    assert (row["opened"], row["last_time"], row["last_event"]) == (1000.0, 1000.0, "R")
    assert document["timers"]["next"] == [{"name": "Loop.stop", "kind": "timer", "at": 1005.0}] or (
        document["timers"]["next"][0]["at"] == 1005.0
    )
    timers = document["timers"]
    assert (timers["total"], timers["idle"], timers["cancelled"]) == (2, 1, 1)
    assert [fired["at"] for fired in timers["fired"]] == [1001.0]
    assert document["callbacks"]["total"] == 1
    assert document["errors"]["total"] == 1
    assert "ZeroDivisionError" in document["errors"]["recent"][0]["text"]
    assert document["closed"]["total"] == 1
    assert any(entry["name"] == "Echo.data_received" for entry in document["slowest"])
    assert sum(bucket[0] for bucket in document["strip"].values()) == pytest.approx(2)


def test_moments_do_not_change_while_time_passes(world):
    reactor = world.reactor
    for number in range(5):
        reactor.call_later(5 + number / 7, reactor.stop)
    IdleTimer(reactor, 9, reactor.stop)
    before = world.document()["timers"]["next"]
    reactor.stall(0.0004)
    after = world.document()["timers"]["next"]

    assert before == after
    assert before[-1]["expires_at"] == 1009.0


def test_viewers_share_what_does_not_depend_on_their_view(world):
    first = world.state.document(View())
    second = world.state.document(View(count=0))

    assert first["stats"] is second["stats"]
    assert second["descriptors"]["order"] == []
    world.clock.now += 0.1
    assert world.state.document(View())["stats"] is not first["stats"]


def test_the_turn_that_is_shown(world):
    reactor = world.reactor
    peer = reactor.connect(Echo)
    peer.send(b"hello")
    reactor.settle()
    reactor.run_once(0)  # nothing in it
    shown = world.document()["turn"]
    assert shown["calls"][0][:2] == ["event", "Echo.data_received"]
    assert world.document()["turn"] == shown  # nothing newer
    documents = []
    world.during(lambda: documents.append(world.document()))
    assert documents[0]["turn"]["step"] == 6
    assert "lambda" in documents[0]["turn"]["running"]


def test_a_turn_that_blocks_is_shown_although_others_have_ended(world):
    world.reactor.call_soon(lambda: None)
    world.reactor.run_once(0)
    documents = []

    def block():
        world.reactor.stall(0.1)
        documents.append(world.document())

    world.during(block)
    assert documents[0]["turn"]["running"].endswith("block")


def test_the_steps_are_those_of_the_last_second(world):
    world.reactor.call_soon(world.reactor.stall, 0.25)
    world.reactor.settle()
    steps = world.document()["steps"]
    assert steps["seconds"] == [0, 0, 0, 0, 0, 0.25, 0, 0]
    assert steps["of"] == 0.25
    world.reactor.stall(2)
    assert world.document()["steps"] == {"seconds": [0.0] * 8, "of": 0}


def test_a_paused_loop_shows_what_is_to_come(world):
    documents = []

    def look():
        documents.append(world.document())
        world.control.perform({"action": "resume"})

    peer = world.reactor.connect(Echo)
    world.reactor.run_once(0)
    world.control.perform({"action": "pause"})
    world.reactor.run_once(0)  # adds the stepper
    peer.send(b"hello")
    world.control._stepper.run(look)
    world.reactor.run_once(0)
    (document,) = documents

    assert document["control"]["mode"] == "paused"
    assert document["turn"]["step"] == 1
    handler = document["pending"]["handlers"][str(peer.transport._fd)]
    assert handler["handler"] == "Echo.data_received"
    assert world.document()["pending"] is None


def test_slow_motion_shows_each_turn_once(world):
    reactor = world.reactor
    world.control.perform({"action": "slow", "turns_per_second": 50})
    for _ in range(3):
        reactor.run_once(0)
    world.document()
    for _ in range(3):
        reactor.call_soon(lambda: None)
        reactor.run_once(0)
    turns = world.document()["turns"]
    assert len(turns) == 3
    assert [turn["turn"] for turn in turns] == sorted(turn["turn"] for turn in turns)
    assert world.document()["turns"] == []


def test_what_does_not_change(world):
    hello = world.state.hello()

    assert json.loads(json.dumps(hello)) == hello
    assert (hello["version"], hello["title"], hello["watchdog"]) == (1, "chat", 0.1)
    assert hello["strip"] == {"interval": 0.25, "buckets": 240}
    assert len(hello["steps"]) == 8


# -- turns -----------------------------------------------------------------------------------------


def test_a_turn_has_the_fields_of_a_recording(tmp_path):
    with VirtualReactor(debug=False) as reactor:
        recent, recorder = RecentTurns(), Recorder(tmp_path / "turns")
        reactor.add_observer(recent)
        reactor.add_observer(recorder)
        peer = reactor.connect(Echo)
        peer.send(b"hello")
        reactor.settle()
        peer.close()
        reactor.settle()
        reactor.remove_observer(recorder)
    recorded = [line for line in read_recording(tmp_path / "turns") if "turn" in line]
    shown = [
        describe_turn(turn, lambda fd: {"fd": fd}) for turn in list(recent.turns)[: len(recorded)]
    ]
    assert len(recorded) > 1
    for line, turn in zip(recorded, shown, strict=True):
        json.dumps(turn)
        turn.pop("step"), turn.pop("running")
        for name in ("opened", "modified", "unregistered", "changed", "stats"):
            line.pop(name, None), turn.pop(name, None)
        assert json.loads(json.dumps(turn)) == line


def test_payload_is_not_shown():
    turn = Turn(0, 1000.0)
    turn.received_data = {8: b"secret"}

    assert "secret" not in str(describe_turn(turn, lambda fd: {"fd": fd}))


def test_a_large_turn_is_cut():
    turn = Turn(0, 1000.0)
    turn.events = [(fd, 1) for fd in range(1000)]
    turn.opened = list(range(30))
    shown = describe_turn(turn, lambda fd: {"fd": fd})

    assert (len(shown["events"]), len(shown["opened"]), shown["more"]) == (20, 20, 990)


def test_to_look_at_a_turn_does_not_dispatch_its_events():
    with VirtualReactor(debug=False) as reactor:
        stepper = Stepper()
        reactor.add_observer(stepper)
        peer = reactor.connect(Echo)
        peer.send(b"hello")
        seen = []

        def look():
            if stepper.turn.step < 4:
                stepper.step()
            else:
                seen.append(describe_turn(stepper.turn, lambda fd: {"fd": fd}))
                stepper.resume()

        def paused():
            if stepper.is_paused:
                stepper.run(look)

        stepper._notify = paused
        stepper.pause()
        reactor.run_once(0)
    assert seen[0]["events"] == [[peer.transport._fd, "R"]]
    assert (seen[0]["step"], "calls" in seen[0]) == (4, False)


def test_the_newest_turn_with_something_in_it():
    empty, busy = Turn(0, 1000.0), Turn(1, 1000.0)
    busy.events = [(8, 1)]

    assert newest_interesting([]) is None
    assert newest_interesting([busy, empty]) is busy
    assert newest_interesting([empty]) is empty


def test_the_time_of_steps_also_counts_turns_that_were_cut_short():
    turn = Turn(0, 0.0)
    turn.times = [0.0, 1.0, 3.0]
    whole = Turn(1, 0.0)
    whole.times = [float(number) for number in range(9)]

    assert time_of_steps([turn, whole]) == [2, 3, 1, 1, 1, 1, 1, 1]


def test_a_wait_that_goes_on_counts_in_the_steps(world):
    reactor = world.reactor
    reactor.call_soon(reactor.stall, 0.01)
    reactor.run_once(0)
    world.document()
    poll, waiting = reactor._observation.plain_poll, []

    def wait(timeout):
        reactor.stall(0.5)
        waiting.append(world.document()["steps"])
        return poll(0)

    reactor._observation.plain_poll = wait
    reactor.run_once(0)
    seconds = waiting[0]["seconds"]
    assert seconds[1] == pytest.approx(0.5)
    assert seconds[5] == pytest.approx(0.01)
    assert waiting[0]["of"] == pytest.approx(0.51)


def test_a_busy_loop_is_sampled_and_the_document_says_so(world):
    reactor = world.reactor
    peers = [reactor.connect(Echo) for _ in range(10)]
    world.document()
    for _ in range(400):
        for peer in peers:
            peer.send(b"x")
        reactor.run_once(0)
    document = world.document()
    assert document["steps"]["sampled"] > 5
    assert document["descriptors"]["rows"][str(peers[0].transport._fd)]["received"] == 400
    echo = next(entry for entry in document["slowest"] if entry["name"] == "Echo.data_received")
    assert echo["calls"] == pytest.approx(4000, rel=0.1)
    assert sum(bucket[3] for bucket in document["strip"].values()) == 4000

    reactor.advance(2)
    world.document()  # of the first turns since then, one was still sampled
    for _ in range(3):
        reactor.advance(1)
        reactor.call_soon(lambda: None)
        reactor.run_once(0)
        assert "sampled" not in world.document()["steps"]
