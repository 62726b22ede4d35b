"""Who comes to a room and who leaves it: each is reported at once, and a crowd in one line.

If each of 8,000 newcomers were reported to all who are there, that would be 32 million deliveries,
and nobody could read them. So a room reports ``BURST`` of them one by one, and after that one crowd
every half second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .flood import TokenBucket
from .messages import Kind, Message

if TYPE_CHECKING:
    from .interfaces import Cancellable, Scheduler
    from .member import Member
    from .room import Room

BURST: Final = 10  # comings and goings that a room reports at once, after a time of rest
RATE: Final = 2.0  # reports a second for long

# Members who leave with the same words, or without any, are one crowd. More different words than
# these are not told in a crowd.
MAX_PARTINGS: Final = 8


class Traffic:
    """The comings and goings of one room. ``listed``: names in one report."""

    __slots__ = ("_bucket", "_crowds", "_listed", "_room", "_scheduler", "_timer")

    def __init__(self, room: Room, scheduler: Scheduler, listed: int) -> None:
        self._room = room
        self._scheduler = scheduler
        self._listed = listed
        self._bucket = TokenBucket(RATE, BURST)
        self._crowds: dict[tuple[Kind, str], _Crowd] = {}
        self._timer: Cancellable | None = None

    def report(self, message: Message, newcomer: Member | None = None) -> None:
        """Have the room told of ``message``, now or with others. ``newcomer`` knows it already."""
        now = self._scheduler.time()
        if self._timer is None:
            if self._bucket.pay(now, 1):
                self._room.post(message, but=newcomer)
                return
            self._timer = self._scheduler.call_later(self._bucket.debt(now, 1), self._flush)
        key = (message.kind, message.text)
        if key not in self._crowds and len(self._crowds) >= MAX_PARTINGS:
            key = (message.kind, "")
        crowd = self._crowds.get(key)
        if crowd is None:
            crowd = self._crowds[key] = _Crowd(message, newcomer)
        crowd.add(message.sender, self._listed)

    def clear(self) -> None:
        """Report nothing more."""
        self._crowds.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _flush(self) -> None:
        self._timer = None
        self._bucket.pay(self._scheduler.time(), 1)
        crowds, self._crowds = self._crowds, {}
        for (kind, text), crowd in crowds.items():
            if crowd.count == 1:
                self._room.post(crowd.first, but=crowd.newcomer)
            else:
                self._room.post(
                    crowd.first._replace(kind=Kind.CROWD, sender="", text=crowd.words(kind, text))
                )


class _Crowd:
    """Those who did the same. ``first``: the message of the first of them."""

    __slots__ = ("_names", "count", "first", "newcomer")

    def __init__(self, first: Message, newcomer: Member | None) -> None:
        self.first = first
        self.newcomer = newcomer
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str, listed: int) -> None:
        self.count += 1
        if len(self._names) < listed:
            self._names.append(name)

    def words(self, kind: Kind, text: str) -> str:
        """Return what happened, in words, however many they are."""
        room = self.first.room
        did = {Kind.JOINED: f"joined {room}", Kind.LEFT: f"left {room}"}.get(kind, "left the chat")
        more = self.count - len(self._names)
        names = ", ".join(self._names) + (f", and {more} more" if more else "")
        return f"{self.count} members {did}" + (f" ({text})" if text else "") + f": {names}"
