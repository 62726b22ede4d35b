"""Limits of the hub."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of each the hub holds at most. Sizes and lengths are in characters."""

    members: int = 20_000
    members_per_origin: int = 256  # for most ways in, an origin is an address; 0: no limit
    silence: float = 600.0  # seconds of silence after which a full chat may dismiss a member
    rooms: int = 1_000
    rooms_per_member: int = 20  # for ways in whose members can be in several at a time
    name_length: int = 32  # of members and rooms
    topic_length: int = 200  # also of parting words, of a reason, and of why a member is away
    key_length: int = 32  # of a room
    mask_length: int = 80  # of a ban
    mask_stars: int = 5  # in it; each costs time when somebody comes
    bans: int = 100  # of a room
    invitations: int = 20  # that a member has; the oldest is forgotten
    former_members: int = 500  # that are remembered after they left, or changed their name
    ignored: int = 50  # names that a member ignores
    text_length: int = 4096  # of a line
    history: int = 50  # lines that a room remembers
    history_size: int = 16_384  # characters in those lines
    listed: int = 20  # names in one answer
    # What may be said in a room during one turn of the loop (each line counts 64 more). A member
    # gets all of it at once, so it must fit into the write queue of a connection.
    turn_size: int = 131_072
