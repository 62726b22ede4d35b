"""What the server sends to a client: messages of the hub, and the answers to its commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from reactor import LineProtocol

from ..member import Member
from ..messages import Batch, ChatError, ErrorCode, Kind, Message
from . import labels, numerics
from .capabilities import BATCH, ECHO_MESSAGE, LABELED_RESPONSE
from .crowds import CrowdLines
from .grammar import Line, Tags, format_line
from .numerics import Reply
from .render import CHANNEL_PREFIX, LINE_END
from .shared import Shared

_FOR_ONE_MEMBER: Final = frozenset({Kind.ENTERED, Kind.REPLY, Kind.ERROR, Kind.NOTICE})
_BETWEEN_TWO: Final = frozenset({Kind.PRIVATE, Kind.NOTE})
_LABELS: Final = frozenset({BATCH, LABELED_RESPONSE})


class Output(LineProtocol):
    """The half of a connection that sends.

    Read-only: ``server``; ``member``, or None before registration; ``capabilities``.
    ``nick_wanted``: the name that a client has asked for to register.
    """

    __slots__ = (
        "_held",
        "_render",
        "_waiting",
        "capabilities",
        "member",
        "nick_wanted",
        "server",
    )

    def __init__(self, server: Shared) -> None:
        super().__init__()
        self.server = server
        self.member: Member | None = None
        self.capabilities: frozenset[str] = frozenset()
        self.nick_wanted = ""
        self._render = server.renderer(self.capabilities)
        self._held: list[bytes] | None = None  # the answer to a labelled command, while it runs
        self._waiting: list[Line] | None = None  # queued commands, while paused

    # Called by the member

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        first = batch.messages[0]
        if first.kind in _FOR_ONE_MEMBER or (first.kind is Kind.AWAY and first.target):
            for message in batch.messages:
                self._send_own(message)
        elif lines := batch.rendered(self._render):
            if type(lines) is CrowdLines:
                for piece in lines.for_member(self.nick):
                    self.write(piece)
                return
            self.write(lines)
            if first.kind in _BETWEEN_TWO and first.sender == first.target:
                self._write_to_self(lines)

    # For commands

    @property
    def nick(self) -> str:
        """The client's name, or ``*`` as long as it has none."""
        return self.member.name if self.member is not None else self.nick_wanted or "*"

    def send(self, command: str, *params: str, source: str | None = None, tags: Tags = ()) -> None:
        """Send one message, after all pending ones. ``source``: None for the server."""
        if self.member is not None:
            self.member.catch_up()
        self.write_line(command, *params, source=source, tags=tags)

    def reply(self, numeric: Reply, *params: str) -> None:
        """Send a numeric with ``params``, and then its words from ``WORDS``, if it has some."""
        words = numerics.WORDS.get(numeric)
        if words is not None:
            params += (words,)
        self.send(numeric, self.nick, *params)

    def rendered(self, messages: Sequence[Message]) -> bytes:
        """Return messages of the hub as lines for this client."""
        return self._render(messages)

    def show(self, *messages: Message) -> None:
        """Send messages of the hub, after all pending ones."""
        if self.member is not None:
            self.member.catch_up()
        if lines := self._render(messages):
            self.write(lines)

    def refuse(self, exc: ChatError, line: Line, *, nick: str = "", channel: str = "") -> None:
        """Answer ``line`` with the numeric for ``exc``.

        ``nick`` and ``channel``: what the error is about; the first of the parameters, if empty.
        """
        numeric, places = numerics.ERRORS.get(exc.code, (None, ()))
        if exc.code is ErrorCode.GONE:
            return
        if numeric is None:
            self.send("NOTICE", self.nick, str(exc))
            return
        subjects = {
            numerics.NICK: nick or _first(line.params, channel=False),
            numerics.CHANNEL: channel or _first(line.params, channel=True),
            numerics.COMMAND: line.command,
        }
        words = () if numeric in numerics.WORDS else (str(exc),)
        self.reply(numeric, *[subjects[place] for place in places], *words)

    def write_line(
        self, command: str, *params: str, source: str | None = None, tags: Tags = ()
    ) -> None:
        """Send one message at once."""
        source = self.server.name if source is None else source
        if command == "ERROR":
            source = ""
        line = format_line(command, *params, source=source, tags=tags)
        self.write((line + LINE_END).encode(errors="replace"))

    def write(self, lines: bytes) -> None:
        """Send lines that are complete, with their endings."""
        if self._held is not None:
            self._held.append(lines)
        else:
            self.transport.write(lines)

    def set_capabilities(self, capabilities: Iterable[str]) -> None:
        """Render what follows for ``capabilities``."""
        if self.member is not None:
            self.member.catch_up()
        self.capabilities = frozenset(capabilities)
        self._render = self.server.renderer(self.capabilities)

    def answer(self, line: Line, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)``. What it writes is the answer to ``line``, with its label."""
        label = line.tags.get("label")
        if not label or not self.capabilities >= _LABELS:
            function(*args)
            return
        member = self.member
        if member is not None:
            member.catch_up()
        held: list[bytes] = []
        self._held = held
        try:
            function(*args)
            if member is not None and not member.gone:
                member.catch_up()
        finally:
            if self._held is held:
                self._held = None
                if held or self._waiting is None:
                    server = self.server
                    batch, lines = server.next_batch(), b"".join(held)
                    self.write(labels.labelled(label, batch, server.name, lines))

    def release(self) -> None:
        """Send what is held back for a label, without the label."""
        held, self._held = self._held, None
        self.transport.writelines(held or ())

    # Helpers

    def _write_to_self(self, lines: bytes) -> None:
        """Deliver what the client has sent to itself. If it has echo-message, this is the second
        copy: the first is the echo, and only the echo is part of a labelled answer."""
        if ECHO_MESSAGE in self.capabilities:
            self.transport.write(lines)

    def _send_own(self, message: Message) -> None:
        """Send a message for this member alone. On IRC, its line names the member."""
        match message.kind:
            case Kind.ENTERED:
                self.write(self._render((message,)))
            case Kind.AWAY:
                self.write_line(Reply.AWAY, self.nick, message.sender, message.text)
            case _:
                self.write_line("NOTICE", self.nick, message.text)


def _first(params: Iterable[str], *, channel: bool) -> str:
    found = [param for param in params if param.startswith(CHANNEL_PREFIX) is channel]
    return found[0].partition(" ")[0] if found and found[0] else "*"
