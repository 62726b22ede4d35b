"""What is recorded in these tests: a reactor in virtual time, seen at each step, with what happens
in it."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from protocols.chat.hub import Hub
from protocols.chat.lines import ANNOUNCE_AFTER, LineServer
from protocols.echo import Echo, EchoDatagrams
from protocols.inspector.state import State
from protocols.inspector.table import View
from protocols.inspector.watching import Watcher
from reactor import DatagramProtocol, Observer, Reactor, Recorder, Turn
from reactor.testing import VirtualReactor

from ....tools.waiting import until

END = 9  # the position after the last step
CONTROL = {
    "mode": "paused",
    "turns_per_second": None,
    "recording": None,
    "recorded": False,
    "stepping": False,
}


class Camera(Observer):
    """Keeps the state document of each step and of each turn's end."""

    def __init__(self, loop: Reactor, watcher: Watcher, view: View) -> None:
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
    """A reactor that is recorded and seen; in virtual time, unless it is ``real``."""

    def __init__(self, path: Path, view: View | None = None, *, real: bool = False) -> None:
        # Not at the border of an interval of the strip, as times are rounded in the file.
        self.reactor: Any = Reactor() if real else VirtualReactor(start=1000.0137)
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
        self.reactor.close()


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
    reactor.call_soon(people[3].transport.pause_reading)
    reactor.settle()
    people[3].send(b"nobody reads this\n")
    reactor.advance(2)
    reactor.call_soon(people[3].transport.resume_reading)
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


def connections(watched: Watched) -> None:
    """Real ones: accepted, answered, closed by either side; and datagrams."""
    reactor = watched.reactor
    listener = reactor.listen_tcp(Echo, "127.0.0.1", 0, max_connections=3)
    (udp,) = reactor.listen_udp(EchoDatagrams, "127.0.0.1", 0)
    clients = [socket.create_connection(listener.addresses[0]) for _ in range(4)]
    until(reactor, lambda: reactor.stats.accepted == 3)
    for client in clients[:3]:
        client.sendall(b"hello")
    until(reactor, lambda: reactor.stats.bytes_sent == 15)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"hello", udp.get_extra_info("sockname"))
        until(reactor, lambda: reactor.stats.datagrams_sent)
    clients[0].close()
    until(reactor, lambda: reactor.stats.accepted == 4)
    clients[1].shutdown(socket.SHUT_WR)
    until(reactor, lambda: reactor.stats.connections == 2)
    reactor.call_soon(listener.close)
    for client in clients:
        client.close()
    until(reactor, lambda: not reactor.stats.connections and not reactor.stats.lingering)
