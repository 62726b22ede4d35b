"""The members of one room, and what they are to be told at the end of this turn of the loop.

A message that is posted is not delivered at once. It is collected, and when the turn's events have
been dispatched, everyone gets all that was collected as one batch. Twenty lines to a thousand
members are a thousand deliveries, not twenty thousand.

Nearly all members share the same batch. Four kinds of member get one of their own:

* A member that came in the middle of the turn must not hear what was posted before it came.
* A member that was answered in the middle of the turn had to hear first what was posted before the
  answer. So it got that part early (``take_pending``), and must not get it twice.
* A member without echo must not hear its own lines, and one that ignores others not theirs.
* A member of several rooms, if somebody in one of them was renamed or left the chat: see
  ``deliveries.py``.

For the first two, ``_offsets`` says at which pending message the member's own batch begins.
"""

from __future__ import annotations

from reactor.errors import FATAL

from .deliveries import Deliveries, own_batch
from .interfaces import Listener
from .membership import Membership
from .messages import EVERYWHERE, SPOKEN, Batch, Message


class Audience:
    """The members of one room, and the messages of this turn that wait for them.

    Read-only: ``members``, in order of arrival, and what each may do; ``pending_size``, the
    sum of the sizes of the messages that wait.
    """

    __slots__ = (
        "_deliveries",
        "_ignoring",
        "_offsets",
        "_pending",
        "_speakers",
        "members",
        "pending_size",
    )

    def __init__(self, deliveries: Deliveries) -> None:
        self.members: dict[Listener, Membership] = {}
        self.pending_size = 0
        self._deliveries = deliveries
        self._ignoring: set[Listener] = set()
        self._pending: list[Message] = []
        self._speakers: set[Listener] = set()  # of this turn
        self._offsets: dict[Listener, int] = {}  # 0 for all others

    def add(self, member: Listener, membership: Membership = Membership.PLAIN) -> None:
        """Add ``member``, who hears what is posted from now on."""
        self.members[member] = membership
        self.update_ignoring(member)
        self.skip_pending(member)

    def remove(self, member: Listener) -> None:
        """Remove ``member``, who hears nothing more, not even what is pending."""
        del self.members[member]
        self._offsets.pop(member, None)
        self._ignoring.discard(member)
        self._speakers.discard(member)

    def clear(self) -> None:
        """Remove all members."""
        self.members.clear()
        self._offsets.clear()
        self._ignoring.clear()
        self._speakers.clear()

    def update_ignoring(self, member: Listener) -> None:
        """Take note of whether ``member`` ignores others. It has taken what was pending."""
        if member.ignores_some:
            self._ignoring.add(member)
        else:
            self._ignoring.discard(member)

    def post(
        self,
        message: Message,
        size: int = 0,
        *,
        speaker: Listener | None = None,
        but: Listener | None = None,
    ) -> None:
        """Deliver ``message`` to all members, except ``but``, at the end of this turn's events.

        ``size`` is added to ``pending_size``. ``speaker``: who said it, if somebody did.
        """
        # An offset skips all that is pending, not one message. So ``but`` gets the rest first.
        if but is not None and (batch := self._deliveries.take_pending(but)) is not None:
            but.deliver(batch)
        if not self._pending:
            self._deliveries.add(self)
        self._pending.append(message)
        self.pending_size += size
        if speaker is not None:
            self._speakers.add(speaker)
        elif message.kind in EVERYWHERE:
            self._deliveries.add_everywhere(self)
        if but is not None:
            self.skip_pending(but)

    def has_spoken(self, member: Listener) -> bool:
        """Return whether something that ``member`` said is pending."""
        return member in self._speakers

    def offset(self, member: Listener) -> int | None:
        """Return how many of the pending messages ``member`` has got or must not get; None if it
        is no member, or none is left."""
        if member not in self.members:
            return None
        offset = self._offsets.get(member, 0)
        return offset if offset < len(self._pending) else None

    def pending(self, offset: int = 0) -> list[Message]:
        """Return the pending messages from ``offset`` on."""
        return self._pending[offset:]

    def skip_pending(self, member: Listener) -> None:
        """Take note that ``member`` has got what is pending, or must not get it."""
        if self._pending:
            self._offsets[member] = len(self._pending)

    def flush(self) -> None:
        """Deliver to all members what is pending. ``Deliveries.flush`` calls this."""
        if not self._pending:
            return
        messages, self._pending = self._pending, []
        offsets, self._offsets = self._offsets, {}
        speakers, self._speakers = self._speakers, set()
        self.pending_size = 0
        batch = Batch(tuple(messages))
        members = list(self.members)  # a copy, in case a sink makes its member leave at once
        selective = {speaker for speaker in speakers if not speaker.echo}
        if self._ignoring and any(message.kind in SPOKEN for message in messages):
            selective |= self._ignoring
        if exceptions := offsets.keys() | selective:
            for member in members:
                if member in exceptions:
                    own = own_batch(member, messages[offsets.get(member, 0) :], batch)
                    if own is not None:
                        member.deliver(own)
            members = [member for member in members if member not in exceptions]
        for member in members:
            # ``member.deliver(batch)``, without the cost of a call for each of thousands.
            try:
                member.sink.deliver(batch)
            except FATAL:
                raise
            except BaseException as exc:
                member.fail(exc)
