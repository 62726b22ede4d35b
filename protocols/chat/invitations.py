"""Who may enter which room by invitation. Nothing is kept of rooms or members that are gone."""

from __future__ import annotations

from .member import Member
from .room import Room


class Invitations:
    """At most ``most`` invitations of each member; beyond that, its oldest is forgotten."""

    __slots__ = ("_invited", "_most", "_rooms")

    def __init__(self, most: int) -> None:
        self._most = most
        self._rooms: dict[Member, dict[Room, bool]] = {}
        self._invited: dict[Room, set[Member]] = {}

    def add(self, member: Member, room: Room, *, by_operator: bool) -> None:
        """Let ``member`` enter ``room`` once."""
        rooms = self._rooms.setdefault(member, {})
        rooms.pop(room, None)  # the new one is the youngest
        rooms[room] = by_operator
        self._invited.setdefault(room, set()).add(member)
        if len(rooms) > self._most:
            self.remove(member, next(iter(rooms)))

    def get(self, member: Member, room: Room) -> bool | None:
        """Return whether an operator has invited ``member`` into ``room``; None if nobody has."""
        rooms = self._rooms.get(member)
        return None if rooms is None else rooms.get(room)

    def rooms(self, member: Member) -> list[Room]:
        """Return the rooms into which ``member`` is invited, the latest invitation last."""
        return list(self._rooms.get(member, ()))

    def remove(self, member: Member, room: Room) -> None:
        """Forget the invitation of ``member`` into ``room``, if there is one."""
        rooms = self._rooms.get(member)
        if rooms is None or room not in rooms:
            return
        del rooms[room]
        if not rooms:
            del self._rooms[member]
        invited = self._invited[room]
        invited.remove(member)
        if not invited:
            del self._invited[room]

    def forget_member(self, member: Member) -> None:
        """Forget ``member``, who is gone."""
        for room in tuple(self._rooms.get(member, ())):
            self.remove(member, room)

    def forget_room(self, room: Room) -> None:
        """Forget ``room``, which is gone."""
        for member in tuple(self._invited.get(room, ())):
            self.remove(member, room)
