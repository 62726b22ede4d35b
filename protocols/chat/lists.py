"""Lists for those who look around: of the rooms, and of the rooms of one member.

A room that is secret is in no list, except for its own members.
"""

from __future__ import annotations

from heapq import nlargest

from .member import Member
from .modes import Mode
from .room import Room


def visible_rooms(viewer: Member) -> list[Room]:
    """Return the rooms that ``viewer`` may know of: each with its topic and its members."""
    return [room for room in viewer.hub.rooms.values() if is_visible(room, viewer)]


def rooms_of(member: Member, viewer: Member) -> list[Room]:
    """Return the rooms of ``member`` that ``viewer`` may know of."""
    return [
        room
        for room in member.rooms
        if is_visible(room, viewer) and (member is viewer or room.knows(member))
    ]


def describe_rooms(viewer: Member) -> str:
    """Return a list of the rooms in words, those with most members first. Long ones are cut."""
    visible = visible_rooms(viewer)
    rooms = nlargest(viewer.hub.limits.listed, visible, key=lambda room: len(room.members))
    shown = ", ".join([f"{room.name} ({len(room.members)})" for room in rooms])
    more = len(visible) - len(rooms)
    noun = "room" if len(visible) == 1 else "rooms"
    return f"{len(visible)} {noun}: {shown}" + (f", and {more} more" if more else "")


def is_visible(room: Room, viewer: Member) -> bool:
    """Return whether ``viewer`` may know of ``room``."""
    return Mode.SECRET not in room.rules.flags or viewer in room.members
