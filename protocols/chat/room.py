"""A room: its name and topic, who is in it, and what was said in it last."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from .audience import Audience
from .history import History
from .interfaces import Listener, Scheduler
from .limits import Limits
from .messages import Batch, ChatError, Message
from .traffic import Traffic


class Room:
    """One room. ``clock`` gives the time of day in seconds since the epoch.

    To be read only: ``name``; ``topic``, which may be empty; ``members``, in order of arrival.
    """

    __slots__ = ("_audience", "_history", "_limits", "_traffic", "members", "name", "topic")

    def __init__(
        self, name: str, scheduler: Scheduler, clock: Callable[[], float], limits: Limits
    ) -> None:
        self.name = name
        self.topic = ""
        self._limits = limits
        self._audience = Audience(scheduler)
        self._traffic = Traffic(name, self._audience, scheduler, clock, limits.listed)
        self._history = History(limits.history, limits.history_size)
        self.members = self._audience.members

    # Speaking

    def say(self, speaker: Listener, message: Message) -> None:
        """Tell all members what ``speaker`` says, and remember it for those who come later.

        Raises ChatError if more is said in this turn than the members' connections can take.
        """
        self._traffic.introduce(speaker)
        size = message.size
        if self._audience.pending_size + size > self._limits.turn_size:
            raise ChatError(
                f"Too much is being said in {self.name} just now: your line was not sent"
            )
        self._audience.post(message, size)
        self._history.append(message)

    def set_topic(self, speaker: Listener, message: Message) -> None:
        """Change the topic to the text of ``message``, and tell all members."""
        self.topic = message.text
        self._traffic.introduce(speaker)
        self._audience.post(message)

    def report_rename(self, member: Listener, message: Message) -> None:
        """Tell all members that ``member`` was renamed, or only ``member`` if the others do not
        know it yet."""
        if member in self._traffic.unannounced:
            member.deliver(Batch((message,)))
        else:
            self._traffic.report_partings()
            self._audience.post(message)

    # Coming and going

    def add(self, member: Listener) -> None:
        """Let ``member`` in. The others are not told before ``announce``."""
        self._audience.add(member)
        self._traffic.unannounced.add(member)

    def announce(self, member: Listener) -> None:
        """Tell the others soon that ``member`` came, unless they know it."""
        self._traffic.announce(member)

    def remove(self, member: Listener, parting: Message) -> None:
        """Let ``member`` out, and tell the others soon with ``parting``, if they knew it."""
        self._audience.remove(member)
        self._traffic.left(member, parting)

    def close(self) -> None:
        """Deliver what is pending, and let all members out."""
        self._audience.flush()
        self._audience.clear()
        self._traffic.clear()

    # Listening

    def take_pending(self, member: Listener) -> Batch | None:
        """Return what was said in this turn and ``member`` has not got yet, or None. The caller
        delivers it."""
        return self._audience.take_pending(member)

    def update_echo(self, member: Listener) -> None:
        """Take note that ``member.echo`` has changed."""
        self._audience.update_echo(member)

    # Looking

    def history(self, since: float = 0.0) -> Batch | None:
        """Return the last lines that were said here, or None if there are none.

        ``since``, in seconds since the epoch: only the lines that were said later.
        """
        return self._history.since(since)

    def roster(self, viewer: Listener) -> str:
        """Return who is here, as far as ``viewer`` may know it, in words. Long lists are cut."""
        hidden = self._traffic.unannounced
        count = len(self.members) - len(hidden) + (viewer in hidden)
        known = (member for member in self.members if member not in hidden or member is viewer)
        shown = ", ".join([member.name for member in islice(known, self._limits.listed)])
        more = count - self._limits.listed
        return f"{count} in {self.name}: {shown}" + (f", and {more} more" if more > 0 else "")
