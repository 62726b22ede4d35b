"""A room: who is in it, what was said last, and what has been said in this turn of the loop.

What is posted is not delivered at once but collected, and goes to everybody as one batch when the
turn's events have been dispatched. Twenty lines to a thousand members are a thousand deliveries,
not twenty thousand.

Some members differ from the rest when that happens: one who came in the middle of the turn must not
hear what was said before; one who was answered had to hear first what was said before the answer
(``catch_up``); one who turned the echo off must not hear itself. These few are given batches of
their own, and all others share one.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from reactor.errors import FATAL

from .messages import Batch, ChatError, Kind, Message
from .traffic import Traffic

if TYPE_CHECKING:
    from .hub import Limits
    from .interfaces import Scheduler
    from .member import Member

# What a member says itself, as opposed to what happens to it.
_SPOKEN = frozenset({Kind.SAID, Kind.ACTION})

# What a line costs beside its text, for the bound on what is collected: time, names, and an object.
_OVERHEAD = 64


class Room:
    """One room. ``members`` is in order of arrival; ``topic`` may be empty."""

    __slots__ = (
        "_heard",
        "_history",
        "_history_batch",
        "_history_size",
        "_limits",
        "_pending",
        "_pending_size",
        "_scheduler",
        "_traffic",
        "echoless",
        "members",
        "name",
        "topic",
        "unannounced",
    )

    def __init__(self, name: str, scheduler: Scheduler, limits: Limits) -> None:
        self.name = name
        self.topic = ""
        self.members: dict[Member, None] = {}
        self.echoless: set[Member] = set()  # who of them does not want to hear itself
        self.unannounced: set[Member] = set()  # of whom the others are not to know yet
        self._scheduler = scheduler
        self._limits = limits
        self._pending: list[Message] = []
        self._pending_size = 0
        self._heard: dict[Member, int] = {}  # how many of the pending messages someone is past
        self._history: deque[Message] = deque()
        self._history_size = 0
        self._history_batch: Batch | None = None
        self._traffic: Traffic | None = None

    # Saying

    def say(self, message: Message) -> None:
        """Post what a member says; it is remembered for those who come later.

        Raises ChatError if more is said in this turn than the members' connections could be
        expected to take in one go.
        """
        size = len(message.text) + _OVERHEAD
        if self._pending_size + size > self._limits.turn_size:
            raise ChatError(
                f"Too much is being said in {self.name} just now: your line was not sent"
            )
        self._pending_size += size
        self.post(message)
        self._history.append(message)
        self._history_size += size
        self._history_batch = None
        while (
            len(self._history) > self._limits.history
            or self._history_size > self._limits.history_size
        ):
            self._history_size -= len(self._history.popleft().text) + _OVERHEAD

    def post(self, message: Message, *, but: Member | None = None) -> None:
        """Have all members, ``but`` perhaps one, told of ``message`` at the end of this turn's
        events."""
        if but is not None and but in self.members:
            self.catch_up(but)
        if not self._pending:
            self._scheduler.call_soon(self.flush)
        self._pending.append(message)
        if but is not None and but in self.members:
            self.skip(but)

    def announce(self, member: Member) -> None:
        """Have all others told that ``member`` came, soon; see ``traffic.py``."""
        if len(self.members) > 1:
            self._reports().came(member)
        else:
            self.unannounced.discard(member)

    def introduce(self, member: Member) -> None:
        """Tell all others now that ``member`` came, if they have not been told."""
        if member in self.unannounced:
            self.unannounced.remove(member)
            self.report_partings()
            joined = Message(Kind.JOINED, member.hub.clock(), self.name, member.name)
            self.post(joined, but=member)

    def report_parting(self, message: Message) -> None:
        """Have all members told who left, soon."""
        self._reports().left(message)

    def report_partings(self) -> None:
        """Tell all members now who left: what follows may be about others of the same names."""
        if self._traffic is not None:
            self._traffic.report_partings()

    def catch_up(self, member: Member) -> None:
        """Tell ``member`` what is pending now, so that an answer may follow it."""
        heard = self._heard.get(member, 0)
        if heard < len(self._pending):
            self._heard[member] = len(self._pending)
            self._deliver_own(member, self._pending[heard:])

    def skip(self, member: Member) -> None:
        """Do not tell ``member`` what is pending."""
        if self._pending:
            self._heard[member] = len(self._pending)

    # Coming and going

    def add(self, member: Member) -> None:
        """Let ``member`` in."""
        self.members[member] = None
        if not member.echo:
            self.echoless.add(member)

    def remove(self, member: Member) -> None:
        """Let ``member`` out. It hears nothing more, not even what is pending."""
        del self.members[member]
        self._heard.pop(member, None)
        self.echoless.discard(member)
        self.unannounced.discard(member)

    def clear(self) -> None:
        """Let all members out."""
        self.members.clear()
        self.echoless.clear()
        self.unannounced.clear()
        self._heard.clear()
        if self._traffic is not None:
            self._traffic.clear()

    def history(self, since: float = 0.0) -> Batch | None:
        """Return the last lines that were said here, or None if there are none.

        With ``since``, in seconds since the epoch, only those that were said later.
        """
        if since:
            missed = tuple([message for message in self._history if message.time > since])
            return Batch(missed) if missed else None
        # The same batch while nothing new is said, so that it is rendered once for all who come in
        # a rush.
        if self._history_batch is None and self._history:
            self._history_batch = Batch(tuple(self._history))
        return self._history_batch

    def roster(self, viewer: Member) -> str:
        """Return who is here as ``viewer`` may know it, in words, however many they are."""
        hidden = self.unannounced
        count = len(self.members) - len(hidden) + (viewer in hidden)
        known = (member for member in self.members if member not in hidden or member is viewer)
        shown = ", ".join([member.name for member in islice(known, self._limits.listed)])
        more = count - self._limits.listed
        return f"{count} in {self.name}: {shown}" + (f", and {more} more" if more > 0 else "")

    def _reports(self) -> Traffic:
        if self._traffic is None:
            self._traffic = Traffic(self, self._scheduler, self._limits.listed)
        return self._traffic

    # Delivering

    def flush(self) -> None:
        """Tell all members what is pending. The room itself has the scheduler call this."""
        if not self._pending:
            return
        messages, self._pending = self._pending, []
        heard, self._heard = self._heard, {}
        self._pending_size = 0
        batch = Batch(tuple(messages))
        everyone = tuple(self.members)
        if not heard and not self.echoless:
            for member in everyone:
                try:
                    member.sink.deliver(batch)
                except FATAL:
                    raise
                except BaseException as exc:
                    member.fail(exc)
            return
        for member in everyone:
            if member in self.echoless:
                self._deliver_own(member, messages[heard.get(member, 0) :])
            elif member in heard:
                if rest := messages[heard[member] :]:
                    member.deliver(Batch(tuple(rest)))
            else:
                member.deliver(batch)

    def _deliver_own(self, member: Member, messages: list[Message]) -> None:
        if member in self.echoless:
            name = member.name
            messages = [m for m in messages if m.sender != name or m.kind not in _SPOKEN]
        if messages:
            member.deliver(Batch(tuple(messages)))
