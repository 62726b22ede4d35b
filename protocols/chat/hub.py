"""The hub: who is in the chat, under which names, and in which rooms.

The hub knows no socket, no reactor and no grammar, only the interfaces in ``interfaces.py``. A way
in (lines over TCP, datagrams, and others) joins with a sink for each of its members, has the member
do what its peer asks for, and shows in its own way the messages that the sink is given.

A member can be in several rooms at a time, or in none. A membership stands on both sides:
``Member.rooms`` says where a member is, and ``Room.members`` who is there and what each may do. The
hub changes both together, and nothing else does. Ways in for people who type lines keep their
members in one room at a time (``commands.move``); the hub does not know that.

The layers, from the top: a way in, ``conversation.py`` and ``commands.py``, ``moderation.py`` and
the hub, members, rooms, audiences, messages. Each calls the ones below it. Two of them are called
from below, through an interface: a member calls its hub as a ``Directory``, and a room delivers to
its members as ``Listener``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from .deliveries import Deliveries
from .flood import FloodGate, FloodPolicy
from .former import FormerMember, FormerMembers
from .ignores import Ignores
from .interfaces import Scheduler, Sink
from .invitations import Invitations
from .limits import Limits
from .member import Member
from .messages import Batch, ChatError, ErrorCode, Kind, Message
from .names import check_name, folded, shortened
from .new_rooms import check_new_room
from .origins import Hosts, OriginCounter
from .room import Room
from .silent import SilentMembers

LOBBY = "lobby"


class Hub:
    """Rooms and their members.

    ``scheduler``: the reactor, or anything else that is a ``Scheduler``. ``limits``: how much the
    hub holds. ``flood``: how fast members may be. ``clock``: returns the time of day for messages,
    in seconds since the epoch.

    ``reserved``: names, in lower case, that no member may have, such as those of servers.

    Read-only: ``members`` and ``rooms``, by name in lower case; ``lobby``; the counters of
    flood control, ``lines_dropped`` and ``members_expelled``; ``closed_because``, empty while the
    hub lets members in.
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
        self.deliveries = Deliveries(scheduler, clock)
        self.lobby = Room(
            LOBBY, self.deliveries, scheduler, self.limits, created=clock(), owned=False
        )
        self.members: dict[str, Member] = {}
        self.rooms: dict[str, Room] = {LOBBY: self.lobby}
        self.reserved: set[str] = set()
        self.lines_dropped = 0
        self.members_expelled = 0
        self._origins = OriginCounter()  # of members
        self._hosts = Hosts()
        self._ignores = Ignores(self.deliveries)
        self._invitations = Invitations(self.limits.invitations)
        self._former = FormerMembers(self.limits.former_members)
        self._silent = SilentMembers(self.limits.silence)
        self._last_guest = 0
        self.closed_because = ""

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
        needs_room: bool = True,
        user: str = "",
        realname: str = "",
    ) -> Member:
        """Let someone in, and return the member. ``sink`` is welcomed before this returns.

        ``name``: None for the next guest's name. ``room``: None for the lobby; a room that does not
        exist is created, and if it cannot be entered, the member gets into the lobby.
        ``since``: show only the last lines that were said after this time, in seconds since the
        epoch. ``flood``: a policy other than the hub's, for members that can be trusted.
        ``origin``: the number of members with the same origin is limited; None for no limit.
        ``announce``: False to tell the room only when ``announce(member)`` is called, or never if
        the member leaves first. ``needs_room``: False for a member that may be in no room. It is in
        none until it joins one, and the way in says so and greets it. ``user`` and ``realname``:
        what its client calls its user; the name, if they are empty.

        If the chat is full, it dismisses a member that has been silent for long. Raises ChatError
        if there is no such member, if there are too many members of this origin, if the chat is
        closed, or if the name is not valid or is taken.
        """
        if self.closed_because:
            raise ChatError(self.closed_because, ErrorCode.CHAT_FULL)
        limit = self.limits.members_per_origin
        if origin is not None and limit and self._origins[origin] >= limit:
            raise ChatError(
                f"There are {limit} members at your address already: try again later",
                ErrorCode.CHAT_FULL,
            )
        if name is not None:
            self.check_free(name)
        if len(self.members) >= self.limits.members:
            self._dismiss_silent_member()
        if name is None:
            name = self._guest_name()
        if origin is not None:
            self._origins[origin] += 1
        self.deliveries.release_names(name)
        member = Member(self, sink, name, origin, needs_room=needs_room)
        if user or realname:
            own = member.own_settings()
            own.user, own.realname = user, realname
        if flood is not None:
            member.gate = FloodGate(flood)
        self.members[folded(name)] = member
        if needs_room:
            self._enter(member, self._first_room(member, room), since=since)
        if announce:
            self.announce(member)
        return member

    def announce(self, member: Member) -> None:
        """Tell its rooms that ``member`` has come, if they do not know yet.

        A way in that joined without announcing calls this before the member says anything.
        """
        for room in member.rooms:
            room.announce(member)

    def is_taken(self, name: str) -> bool:
        """Return whether a member is called ``name``."""
        return name.lower() in self.members

    def check_free(self, name: str, *, but: Member | None = None) -> None:
        """Raise ChatError if ``name`` is not valid, or if a member other than ``but`` has it."""
        check_name(name, self.limits.name_length)
        key = name.lower()
        if self.members.get(key, but) is not but or key in self.reserved:
            raise ChatError(f"Somebody else is called {name}", ErrorCode.NAME_IN_USE)

    def close(self, reason: str) -> None:
        """Dismiss all members, and let no one in from now on. ``reason`` is for the members."""
        self.closed_because = reason
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
            raise ChatError(
                f"Nobody is called {shortened(name)}: /who lists who is in the room",
                ErrorCode.NO_SUCH_MEMBER,
            )
        return member

    def find_room(self, name: str) -> Room:
        """Return the room called ``name``. Raises ChatError if there is none."""
        room = self.rooms.get(name.lower())
        if room is None:
            raise ChatError(
                f"There is no room {shortened(name)}: /rooms lists them", ErrorCode.NO_SUCH_ROOM
            )
        return room

    def host_of(self, member: Member) -> str:
        """Return a name for the address of ``member``, which bans can use."""
        return self._hosts.name(member.origin)

    def former_members(self, name: str) -> list[FormerMember]:
        """Return the last members that were called ``name`` and no longer are, latest first."""
        return self._former.find(name, self._hosts)

    def rename(self, member: Member, name: str) -> None:
        """Change the name of ``member`` to ``name``, and tell its rooms, each other member once."""
        if name == member.name:
            raise ChatError(f"You are {name} already")
        self.check_free(name, but=member)
        for room in member.rooms:
            if not room.members[member] and not room.rules.may_rename(member):
                raise ChatError(
                    f"You are banned from {room.name}: keep your name, or leave", ErrorCode.BANNED
                )
            room.check_load()
        # Pending lines have only names: this member's lines the old one, and a former owner's lines
        # the new one.
        spoken = self.deliveries.have_spoken(member.name, name)
        if spoken and not member.echo:
            member.catch_up()
        self._ignores.rename(member.name, name, spoken=spoken)
        self._former.add(member, self.clock())
        del self.members[folded(member.name)]
        self.members[folded(name)] = member
        self.deliveries.release_names(member.name, name)
        old, member.name = member.name, name
        rooms = [room for room in member.rooms if room.prepare_rename(member)]
        self._report_everywhere(member, rooms, Kind.RENAMED, old, name)

    def set_away(self, member: Member, text: str) -> None:
        """Set why ``member`` is away, and tell its rooms; each other member once."""
        for room in member.rooms:
            room.check_load()
        member.own_settings().away = text
        rooms = [room for room in member.rooms if room.knows(member)]
        self._report_everywhere(member, rooms, Kind.AWAY, member.name, text)

    def ignore(self, member: Member, name: str) -> None:
        """Have ``member`` ignore the member called ``name``."""
        other = self.find(name)
        if other is member:
            raise ChatError("You cannot ignore yourself: /echo off hides your own lines")
        ignored = member.own_settings().ignored
        if other.name.lower() in ignored:
            raise ChatError(f"You ignore {other.name} already")
        if len(ignored) >= self.limits.ignored:
            raise ChatError(
                f"You ignore {len(ignored)} members: /unignore NAME ends one", ErrorCode.LIST_FULL
            )
        self._ignores.add(member, other.name)

    def unignore(self, member: Member, name: str) -> None:
        """Have ``member`` stop ignoring the member called ``name``."""
        if name.lower() not in member.own_settings().ignored:
            raise ChatError(f"You do not ignore {shortened(name)}: /ignore lists them")
        self._ignores.remove(member, name)

    def invite(self, member: Member, room: Room, *, by_operator: bool) -> None:
        """Let ``member`` enter ``room`` once. Raises ChatError if it has such an invitation."""
        earlier = self._invitations.get(member, room)
        if earlier is not None and (earlier or not by_operator):
            raise ChatError(f"{member.name} has been invited already")
        self._invitations.add(member, room, by_operator=by_operator)

    def invitations(self, member: Member) -> list[Room]:
        """Return the rooms into which ``member`` is invited, the latest invitation last."""
        return self._invitations.rooms(member)

    def check_entry(self, member: Member, name: str, key: str = "") -> None:
        """Raise ChatError if ``member`` may not enter the room ``name``, which may not exist."""
        room = self.rooms.get(name.lower())
        if room is None:
            check_name(name, self.limits.name_length)
            check_new_room(self.rooms.values(), member.origin, self.limits)
            return
        if member in room.members:
            raise ChatError(f"You are in {room.name} already", ErrorCode.IN_ROOM_ALREADY)
        invitation = self._invitations.get(member, room)
        room.rules.check_entry(
            member,
            len(room.members),
            key,
            invited=invitation is not None,
            by_operator=invitation is True,
        )

    def enter(
        self, member: Member, name: str, key: str = "", *, after: int = 0, welcome: bool = True
    ) -> Room:
        """Let ``member`` into the room called ``name``, created if needed, and return the room."""
        self.check_entry(member, name, key)
        limit = self.limits.rooms_per_member
        if len(member.rooms) >= limit:
            raise ChatError(f"You are in {limit} rooms: leave one first", ErrorCode.TOO_MANY_ROOMS)
        room = self._find_or_create_room(name, member.origin)
        member.catch_up()
        self._enter(member, room, after=after, welcome=welcome)
        room.announce(member)
        return room

    def exit(self, member: Member, room: Room, reason: str = "") -> None:
        """Let ``member`` out of ``room``, and tell the others why."""
        reason = reason[: self.limits.topic_length]
        parting = self.deliveries.message(Kind.LEFT, room.name, member.name, reason)
        member.rooms = tuple([other for other in member.rooms if other is not room])
        room.remove(member, parting)
        self._forget_if_empty(room)

    def expel(self, member: Member, room: Room) -> None:
        """Let ``member`` out of ``room``, whose members know why; into the lobby if it needs it."""
        member.rooms = tuple([other for other in member.rooms if other is not room])
        room.remove(member, None)
        self._forget_if_empty(room)
        if member.needs_room and not member.rooms:
            self._enter(member, self.lobby)
            self.lobby.announce(member)

    def remove(self, member: Member, reason: str) -> None:
        """Forget ``member``, who is gone, and tell its rooms why."""
        self._former.add(member, self.clock())
        del self.members[folded(member.name)]
        self._ignores.forget(member)
        self._invitations.forget_member(member)
        origin = member.origin
        if origin is not None:
            self._origins.release(origin)
        reason = reason[: self.limits.topic_length]
        parting = self.deliveries.message(Kind.QUIT, "", member.name, reason)
        rooms, member.rooms = member.rooms, ()
        for room in rooms:
            room.remove(member, parting, in_others=len(rooms) > 1)
            self._forget_if_empty(room)

    # Rooms

    def _first_room(self, member: Member, name: str | None) -> Room:
        """Return the room called ``name`` if ``member`` may enter it, otherwise the lobby."""
        if name is not None:
            with suppress(ChatError):
                self.check_entry(member, name)
                return self._find_or_create_room(name, member.origin)
        return self.lobby

    def _find_or_create_room(self, name: str, origin: bytes | None) -> Room:
        room = self.rooms.get(name.lower())
        if room is None:
            now = self.clock()
            room = Room(name, self.deliveries, self.scheduler, self.limits, origin, created=now)
            self.rooms[name.lower()] = room
        return room

    def _forget_if_empty(self, room: Room) -> None:
        if not room.members and room is not self.lobby:
            del self.rooms[room.name.lower()]
            self._invitations.forget_room(room)

    def _enter(
        self,
        member: Member,
        room: Room,
        *,
        since: float = 0.0,
        after: int = 0,
        welcome: bool = True,
    ) -> None:
        member.rooms += (room,)
        self._invitations.remove(member, room)
        room.add(member)
        now = self.clock()
        entered = Message(Kind.ENTERED, now, room.name, member.name)
        if not welcome:
            member.deliver(Batch((entered,)))
            return
        welcome_batch = [entered, Message(Kind.REPLY, now, room.name, text=room.roster(member))]
        if room.topic:
            welcome_batch.append(Message(Kind.TOPIC, now, room.name, text=room.topic))
        member.deliver(Batch(tuple(welcome_batch)))
        history = member.without_ignored(room.history(since, after))
        if history is not None:
            member.deliver(history)

    def _report_everywhere(
        self, member: Member, rooms: list[Room], kind: Kind, sender: str, text: str
    ) -> None:
        """Tell the members of ``rooms``, each once, what happened to ``member``, and itself."""
        message = self.deliveries.message(kind, "", sender, text)
        for room in rooms:
            room.report_everywhere(message)
        if not rooms:
            member.answer(Batch((message,)))

    # Members

    def _dismiss_silent_member(self) -> None:
        """Dismiss the member that has been silent for longest. Raises ChatError if none has been
        silent for long enough."""
        member = self._silent.pop(self.members.values(), self.scheduler.time())
        if member is None:
            raise ChatError("The chat is full: try again later", ErrorCode.CHAT_FULL)
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
