"""The members of one room, and what they are to be told at the end of this turn of the loop.

A message that is posted is not delivered at once. It is collected, and when the turn's events have
been dispatched, everyone gets all that was collected as one batch. Twenty lines to a thousand
members are a thousand deliveries, not twenty thousand.

Nearly all members share the same batch. Three kinds of member get one of their own:

* A member that came in the middle of the turn must not hear what was posted before it came.
* A member that was answered in the middle of the turn had to hear first what was posted before the
  answer. So it got that part early (``take_pending``), and must not get it twice.
* A member without echo must not hear its own lines.

For the first two, ``_offsets`` says at which pending message the member's own batch begins.
"""

from __future__ import annotations

from reactor.errors import FATAL

from .interfaces import Listener, Scheduler
from .messages import Batch, Kind, Message

# What a member says itself, as opposed to what happens to it.
_SPOKEN = frozenset({Kind.SAID, Kind.ACTION})


class Audience:
    """The members of one room, and the messages of this turn that wait for them.

    To be read only: ``members``, in order of arrival; ``pending_size``, the sum of the sizes of
    the messages that wait.
    """

    __slots__ = ("_offsets", "_pending", "_scheduler", "_without_echo", "members", "pending_size")

    def __init__(self, scheduler: Scheduler) -> None:
        self.members: dict[Listener, None] = {}
        self.pending_size = 0
        self._scheduler = scheduler
        self._without_echo: set[Listener] = set()
        self._pending: list[Message] = []
        self._offsets: dict[Listener, int] = {}  # 0 for all others

    def add(self, member: Listener) -> None:
        """Add ``member``, who hears what is posted from now on."""
        self.members[member] = None
        if not member.echo:
            self._without_echo.add(member)
        self._skip_pending(member)

    def remove(self, member: Listener) -> None:
        """Remove ``member``, who hears nothing more, not even what is pending."""
        del self.members[member]
        self._offsets.pop(member, None)
        self._without_echo.discard(member)

    def clear(self) -> None:
        """Remove all members."""
        self.members.clear()
        self._offsets.clear()
        self._without_echo.clear()

    def update_echo(self, member: Listener) -> None:
        """Take note that ``member.echo`` has changed. The member has taken what was pending."""
        if member.echo:
            self._without_echo.discard(member)
        else:
            self._without_echo.add(member)

    def post(self, message: Message, size: int = 0, *, but: Listener | None = None) -> None:
        """Deliver ``message`` to all members, except ``but``, at the end of this turn's events.

        ``size`` is added to ``pending_size``.
        """
        if not self._pending:
            self._scheduler.call_soon(self.flush)
        # An offset skips all that is pending, not one message. So ``but`` gets the rest first.
        if but is not None and (batch := self.take_pending(but)) is not None:
            but.deliver(batch)
        self._pending.append(message)
        self.pending_size += size
        if but is not None:
            self._skip_pending(but)

    def take_pending(self, member: Listener) -> Batch | None:
        """Return what is pending for ``member``, which will not get it again; None if nothing is.

        It is to be delivered at once, so that an answer may follow it.
        """
        offset = self._offsets.get(member, 0)
        if offset == len(self._pending):
            return None
        self._skip_pending(member)
        return self._own_batch(member, self._pending[offset:])

    def flush(self) -> None:
        """Deliver to all members what is pending. ``post`` has the scheduler call this."""
        if not self._pending:
            return
        messages, self._pending = self._pending, []
        offsets, self._offsets = self._offsets, {}
        self.pending_size = 0
        members = list(self.members)  # a copy, in case a sink makes its member leave at once
        if exceptions := offsets.keys() | self._without_echo:
            for member in members:
                if member in exceptions:
                    own = self._own_batch(member, messages[offsets.get(member, 0) :])
                    if own is not None:
                        member.deliver(own)
            members = [member for member in members if member not in exceptions]
        batch = Batch(tuple(messages))
        for member in members:
            # ``member.deliver(batch)``, without the cost of a call for each of thousands.
            try:
                member.sink.deliver(batch)
            except FATAL:
                raise
            except BaseException as exc:
                member.fail(exc)

    def _skip_pending(self, member: Listener) -> None:
        if self._pending:
            self._offsets[member] = len(self._pending)

    def _own_batch(self, member: Listener, messages: list[Message]) -> Batch | None:
        """Return ``messages`` as ``member`` is to hear them; None if none is left."""
        if member in self._without_echo:
            name = member.name
            messages = [m for m in messages if m.sender != name or m.kind not in _SPOKEN]
        return Batch(tuple(messages)) if messages else None
