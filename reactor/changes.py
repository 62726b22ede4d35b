"""What a turn has changed and its calls and flushes do not tell, for a recording."""

from __future__ import annotations

from types import MethodType
from typing import Any, Final

from .descriptors import interest_of, watched
from .loop import Loop
from .naming import owner_of, shorten
from .observer import Turn
from .pollers import READ
from .sockets.listener import Listener
from .transports.base import BaseTransport
from .transports.datagram import DatagramTransport
from .transports.stream import StreamTransport

_MOST: Final = 100  # descriptors to look at in a turn
_STREAM: Final = (
    "interest", "protocol", "closing", "writing_paused", "queued", "unsent",
)  # fmt: skip
_DATAGRAM: Final = _STREAM[:-1]
_LISTENER: Final = ("connections", "paused")

# The other counters follow from the turns, unless these were cut.
_COUNTERS: Final = (
    "accepted",
    "connections",
    "datagrams_dropped",
    "datagrams_received",
    "datagrams_sent",
    "lingering",
    "refused",
    "stalled_time",
    "writes_dropped",
)

_Values = tuple[Any, ...]


class Changes:
    """Compares descriptors and counters of ``loop`` with what they were at the end of an earlier
    turn.

    Only descriptors that a turn has touched are looked at, those with a write queue, which may have
    grown, and listeners. Of many only the first 100: the next snapshot has the others."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._owners: dict[int, Any] = {}  # of the descriptors that were seen
        self._values: dict[int, _Values] = {}
        self._queues: dict[int, Any] = {}  # descriptors with something in their write queue
        self._listeners: dict[int, Any] = {}
        self._counters = self._count()
        for fd, owner in watched(loop):
            self._see(fd, owner)

    def of(self, turn: Turn) -> dict[str, Any]:
        """What ``turn`` has changed: "changed", by descriptor what is different in its description;
        "unregistered", descriptors that are not watched any more and belong to no open transport;
        and "stats", the new values of counters. Call it for each turn that has ended."""
        for fd in turn.opened:
            self._see(fd, self._owner(fd))
        touched = dict.fromkeys(call[3] for call in turn._calls[:_MOST])
        touched |= dict.fromkeys(flush[0] for flush in turn._flushes[:_MOST])
        touched |= dict.fromkeys(fd for fd, _ in turn.modified[:_MOST])
        touched |= dict.fromkeys(turn.unregistered[:_MOST])
        touched |= self._queues
        touched |= self._listeners
        for fd in turn.closed:
            self._forget(fd)
            touched.pop(fd, None)
        changed = {}
        for fd in list(touched)[:_MOST]:
            if fd is not None and (different := self._compare(fd)):
                changed[str(fd)] = different
        found: dict[str, Any] = {"changed": changed} if changed else {}
        if turn.unregistered and (gone := self._gone(turn)):
            found["unregistered"] = gone
        counters = self._count()
        if counters != self._counters:
            pairs = zip(_COUNTERS, counters, self._counters, strict=True)
            found["stats"] = {name: value for name, value, before in pairs if value != before}
            self._counters = counters
        return found

    def _gone(self, turn: Turn) -> list[int]:
        """Descriptors that are not watched any more and belong to no open transport."""
        handlers = self._loop._handlers
        gone = [fd for fd in turn.unregistered if fd not in handlers and fd not in self._owners]
        return [fd for fd in dict.fromkeys(gone) if fd not in turn.closed]

    def _count(self) -> list[float]:
        stats = self._loop.stats
        return [getattr(stats, name) for name in _COUNTERS]

    def _owner(self, fd: int) -> Any:
        handler = self._loop._handlers.get(fd)
        return handler.__self__ if type(handler) is MethodType else owner_of(handler)

    def _see(self, fd: int, owner: Any) -> None:
        """A snapshot or the turn's "opened" describes this descriptor as it is now."""
        self._forget(fd)
        values = _values(owner)
        if values:
            self._owners[fd] = owner
            self._keep(fd, owner, values)

    def _keep(self, fd: int, owner: Any, values: _Values) -> None:
        self._values[fd] = values
        if isinstance(owner, Listener):
            self._listeners[fd] = None
        elif values[4]:
            self._queues[fd] = None
        else:
            self._queues.pop(fd, None)

    def _forget(self, fd: int) -> None:
        for kept in (self._owners, self._values, self._queues, self._listeners):
            kept.pop(fd, None)

    def _compare(self, fd: int) -> dict[str, Any]:
        owner = self._owners.get(fd)
        if owner is None:
            return {}
        before, values = self._values[fd], _values(owner)
        if values == before:
            return {}
        self._keep(fd, owner, values)
        names = _names(owner)
        pairs = zip(names, values, before, strict=True)
        different = {name: value for name, value, known in pairs if value != known}
        if "interest" in different:
            different["interest"] = interest_of(owner)
            different["reading_paused"] = not values[0] & READ
        if "protocol" in different:
            cls = different["protocol"]
            different["protocol"] = None if cls is None else shorten(cls.__qualname__)
        return different


def _names(owner: Any) -> tuple[str, ...]:
    if isinstance(owner, Listener):
        return _LISTENER
    return _STREAM if isinstance(owner, StreamTransport) else _DATAGRAM


def _values(owner: Any) -> _Values:
    """What can change of a descriptor: cheap, because this happens for each in each turn."""
    if isinstance(owner, Listener):
        return owner.connections, not owner._accepting
    if not isinstance(owner, BaseTransport):
        return ()
    protocol = owner._protocol
    cls = None if protocol is None else type(protocol)
    if isinstance(owner, StreamTransport):
        return (
            owner._interest,
            cls,
            owner.is_closing(),
            owner._paused,
            owner.get_write_buffer_size(),
            owner.get_unsent_size(),
        )
    assert isinstance(owner, DatagramTransport)
    return (owner._interest, cls, owner.is_closing(), owner._paused, owner.get_write_buffer_size())
