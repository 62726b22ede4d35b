"""An echo server on the reactor that is observed half of the time. Usage: observed KIND FILE

KIND is "recent", which keeps the newest turns in memory, or "record", which writes them to a file.
After each two slices of time, one without and one with the observer, a line is added to FILE: the
microseconds of CPU for each message in each of them."""

import sys
import tempfile
import time
from pathlib import Path

from reactor import Observer, Protocol, Reactor, RecentTurns, Recorder

SLICE = 0.05  # seconds


class Echo(Protocol):
    messages = 0

    def data_received(self, data: bytes) -> None:
        Echo.messages += 1
        self.transport.write(data)


class Slices:
    """Adds the observer and removes it in turn, and measures each slice."""

    def __init__(self, reactor: Reactor, observer: Observer, path: str) -> None:
        self._reactor = reactor
        self._observer = observer
        self._path = path
        self._observed = False
        self._costs: list[float] = []
        self._begin()

    def _begin(self) -> None:
        self._cpu = time.thread_time()
        self._messages = Echo.messages
        self._reactor.call_later(SLICE, self._end)

    def _end(self) -> None:
        cpu = time.thread_time() - self._cpu
        messages = Echo.messages - self._messages
        if messages < 100:  # the load has not begun
            self._costs.clear()
        else:
            self._costs.append(cpu / messages * 1e6)
        # A pair begins with each of the two in turn: without, with, with, without.
        if len(self._costs) == 2:
            without, observed = self._costs if self._observed else reversed(self._costs)
            with open(self._path, "a") as file:
                print(without, observed, file=file)
            self._costs.clear()
        else:
            switch = self._reactor.remove_observer if self._observed else self._reactor.add_observer
            switch(self._observer)
            self._observed = not self._observed
        self._reactor.call_soon(self._begin)  # in the next turn, which the switch has its effect on


with tempfile.TemporaryDirectory() as folder, Reactor() as reactor:
    host, port = reactor.listen_tcp(Echo, "127.0.0.1", 0).addresses[0]
    if sys.argv[1] == "record":
        # Removing a recorder would end the recording: keep it in another observer.
        recorder = Recorder(Path(folder, "turns"))
        recorder.attached(reactor)
        observer = Observer()
        observer.turn_ended = recorder.turn_ended  # type: ignore[method-assign]
    else:
        observer = RecentTurns()
    Slices(reactor, observer, sys.argv[2])
    print(f"tcp://{host}:{port}", flush=True)
    reactor.run()
