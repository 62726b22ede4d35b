"""Two protocols connected to each other, by every kind of transport and over every poller: what the
conformance suite runs on."""

from __future__ import annotations

import socket
import ssl
from functools import cache
from pathlib import Path
from typing import Any

import trustme

from reactor import Poller, Protocol, Reactor
from reactor.pollers import POLLERS, make_poller
from reactor.testing import VirtualReactor

from .recording import Recorder, until

KINDS = ("tcp4", "tcp6", "unix", "socketpair", "tls")
MATRIX = [("memory", "virtual"), *((kind, poller) for kind in KINDS for poller in POLLERS)]
_MOST_TURNS = 20_000


@cache
def tls_contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's, for "localhost", and a client's that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(client)
    return server, client


class CountingPoller:
    """A poller that counts the events it reports."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister
        self.close = poller.close
        self.reported = 0

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        events = self._poller.poll(timeout)
        self.reported += len(events)
        return events


class CountingSocket:
    """A socket that counts the calls which send."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.sends = 0

    def send(self, *args: Any) -> int:
        self.sends += 1
        return self._sock.send(*args)

    def sendmsg(self, *args: Any) -> int:
        self.sends += 1
        return self._sock.sendmsg(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class World:
    """A reactor and the connections on it."""

    def __init__(self, kind: str, poller: str, folder: Path) -> None:
        self.kind = kind
        self.half_close = kind != "tls"
        self.complaints: list[dict[str, Any]] = []
        self.recorders: list[Recorder] = []
        self._folder = folder
        self.reactor: Reactor
        if kind == "memory":
            self.reactor = VirtualReactor()
        else:
            self._poller = CountingPoller(make_poller(poller))
            self.reactor = Reactor(poller=self._poller)
        self.reactor.set_exception_handler(lambda _, context: self.complaints.append(context))

    def connect(self, one: Protocol, other: Protocol) -> None:
        """Connect two protocols; returns when both have been told.

        ``one`` is on the side that was accepted."""
        self.recorders += [end for end in (one, other) if isinstance(end, Recorder)]
        if self.kind == "memory":
            assert isinstance(self.reactor, VirtualReactor)
            self.reactor.connect_pair(lambda: one, lambda: other)
        elif self.kind == "socketpair":
            for protocol, sock in zip((one, other), socket.socketpair(), strict=True):
                self.reactor.connect_socket(lambda protocol=protocol: protocol, sock)
        else:
            self._connect(one, other)
        until(self.reactor, lambda: all(end.made for end in self.recorders))

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
        until(reactor, lambda: reactor.stats.accepted)
        listener.close()
        reactor.stats.accepted = 0

    def pair(self, **hooks: Any) -> tuple[Recorder, Recorder]:
        """Two recorders, connected; the first has ``hooks``."""
        one, other = Recorder(**hooks), Recorder()
        self.connect(one, other)
        return one, other

    def until(self, condition: Any) -> None:
        until(self.reactor, condition)

    def settle(self) -> None:
        """Run turns until nothing more is reported: a loop that spins never comes to rest."""
        if isinstance(self.reactor, VirtualReactor):
            self.reactor.settle()
            return
        quiet = 0
        for _ in range(_MOST_TURNS):
            before = self._poller.reported
            self.reactor.run_once(0)
            quiet = quiet + 1 if self._poller.reported == before else 0
            if quiet == 5:
                return
        raise AssertionError(f"the loop has not come to rest in {_MOST_TURNS} turns")

    def fill(self, end: Recorder) -> int:
        """Write to a peer that does not read until the system takes no more. Returns the bytes."""
        total = 0
        while not end.paused:
            end.transport.write(bytes(65536))
            total += 65536
            assert total < 100_000_000
            self.reactor.run_once(0)
        return total

    def close(self) -> None:
        """Every protocol that was told of its connection is told of the loss, once, and all is
        given back."""
        self.reactor.close()
        for end in self.recorders:
            assert end.violations == []
            assert len(end.lost) == 1, end.calls
        assert self.reactor.stats.connections == 0
        assert self.reactor.stats.lingering == 0
        assert self.complaints == []
