"""A recording replays to the state that the living loop showed: a chat with a slow reader, a pause,
timers, a slow turn, an error and departures is seen at each step of each turn and recorded. The
recording is replayed in node, and both documents are compared field by field.

``unknown`` says what is not compared, because a recording cannot know it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from protocols.chat.hub import Hub
from protocols.chat.lines import ANNOUNCE_AFTER, LineServer
from protocols.inspector.state import State
from protocols.inspector.table import View
from protocols.inspector.watching import Watcher
from reactor import DatagramProtocol, Observer, Recorder, Turn
from reactor.testing import VirtualReactor

from .node import node_folder

DISPATCH, FLUSH, END = 4, 7, 9
CONTROL = {
    "mode": "paused",
    "turns_per_second": None,
    "recording": None,
    "recorded": False,
    "stepping": False,
}


class Camera(Observer):
    """Keeps the state document of each step and of each turn's end."""

    def __init__(self, loop: VirtualReactor, watcher: Watcher, view: View) -> None:
        control: Any = SimpleNamespace(document=lambda: dict(CONTROL))
        watchdog: Any = SimpleNamespace(document=dict, threshold=0.1)
        self.seconds = 0.0
        self.state = State(loop, watcher, control, watchdog, clock=lambda: self.seconds)
        self.view = view
        self.turns: list[int] = []
        self.documents: dict[tuple[int, int], dict[str, Any]] = {}

    def step_begins(self, turn: Turn) -> None:
        self.take(turn, turn.step)

    def turn_ended(self, turn: Turn) -> None:
        self.take(turn, END)
        self.turns.append(turn.number)

    def take(self, turn: Turn, step: int) -> None:
        self.seconds += 1000.0  # so that nothing of the last document is shown again
        document = json.loads(json.dumps(self.state.document(self.view), default=list))
        self.documents[turn.number, step] = document


class Watched:
    """A reactor in virtual time that is recorded and seen."""

    def __init__(self, path: Path, view: View | None = None) -> None:
        # Not at the border of an interval of the strip, as times are rounded in the file.
        self.reactor = VirtualReactor(start=1000.0137)
        self.reactor.set_exception_handler(lambda *_: None)
        self.path = path
        watcher = Watcher()
        self.recorder = Recorder(path)
        self.camera = Camera(self.reactor, watcher, view or View(count=200))
        for observer in (watcher, self.recorder, self.camera):
            self.reactor.add_observer(observer)

    def end(self) -> None:
        for observer in (self.recorder, self.camera):
            self.reactor.remove_observer(observer)


def chat(watched: Watched) -> None:
    """People come, talk, do not read, and leave."""
    reactor = watched.reactor
    server = LineServer(Hub(reactor), reactor, heartbeat_timeout=15)
    people = []
    for number in range(6):
        people.append(reactor.connect(server.connection, ("192.0.2.1", 50000 + number)))
        reactor.settle()
    reactor.advance(ANNOUNCE_AFTER)
    slow = people[2]
    slow.stall(room=300)
    for number in range(30):
        people[number % 2].send(f"line {number} {'x' * 300}\n".encode())
        reactor.advance(0.3)
    reactor.call_soon(reactor.stall, 0.25)
    reactor.call_later(1, lambda: 1 / 0)
    people[3].transport.pause_reading()
    people[3].send(b"nobody reads this\n")
    reactor.advance(2)
    people[3].transport.resume_reading()
    slow.resume()
    reactor.advance(1)
    people[4].send(b"/quit\n")
    reactor.advance(1)
    people[5].reset()
    reactor.advance(20)  # heartbeats expire
    reactor.settle()


def slow_reader(watched: Watched) -> None:
    """A queue grows above the high-water mark, and is sent in pieces."""
    reactor = watched.reactor
    peer = reactor.connect(DatagramProtocol)  # its methods are not called
    reactor.run_once(0)
    peer.stall(room=1000)
    for _ in range(10):
        reactor.call_soon(peer.transport.write, bytes(9000))
        reactor.advance(0.1)
    peer.stall(room=50_000)
    reactor.advance(0.1)
    peer.transport.close()
    reactor.advance(0.1)
    peer.resume()
    reactor.advance(1)


@pytest.fixture
def replay(tmp_path: Path):
    """``replay(watched)`` returns the replayed documents by turn and step."""

    def replayed(watched: Watched) -> dict[tuple[int, int], dict[str, Any]]:
        run = node_folder(tmp_path)
        view = {"count": watched.camera.view.count}
        moments = [
            [index, step, view] for index in range(len(watched.camera.turns)) for step in range(1, 10)
        ]
        result = run("states.js", str(watched.path), input=json.dumps(moments))
        assert result.returncode == 0, result.stderr
        _, *lines = map(json.loads, result.stdout.splitlines())
        turns = watched.camera.turns
        return {
            (turns[index], step): line
            for (index, step, _), line in zip(moments, lines, strict=True)
        }

    return replayed


def unknown(document: dict[str, Any], step: int) -> dict[str, Any]:
    """``document`` without what a recording cannot know."""
    # The time of day is written once; in virtual time it does not fit.
    del document["loop"]["wall"]
    # The living inspector adds up the turns between two looks.
    del document["steps"]
    # The watchdog is another source: it has samples. A recording has the turns only.
    del document["blocked"]
    # Which timers are set, moved and cancelled is known from the snapshots only.
    for name in ("next", "total", "idle", "cancelled"):
        del document["timers"][name]
    # What a handler will queue, write or close is known when it runs.
    del document["callbacks"]
    pending = document["pending"]
    for name in ("timers", "callbacks", "closes"):
        del pending[name]
    # At the end of a turn, the replay shows what the next one will handle.
    if step == END:
        document["pending"] = None
    # A name can be that of another method when a descriptor is only ready for writing.
    for handler in pending["handlers"].values():
        del handler["handler"]
    for opened in document["turn"].get("opened", ()):
        for name in set(opened) - {"fd", "kind", "protocol", "peer"}:
            del opened[name]
    if step == DISPATCH:
        del document["stats"]["stalled_time"]  # counted in step 3, recorded with the turn
    if DISPATCH < step < FLUSH:
        # What the handlers have changed is recorded at the end of the turn, not of which of them.
        for name in ("descriptors", "stats", "pending"):
            del document[name]
        for name in ("flushes", "opened", "errors"):
            document["turn"].pop(name, None)
    return document


@pytest.mark.parametrize("play", [chat, slow_reader], ids=["chat", "slow reader"])
def test_the_replayed_state_is_the_one_that_the_loop_showed(play, tmp_path, replay):
    watched = Watched(tmp_path / "turns")
    play(watched)
    watched.end()

    replayed = replay(watched)
    assert replayed.keys() == watched.camera.documents.keys()
    for (turn, step), document in watched.camera.documents.items():
        expected = approximate(unknown(document, step))
        assert unknown(replayed[turn, step], step) == expected, (turn, step)


def approximate(value: Any) -> Any:
    """``value`` with moments in milliseconds: those of a recording are rounded to microseconds."""
    if isinstance(value, dict):
        return {key: approximate(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [approximate(entry) for entry in value]
    return pytest.approx(value, abs=0.0011) if isinstance(value, float) else value
