"""What a member has set for itself. Few do, so it is kept apart from the member."""

from __future__ import annotations

from .room import Room


class Personal:
    """``away``: why the member is away, or empty. ``ignored``: the names of those whom it does not
    hear, in lower case. ``invitations``: rooms that it may enter, and whether an operator says so;
    the oldest is the first.
    """

    __slots__ = ("away", "ignored", "invitations")

    def __init__(self) -> None:
        self.away = ""
        self.ignored: dict[str, None] = {}
        self.invitations: dict[Room, bool] = {}
