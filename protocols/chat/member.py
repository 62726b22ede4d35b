"""A member: one who takes part, whatever way it came in.

There may be tens of thousands, most of them idle, so one who has not yet spoken is kept small.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from protocols.text import clean_text
from reactor.errors import FATAL

from . import commands
from .flood import FloodGate, FloodPolicy, Verdict
from .messages import Batch, ChatError, Kind, Message

if TYPE_CHECKING:
    from .hub import Hub, Source
    from .interfaces import Cancellable, Sink
    from .room import Room

logger = logging.getLogger(__name__)


class _Nobody:
    """A sink that swallows everything."""

    __slots__ = ()

    def deliver(self, batch: Batch, /) -> None:
        """Nobody is there to hear it."""

    def close(self, reason: str, /) -> None:
        """There is nothing to close."""


_GONE = _Nobody()  # of those who have left
_FAILED = _Nobody()  # of those whose own sink has raised, for the rest of the turn


class Member:
    """One who takes part. ``Hub.join`` makes it; whoever called that is its way in.

    A way in hands over what the member types with ``receive``, or what it does by other means with
    ``submit``: both are subject to flood control, and tell the member what cannot be done. The
    methods under "Doing" do one thing at once, and raise ChatError if it cannot be done, also when
    the member has left.

    To be read only: ``hub``, ``name``, ``room``, ``echo`` (whether it hears what it says itself),
    ``gone``, ``origin`` (what it is counted by, or None), ``spoke`` (when it last did something but
    give signs of life, on the scheduler's clock).
    """

    __slots__ = (
        "_gate",
        "_policy",
        "_timer",
        "echo",
        "hub",
        "name",
        "origin",
        "room",
        "sink",
        "spoke",
    )

    def __init__(
        self,
        hub: Hub,
        sink: Sink,
        name: str,
        room: Room,
        policy: FloodPolicy,
        origin: Source | None = None,
    ) -> None:
        self.hub = hub
        self.sink = sink
        self.name = name
        self.room = room
        self.origin = origin
        self.echo = True
        self.spoke = hub.scheduler.time()
        self._policy = policy
        self._gate: FloodGate | None = None
        self._timer: Cancellable | None = None

    @property
    def gone(self) -> bool:
        """Whether the member has left the chat."""
        return self.sink is _GONE

    # What comes in

    def receive(self, line: str) -> None:
        """Do what ``line`` asks for in the grammar of ``commands.py``.

        It is cleaned by ``text.py`` when flood control lets it pass: to clean what is then dropped
        would be the most that a flood costs.
        """
        if line[:1] == "/" and commands.is_ping(line):
            if self.heartbeat():
                self._attempt(self._execute, (line,))
        else:
            self.submit(self._execute, line, size=len(line))

    def submit(self, function: Callable[..., object], *args: Any, size: int = 0) -> None:
        """Call ``function(*args)`` now, later or never, as flood control has it.

        ``size`` is in characters. If the function raises ChatError, the member is told.
        """
        if self.sink is _GONE:
            return
        now = self.spoke = self.hub.scheduler.time()
        gate = self._gate
        if gate is None:
            if self._policy.rate <= 0:
                self._attempt(function, args)
                return
            gate = self._gate = FloodGate(self._policy)
        verdict = gate.admit(now, size, (function, args))
        if verdict is Verdict.PASS:
            self._attempt(function, args)
        elif verdict is Verdict.QUEUED:
            if self._timer is None:
                self._arm(gate, now)
        else:
            self._refuse(verdict)

    def heartbeat(self, count: int = 1) -> bool:
        """Note a sign of life that asks for nothing, or several that came together; return whether
        they are within the limit."""
        if self.sink is _GONE:
            return False
        if self._policy.rate <= 0:
            return True
        if self._gate is None:
            self._gate = FloodGate(self._policy)
        verdict = self._gate.admit_ping(self.hub.scheduler.time(), count)
        if verdict is Verdict.PASS:
            return True
        self._refuse(verdict)
        return False

    # Doing

    def say(self, text: str) -> None:
        """Say ``text`` to the room."""
        self._speak(Kind.SAID, text)

    def act(self, text: str) -> None:
        """Tell the room what this member does: "alice waves"."""
        self._speak(Kind.ACTION, text)

    def whisper(self, name: str, text: str) -> None:
        """Say ``text`` to the member called ``name`` alone, in whatever room it is."""
        self._require_present()
        other = self.hub.find(name)
        text = self._checked(text)
        batch = Batch((self._message(Kind.PRIVATE, text, sender=self.name, target=other.name),))
        other.room.catch_up(other)
        other.deliver(batch)
        if other is not self and self.echo:
            self.room.catch_up(self)
            self.deliver(batch)

    def rename(self, name: str) -> None:
        """Be called ``name`` from now on."""
        self._require_present()
        self.hub.rename(self, name)

    def join(self, room: str) -> None:
        """Go to the room of that name, which is made if there is none."""
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
        self.room.topic = topic
        self.room.introduce(self)
        self.room.post(self._message(Kind.TOPIC, topic, sender=self.name))

    def set_echo(self, echo: bool) -> None:
        """Hear what one says oneself, or not."""
        self._require_present()
        self.room.catch_up(self)  # until here it was the other way
        self.echo = echo
        if echo:
            self.room.echoless.discard(self)
        else:
            self.room.echoless.add(self)

    # Being told

    def tell(self, kind: Kind, *lines: str) -> None:
        """Tell this member ``lines``, after all that was said before."""
        self.room.catch_up(self)
        self.deliver(Batch(tuple([self._message(kind, line) for line in lines])))

    def tell_place(self) -> None:
        """Tell this member what it is called and where it is."""
        self.room.catch_up(self)
        self.deliver(Batch((self._message(Kind.ENTERED, "", sender=self.name),)))

    def deliver(self, batch: Batch) -> None:
        """Give ``batch`` to the member's sink."""
        try:
            self.sink.deliver(batch)
        except FATAL:
            raise
        except BaseException as exc:
            self.fail(exc)

    # Leaving

    def leave(self, reason: str = "") -> None:
        """Leave the chat; those in the room are told, with the reason.

        This is for the way in, when its peer is gone. A second time, it does nothing.
        """
        if self.sink is not _GONE:
            self._detach()
            self.hub.remove(self, reason)

    def dismiss(self, reason: str, parting: str) -> None:
        """Leave, and close the sink: the room is told ``reason``, the sink ``parting``."""
        self.room.catch_up(self)
        sink = self.sink
        self.leave(reason)
        self._close(sink, parting)

    def finish(self, reason: str, parting: str) -> None:
        """Like ``dismiss``, but not before the lines that flood control delays have been said.

        This is for the way in, when its peer has sent all that it will ever send.
        """
        last = (self.dismiss, (reason, parting))
        if self._gate is None or self._gate.admit_last(last) is Verdict.PASS:
            self.dismiss(reason, parting)

    def end(self, parting: str) -> None:
        """Close the sink, without a word to anybody else. For the hub, when it closes."""
        self._close(self._detach(), parting)

    def fail(self, exc: BaseException) -> None:
        """Something of ours raised ``exc``: log it, and lose this member alone."""
        if self.sink is _GONE or self.sink is _FAILED:
            return
        logger.error("%s failed, and is dismissed", self.name, exc_info=exc)
        # Later, because whoever is delivering now counts on it that deliveries change neither rooms
        # nor names.
        self.hub.scheduler.call_soon(self._lose, self.sink)
        self.sink = _FAILED

    def _lose(self, sink: Sink) -> None:
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._gate is not None:
            self.hub.lines_dropped += self._gate.waiting()
            self._gate = None
        sink, self.sink = self.sink, _GONE
        return sink

    # Within

    def _speak(self, kind: Kind, text: str) -> None:
        self._require_present()
        message = self._message(kind, self._checked(text), sender=self.name)
        self.room.introduce(self)
        self.room.say(message)

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
            raise ChatError("There is nothing in it to be said")
        return text

    def _execute(self, line: str) -> None:
        line = clean_text(line)
        if line != commands.HEARTBEAT:  # it may be one only now that it is clean
            commands.execute(self, line)

    def _attempt(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        try:
            function(*args)
        except ChatError as exc:
            self.tell(Kind.ERROR, str(exc))

    def _arm(self, gate: FloodGate, now: float) -> None:
        delay = gate.delay(now)
        if delay is not None:
            self._timer = self.hub.scheduler.call_later(delay, self._drain, gate)

    def _drain(self, gate: FloodGate) -> None:
        self._timer = None
        now = self.hub.scheduler.time()
        try:
            while not self.gone and (job := gate.take(now)):
                self._attempt(*job)
        except FATAL:
            raise
        except BaseException as exc:
            self.fail(exc)
        if not self.gone:
            self._arm(gate, now)

    def _refuse(self, verdict: Verdict) -> None:
        self.hub.lines_dropped += 1
        if verdict is Verdict.WARN:
            self.tell(
                Kind.NOTICE, "You are sending too fast: lines are being dropped until you slow down"
            )
        elif verdict is Verdict.EXPEL:
            self.hub.members_expelled += 1
            self.dismiss("flooding", "You kept sending too fast")
