"""An echo server with idle connections that is inspected half of the time. Usage:
inspected FILE IDLE SLICE

IDLE connections are opened before the address is printed. A viewer shows the loop in every other
slice of SLICE seconds. After each two slices, one without and one with it, a line is added to FILE:
the microseconds of CPU for each message and the messages in each second, without and with.

The process starts the other ends as well: ``inspected peers PORT IDLE`` and ``inspected viewer``,
which reads URLs."""

import os
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

from protocols.inspector import Inspector, inspect
from reactor import Protocol, Reactor

from ..common import server_and_load_cores
from ..idle import allow_descriptors

SETTLE = 0.25  # of a slice, until its measurement begins
HOST = "127.0.0.1"


class Echo(Protocol):
    messages = 0

    def data_received(self, data: bytes) -> None:
        Echo.messages += 1
        self.transport.write(data)


class Slices:
    """Starts the inspector and closes it in turn, and measures each slice."""

    def __init__(self, reactor: Reactor, path: str, seconds: float) -> None:
        self._reactor = reactor
        self._path = path
        self._seconds = seconds
        self._inspector: Inspector | None = None
        self._viewer = start("viewer")
        self._measured: list[tuple[float, float]] = []  # of this pair
        self._settle()

    def _settle(self) -> None:
        self._reactor.call_later(SETTLE * self._seconds, self._begin)

    def _begin(self) -> None:
        self._messages = Echo.messages
        self._cpu = time.process_time()  # of all threads
        self._began = time.monotonic()
        self._reactor.call_later((1 - SETTLE) * self._seconds, self._end)

    def _end(self) -> None:
        cpu, took = time.process_time() - self._cpu, time.monotonic() - self._began
        messages = Echo.messages - self._messages
        if messages < 100:  # the load has not begun
            self._measured.clear()
        else:
            self._measured.append((cpu / messages * 1e6, messages / took))
        # A pair begins with each of the two in turn: without, with, with, without.
        if len(self._measured) == 2:
            without, inspected = self._measured if self._inspector else reversed(self._measured)
            with open(self._path, "a") as file:
                print(without[0], inspected[0], without[1], inspected[1], file=file)
            self._measured.clear()
        elif self._inspector is None:
            self._inspector = inspect(self._reactor, port=0)
            self._show(self._inspector.url)
        else:
            self._inspector.close()
            self._inspector = None
        self._settle()

    def _show(self, url: str) -> None:
        """Let the viewer connect, and wait until it sees something: another thread serves it."""
        stdin, stdout = self._viewer.stdin, self._viewer.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{url}\n")
        stdin.flush()
        stdout.readline()


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start another end. It ends when its connections are closed."""
    command = [sys.executable, "-m", __spec__.name, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def connect_peers(port: int, idle: int) -> None:
    """Open idle connections, and keep them open until the server ends."""
    allow_descriptors(idle + 100)
    peers = [socket.create_connection((HOST, port)) for _ in range(idle)]
    peers[0].recv(1)


def view() -> None:
    """What a browser does, without showing it."""
    for url in sys.stdin:
        address = urlsplit(url.strip())
        with socket.create_connection((address.hostname, address.port)) as sock:
            request = f"GET /events?count=40 HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n"
            sock.sendall(request.encode())
            sock.recv(1 << 20)
            print("connected", flush=True)
            while sock.recv(1 << 20):
                pass


def serve(path: str, idle: int, seconds: float) -> None:
    allow_descriptors(idle + 2000)
    with Reactor() as reactor:
        port = reactor.listen_tcp(Echo, HOST, 0, backlog=1024).addresses[0][1]
        if idle:
            start("peers", port, idle)

        def wait_for_peers() -> None:
            if reactor.stats.connections < idle:
                reactor.call_later(0.05, wait_for_peers)
            else:
                Slices(reactor, path, seconds)
                print(f"tcp://{HOST}:{port}", flush=True)

        wait_for_peers()
        reactor.run()


if sys.argv[1] in ("peers", "viewer"):
    os.sched_setaffinity(0, server_and_load_cores()[1])
if sys.argv[1] == "peers":
    connect_peers(int(sys.argv[2]), int(sys.argv[3]))
elif sys.argv[1] == "viewer":
    view()
else:
    serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
