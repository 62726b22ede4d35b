"""A room: its name and topic, who is in it, what its rules are, and what was said in it last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from .audience import Audience
from .deliveries import Deliveries
from .history import History
from .interfaces import Listener, Scheduler
from .limits import Limits
from .membership import Membership
from .messages import Batch, ChatError, ErrorCode, Kind, Message
from .rules import Rules
from .traffic import Traffic


class Room:
    """One room. ``owned``: whether it has operators; the lobby has none. ``origin``: of the member
    that created it, or None.

    Read-only: ``name``; ``origin``; ``created``, in seconds since the epoch; ``topic``, which may
    be empty, and ``topic_setter`` and ``topic_time``; ``members``, in order of arrival, and what
    each may do; ``operators``, those of them who decide; ``rules``.
    """

    __slots__ = (
        "_audience",
        "_deliveries",
        "_history",
        "_limits",
        "_traffic",
        "created",
        "members",
        "name",
        "operators",
        "origin",
        "owned",
        "rules",
        "topic",
        "topic_setter",
        "topic_time",
    )

    def __init__(
        self,
        name: str,
        deliveries: Deliveries,
        scheduler: Scheduler,
        limits: Limits,
        origin: bytes | None = None,
        *,
        created: float,
        owned: bool = True,
    ) -> None:
        self.name = name
        self.origin = origin
        self.created = created
        self.owned = owned
        self.rules = Rules(name)
        self.topic = ""
        self.topic_setter = ""
        self.topic_time = 0.0
        self._limits = limits
        self._deliveries = deliveries
        self._audience = Audience(deliveries)
        self._traffic = Traffic(name, self._audience, deliveries, scheduler, limits.listed)
        self._history = History(limits.history, limits.history_size)
        self.members = self._audience.members
        self.operators: set[Listener] = set()

    # Speaking

    def say(
        self,
        speaker: Listener,
        kind: Kind,
        text: str,
        tags: tuple[tuple[str, str], ...] = (),
    ) -> Message:
        """Send what ``speaker`` says to all members, add it to the history, and return the message.

        Raises ChatError if the rules forbid it, or if more is said in this turn than the members'
        connections can take.
        """
        self.prepare_speech(speaker)
        message = self._deliveries.message(kind, self.name, speaker.name, text, tags=tags)
        size = message.size
        self.check_load(size)
        self._audience.post(message, size, speaker=speaker)
        self._history.append(message)
        return message

    def prepare_speech(self, speaker: Listener) -> None:
        """Raise ChatError if the rules forbid ``speaker`` to speak here. Report that it came, if
        the others do not know."""
        membership = self.members.get(speaker)
        if membership is None or self.rules.restrict_speech:
            self.rules.check_speech(speaker, membership)
        self._traffic.introduce(speaker)

    def check_load(self, size: int = 0) -> None:
        """Raise ChatError if, with a message of ``size``, more is pending in this turn than the
        members' connections can take."""
        if self._audience.pending_size + size > self._limits.turn_size:
            raise ChatError(
                f"Too much is being said in {self.name} just now: your line was not sent",
                ErrorCode.BUSY,
            )

    def set_topic(self, speaker: Listener, topic: str) -> None:
        """Change the topic, and tell all members. Raises ChatError if the rules forbid it."""
        self.rules.check_topic(self.members.get(speaker))
        self.check_load()
        self.topic = topic
        self.topic_setter = speaker.name
        message = self.report(speaker, Kind.TOPIC, topic)
        self.topic_time = message.time

    def report(
        self,
        actor: Listener | None,
        kind: Kind,
        text: str = "",
        target: Listener | str = "",
        names: tuple[str, ...] = (),
    ) -> Message:
        """Tell all members what ``actor`` did, or the hub if it is None, and return the message."""
        if actor is not None:
            self._traffic.introduce(actor)
        if not isinstance(target, str):
            self._traffic.introduce(target)
            target = target.name
        sender = actor.name if actor is not None else ""
        message = self._deliveries.message(kind, self.name, sender, text, target, names)
        self._audience.post(message, message.size)
        return message

    def prepare_rename(self, member: Listener) -> bool:
        """Note that ``member`` gets another name. Return whether to report it, because the others
        know ``member``."""
        self.rules.renamed(member)
        return member not in self._traffic.unannounced

    def knows(self, member: Listener) -> bool:
        """Return whether the others know that ``member`` is here."""
        return member in self.members and member not in self._traffic.unannounced

    def report_everywhere(self, message: Message) -> None:
        """Tell all members what happens to one of them in all of its rooms."""
        self._audience.post(message, message.size)

    # Coming and going

    def add(self, member: Listener) -> None:
        """Add ``member``. ``announce`` reports it to the others. The first member of a room is its
        operator."""
        first = self.owned and not self.members
        self._traffic.release_name(member.name)
        self._audience.add(member)
        self._traffic.unannounced.add(member)
        if first:
            self.grant(member, Membership.OPERATOR, on=True)

    def announce(self, member: Listener) -> None:
        """Tell the others soon that ``member`` came, unless they know it."""
        self._traffic.announce(member)

    def remove(self, member: Listener, parting: Message | None, *, in_others: bool = False) -> None:
        """Remove ``member``, and report it soon with ``parting``, if the others know the member.

        ``parting``: None if they know already. ``in_others``: whether the member leaves other
        rooms, too, with the same message.
        """
        self._audience.remove(member)
        self.operators.discard(member)
        self.rules.forget(member)
        if parting is not None:
            self._traffic.left(member, parting, in_others=in_others)
        else:
            self._traffic.unannounced.discard(member)
        if self.owned and self.members and not self.operators:
            self._promote(next(iter(self.members)))

    def close(self) -> None:
        """Deliver what is pending in all rooms, and remove all members from this one."""
        self._deliveries.flush()
        self._audience.clear()
        self.operators.clear()
        self._traffic.clear()

    # Operators

    def grant(self, member: Listener, membership: Membership, *, on: bool) -> bool:
        """Grant ``membership`` to ``member``, or take it away. Return whether that is a change."""
        old = self.members[member]
        new = self.members[member] = old | membership if on else old & ~membership
        if Membership.OPERATOR in new:
            self.operators.add(member)
        else:
            self.operators.discard(member)
        return new is not old

    def _promote(self, member: Listener) -> None:
        """Make the member that has been here longest the operator: the last one has left."""
        self.grant(member, Membership.OPERATOR, on=True)
        self.report(None, Kind.MODE, "+o", member)

    # Looking

    def history(self, since: float = 0.0, after: int = 0) -> Batch | None:
        """Return the last lines that were said here, or None if there are none.

        ``since``, in seconds since the epoch: only the lines that were said later. ``after``: only
        those that follow the line with this id.
        """
        return self._history.since(since, after)

    @property
    def forgotten(self) -> int:
        """The id of the newest line that ``history`` does not return any more, or 0."""
        return self._history.forgotten

    def known(self, viewer: Listener) -> Iterator[Listener]:
        """Give those who are here, as far as ``viewer`` may know it."""
        hidden = self._traffic.unannounced
        return (member for member in self.members if member not in hidden or member is viewer)

    def roster(self, viewer: Listener) -> str:
        """Return who is here, as far as ``viewer`` may know it, in words. Long lists are cut."""
        hidden = self._traffic.unannounced
        count = len(self.members) - len(hidden) + (viewer in hidden)
        known = islice(self.known(viewer), self._limits.listed)
        shown = ", ".join([member.name for member in known])
        more = count - self._limits.listed
        return f"{count} in {self.name}: {shown}" + (f", and {more} more" if more > 0 else "")
