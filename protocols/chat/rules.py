"""The rules of one room: who may enter it, and who may speak in it."""

from __future__ import annotations

import re

from .interfaces import Listener
from .membership import Membership
from .messages import ChatError, ErrorCode
from .modes import FLAGS, Ban, Mode


class Rules:
    """What the modes of the room called ``room`` allow.

    Read-only: ``flags``, the modes without a value; ``key``, or empty; ``limit``, or 0;
    ``bans``, by mask in lower case; ``restrict_speech``, whether not all members may speak.
    """

    __slots__ = (
        "_banned",
        "_checked",
        "_last_ban",
        "_may_rename",
        "_patterns",
        "_room",
        "bans",
        "flags",
        "key",
        "limit",
        "restrict_speech",
    )

    def __init__(self, room: str) -> None:
        self.flags: frozenset[Mode] = frozenset({Mode.INSIDE})
        self.key = ""
        self.limit = 0
        self.bans: dict[str, Ban] = {}
        self.restrict_speech = False
        self._room = room
        # Bans are numbered. If a member was checked against some bans, only newer ones have to be
        # checked: a hundred of them take 0.2 ms.
        self._last_ban = 0
        self._patterns: dict[str, tuple[int, re.Pattern[str]]] = {}  # of ``bans``, in order
        # By member: the last ban that was checked, if no ban matched ...
        self._checked: dict[Listener, int] = {}  # its present name
        self._may_rename: dict[Listener, int] = {}  # its present name or an earlier one
        self._banned: set[Listener] = set()  # members whom a ban matches

    def check_entry(
        self, member: Listener, count: int, key: str, *, invited: bool, by_operator: bool
    ) -> None:
        """Raise ChatError if ``member`` may not enter the room, which has ``count`` members.

        ``invited``: whether it has an invitation; ``by_operator``: whether an operator's.
        """
        if not by_operator and self._matches(member):
            raise ChatError(f"You are banned from {self._room}", ErrorCode.BANNED)
        if Mode.INVITED in self.flags and not invited:
            raise ChatError(
                f"{self._room} is open only to those who are invited", ErrorCode.INVITE_ONLY
            )
        if self.key and key != self.key:
            raise ChatError(f"{self._room} has a key: /join {self._room} KEY", ErrorCode.WRONG_KEY)
        if self.limit and count >= self.limit:
            raise ChatError(f"{self._room} is full: it has {count} members", ErrorCode.ROOM_FULL)

    def check_speech(self, speaker: Listener, membership: Membership | None) -> None:
        """Raise ChatError if ``speaker`` may not speak. ``membership``: None if it is outside."""
        if membership is None:
            if Mode.INSIDE in self.flags:
                raise ChatError(f"You are not in {self._room}", ErrorCode.CANNOT_SPEAK)
        elif membership is not Membership.PLAIN:  # it has a voice, or more
            return
        if Mode.MODERATED in self.flags:
            raise ChatError(
                f"{self._room} is moderated: only those with a voice can speak",
                ErrorCode.CANNOT_SPEAK,
            )
        if self.bans and (self._matches if membership is None else self.is_banned)(speaker):
            raise ChatError(
                f"You are banned from {self._room}: you cannot speak there", ErrorCode.CANNOT_SPEAK
            )

    def set_flag(self, mode: Mode, *, on: bool) -> bool:
        """Set or clear ``mode``, which has no value. Return whether that is a change."""
        old = self.flags
        self.flags = old | {mode} if on else old - {mode}
        self._update()
        return self.flags != old

    def check_topic(self, membership: Membership | None) -> None:
        """Raise ChatError if a member with ``membership`` may not set the topic."""
        if membership is None:
            raise ChatError(f"You are not in {self._room}", ErrorCode.NOT_IN_ROOM)
        if Mode.TOPIC in self.flags and not membership & Membership.OPERATOR:
            raise ChatError(f"Only operators set the topic of {self._room}", ErrorCode.NOT_OPERATOR)

    def is_banned(self, member: Listener) -> bool:
        """Return whether a ban describes ``member``, who is in the room."""
        if not self.bans:
            return False
        if member in self._banned:
            return True
        checked = self._checked.get(member, 0)
        if checked == self._last_ban:
            return False
        if self._matches(member, checked):
            self._banned.add(member)
            return True
        self._checked[member] = self._last_ban
        return False

    def may_rename(self, member: Listener) -> bool:
        """Return whether ``member``, who is in the room, may change its name. A banned member may
        not, because a new name would end the ban.

        A member that no ban matched may do so, even if a ban matches the name that it has chosen
        since. So frequent changes of a name do not search all bans each time.
        """
        if not self.bans or self._may_rename.get(member) == self._last_ban:
            return True
        if self.is_banned(member):
            return False
        self._may_rename[member] = self._last_ban
        return True

    def add_ban(self, ban: Ban) -> None:
        """Keep out those who match ``ban``."""
        key = ban.mask.lower()
        self._last_ban += 1
        self.bans[key] = ban
        self._patterns[key] = (self._last_ban, ban.pattern)
        self._update()

    def remove_ban(self, ban: Ban) -> None:
        """Let those who match ``ban`` in again."""
        del self.bans[ban.mask.lower()]
        del self._patterns[ban.mask.lower()]
        self._banned.clear()
        self._update()

    def renamed(self, member: Listener) -> None:
        """Note that ``member``, who is in the room, is getting another name."""
        self._checked.pop(member, None)
        self._banned.discard(member)

    def forget(self, member: Listener) -> None:
        """Forget the results for ``member``, who has left."""
        self.renamed(member)
        self._may_rename.pop(member, None)

    def _matches(self, member: Listener, checked: int = 0) -> bool:
        """Return whether a ban after number ``checked`` matches ``member``."""
        if not self.bans:
            return False
        mask = member.mask
        for number, pattern in reversed(self._patterns.values()):
            if number <= checked:
                return False
            if pattern.fullmatch(mask):
                return True
        return False

    def _update(self) -> None:
        self.restrict_speech = bool(self.bans) or Mode.MODERATED in self.flags

    def describe(self) -> str:
        """Return the modes as letters, without values: ``+kn``."""
        modes = [mode.value for mode in FLAGS if mode in self.flags]
        modes += ["k"] * bool(self.key) + ["l"] * bool(self.limit)
        return "+" + "".join(sorted(modes))
