"""Who was called what a short time ago: members that have left, or have another name now."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from .member import Member
from .origins import Hosts


class FormerMember(NamedTuple):
    """Someone who was called ``name`` until ``time``, in seconds since the epoch.

    ``user``, ``host`` and ``realname``: see ``Member``.
    """

    name: str
    user: str
    host: str
    realname: str
    time: float


class FormerMembers:
    """Remembers the last ``most`` of them."""

    __slots__ = ("_entries",)

    def __init__(self, most: int) -> None:
        # The host is computed when somebody asks for it: thousands may leave at once.
        self._entries: deque[tuple[str, str, bytes | None, str, float]] = deque(maxlen=most)

    def add(self, member: Member, now: float) -> None:
        """Remember that ``member`` was called what it is called now."""
        self._entries.append((member.name, member.user, member.origin, member.realname, now))

    def find(self, name: str, hosts: Hosts) -> list[FormerMember]:
        """Return those who were called ``name``, latest first."""
        key = name.lower()
        return [
            FormerMember(former, user, hosts.name(origin), realname, time)
            for former, user, origin, realname, time in reversed(self._entries)
            if former.lower() == key
        ]
