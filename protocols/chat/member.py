"""A member: someone who takes part in the chat, by any way in.

There may be tens of thousands, most of them idle, so a member that has not yet spoken is kept
small.
"""

from __future__ import annotations

import logging
from typing import Protocol

from reactor.errors import FATAL

from .flood import FloodGate, FloodPolicy
from .interfaces import Scheduler, Sink
from .limits import Limits
from .messages import Batch, ChatError, Kind, Message
from .room import Room

logger = logging.getLogger(__name__)


class Directory(Protocol):
    """What a member knows of its hub, ``hub.Hub``."""

    scheduler: Scheduler
    limits: Limits
    flood: FloodPolicy
    lobby: Room
    lines_dropped: int
    members_expelled: int

    def clock(self) -> float: ...
    def find(self, name: str) -> Member: ...
    def rename(self, member: Member, name: str) -> None: ...
    def move(self, member: Member, name: str) -> None: ...
    def remove(self, member: Member, reason: str) -> None: ...
    def describe_rooms(self) -> str: ...


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
    adds flood control and shows the error to the member.

    To be read only: ``hub``, ``name``, ``room``, ``echo`` (whether it is shown its own lines),
    ``gone``, ``origin`` (by which members of one address are counted, or None), ``spoke`` (when it
    last did more than give a sign of life, on the scheduler's clock).

    ``gate``: its flood control, or None until it speaks; ``conversation.py`` uses it.
    """

    __slots__ = ("echo", "gate", "hub", "name", "origin", "room", "sink", "spoke")

    def __init__(
        self, hub: Directory, sink: Sink, name: str, room: Room, origin: bytes | None = None
    ) -> None:
        self.hub = hub
        self.sink = sink
        self.name = name
        self.room = room
        self.origin = origin
        self.echo = True
        self.spoke = hub.scheduler.time()
        self.gate: FloodGate | None = None

    @property
    def gone(self) -> bool:
        """Whether the member has left the chat."""
        return self.sink is _GONE

    # Doing

    def say(self, text: str) -> None:
        """Say ``text`` to the room."""
        self._speak(Kind.SAID, text)

    def act(self, text: str) -> None:
        """Tell the room what this member does: "alice waves"."""
        self._speak(Kind.ACTION, text)

    def whisper(self, name: str, text: str) -> None:
        """Say ``text`` to the member called ``name`` alone, in any room."""
        self._require_present()
        other = self.hub.find(name)
        text = self._checked(text)
        batch = Batch((self._message(Kind.PRIVATE, text, sender=self.name, target=other.name),))
        other.catch_up()
        other.deliver(batch)
        if other is not self and self.echo:
            self.catch_up()
            self.deliver(batch)

    def rename(self, name: str) -> None:
        """Change the name to ``name``."""
        self._require_present()
        self.hub.rename(self, name)

    def join(self, room: str) -> None:
        """Go to the room called ``room``, which is created if needed."""
        self._require_present()
        self.hub.move(self, room)

    def part(self) -> None:
        """Go back to the lobby."""
        self._require_present()
        if self.room is self.hub.lobby:
            raise ChatError(f"You are in {self.room.name} already: /quit leaves the chat")
        self.hub.move(self, self.hub.lobby.name)

    def set_topic(self, topic: str) -> None:
        """Set the room's topic; an empty one clears it."""
        self._require_present()
        limit = self.hub.limits.topic_length
        if len(topic) > limit:
            raise ChatError(f"A topic has at most {limit} characters")
        self.room.set_topic(self, self._message(Kind.TOPIC, topic, sender=self.name))

    def set_echo(self, echo: bool) -> None:
        """Show this member its own lines from now on, or hide them."""
        self._require_present()
        self.catch_up()
        self.echo = echo
        self.room.update_echo(self)

    # Being told

    def tell(self, kind: Kind, *lines: str) -> None:
        """Tell this member ``lines``, after all that was said before."""
        self.catch_up()
        self.deliver(Batch(tuple([self._message(kind, line) for line in lines])))

    def tell_place(self) -> None:
        """Tell this member its name and its room."""
        self.catch_up()
        self.deliver(Batch((self._message(Kind.ENTERED, "", sender=self.name),)))

    def catch_up(self) -> None:
        """Deliver what was said in the room in this turn, so that an answer may follow it."""
        batch = self.room.take_pending(self)
        if batch is not None:
            self.deliver(batch)

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
        """Leave the chat; the room is told, with the reason.

        The way in calls this when its peer is gone. After that, it does nothing.
        """
        if self.sink is not _GONE:
            self._detach()
            self.hub.remove(self, reason)

    def dismiss(self, reason: str, parting: str) -> None:
        """Leave, and close the sink. The room is told ``reason``, the sink ``parting``."""
        self.catch_up()
        sink = self.sink
        self.leave(reason)
        self._close(sink, parting)

    def end(self, parting: str) -> None:
        """Close the sink, and tell nobody else. The hub calls this when it closes."""
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

    def _speak(self, kind: Kind, text: str) -> None:
        self._require_present()
        self.room.say(self, self._message(kind, self._checked(text), sender=self.name))

    def _message(self, kind: Kind, text: str, *, sender: str = "", target: str = "") -> Message:
        return Message(kind, self.hub.clock(), self.room.name, sender, text, target)

    def _require_present(self) -> None:
        if self.sink is _GONE:
            raise ChatError("You have left the chat")

    def _checked(self, text: str) -> str:
        limit = self.hub.limits.text_length
        if len(text) > limit:
            raise ChatError(f"A line has at most {limit} characters")
        if not text or text.isspace():
            raise ChatError("There is no text to send")
        return text
