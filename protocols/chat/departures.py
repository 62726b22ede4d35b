"""Addresses whose members have left recently: over UDP, a member can come back."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final, NamedTuple

REMEMBERED_FOR: Final = 300.0  # seconds


class Departed(NamedTuple):
    """What is remembered of an address whose member has left.

    ``name`` and ``room`` are what it gets back; ``name`` is empty if it left voluntarily or was
    dismissed. ``at``: when it left, in seconds since the epoch. Datagrams from the address are
    ignored before ``muted_until``, and it is forgotten at ``until``, in the reactor's time.
    """

    name: str
    room: str
    at: float
    muted_until: float
    until: float


class Departures:
    """Remembers at most ``most`` addresses, each for ``REMEMBERED_FOR`` seconds."""

    __slots__ = ("_departed", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._departed: OrderedDict[Any, Departed] = OrderedDict()  # in order of ``until``

    def add(self, addr: Any, departed: Departed, now: float) -> None:
        """Remember ``departed`` for ``addr``, and forget old and excess ones."""
        addresses = self._departed
        addresses[addr] = departed
        while addresses and (
            len(addresses) > self._most or next(iter(addresses.values())).until <= now
        ):
            addresses.popitem(last=False)

    def get(self, addr: Any, now: float) -> Departed | None:
        """Return what is remembered of ``addr``, or None."""
        departed = self._departed.get(addr)
        return departed if departed is not None and departed.until > now else None

    def remove(self, addr: Any) -> None:
        """Forget ``addr``: its member is back."""
        self._departed.pop(addr, None)
