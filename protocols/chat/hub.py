"""The hub: who is in the chat, under which names, and in which rooms.

The hub knows no socket, no reactor and no grammar, only the interfaces in ``interfaces.py``. A way
in (lines over TCP, datagrams, and others) joins with a sink for each of its members, has the member
do what its peer asks for, and shows in its own way the messages that the sink is given. Someone on
another machine is a member like any other: the sink is then the link to that machine.

The layers, from the top: a way in, ``conversation.py`` and ``commands.py``, the hub, members,
rooms, messages. Each calls the ones below it. Two of them are called from below, through an
interface: a member calls its hub as a ``Directory``, and a room delivers to its members as
``Listener``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from heapq import nlargest

from .flood import FloodGate, FloodPolicy
from .interfaces import Scheduler, Sink
from .limits import Limits
from .member import Member
from .messages import Batch, ChatError, Kind, Message
from .room import Room
from .silent import SilentMembers

# Only ASCII. A name says who speaks, and Unicode has thousands of letters that only look alike (UTS
# #39), with which one member could pass for another. Also, everyone can type an ASCII name.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")

LOBBY = "lobby"


class Hub:
    """Rooms and their members.

    ``scheduler``: the reactor, or anything else that is a ``Scheduler``. ``limits``: how much the
    hub holds. ``flood``: how fast members may be. ``clock``: returns the time of day for messages,
    in seconds since the epoch.

    To be read only: ``members`` and ``rooms``, by name in lower case; ``lobby``; the counters of
    flood control, ``lines_dropped`` and ``members_expelled``.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        *,
        limits: Limits | None = None,
        flood: FloodPolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.scheduler = scheduler
        self.limits = limits or Limits()
        self.flood = flood or FloodPolicy()
        self.clock = clock
        self.lobby = Room(LOBBY, scheduler, clock, self.limits)
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {LOBBY: self.lobby}
        self.lines_dropped = 0
        self.members_expelled = 0
        self._origins: dict[bytes, int] = {}  # how many members each has
        self._silent = SilentMembers(self.limits.silence)
        self._last_guest = 0
        self._closed_because = ""

    # For ways in

    def join(
        self,
        sink: Sink,
        *,
        name: str | None = None,
        room: str | None = None,
        since: float = 0.0,
        flood: FloodPolicy | None = None,
        origin: bytes | None = None,
        announce: bool = True,
    ) -> Member:
        """Let someone in, and return the member. ``sink`` is welcomed before this returns.

        ``name``: None for the next guest's name. ``room``: None for the lobby; a room that does not
        exist is created, and if there are too many rooms, the member gets into the lobby.
        ``since``: show only the last lines that were said after this time, in seconds since the
        epoch. ``flood``: a policy other than the hub's, for members that can be trusted.
        ``origin``: the number of members with the same origin is limited; None for no limit.
        ``announce``: False to tell the room only when ``announce(member)`` is called, or never if
        the member leaves first.

        If the chat is full, it dismisses a member that has been silent for long. Raises ChatError
        if there is no such member, if there are too many members of this origin, if the chat is
        closed, or if the name is not valid or is taken.
        """
        if self._closed_because:
            raise ChatError(self._closed_because)
        limit = self.limits.members_per_origin
        if not limit:
            origin = None
        if origin is not None and self._origins.get(origin, 0) >= limit:
            raise ChatError(f"There are {limit} members at your address already: try again later")
        if name is not None:
            self._check_free(name)
        if len(self.members) >= self.limits.members:
            self._dismiss_silent_member()
        if name is None:
            name = self._guest_name()
        place = self.lobby
        if room is not None:
            with suppress(ChatError):
                place = self._find_or_create_room(room)
        if origin is not None:
            self._origins[origin] = self._origins.get(origin, 0) + 1
        member = Member(self, sink, name, place, origin)
        if flood is not None:
            member.gate = FloodGate(flood)
        self.members[_key(name)] = member
        self._enter(member, place, since)
        if announce:
            self.announce(member)
        return member

    def announce(self, member: Member) -> None:
        """Tell the room that ``member`` has come, if it has not been told yet.

        A way in that joined without announcing calls this before the member says anything.
        """
        member.room.announce(member)

    def is_taken(self, name: str) -> bool:
        """Return whether a member is called ``name``."""
        return name.lower() in self.members

    def close(self, reason: str) -> None:
        """Dismiss all members, and let no one in from now on. ``reason`` is for the members."""
        self._closed_because = reason
        for room in self.rooms.values():
            room.close()
        members = tuple(self.members.values())
        self.members.clear()
        self._origins.clear()
        self.rooms = {LOBBY: self.lobby}
        for member in members:
            member.end(reason)

    # For members, who know the hub as a ``Directory``

    def find(self, name: str) -> Member:
        """Return the member called ``name``. Raises ChatError if there is none."""
        member = self.members.get(name.lower())
        if member is None:
            raise ChatError(f"Nobody is called {_shortened(name)}: /who lists who is in the room")
        return member

    def rename(self, member: Member, name: str) -> None:
        """Change the name of ``member`` to ``name``, and tell its room."""
        if name == member.name:
            raise ChatError(f"You are {name} already")
        self._check_free(name, but=member)
        room = member.room
        member.catch_up()  # until here, a member without echo knows its lines by the old name
        del self.members[_key(member.name)]
        self.members[_key(name)] = member
        old, member.name = member.name, name
        room.report_rename(member, Message(Kind.RENAMED, self.clock(), room.name, old, name))

    def move(self, member: Member, name: str) -> None:
        """Move ``member`` to the room called ``name``, created if needed, and tell both rooms."""
        room = self._find_or_create_room(name)
        if room is member.room:
            raise ChatError(f"You are in {room.name} already")
        member.catch_up()
        self._exit(member, Kind.LEFT)
        self._enter(member, room)
        self.announce(member)

    def remove(self, member: Member, reason: str) -> None:
        """Forget ``member``, who is gone, and tell its room why."""
        del self.members[_key(member.name)]
        origin = member.origin
        if origin is not None:
            self._origins[origin] -= 1
            if not self._origins[origin]:
                del self._origins[origin]
        self._exit(member, Kind.QUIT, reason[: self.limits.topic_length])

    def describe_rooms(self) -> str:
        """Return a list of the rooms in words, those with most members first. Long ones are cut."""
        rooms = nlargest(
            self.limits.listed, self.rooms.values(), key=lambda room: len(room.members)
        )
        shown = ", ".join([f"{room.name} ({len(room.members)})" for room in rooms])
        more = len(self.rooms) - len(rooms)
        noun = "room" if len(self.rooms) == 1 else "rooms"
        return f"{len(self.rooms)} {noun}: {shown}" + (f", and {more} more" if more else "")

    # Rooms

    def _find_or_create_room(self, name: str) -> Room:
        room = self.rooms.get(name.lower())
        if room is None:
            self._check_name(name)
            if len(self.rooms) >= self.limits.rooms:
                raise ChatError("There are too many rooms: /rooms lists some")
            room = Room(name, self.scheduler, self.clock, self.limits)
            self.rooms[name.lower()] = room
        return room

    def _enter(self, member: Member, room: Room, since: float = 0.0) -> None:
        member.room = room
        room.add(member)
        self._welcome(member, room, since)

    def _welcome(self, member: Member, room: Room, since: float) -> None:
        """Tell ``member`` where it is, who else is there, and what was said last."""
        now = self.clock()
        welcome = [
            Message(Kind.ENTERED, now, room.name, member.name),
            Message(Kind.REPLY, now, room.name, text=room.roster(member)),
        ]
        if room.topic:
            welcome.append(Message(Kind.TOPIC, now, room.name, text=room.topic))
        member.deliver(Batch(tuple(welcome)))
        history = room.history(since)
        if history is not None:
            member.deliver(history)

    def _exit(self, member: Member, kind: Kind, reason: str = "") -> None:
        room = member.room
        room.remove(member, Message(kind, self.clock(), room.name, member.name, reason))
        if not room.members and room is not self.lobby:
            del self.rooms[room.name.lower()]

    # Members

    def _dismiss_silent_member(self) -> None:
        """Dismiss the member that has been silent for longest. Raises ChatError if none has been
        silent for long enough."""
        member = self._silent.pop(self.members.values(), self.scheduler.time())
        if member is None:
            raise ChatError("The chat is full: try again later")
        minutes = f"{self.limits.silence / 60:g} minutes"
        member.dismiss(
            f"silent for {minutes}",
            f"The chat is full, and you have said nothing for {minutes}: your place is needed",
        )

    def _guest_name(self) -> str:
        # The number only goes up. Otherwise a private message for a guest who has left could reach
        # the next guest.
        while True:
            self._last_guest += 1
            name = f"guest{self._last_guest}"
            if name not in self.members:
                return name

    def _check_free(self, name: str, *, but: Member | None = None) -> None:
        """Raise ChatError if ``name`` is not valid, or if a member other than ``but`` has it."""
        self._check_name(name)
        if self.members.get(name.lower(), but) is not but:
            raise ChatError(f"Somebody else is called {name}")

    def _check_name(self, name: str) -> None:
        limit = self.limits.name_length
        if not _NAME.fullmatch(name) or len(name) > limit:
            raise ChatError(
                f"A name has 1 to {limit} characters: letters from A to Z, digits, and _ - ."
            )


def _key(name: str) -> str:
    """Return ``name`` in lower case, as the same object if it is so: it saves memory."""
    key = name.lower()
    return name if key == name else key


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "\u2026"
