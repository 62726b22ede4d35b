"""A reactor with recorders on it, and two of them connected by every kind of transport over every
poller."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reactor import Protocol, Reactor
from reactor.pollers import POLLERS, make_poller
from reactor.testing import VirtualReactor

from .certificates import tls_contexts
from .counting import CountingPoller
from .recording import Recorder
from .waiting import until

KINDS = ("tcp4", "tcp6", "unix", "socketpair", "tls")
MATRIX = [("memory", "virtual"), *((kind, poller) for kind in KINDS for poller in POLLERS)]
_MOST_TURNS = 20_000


class BaseWorld:
    """A reactor and the recorders on it. ``close()`` checks what every test must leave behind.

    Attributes: ``ends``, the recorders; ``complaints``, what the reactor's exception handler was
    given; ``poller``, which counts its events."""

    def __init__(self, poller: str | None = None, **options: Any) -> None:
        """``options`` as for ``Reactor``."""
        self.poller = CountingPoller(make_poller(poller))
        self._begin(Reactor(poller=self.poller, **options))

    def _begin(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.ends: list[Recorder] = []
        self.complaints: list[dict[str, Any]] = []
        reactor.set_exception_handler(lambda _, context: self.complaints.append(context))

    def make(self, **hooks: Callable[..., Any]) -> Recorder:
        """A new recorder."""
        self.ends.append(Recorder(**hooks))
        return self.ends[-1]

    def until(self, condition: Callable[[], object]) -> None:
        until(self.reactor, condition)

    def turns(self, number: int = 10) -> None:
        for _ in range(number):
            self.reactor.run_once(0)

    def settle(self) -> None:
        """Run turns until nothing more is reported, which fails if the loop spins."""
        quiet = 0
        for _ in range(_MOST_TURNS):
            before = self.poller.reported
            self.reactor.run_once(0)
            quiet = quiet + 1 if self.poller.reported == before else 0
            if quiet == 5:
                return
        raise AssertionError(f"the poller still reports events after {_MOST_TURNS} turns")

    def quiet(self) -> None:
        """Check that nothing more is reported after ``settle()``."""
        self.settle()
        before = self.poller.reported
        self.turns(10)
        assert self.poller.reported == before

    def close(self) -> None:
        """Check that each ``connection_lost`` was called once, and that nothing is left open."""
        self.reactor.close()
        for end in self.ends:
            assert end.violations == []
            assert len(end.lost) == end.made, end.calls
        assert self.reactor.stats.connections == 0
        assert self.reactor.stats.lingering == 0
        assert self.complaints == []


class World(BaseWorld):
    """Pairs of protocols, connected to each other by transports of one ``kind``."""

    def __init__(self, kind: str, poller: str, folder: Path) -> None:
        self.kind = kind
        self.half_close = kind != "tls"
        self._folder = folder
        if kind == "memory":
            self._begin(VirtualReactor())
        else:
            super().__init__(poller)

    def connect(self, one: Protocol, other: Protocol) -> None:
        """Connect two protocols; returns when both have been notified.

        ``one`` is on the side that was accepted."""
        self.ends += [end for end in (one, other) if isinstance(end, Recorder)]
        if self.kind == "memory":
            assert isinstance(self.reactor, VirtualReactor)
            self.reactor.connect_pair(lambda: one, lambda: other)
        elif self.kind == "socketpair":
            for protocol, sock in zip((one, other), socket.socketpair(), strict=True):
                self.reactor.connect_socket(lambda protocol=protocol: protocol, sock)
        else:
            self._connect(one, other)
        self.until(lambda: all(end.made for end in self.ends))

    def _connect(self, one: Protocol, other: Protocol) -> None:
        reactor = self.reactor
        server, client = tls_contexts() if self.kind == "tls" else (None, None)
        if self.kind == "unix":
            listener = reactor.listen_unix(lambda: one, str(self._folder / "socket"))
            sock = socket.socket(socket.AF_UNIX)
        else:
            host = "::1" if self.kind == "tcp6" else "127.0.0.1"
            listener = reactor.listen_tcp(lambda: one, host, 0, tls=server)
            sock = socket.socket(socket.AF_INET6 if self.kind == "tcp6" else socket.AF_INET)
        sock.connect(listener.addresses[0])
        reactor.connect_socket(
            lambda: other, sock, tls=client, server_hostname=client and "localhost"
        )
        self.until(lambda: reactor.stats.accepted)
        listener.close()
        reactor.stats.accepted = 0

    def pair(self, **hooks: Any) -> tuple[Recorder, Recorder]:
        """Two recorders, connected; the first has ``hooks``."""
        one, other = Recorder(**hooks), Recorder()
        self.connect(one, other)
        return one, other

    def settle(self) -> None:
        if isinstance(self.reactor, VirtualReactor):
            self.reactor.settle()
        else:
            super().settle()

    def fill(self, end: Recorder) -> int:
        """Write to a peer that does not read until the system takes no more. Returns the bytes."""
        total = 0
        while not end.paused:
            end.transport.write(bytes(65536))
            total += 65536
            assert total < 100_000_000
            self.reactor.run_once(0)
        return total
