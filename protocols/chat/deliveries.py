"""What all rooms of a hub tell their members at the end of this turn of the loop.

Each room delivers one batch of its own, to all of its members. A member of several rooms gets
several batches in a turn, and nothing tells it in which order the messages of one came between
those of the other. This does no harm, with one exception: a name. If alice left the chat, and bob
then took her name in another room, the two must not be heard the other way round. So all who are in
a room where somebody was renamed, left the chat or went away in this turn, get the messages of all
their rooms as a single batch, in the order in which they were posted. A message posted to several
rooms is in it once.

Members in the same rooms share that batch. Members of one room are not concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Protocol

from .interfaces import Listener, Scheduler
from .messages import Batch, Kind, Message


class Pending(Protocol):
    """What this file knows of a room: ``audience.Audience``."""

    @property
    def members(self) -> Iterable[Listener]: ...
    def offset(self, member: Listener, /) -> int | None: ...
    def pending(self, offset: int, /) -> list[Message]: ...
    def skip_pending(self, member: Listener, /) -> None: ...
    def flush(self) -> None: ...


_Part = tuple[Pending, int]  # a room, and from which pending message on


class Deliveries:
    """The rooms that have something to deliver in this turn.

    ``clock`` gives the time of day in seconds since the epoch. ``next_id()`` returns an id that is
    higher than all before.
    """

    __slots__ = ("_clock", "_everywhere", "_rooms", "_scheduler", "next_id")

    def __init__(self, scheduler: Scheduler, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._rooms: dict[Pending, None] = {}
        self._everywhere: dict[Pending, None] = {}  # those where a member was renamed, or left
        # Counted from the time in microseconds. So ids go on growing after a restart, unless there
        # are a million messages a second; and JavaScript can represent them for 200 years.
        self.next_id = count(int(clock() * 1_000_000) + 1).__next__

    def message(
        self,
        kind: Kind,
        room: str,
        sender: str = "",
        text: str = "",
        target: str = "",
        names: tuple[str, ...] = (),
        tags: tuple[tuple[str, str], ...] = (),
    ) -> Message:
        """Return a message about what happens now, with an id."""
        return Message(kind, self._clock(), room, sender, text, target, self.next_id(), names, tags)

    def add(self, room: Pending) -> None:
        """Note that ``room`` has something to deliver."""
        if not self._rooms:
            self._scheduler.call_soon(self.flush)
        self._rooms[room] = None

    def add_everywhere(self, room: Pending) -> None:
        """Note that ``room`` is told of something that happens to a member in all of its rooms."""
        self._everywhere[room] = None

    def take_pending(self, member: Listener) -> Batch | None:
        """Return what is pending for ``member``, which will not get it again; None if nothing is.

        It is to be delivered at once, so that an answer may follow it.
        """
        if not self._rooms:
            return None
        parts = _parts(self._rooms, member)
        if not parts:
            return None
        for room, _ in parts:
            room.skip_pending(member)
        return own_batch(member, _in_order(parts))

    def flush(self) -> None:
        """Deliver to all members what is pending for them."""
        rooms, self._rooms = self._rooms, {}
        everywhere, self._everywhere = self._everywhere, {}
        if everywhere and len(rooms) > 1:
            _deliver_in_order(rooms, everywhere)
        for room in rooms:
            room.flush()


def own_batch(
    member: Listener, messages: Sequence[Message], shared: Batch | None = None
) -> Batch | None:
    """Return ``messages`` as ``member`` is to hear them; None if none is left.

    ``shared``: a batch to be used instead of a new one, if it has the same messages.
    """
    heard = member.wanted(messages)
    if shared is not None and len(heard) == len(shared.messages):
        return shared
    return Batch(tuple(heard)) if heard else None


def _deliver_in_order(rooms: Iterable[Pending], everywhere: Iterable[Pending]) -> None:
    """Deliver now to those members of ``everywhere`` who are in several of ``rooms``."""
    batches: dict[tuple[_Part, ...], Batch] = {}
    for told in everywhere:
        for member in [member for member in told.members if len(member.rooms) > 1]:
            parts = _parts(rooms, member)
            if len(parts) < 2:
                continue
            batch = batches.get(parts)
            if batch is None:
                batch = batches[parts] = Batch(tuple(_in_order(parts)))
            for room, _ in parts:
                room.skip_pending(member)
            own = own_batch(member, batch.messages, batch)
            if own is not None:
                member.deliver(own)


def _parts(rooms: Iterable[Pending], member: Listener) -> tuple[_Part, ...]:
    """Return what is pending for ``member``: in which rooms, and from which message on."""
    return tuple([(room, offset) for room in rooms if (offset := room.offset(member)) is not None])


def _in_order(parts: tuple[_Part, ...]) -> list[Message]:
    """Return the messages of ``parts`` in the order in which they were posted, each once."""
    if len(parts) == 1:
        room, offset = parts[0]
        return room.pending(offset)
    found = {message.id: message for room, offset in parts for message in room.pending(offset)}
    return [found[number] for number in sorted(found)]
