"""The members of one room, and the messages that they get at the end of this turn of the loop.

A message that is posted is not delivered at once. It is collected, and when the turn's events have
been dispatched, each member gets all that was collected as one batch. Twenty lines to a thousand
members are a thousand deliveries, not twenty thousand.

Nearly all members share the same batch. Four kinds of member get a different one:

* A member that came in the middle of the turn must not get what was posted before it came.
* A member that was answered in the middle of the turn had to get first what was posted before the
  answer. So it got that part early (``take_pending``), and must not get it twice.
* A member without echo must not get its own lines, and one that ignores others not theirs.
* A member of several rooms, if somebody in one of them was renamed or left the chat: see
  ``deliveries.py``.

For the first two, ``_offsets`` says at which pending message the member's own batch begins.
``selections.py`` makes the batches for the first three, and keeps them cheap.
"""

from __future__ import annotations

from reactor.errors import FATAL

from .deliveries import Deliveries
from .interfaces import Listener
from .membership import Membership
from .messages import EVERYWHERE, Batch, Message
from .selections import Selections


class Audience:
    """The members of one room, and the messages of this turn that wait for them.

    Read-only: ``members``, in order of arrival, and what each may do; ``pending_size``, the
    sum of the sizes of the messages that wait.
    """

    __slots__ = (
        "_deliveries",
        "_offsets",
        "_pending",
        "_selections",
        "_speakers",
        "members",
        "pending_size",
    )

    def __init__(self, deliveries: Deliveries) -> None:
        self.members: dict[Listener, Membership] = {}
        self.pending_size = 0
        self._deliveries = deliveries
        self._pending: list[Message] = []
        self._selections: Selections | None = None  # of what is pending, if a member has taken it
        self._speakers: set[Listener] = set()  # of this turn
        self._offsets: dict[Listener, int] = {}  # 0 for all others

    def add(self, member: Listener, membership: Membership = Membership.PLAIN) -> None:
        """Add ``member``, who gets what is posted from now on."""
        self.members[member] = membership
        self.skip_pending(member)

    def remove(self, member: Listener) -> None:
        """Remove ``member``, who gets nothing more, not even what is pending."""
        del self.members[member]
        self._offsets.pop(member, None)
        self._speakers.discard(member)

    def clear(self) -> None:
        """Remove all members."""
        self.members.clear()
        self._offsets.clear()
        self._speakers.clear()

    def post(
        self,
        message: Message,
        size: int = 0,
        *,
        speaker: Listener | None = None,
        but: Listener | None = None,
    ) -> None:
        """Deliver ``message`` to all members, except ``but``, at the end of this turn's events.

        ``size`` is added to ``pending_size``. ``speaker``: the member who
        says it, if one does.
        """
        # An offset skips all that is pending, not one message. So ``but`` gets the rest first.
        if but is not None:
            for batch in self._deliveries.take_pending(but):
                but.deliver(batch)
        if not self._pending:
            self._deliveries.add(self)
        self._pending.append(message)
        self.pending_size += size
        if speaker is not None:
            self._speakers.add(speaker)
            self._deliveries.add_speaker(message.sender)
        elif message.kind in EVERYWHERE:
            self._deliveries.add_everywhere(self)
        if but is not None:
            self.skip_pending(but)

    def offset(self, member: Listener) -> int | None:
        """Return the number of the first pending message that ``member`` has not got and may get;
        None if there is none, or if it is not a member."""
        if member not in self.members:
            return None
        offset = self._offsets.get(member, 0)
        return offset if offset < len(self._pending) else None

    def pending(self, offset: int = 0) -> list[Message]:
        """Return the pending messages from ``offset`` on."""
        return self._pending[offset:]

    def batches(self, member: Listener, offset: int) -> list[Batch]:
        """Return those of the pending messages from ``offset`` on that ``member`` wants."""
        if self._selections is None:
            self._selections = Selections(self._pending)
        return self._selections.batches(member, offset)

    def skip_pending(self, member: Listener) -> None:
        """Note that ``member`` has got what is pending, or must not get it."""
        if self._pending:
            self._offsets[member] = len(self._pending)

    def flush(self) -> None:
        """Deliver to all members what is pending. ``Deliveries.flush`` calls this."""
        if not self._pending:
            return
        messages, self._pending = self._pending, []
        offsets, self._offsets = self._offsets, {}
        speakers, self._speakers = self._speakers, set()
        self._selections = None
        self.pending_size = 0
        batch = Batch(tuple(messages))
        members = list(self.members)  # a copy, in case a sink makes its member leave at once
        exceptions = {speaker for speaker in speakers if not speaker.echo}
        exceptions.update(offsets, self._deliveries.ignorers_of(messages))
        if exceptions:
            selections = Selections(messages, batch)
            count = len(messages)
            for member in members:
                if member in exceptions and (offset := offsets.get(member, 0)) < count:
                    for own in selections.batches(member, offset):
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
