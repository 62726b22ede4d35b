"""The deliveries of all rooms of a hub at the end of this turn of the loop.

Each room delivers a batch of its own to all of its members. A member of several rooms gets several
batches in a turn, and they do not say in which order the messages of one came between those of the
other. This does no harm, with one exception: a name. If alice left the chat, and bob then took her
name in another room, a member must not get the two the other way round. So all who are in a room
where somebody was renamed, left the chat or went away in this turn, get the messages of all their
rooms together, in the order in which they were posted. A message posted to several rooms is there
once.

Members in the same rooms share these batches. Members of a single room are not concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import count
from typing import Protocol

from .interfaces import Listener, Scheduler
from .messages import SPOKEN, Batch, Kind, Message
from .selections import Selections


class Pending(Protocol):
    """What waits for the members of a room in this turn: ``audience.Turn``."""

    @property
    def members(self) -> Iterable[Listener]: ...
    @property
    def messages(self) -> Sequence[Message]: ...
    def offset(self, member: Listener, /) -> int | None: ...
    def batches(self, member: Listener, offset: int, /) -> list[Batch]: ...
    def skip_pending(self, member: Listener, /) -> None: ...
    def end(self) -> None: ...
    def deliver(self) -> None: ...


class Partings(Protocol):
    """Members whose departure from a room is not reported yet: ``traffic.Traffic``."""

    def report_partings(self) -> None: ...


_Part = tuple[Pending, int]  # a room, and from which pending message on


class Deliveries:
    """The rooms that have something to deliver in this turn.

    ``clock`` gives the time of day in seconds since the epoch. ``next_id()`` returns an id that is
    higher than all before. ``ignorers``: the members who ignore a name, by name in lower case.
    """

    __slots__ = (
        "_clock",
        "_everywhere",
        "_reserved",
        "_rooms",
        "_scheduler",
        "_speakers",
        "ignorers",
        "next_id",
    )

    def __init__(self, scheduler: Scheduler, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._rooms: dict[Pending, None] = {}
        self._everywhere: dict[Pending, None] = {}  # those where a member was renamed, or left
        self._speakers: set[str] = set()  # authors of pending lines: names in lower case
        self._reserved: dict[str, set[Partings]] = {}  # by name in lower case
        self.ignorers: Mapping[str, AbstractSet[Listener]] = {}
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
        """Note that a pending message of ``room`` is about a member in all of its rooms."""
        self._everywhere[room] = None

    def reserve_name(self, name: str, partings: Partings) -> None:
        """Note that ``partings`` will report that a member called ``name`` has left."""
        self._reserved.setdefault(name.lower(), set()).add(partings)

    def forget_names(self, names: Iterable[str], partings: Partings) -> None:
        """Note that ``partings`` is reporting now that those called ``names`` have left."""
        for name in names:
            holders = self._reserved.get(name.lower())
            if holders is not None:
                holders.discard(partings)
                if not holders:
                    del self._reserved[name.lower()]

    def is_reserved(self, name: str, partings: Partings) -> bool:
        """Return whether ``partings`` will report that a member called ``name`` has left."""
        return partings in self._reserved.get(name.lower(), ())

    def release_names(self, *names: str) -> None:
        """Have all rooms report pending departures of members called ``names`` now."""
        for name in names:
            for partings in tuple(self._reserved.get(name.lower(), ())):
                partings.report_partings()

    def add_speaker(self, name: str) -> None:
        """Note that a pending line is by a member called ``name``."""
        self._speakers.add(name.lower())

    def have_spoken(self, *names: str) -> bool:
        """Return whether pending lines are by members with one of ``names``, in any case."""
        return any(name.lower() in self._speakers for name in names)

    def ignorers_of(self, messages: Iterable[Message]) -> Iterable[Listener]:
        """Return the members who ignore somebody who speaks in ``messages``."""
        ignorers = self.ignorers
        names = {message.sender.lower() for message in messages if message.kind in SPOKEN}
        return {member for name in names if name in ignorers for member in ignorers[name]}

    def take_pending(self, member: Listener) -> list[Batch]:
        """Return what is pending for ``member``, which will not get it again.

        The caller delivers it at once, so that an answer may follow it.
        """
        parts = _parts(self._rooms, member) if self._rooms else ()
        if len(parts) > 1 and self._everywhere:
            messages = _in_order(parts)
            batches = Selections(messages, Batch(tuple(messages))).batches(member)
        else:
            batches = [batch for room, offset in parts for batch in room.batches(member, offset)]
        for room, _ in parts:
            room.skip_pending(member)
        return batches

    def flush(self) -> None:
        """Deliver to all members what is pending for them."""
        rooms, self._rooms = self._rooms, {}
        everywhere, self._everywhere = self._everywhere, {}
        self._speakers = set()
        for room in rooms:
            room.end()
        if everywhere and len(rooms) > 1:
            _deliver_in_order(rooms, everywhere)
        for room in rooms:
            room.deliver()


def _deliver_in_order(rooms: Iterable[Pending], everywhere: Iterable[Pending]) -> None:
    """Deliver now to those members of ``everywhere`` who are in several of ``rooms``."""
    found: dict[Listener, list[_Part]] = {
        member: [] for room in everywhere for member in room.members if len(member.rooms) > 1
    }
    # Each membership is visited once. To search all rooms for each member would take much longer.
    for room in rooms:
        first = (room, 0)  # a single object for nearly all
        for member in room.members:
            parts = found.get(member)
            if parts is not None and (offset := room.offset(member)) is not None:
                parts.append((room, offset) if offset else first)
    shared: dict[tuple[_Part, ...], Selections] = {}
    for member, parts in found.items():
        if len(parts) < 2:
            continue
        key = tuple(parts)
        selections = shared.get(key)
        if selections is None:
            messages = _in_order(key)
            selections = shared[key] = Selections(messages, Batch(tuple(messages)))
        for room, _ in parts:
            room.skip_pending(member)
        for batch in selections.batches(member):
            member.deliver(batch)


def _parts(rooms: Iterable[Pending], member: Listener) -> tuple[_Part, ...]:
    """Return what is pending for ``member``: in which rooms, and from which message on."""
    return tuple([(room, offset) for room in rooms if (offset := room.offset(member)) is not None])


def _in_order(parts: tuple[_Part, ...]) -> list[Message]:
    """Return the messages of ``parts`` in the order in which they were posted, each once."""
    if len(parts) == 1:
        room, offset = parts[0]
        return list(room.messages[offset:])
    found = {message.id: message for room, offset in parts for message in room.messages[offset:]}
    return [found[number] for number in sorted(found)]
