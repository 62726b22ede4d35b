"""The hub: who is here, under which names, and in which rooms.

It knows no socket and no reactor, only the interfaces of ``interfaces.py``. Every way in (lines
over TCP, datagrams, and whatever comes later) has members join with a sink each, hands over what
they say, and shows in its own way the messages that it is given. Someone on another machine is a
member like any other, whose sink is the link to that machine.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from heapq import nlargest

from .flood import FloodPolicy
from .interfaces import Scheduler, Sink
from .member import Member
from .messages import Batch, ChatError, Kind, Message
from .room import Room
from .silent import SilentMembers

# ASCII alone: a name says who speaks, and letters that only look alike, of which Unicode has
# thousands (UTS #39), would let anybody speak as somebody else. Also, everybody can type it after
# /msg.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")

LOBBY = "lobby"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hub holds at most. Sizes and lengths are in characters."""

    members: int = 20_000
    members_per_origin: int = 256  # an address, for most ways in; 0: any number
    silence: float = 600.0  # seconds after which a member may have to make room, in a full chat
    rooms: int = 1_000
    name_length: int = 32  # of members and rooms
    topic_length: int = 200  # of parting words, too
    text_length: int = 4096  # of a line
    history: int = 50  # lines that a room remembers
    history_size: int = 16_384  # in them
    listed: int = 20  # names in one answer
    # What may be said in a room during one turn of the loop (each line counts 64 more). Everybody
    # is given all of it in one go, so it must fit into the queue of a connection.
    turn_size: int = 131_072


class Source:
    """Where members come from, and how many of them are here."""

    __slots__ = ("count", "key")

    def __init__(self, key: bytes) -> None:
        self.key = key
        self.count = 0


