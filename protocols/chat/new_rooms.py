"""Whether a member may create a room. A few members cannot use up all rooms that the hub allows."""

from __future__ import annotations

from collections.abc import Collection

from .limits import Limits
from .messages import ChatError, ErrorCode
from .room import Room


def check_new_room(rooms: Collection[Room], origin: bytes | None, limits: Limits) -> None:
    """Raise ChatError if a member from ``origin`` may not create one more room beside ``rooms``.

    As long as there is plenty of room, everyone may. Once half of the rooms that the hub allows
    exist, an origin that has already created ``limits.rooms_per_origin`` of them may not. The
    others can still create rooms, unless many origins work together.
    """
    if len(rooms) >= limits.rooms:
        raise ChatError("There are too many rooms: /rooms lists some", ErrorCode.TOO_MANY_ROOMS)
    share = limits.rooms_per_origin
    if origin is None or not share or len(rooms) < limits.rooms // 2:
        return
    if sum(room.origin == origin for room in rooms) >= share:
        raise ChatError(
            f"There are few rooms left, and {share} were created at your address: /rooms lists"
            " some",
            ErrorCode.TOO_MANY_ROOMS,
        )
