"""Reports of who joins a room and who leaves it: a few one by one, a crowd in one line.

If each of 8,000 newcomers were reported to everyone in the room, that would be 32 million
deliveries. So a room sends ``BURST`` reports at once, and after that one report about a whole
crowd every half second.

The reports are consistent: a client that replays them always knows who is in the room. Five rules
make them so:

* A newcomer is ``unannounced`` until it is reported, alone or in a crowd. If it leaves before that,
  neither is reported. If it is renamed, it is reported under its new name.
* A newcomer's messages follow the report that it joined (``introduce``).
* Those who left are reported before those who joined.
* Before a member gets another name, or somebody else gets its name, all rooms report that it left
  (``Deliveries.release_names``). Otherwise a client whose list still has the
  member would mistake the new owner of the name for it, or list it under its new name.
* Before a member comes back, the room reports that it left. Otherwise the member would get the
  report of its own departure.

A report about a crowd concerns one room. So a member of several rooms that leaves the chat is, in a
crowd, reported to have left the room.
"""

from __future__ import annotations

from typing import Final

from .audience import Audience
from .deliveries import Deliveries
from .flood import TokenBucket
from .interfaces import Cancellable, Listener, Scheduler
from .messages import Kind, Message

BURST: Final = 10  # single reports in a row
RATE: Final = 2.0  # reports a second in the long run

# Members who leave with the same parting words, or without any, are one crowd. After this many
# different ones, parting words are omitted.
MAX_PARTINGS: Final = 8


class Traffic:
    """Reports to ``audience`` who joins the room called ``room`` and who leaves it.

    ``listed``: names in the words of one report.

    Read-only: ``unannounced``, the members that the others do not know yet.
    """

    __slots__ = (
        "_audience",
        "_bucket",
        "_deliveries",
        "_listed",
        "_newcomers",
        "_partings",
        "_room",
        "_scheduler",
        "_timer",
        "unannounced",
    )

    def __init__(
        self,
        room: str,
        audience: Audience,
        deliveries: Deliveries,
        scheduler: Scheduler,
        listed: int,
    ) -> None:
        self.unannounced: set[Listener] = set()
        self._room = room
        self._audience = audience
        self._scheduler = scheduler
        self._deliveries = deliveries
        self._listed = listed
        self._bucket = TokenBucket(RATE, BURST)
        # For the next report about crowds, which the timer sends.
        self._newcomers: dict[Listener, None] = {}
        self._partings: dict[tuple[Kind, str], _Crowd] = {}
        self._timer: Cancellable | None = None

    def announce(self, member: Listener) -> None:
        """Report that ``member`` joined, now or with a crowd, unless the others know it."""
        if member not in self.unannounced:
            return
        if len(self._audience.members) == 1:
            self.unannounced.remove(member)
        elif self._may_report_now():
            self.introduce(member)
        else:
            self._newcomers[member] = None

    def introduce(self, member: Listener) -> None:
        """Report now that ``member`` joined, unless the others know it."""
        if member in self.unannounced:
            self.unannounced.remove(member)
            self.report_partings()
            joined = self._deliveries.message(Kind.JOINED, self._room, member.name)
            self._audience.post(joined, but=member)

    def left(self, member: Listener, parting: Message, *, in_others: bool = False) -> None:
        """Report with ``parting`` that ``member`` left, now or with a crowd, if the others knew
        it. ``in_others``: whether other rooms get the same message."""
        if member in self.unannounced:
            self.unannounced.remove(member)
        elif self._audience.members:
            if self._may_report_now():
                self._audience.post(parting)
            elif in_others:
                self._add_to_crowd(parting._replace(kind=Kind.LEFT, room=self._room))
            else:
                self._add_to_crowd(parting)

    def release_name(self, name: str) -> None:
        """Report now who has left if one of them was called ``name``, who comes back."""
        if self._deliveries.is_reserved(name, self):
            self.report_partings()

    def report_partings(self) -> None:
        """Report now who has left: the next message may be about others of the same names."""
        partings, self._partings = self._partings, {}
        for (kind, words), crowd in partings.items():
            self._deliveries.forget_names(crowd.names, self)
            if len(crowd.names) == 1:
                self._audience.post(crowd.first._replace(id=self._deliveries.next_id()))
            else:
                did = f"left {self._room}" if kind is Kind.LEFT else "left the chat"
                if words:
                    did += f" ({words})"
                self._post_crowd(kind, did, crowd.names, crowd.first.time)

    def clear(self) -> None:
        """Report nothing more."""
        self.unannounced.clear()
        self._newcomers.clear()
        self._partings.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _may_report_now(self) -> bool:
        """Return whether a single report may be sent. If not, a crowd report is on its way."""
        if self._timer is not None:
            return False
        now = self._scheduler.time()
        if self._bucket.pay(now, 1):
            return True
        self._timer = self._scheduler.call_later(self._bucket.debt(now, 1), self._report_crowds)
        return False

    def _add_to_crowd(self, parting: Message) -> None:
        key = (parting.kind, parting.text)
        if key not in self._partings and len(self._partings) >= MAX_PARTINGS:
            key = (parting.kind, "")
        crowd = self._partings.get(key)
        if crowd is None:
            crowd = self._partings[key] = _Crowd(parting)
        crowd.names.append(parting.sender)
        self._deliveries.reserve_name(parting.sender, self)

    def _report_crowds(self) -> None:
        self._timer = None
        self._bucket.pay(self._scheduler.time(), 1)
        self.report_partings()
        candidates, self._newcomers = self._newcomers, {}
        newcomers = [member for member in candidates if member in self.unannounced]
        if len(newcomers) == 1:
            self.introduce(newcomers[0])
        elif newcomers:
            self.unannounced.difference_update(newcomers)
            names = [member.name for member in newcomers]
            self._post_crowd(Kind.JOINED, f"joined {self._room}", names)

    def _post_crowd(
        self, kind: Kind, did: str, names: list[str], time: float | None = None
    ) -> None:
        count, listed = len(names), names[: self._listed]
        more = f", and {count - len(listed)} more" if count > len(listed) else ""
        text = f"{count} members {did}: {', '.join(listed)}{more}"
        message = self._deliveries.message(
            Kind.CROWD, self._room, text=text, target=kind.value, names=tuple(names)
        )
        self._audience.post(message if time is None else message._replace(time=time))


class _Crowd:
    """The names of members who left in the same way. ``first``: the message about the first."""

    __slots__ = ("first", "names")

    def __init__(self, first: Message) -> None:
        self.first = first
        self.names: list[str] = []
