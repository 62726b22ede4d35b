"""Who the user of a client is: what the server has confirmed, and what to restore.

The only source is the server's own lines, because the server may refuse what a user types. Members
cannot forge these lines. What members say or do follows a time in brackets. In lines that begin
with ``*** ``, a member's text (a topic, last words) follows words that the patterns below do not
match. Names contain no spaces.

No I/O happens here.
"""

from __future__ import annotations

import re

from ..hub import LOBBY

_ENTERED = re.compile(r"\*\*\* You are (\S+) in (\S+)")
_RENAMED = re.compile(r"\*\*\* (\S+) is now (\S+)")
_ALREADY = re.compile(r"\*\*\* You are (\S+) already")
_KICKED = re.compile(r"\*\*\* \S+ put (\S+) out of (\S+?)(?:: .*)?")
_SPOKEN = re.compile(r"\[\d\d:\d\d:\d\d\] (.*)")


class Identity:
    """One user's name and room on one server.

    Read-only: ``name`` and ``room``, as the server last confirmed them, None until it has accepted
    us; ``kept_name`` and ``kept_room``, the user's last ones, to be restored.
    """

    def __init__(self) -> None:
        self.name: str | None = None
        self.room: str | None = None
        self.kept_name: str | None = None
        self.kept_room: str | None = None
        # What the user last requested. Over UDP the answer may be lost; then a new name or room
        # does not mean that the server has forgotten the user.
        self._requested_name = ""
        self._requested_room = ""

    def note_request(self, line: str) -> None:
        """Remember the name or room that the user requests with ``line``, which is being sent."""
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word.lower():
            case "/nick":
                self._requested_name = rest
            case "/join":
                self._requested_room = rest.removeprefix("#")
            case "/part":
                self._requested_room = LOBBY

    def forget(self) -> None:
        """The server does not know this user any more. ``kept_name`` and ``kept_room`` stay."""
        self.name = self.room = None

    def update(self, line: str) -> bool:
        """Update name and room from a line of the server. Return whether it accepts the user as a
        newcomer."""
        if entered := _ENTERED.fullmatch(line):
            return self._enter(entered[1], entered[2])
        renamed = _RENAMED.fullmatch(line)
        if renamed and renamed[1] == self.name:
            self.name = self.kept_name = renamed[2]
        elif (kicked := _KICKED.fullmatch(line)) and kicked[1] == self.name:
            self._requested_room = LOBBY  # the server moves the user there: do not go back
        elif already := _ALREADY.fullmatch(line):  # the earlier line with this name was lost
            self.name = already[1]
        return False

    def is_known(self, line: str) -> bool:
        """Return whether ``line`` only repeats who the user is."""
        return self.name is not None and line == f"*** You are {self.name} in {self.room}"

    def missing(self) -> list[str]:
        """Return the commands that restore the user's name and room. There may be none."""
        commands: list[str] = []
        if self.name is None:
            return commands
        if self.kept_name is not None and self.name != self.kept_name:
            commands.append(f"/nick {self.kept_name}")
        if self.kept_room is not None and not _same(self.room, self.kept_room):
            commands.append(f"/join {self.kept_room}")
        return commands

    def accept(self) -> None:
        """Keep the name and room that the server gave."""
        self.kept_name, self.kept_room = self.name, self.room

    def own_words(self, line: str) -> str | None:
        """Return what this user said in ``line``, in the form of ``echo_of``, or None."""
        spoken = _SPOKEN.fullmatch(line)
        if spoken and self.name is not None:
            said, did = f"{self.name}: ", f"* {self.name} "
            if spoken[1].startswith(said):
                return "say " + spoken[1].removeprefix(said)
            if spoken[1].startswith(did):
                return "do " + spoken[1].removeprefix(did)
        return None

    def _enter(self, name: str, room: str) -> bool:
        known = self.name is not None and name in {self.name, self._requested_name}
        moved = not _same(room, self.room)
        expected = not moved or _same(room, self._requested_room) or _same(room, self.kept_room)
        newcomer = not (known and expected)
        if self.kept_name is None or (name != self.name and not newcomer):
            self.kept_name = name
        if self.kept_room is None or (moved and not newcomer):
            self.kept_room = room
        self.name, self.room = name, room
        return newcomer


def echo_of(line: str) -> str | None:
    """Return how the server will show the sender ``line``, which is clean, or None if it will not.

    The answers to commands vary too much to be predicted.
    """
    text = line.rstrip()
    if not text.startswith("/"):
        return "say " + text
    if text.startswith("//"):
        return "say " + text[1:]
    if text[:4].lower() == "/me ":
        return "do " + text[4:].strip()
    return None


def _same(room: str | None, other: str | None) -> bool:
    return room is not None and other is not None and room.lower() == other.lower()
