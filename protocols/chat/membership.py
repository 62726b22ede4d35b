"""What a member may do in a room. It belongs to the two together: the room keeps it."""

from __future__ import annotations

from enum import Flag


class Membership(Flag):
    """What a room grants to one of its members, beyond being there."""

    PLAIN = 0
    VOICE = 1  # it may speak when the room is moderated
    OPERATOR = 2  # it may speak always, and decides who else may
