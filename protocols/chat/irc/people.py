"""What IRC clients may know about other members, of all ways in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..interfaces import Listener
from ..lists import rooms_of
from ..member import Member
from ..room import Room
from .connection import IRCConnection
from .user_modes import UserMode


def connection_of(member: Member) -> IRCConnection | None:
    """Return the connection of a member of IRC; None if it came by another way in."""
    return member.sink if isinstance(member.sink, IRCConnection) else None


def connections(members: Iterable[Member]) -> Iterator[IRCConnection]:
    """Give the connections of those of ``members`` who came by IRC."""
    return (member.sink for member in members if isinstance(member.sink, IRCConnection))


def clients(listeners: Iterable[Listener], capability: str) -> Iterator[IRCConnection]:
    """Give the connections of those of ``listeners`` who came by IRC, and have ``capability``."""
    for listener in listeners:
        sink = listener.sink
        if isinstance(sink, IRCConnection) and capability in sink.capabilities:
            yield sink


def modes_of(member: Member) -> UserMode:
    """Return the user modes of ``member``; those of other ways in have none."""
    connection = connection_of(member)
    return UserMode.NONE if connection is None else connection.modes


def is_operator(member: Member) -> bool:
    """Return whether ``member`` has given the password of an operator."""
    return UserMode.OPERATOR in modes_of(member)


def shares_room(member: Member, viewer: Member) -> bool:
    """Return whether the two are in one room, as far as ``viewer`` may know."""
    return any(room in viewer.rooms and room.knows(member) for room in member.rooms)


def is_hidden(member: Member, viewer: Member) -> bool:
    """Return whether ``viewer`` may find ``member`` only by its name."""
    return (
        UserMode.INVISIBLE in modes_of(member)
        and member is not viewer
        and not shares_room(member, viewer)
        and not is_operator(viewer)
    )


def visible_rooms_of(member: Member, viewer: Member) -> list[Room]:
    """Return the rooms of ``member`` that ``viewer`` may know of: of an invisible one, only those
    where both are."""
    rooms = rooms_of(member, viewer)
    if is_hidden(member, viewer):
        return [room for room in rooms if viewer in room.members]
    return rooms


def seconds_idle(member: Member) -> int:
    """Return for how many seconds ``member`` has sent nothing but heartbeats."""
    return max(0, int(member.hub.scheduler.time() - member.spoke))
