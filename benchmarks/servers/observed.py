"""An echo server on the reactor, with or without an observer. Usage: observed none|recent|FILE

With ``recent`` it keeps the newest turns in memory; with another word it records them in a
temporary file."""

import sys
import tempfile
from pathlib import Path

from reactor import Protocol, Reactor, RecentTurns, Recorder


class Echo(Protocol):
    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


with tempfile.TemporaryDirectory() as folder, Reactor() as reactor:
    host, port = reactor.listen_tcp(Echo, "127.0.0.1", 0).addresses[0]
    if sys.argv[1] == "recent":
        reactor.add_observer(RecentTurns())
    elif sys.argv[1] == "record":
        reactor.add_observer(Recorder(Path(folder, "turns")))
    print(f"tcp://{host}:{port}", flush=True)
    reactor.run()
