"""Who comes to a room and who leaves it: each is reported at once, and a crowd in one line.

If each of 8,000 newcomers were reported to all who are there, that would be 32 million deliveries,
too many to read. So a room reports ``BURST`` of them one by one, and after that one crowd
every half second.

The reports agree with each other: a client that replays them knows who is there. A newcomer stays
among the room's ``unannounced`` until its crowd is reported. If it leaves before, nothing is said
of it, and if it is renamed, it comes under its new name. Those who left are reported first, as
newcomers may have their names.
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

    __slots__ = ("_bucket", "_coming", "_listed", "_partings", "_room", "_scheduler", "_timer")

    def __init__(self, room: Room, scheduler: Scheduler, listed: int) -> None:
        self._room = room
        self._scheduler = scheduler
        self._listed = listed
        self._bucket = TokenBucket(RATE, BURST)
        self._coming: dict[Member, None] = {}
        self._partings: dict[tuple[Kind, str], _Crowd] = {}
        self._timer: Cancellable | None = None

    def came(self, member: Member) -> None:
        """Have the room told that ``member`` came, now or with others."""
        if self._may_report():
            self._room.introduce(member)
        else:
            self._coming[member] = None

    def left(self, message: Message) -> None:
        """Have the room told of ``message``, that somebody left, now or with others."""
        if self._may_report():
            self._room.post(message)
            return
        key = (message.kind, message.text)
        if key not in self._partings and len(self._partings) >= MAX_PARTINGS:
            key = (message.kind, "")
        crowd = self._partings.get(key)
        if crowd is None:
            crowd = self._partings[key] = _Crowd(message)
        crowd.add(message.sender, self._listed)

    def report_partings(self) -> None:
        """Tell the room now who left."""
        partings, self._partings = self._partings, {}
        for (kind, text), crowd in partings.items():
            if crowd.count == 1:
                self._room.post(crowd.first)
            else:
                did = f"left {self._room.name}" if kind is Kind.LEFT else "left the chat"
                if text:
                    did += f" ({text})"
                self._post_crowd(crowd.count, did, crowd.names, crowd.first.time)

    def clear(self) -> None:
        """Report nothing more."""
        self._coming.clear()
        self._partings.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may_report(self) -> bool:
        """Return whether one more may be reported by itself; if not, there will be a report."""
        if self._timer is not None:
            return False
        now = self._scheduler.time()
        if self._bucket.pay(now, 1):
            return True
        self._timer = self._scheduler.call_later(self._bucket.debt(now, 1), self._flush)
        return False

    def _flush(self) -> None:
        self._timer = None
        self._bucket.pay(self._scheduler.time(), 1)
        self.report_partings()
        coming, self._coming = self._coming, {}
        unannounced = self._room.unannounced
        newcomers = [member for member in coming if member in unannounced]
        if len(newcomers) == 1:
            self._room.introduce(newcomers[0])
        elif newcomers:
            unannounced.difference_update(newcomers)
            names = [member.name for member in newcomers[: self._listed]]
            self._post_crowd(
                len(newcomers), f"joined {self._room.name}", names, newcomers[0].hub.clock()
            )

    def _post_crowd(self, count: int, did: str, names: list[str], time: float) -> None:
        more = f", and {count - len(names)} more" if count > len(names) else ""
        text = f"{count} members {did}: {', '.join(names)}{more}"
        self._room.post(Message(Kind.CROWD, time, self._room.name, text=text))


class _Crowd:
    """Those who left in the same way. ``first``: the message of the first of them."""

    __slots__ = ("count", "first", "names")

    def __init__(self, first: Message) -> None:
        self.first = first
        self.count = 0
        self.names: list[str] = []

    def add(self, name: str, listed: int) -> None:
        self.count += 1
        if len(self.names) < listed:
            self.names.append(name)