class Hub:
    """Rooms and their members.

    ``scheduler``: the reactor, or anything else that is a ``Scheduler``. ``limits``, ``flood``: see
    there. ``clock``: gives the time of day for messages, in seconds since the epoch.

    To be read only: ``members``, ``rooms`` (by name in lower case), ``lobby``; the counters
    ``lines_dropped`` and ``members_expelled`` of flood control.
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
        self.lobby = Room(LOBBY, scheduler, self.limits)
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {LOBBY: self.lobby}
        self.lines_dropped = 0
        self.members_expelled = 0
        self._origins: dict[bytes, Source] = {}
        self._silent = SilentMembers(self.limits.silence)
        self._guests = 0
        self._closed = ""

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
        """Let someone in. ``sink`` hears of it before this returns.

        ``name``: None for the next guest's. ``room``: None for the lobby; another is made if there
        is none, and if there are too many rooms it is the lobby. ``since``: of the room's last
        lines, those said later are shown, in seconds since the epoch. ``flood``: None for the hub's
        policy; those who can be trusted may have another. ``origin``: those who have the same are
        limited in number; None for no limit. ``announce``: False if the room is not to be told
        before ``announce(member)``, and not at all if the member leaves first.

        In a full chat, a member that has been silent for long has to go. Raises ChatError if there
        is none, if there are too many of this origin, if the chat is closed, or if the name is not
        to be had.
        """
        if self._closed:
            raise ChatError(self._closed)
        limit = self.limits.members_per_origin
        came_from = None
        if origin is not None and limit:
            came_from = self._origins.get(origin) or Source(origin)
            if came_from.count >= limit:
                raise ChatError(
                    f"There are {limit} members at your address already: try again later"
                )
        if name is not None:
            name = self._free_name(name)
        if len(self.members) >= self.limits.members:
            self._make_room()
        if name is None:
            name = self._guest_name()
        place = self.lobby
        if room is not None:
            with suppress(ChatError):
                place = self._room(room)
        if came_from is not None:
            self._origins[came_from.key] = came_from
            came_from.count += 1
        member = Member(self, sink, name, place, flood or self.flood, came_from)
        self.members[_key(name)] = member
        self._enter(member, place, since, announce=announce)
        return member

    def announce(self, member: Member) -> None:
        """Tell the room that ``member`` has come, if it has not been told yet.

        A way in that joined without announcing calls it before it hands over what is typed.
        """
        if member in member.room.unannounced:
            member.room.announce(member)

    def is_taken(self, name: str) -> bool:
        """Return whether somebody is called ``name``."""
        return name.lower() in self.members

    def close(self, reason: str) -> None:
        """Dismiss everybody, and let nobody in any more. ``reason`` is for the members."""
        self._closed = reason
        for room in self.rooms.values():
            room.flush()
            room.clear()
        members = tuple(self.members.values())
        self.members.clear()
        self._origins.clear()
        self.rooms = {LOBBY: self.lobby}
        for member in members:
            member.end(reason)

    # For members

    def find(self, name: str) -> Member:
        """Return the member called ``name``. Raises ChatError if there is none."""
        member = self.members.get(name.lower())
        if member is None:
            raise ChatError(f"Nobody is called {_short(name)}: /who lists who is in the room")
        return member

    def rename(self, member: Member, name: str) -> None:
        """Have ``member`` called ``name``, and its room told."""
        if name == member.name:
            raise ChatError(f"You are {name} already")
        name = self._free_name(name, but=member)
        room = member.room
        room.catch_up(member)  # it knows its own words by the name
        del self.members[_key(member.name)]
        self.members[_key(name)] = member
        old, member.name = member.name, name
        message = Message(Kind.RENAMED, self.clock(), room.name, old, name)
        if member in room.unannounced:
            member.deliver(Batch((message,)))
        else:
            room.report_partings()
            room.post(message)

    def move(self, member: Member, name: str) -> None:
        """Have ``member`` go to the room called ``name``, made if there is none, and both told."""
        room = self._room(name)
        if room is member.room:
            raise ChatError(f"You are in {room.name} already")
        member.room.catch_up(member)
        self._exit(member, Message(Kind.LEFT, self.clock(), member.room.name, member.name))
        self._enter(member, room)

    def remove(self, member: Member, reason: str) -> None:
        """Forget ``member``, who is gone, and tell its room why."""
        del self.members[_key(member.name)]
        origin = member.origin
        if origin is not None:
            origin.count -= 1
            if not origin.count:
                del self._origins[origin.key]
        reason = reason[: self.limits.topic_length]
        self._exit(member, Message(Kind.QUIT, self.clock(), member.room.name, member.name, reason))

    def describe_rooms(self) -> str:
        """Return the rooms in words, those with most members first, however many they are."""
        rooms = nlargest(
            self.limits.listed, self.rooms.values(), key=lambda room: len(room.members)
        )
        shown = ", ".join([f"{room.name} ({len(room.members)})" for room in rooms])
        more = len(self.rooms) - len(rooms)
        noun = "room" if len(self.rooms) == 1 else "rooms"
        return f"{len(self.rooms)} {noun}: {shown}" + (f", and {more} more" if more else "")

    # Within

    def _room(self, name: str) -> Room:
        """Return the room called ``name``, made if there is none."""
        room = self.rooms.get(name.lower())
        if room is None:
            self._check_name(name)
            if len(self.rooms) >= self.limits.rooms:
                raise ChatError("There are too many rooms: /rooms lists some")
            room = self.rooms[name.lower()] = Room(name, self.scheduler, self.limits)
        return room

    def _make_room(self) -> None:
        """Dismiss the member who has been silent for longest. Raises ChatError if no member
        has been silent for long enough."""
        member = self._silent.take(self.members.values(), self.scheduler.time())
        if member is None:
            raise ChatError("The chat is full: try again later")
        minutes = f"{self.limits.silence / 60:g} minutes"
        member.dismiss(
            f"silent for {minutes}",
            f"The chat is full, and you have said nothing for {minutes}: others have your place",
        )

    def _enter(
        self, member: Member, room: Room, since: float = 0.0, *, announce: bool = True
    ) -> None:
        member.room = room
        room.add(member)
        room.unannounced.add(member)
        room.skip(member)  # what is pending is among the last lines
        self._welcome(member, room, since)
        if announce:
            self.announce(member)

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

    def _exit(self, member: Member, message: Message) -> None:
        room = member.room
        announced = member not in room.unannounced
        room.remove(member)
        if room.members:
            if announced:
                room.report_parting(message)
        elif room is not self.lobby:
            del self.rooms[room.name.lower()]

    def _guest_name(self) -> str:
        # Counting up, so that what is meant for a guest who has left does not reach the next one.
        while True:
            self._guests += 1
            name = f"guest{self._guests}"
            if name not in self.members:
                return name

    def _free_name(self, name: str, *, but: Member | None = None) -> str:
        self._check_name(name)
        if self.members.get(name.lower(), but) is not but:
            raise ChatError(f"Somebody else is called {name}")
        return name

    def _check_name(self, name: str) -> None:
        limit = self.limits.name_length
        if not _NAME.fullmatch(name) or len(name) > limit:
            raise ChatError(
                f"A name has 1 to {limit} characters: letters from A to Z, digits, and _ - ."
            )


def _key(name: str) -> str:
    key = name.lower()
    return name if key == name else key  # of two equal strings, one need not be kept


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "\u2026"
