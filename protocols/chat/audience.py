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

For the first two, ``offsets`` says at which pending message the member's own batch begins.
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

    Read-only: ``members``, in order of arrival, and what each may do.
    """

    __slots__ = ("_deliveries", "_turn", "members")

    def __init__(self, deliveries: Deliveries) -> None:
        self.members: dict[Listener, Membership] = {}
        self._deliveries = deliveries
        self._turn: Turn | None = None  # None if nothing is pending

    @property
    def pending_size(self) -> int:
        """The sum of the sizes of the messages that wait."""
        turn = self._turn
        return 0 if turn is None else turn.size

    def add(self, member: Listener, membership: Membership = Membership.PLAIN) -> None:
        """Add ``member``, who gets what is posted from now on."""
        self.members[member] = membership
        if self._turn is not None:
            self._turn.skip_pending(member)

    def remove(self, member: Listener) -> None:
        """Remove ``member``, who gets nothing more, not even what is pending."""
        del self.members[member]
        if self._turn is not None:
            self._turn.forget(member)

    def clear(self) -> None:
        """Remove all members."""
        self.members.clear()

    def post(
        self,
        message: Message,
        size: int = 0,
        *,
        speaker: Listener | None = None,
        but: Listener | None = None,
    ) -> None:
        """Deliver ``message`` to all members, except ``but``, at the end of this turn's events.

        ``size`` is added to ``pending_size``. ``speaker``: the member who says it, if any.
        """
        # An offset skips all that is pending, not one message. So ``but`` gets the rest first.
        if but is not None:
            for batch in self._deliveries.take_pending(but):
                but.deliver(batch)
        turn = self._turn
        if turn is None:
            turn = self._turn = Turn(self, self._deliveries)
            self._deliveries.add(turn)
        turn.messages.append(message)
        turn.size += size
        if speaker is not None:
            turn.speakers.add(speaker)
            self._deliveries.add_speaker(message.sender)
        elif message.kind in EVERYWHERE:
            self._deliveries.add_everywhere(turn)
        if but is not None:
            turn.skip_pending(but)

    def end_turn(self) -> None:
        """Collect what is posted from now on for the next turn. ``Turn.end`` calls this."""
        self._turn = None


class Turn:
    """The messages of a room in one turn of the loop, for ``members``.

    ``speakers``: the members who said something.
    """

    __slots__ = (
        "_audience",
        "_deliveries",
        "_offsets",
        "_selections",
        "members",
        "messages",
        "size",
        "speakers",
    )

    def __init__(self, audience: Audience, deliveries: Deliveries) -> None:
        self.members = audience.members
        self.messages: list[Message] = []
        self.speakers: set[Listener] = set()
        self.size = 0
        self._audience = audience
        self._deliveries = deliveries
        self._offsets: dict[Listener, int] = {}  # 0 for all others
        self._selections: Selections | None = None  # if a member has taken something

    def offset(self, member: Listener) -> int | None:
        """Return the number of the first message that ``member`` has not got and may get; None if
        there is none, or if it is not a member."""
        if member not in self.members:
            return None
        offset = self._offsets.get(member, 0)
        return offset if offset < len(self.messages) else None

    def batches(self, member: Listener, offset: int) -> list[Batch]:
        """Return those of the messages from ``offset`` on that ``member`` wants."""
        if self._selections is None:
            self._selections = Selections(self.messages)
        return self._selections.batches(member, offset)

    def skip_pending(self, member: Listener) -> None:
        """Note that ``member`` has got all messages so far, or must not get them."""
        self._offsets[member] = len(self.messages)

    def forget(self, member: Listener) -> None:
        """Forget ``member``, who has left the room."""
        self._offsets.pop(member, None)
        self.speakers.discard(member)

    def end(self) -> None:
        """End the turn: what is posted while it is delivered belongs to the next one."""
        self._audience.end_turn()

    def deliver(self) -> None:
        """Deliver to each member the messages that it has not got yet."""
        messages, offsets = self.messages, self._offsets
        batch = Batch(tuple(messages))
        members = list(self.members)  # a copy, in case a sink makes its member leave at once
        exceptions = {speaker for speaker in self.speakers if not speaker.echo}
        exceptions.update(offsets)
        if self._deliveries.ignorers:
            exceptions.update(self._deliveries.ignorers_of(messages))
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
