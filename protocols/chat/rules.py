"""The rules of one room: who may enter it, and who may speak in it."""

from __future__ import annotations

from .interfaces import Listener
from .membership import Membership
from .messages import ChatError, ErrorCode
from .modes import FLAGS, Ban, Mode


class Rules:
    """What the modes of the room called ``room`` allow.

    Read-only: ``flags``, the modes without a value; ``key``, or empty; ``limit``, or 0;
    ``bans``, by mask in lower case; ``restrict_speech``, whether not all members may speak.
    """

    __slots__ = ("_banned", "_room", "bans", "flags", "key", "limit", "restrict_speech")

    def __init__(self, room: str) -> None:
        self.flags: frozenset[Mode] = frozenset({Mode.INSIDE})
        self.key = ""
        self.limit = 0
        self.bans: dict[str, Ban] = {}
        self.restrict_speech = False
        self._room = room
        self._banned: dict[Listener, bool] = {}  # remembered, so a line costs no search

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
        banned = self._banned.get(member)
        if banned is None:
            banned = self._banned[member] = self._matches(member)
        return banned

    def add_ban(self, ban: Ban) -> None:
        """Keep out those who match ``ban``."""
        self.bans[ban.mask.lower()] = ban
        self._update()

    def remove_ban(self, ban: Ban) -> None:
        """Let those who match ``ban`` in again."""
        del self.bans[ban.mask.lower()]
        self._update()

    def forget(self, member: Listener) -> None:
        """Forget what was found about ``member``, who has left or has another name."""
        self._banned.pop(member, None)

    def _matches(self, member: Listener) -> bool:
        if not self.bans:
            return False
        mask = member.mask
        return any(ban.pattern.fullmatch(mask) for ban in self.bans.values())

    def _update(self) -> None:
        self._banned.clear()
        self.restrict_speech = bool(self.bans) or Mode.MODERATED in self.flags

    def describe(self) -> str:
        """Return the modes as letters, without values: ``+kn``."""
        modes = [mode.value for mode in FLAGS if mode in self.flags]
        modes += ["k"] * bool(self.key) + ["l"] * bool(self.limit)
        return "+" + "".join(sorted(modes))
