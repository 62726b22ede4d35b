"""A member: someone who takes part in the chat, by any way in.

There may be tens of thousands, most of them idle, so a member that has not yet spoken is kept
small.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from reactor.errors import FATAL

from .deliveries import Deliveries
from .flood import FloodGate, FloodPolicy
from .interfaces import Scheduler, Sink
from .limits import Limits
from .messages import SPOKEN, Batch, ChatError, ErrorCode, Kind, Message
from .personal import Personal
from .room import Room

logger = logging.getLogger(__name__)

# What a member does not get from those whom it ignores.
_BY_A_MEMBER = SPOKEN | {Kind.PRIVATE, Kind.INVITED}


class Directory(Protocol):
    """What a member needs from its hub, ``hub.Hub``."""

    scheduler: Scheduler
    limits: Limits
    flood: FloodPolicy
    lobby: Room
    deliveries: Deliveries
    members: dict[str, Member]
    rooms: dict[str, Room]
    lines_dropped: int
    members_expelled: int

    def clock(self) -> float: ...
    def find(self, name: str) -> Member: ...
    def find_room(self, name: str) -> Room: ...
    def host_of(self, member: Member) -> str: ...
    def rename(self, member: Member, name: str) -> None: ...
    def set_away(self, member: Member, text: str) -> None: ...
    def invite(self, member: Member, room: Room, *, by_operator: bool) -> None: ...
    def ignore(self, member: Member, name: str) -> None: ...
    def unignore(self, member: Member, name: str) -> None: ...
    def check_entry(self, member: Member, name: str, key: str) -> None: ...
    def enter(self, member: Member, name: str, key: str, *, after: int, welcome: bool) -> Room: ...
    def exit(self, member: Member, room: Room, reason: str) -> None: ...
    def expel(self, member: Member, room: Room) -> None: ...
    def remove(self, member: Member, reason: str) -> None: ...


class _NoSink:
    """A sink that discards everything."""

    __slots__ = ()

    def deliver(self, batch: Batch, /) -> None:
        """Discard the batch."""

    def close(self, reason: str, /) -> None:
        """Do nothing."""


_GONE = _NoSink()  # of members that have left
_FAILED = _NoSink()  # of members whose own sink has raised, for the rest of the turn


class Member:
    """Someone who takes part. ``Hub.join`` makes it for a way in.

    Each method under "Doing" does one thing at once. It raises ChatError if that cannot be done,
    also when the member has left. A way in usually calls them through ``conversation.py``, which
    adds flood control and shows the error to the member. What a room's operators do is in
    ``moderation.py``.

    Where a method takes ``room``, that is the name of a room; without it, the member's only one.

    Read-only: ``hub``, ``name``, ``rooms`` (in the order in which it entered them), ``echo``
    (whether it gets its own lines), ``gone``, ``origin`` (by which members of one address are
    counted, or None), ``spoke`` (when it last sent more than a heartbeat, on the scheduler's
    clock), ``needs_room`` (whether it goes to the lobby when it is put out of its only room),
    ``personal`` (its settings, or None).

    ``gate``: its flood control, or None until it speaks; ``conversation.py`` uses it.
    """

    __slots__ = (
        "echo",
        "gate",
        "hub",
        "name",
        "needs_room",
        "origin",
        "personal",
        "rooms",
        "sink",
        "spoke",
    )

    def __init__(
        self,
        hub: Directory,
        sink: Sink,
        name: str,
        origin: bytes | None = None,
        *,
        needs_room: bool = True,
    ) -> None:
        self.hub = hub
        self.sink = sink
        self.name = name
        self.rooms: tuple[Room, ...] = ()
        self.origin = origin
        self.needs_room = needs_room
        self.echo = True
        self.spoke = hub.scheduler.time()
        self.gate: FloodGate | None = None
        self.personal: Personal | None = None

    # Who and where

    @property
    def gone(self) -> bool:
        """Whether the member has left the chat."""
        return self.sink is _GONE

    @property
    def room(self) -> Room:
        """The room that the member has entered last. Raises ChatError if it is in none."""
        if not self.rooms:
            self.require_present()
            raise ChatError("You are in no room", ErrorCode.NOT_IN_ROOM)
        return self.rooms[-1]

    @property
    def host(self) -> str:
        """A name for the place where the member comes from."""
        return self.hub.host_of(self)

    @property
    def mask(self) -> str:
        """The member as bans see it."""
        return f"{self.name}!{self.user}@{self.host}"

    @property
    def user(self) -> str:
        """What the member's client calls its user, or else its name."""
        return (self.personal is not None and self.personal.user) or self.name

    @property
    def realname(self) -> str:
        """What the member's client says about its user, or else its name."""
        return (self.personal is not None and self.personal.realname) or self.name

    @property
    def away(self) -> str:
        """Why the member is away, or empty."""
        return "" if self.personal is None else self.personal.away

    @property
    def ignores_some(self) -> bool:
        """Whether the member ignores others."""
        return self.personal is not None and bool(self.personal.ignored)

    def where(self, room: str | None = None) -> Room:
        """Return the room called ``room``, or the member's only one. Raises ChatError if there is
        no such room, or not one."""
        self.require_present()
        if room is not None:
            return self.hub.find_room(room)
        if len(self.rooms) > 1:
            raise ChatError("You are in several rooms: say which one you mean")
        return self.room

    def own_settings(self) -> Personal:
        """Return ``personal``, which is made if there is none."""
        if self.personal is None:
            self.personal = Personal()
        return self.personal

    # Doing

    def say(
        self,
        text: str,
        room: str | None = None,
        *,
        kind: Kind = Kind.SAID,
        tags: tuple[tuple[str, str], ...] = (),
    ) -> Message:
        """Say ``text`` to a room, and return the message. ``kind``: SAID, ACTION or NOTE."""
        alone = room is None and len(self.rooms) == 1  # a shortcut for nearly all
        place = self.rooms[0] if alone else self.where(room)
        return place.say(self, kind, self._checked(text), tags)

    def act(self, text: str, room: str | None = None) -> None:
        """Tell a room what this member does: "alice waves"."""
        self.say(text, room, kind=Kind.ACTION)

    def whisper(
        self,
        name: str,
        text: str,
        *,
        kind: Kind = Kind.PRIVATE,
        tags: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Say ``text`` to the member called ``name`` alone, in any room. ``kind``: PRIVATE, or
        NOTE, for which the hub does not reply that the other is away."""
        self.require_present()
        other = self.hub.find(name)
        text = self._checked(text)
        message = self.hub.deliveries.message(kind, "", self.name, text, other.name, tags=tags)
        batch = Batch((message,))
        if other.wanted((message,)):
            other.answer(batch)
        if other is self:
            return
        if self.echo:
            self.answer(batch)
        # This is an answer of the hub, not of the other: two who are away start no loop.
        if other.away and kind is Kind.PRIVATE:
            self.tell(Kind.AWAY, other.away, sender=other.name, target=self.name)

    def rename(self, name: str) -> None:
        """Change the name to ``name``."""
        self.require_present()
        self.hub.rename(self, name)

    def join(self, room: str, key: str = "", *, after: int = 0, welcome: bool = True) -> Room:
        """Enter the room called ``room``, which is created if needed, and return it.

        The member stays in its other rooms. It is told who is there and what was said last, after
        the line with the id ``after``; without ``welcome`` only that it has entered.
        """
        self.require_present()
        return self.hub.enter(self, room, key, after=after, welcome=welcome)

    def part(self, room: str | None = None, reason: str = "") -> None:
        """Leave a room."""
        place = self._own_room(room)
        self.catch_up()
        self.hub.exit(self, place, reason)

    def history(self, room: str | None = None, after: int = 0) -> Batch | None:
        """Return the last lines of a room that this member is in, or None if there are none.

        ``after``: only the lines that follow the one with this id.
        """
        return self.without_ignored(self._own_room(room).history(after=after))

    def set_topic(self, topic: str, room: str | None = None) -> None:
        """Set a room's topic; an empty one clears it."""
        place = self.where(room)
        limit = self.hub.limits.topic_length
        if len(topic) > limit:
            raise ChatError(f"A topic has at most {limit} characters", ErrorCode.TOO_LONG)
        place.set_topic(self, topic)

    def set_echo(self, echo: bool) -> None:
        """Show this member its own lines from now on, or hide them."""
        self.require_present()
        self.catch_up()
        self.echo = echo

    def set_away(self, text: str) -> None:
        """Say that this member is away, and why; with an empty ``text``, that it is back."""
        self.require_present()
        limit = self.hub.limits.topic_length
        if len(text) > limit:
            raise ChatError(
                f"The words for being away have at most {limit} characters", ErrorCode.TOO_LONG
            )
        if text == self.away:
            raise ChatError("You are away already" if text else "You are not away")
        self.hub.set_away(self, text)

    def ignore(self, name: str) -> None:
        """Ignore what the member called ``name`` says from now on."""
        self.require_present()
        self.hub.ignore(self, name)

    def unignore(self, name: str) -> None:
        """Stop ignoring the member called ``name``."""
        self.require_present()
        self.hub.unignore(self, name)

    # Replies and deliveries

    def tell(
        self, kind: Kind, *lines: str, sender: str = "", target: str = "", room: str | None = None
    ) -> None:
        """Send ``lines`` to this member, after all pending messages. ``room``: the room that they
        are about; None for the one that the member entered last."""
        place = room if room is not None else self.rooms[-1].name if self.rooms else ""
        now = self.hub.clock()
        self.answer(
            Batch(tuple([Message(kind, now, place, sender, line, target) for line in lines]))
        )

    def tell_place(self) -> None:
        """Tell this member its name and its room."""
        self.tell(Kind.ENTERED, "", sender=self.name)

    def answer(self, batch: Batch) -> None:
        """Deliver ``batch`` at once, after all pending messages."""
        self.catch_up()
        self.deliver(batch)

    def catch_up(self) -> None:
        """Deliver all pending messages, so that an answer may follow them."""
        for batch in self.hub.deliveries.take_pending(self):
            self.deliver(batch)

    def wanted(self, messages: Sequence[Message], /) -> Sequence[Message]:
        """Return those of ``messages`` that this member wants: it may want no echo, and ignore
        others."""
        if not self.echo:
            name = self.name
            messages = [m for m in messages if m.sender != name or m.kind not in SPOKEN or m.target]
        return self._without_ignored(messages) if self.ignores_some else messages

    def without_ignored(self, batch: Batch | None) -> Batch | None:
        """Return ``batch`` without messages by those whom this member ignores; None if none is
        left."""
        if batch is None or not self.ignores_some:
            return batch
        messages = self._without_ignored(batch.messages)
        return Batch(tuple(messages)) if messages else None

    def deliver(self, batch: Batch, /) -> None:
        """Pass ``batch`` to the member's sink."""
        try:
            self.sink.deliver(batch)
        except FATAL:
            raise
        except BaseException as exc:
            self.fail(exc)

    # Leaving

    def leave(self, reason: str = "") -> None:
        """Leave the chat. The rooms get ``reason``.

        The way in calls this when its peer is gone. After that, it does nothing.
        """
        if self.sink is not _GONE:
            self._detach()
            self.hub.remove(self, reason)

    def dismiss(self, reason: str, parting: str) -> None:
        """Leave, and close the sink. The rooms get ``reason``, the sink ``parting``."""
        self.catch_up()
        sink = self.sink
        self.leave(reason)
        self._close(sink, parting)

    def end(self, parting: str) -> None:
        """Close the sink, and tell nobody else. The hub calls this when it closes."""
        self.rooms = ()
        self._close(self._detach(), parting)

    def fail(self, exc: BaseException, /) -> None:
        """Log ``exc``, which this member's sink or one of its actions raised, and dismiss this
        member alone."""
        if self.sink is _GONE or self.sink is _FAILED:
            return
        logger.error("%s failed, and is dismissed", self.name, exc_info=exc)
        # Deferred: a delivery must not change rooms or names while it is in progress.
        self.hub.scheduler.call_soon(self._dismiss_failed, self.sink)
        self.sink = _FAILED

    def _dismiss_failed(self, sink: Sink) -> None:
        self.leave("internal error")
        self._close(sink, "Internal error")

    def _close(self, sink: Sink, parting: str) -> None:
        try:
            sink.close(parting)
        except FATAL:
            raise
        except BaseException:
            logger.exception("%s could not be closed", self.name)

    def _detach(self) -> Sink:
        if self.gate is not None:
            self.hub.lines_dropped += self.gate.close()
            self.gate = None
        sink, self.sink = self.sink, _GONE
        return sink

    # Checks

    def require_present(self) -> None:
        """Raise ChatError if the member has left the chat."""
        if self.sink is _GONE:
            raise ChatError("You have left the chat", ErrorCode.GONE)

    def _own_room(self, room: str | None) -> Room:
        place = self.where(room)
        if place not in self.rooms:
            raise ChatError(f"You are not in {place.name}", ErrorCode.NOT_IN_ROOM)
        return place

    def _without_ignored(self, messages: Sequence[Message]) -> list[Message]:
        ignored = self.own_settings().ignored
        return [
            m for m in messages if m.sender.lower() not in ignored or m.kind not in _BY_A_MEMBER
        ]

    def _checked(self, text: str) -> str:
        limit = self.hub.limits.text_length
        if len(text) > limit:
            raise ChatError(f"A line has at most {limit} characters", ErrorCode.TOO_LONG)
        if not text or text.isspace():
            raise ChatError("There is no text to send", ErrorCode.NO_TEXT)
        return text
