"""Wrappers that count calls of the objects that they replace."""

from __future__ import annotations

from typing import Any

from reactor import Poller


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
    """A socket that counts the system calls that send."""

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
