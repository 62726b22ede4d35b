"""The former owners of names: members that have left or been renamed."""

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


# A name, user, origin, real name and time. The host is computed when somebody asks for it:
# thousands may leave at once.
_Entry = tuple[str, str, bytes | None, str, float]


class FormerMembers:
    """The last ``max_count`` former owners of names."""

    __slots__ = ("_by_name", "_entries", "_max_count")

    def __init__(self, max_count: int) -> None:
        self._max_count = max_count
        self._entries: deque[_Entry] = deque()
        self._by_name: dict[str, list[_Entry]] = {}  # the same, by name in lower case

    def add(self, member: Member, now: float) -> None:
        """Remember the name that ``member`` has now."""
        entry = (member.name, member.user, member.origin, member.realname, now)
        self._entries.append(entry)
        self._by_name.setdefault(member.name.lower(), []).append(entry)
        if len(self._entries) > self._max_count:
            key = self._entries.popleft()[0].lower()
            self._by_name[key].pop(0)  # the oldest of all is also the oldest of its name
            if not self._by_name[key]:
                del self._by_name[key]

    def find(self, name: str, hosts: Hosts) -> list[FormerMember]:
        """Return those who were called ``name``, latest first."""
        return [
            FormerMember(former, user, hosts.name(origin), realname, time)
            for former, user, origin, realname, time in reversed(
                self._by_name.get(name.lower(), ())
            )
        ]
