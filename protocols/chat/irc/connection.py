"""One connection of IRC: its lines, its registration, its life signs. It is also its member's sink.

What a command does is not here: ``IRCConnection`` finds it in a table. The table's functions get
the connection, and answer with ``send`` and ``reply``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from reactor import IdleTimer, LineProtocol, StreamTransport, Timer

from .. import conversation
from ..member import Member
from ..messages import Batch, ChatError, ErrorCode, Kind, Message
from ..origins import origin_of
from ..partings import parting_reason
from ..wrong_port import NOT_HTTP, NOT_TLS, speaks_http, speaks_tls
from . import numerics
from .grammar import MAX_LINE, MAX_TAGS, Line, LineError, Tags, format_line, parse_line
from .numerics import Reply
from .render import CHANNEL_PREFIX, LINE_END
from .shared import Shared

MAX_EARLY_LINES: Final = 100  # that a client may send before it is registered

_FOR_ONE_MEMBER: Final = frozenset({Kind.ENTERED, Kind.REPLY, Kind.ERROR, Kind.NOTICE})


class Command(NamedTuple):
    """What a command does. ``run`` is called with the connection and the line.

    ``least``: how many parameters it needs, or it is answered by 461. ``early``: whether it is
    allowed before registration, when ``connection.member`` is None.
    """

    run: Callable[[IRCConnection, Line], object]
    least: int = 0
    early: bool = False


class IRCConnection(LineProtocol):
    """One connection. ``commands``: the table of commands.

    Read-only: ``server``; ``member``, or None before registration; ``capabilities``; ``origin``,
    for ``Hub.join``.

    What a client has sent to register: ``nick_wanted``, ``user``, ``realname``; ``negotiating``,
    which is True between CAP LS and CAP END; and ``cap_version``, the version of CAP that it knows.

    ``held``: None, or a list that collects what would be written.
    """

    __slots__ = (
        "_asked",
        "_commands",
        "_early_lines",
        "_idle",
        "_registration",
        "_render",
        "_valid",
        "cap_version",
        "capabilities",
        "held",
        "member",
        "negotiating",
        "nick_wanted",
        "origin",
        "realname",
        "server",
        "user",
    )

    max_line_length = MAX_TAGS + MAX_LINE

    def __init__(self, server: Shared, commands: Mapping[str, Command]) -> None:
        super().__init__()
        self.server = server
        self._commands = commands
        self.member: Member | None = None
        self.capabilities: frozenset[str] = frozenset()
        self.nick_wanted = ""
        self.origin: bytes | None = None
        self.user = ""
        self.realname = ""
        self.cap_version = 301
        self.negotiating = False
        self.held: list[bytes] | None = None
        self._render = server.renderer(self.capabilities)
        self._early_lines = 0
        self._valid = True  # whether the last line was UTF-8
        self._registration: Timer | None = None
        self._idle: IdleTimer | None = None
        self._asked = False  # whether a PING is on its way

    # Called by the transport

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        server = self.server
        self.origin = origin_of(transport.get_extra_info("peername"))
        if not server.admit(self.origin):
            self.close("There are too many connections from your address: try again later")
            return
        self._registration = server.reactor.call_later(
            server.registration_timeout, self.refuse_client, "Registration timed out"
        )

    def plaintext_reply(self, transport: StreamTransport) -> bytes:
        return b"ERROR :This port uses TLS: connect with TLS\r\n"

    def data_received(self, data: bytes) -> None:
        if self._idle is not None:
            self._heard(self._idle)
        elif not self._early_lines and speaks_tls(self._partial, data):
            self.refuse_client(NOT_TLS)
            return
        # "\r" alone ends a line as well. Blank lines mean nothing.
        super().data_received(data.replace(b"\r", b"\n"))

    def decode_line(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._valid = False
            return line.decode(errors="replace")

    def line_received(self, line: str) -> None:
        valid, self._valid = self._valid, True
        if not line or not self._may_continue(line):
            return
        try:
            parsed = parse_line(line)
        except LineError as exc:
            self._answer(self._refuse_line, exc.too_long)
            return
        if parsed is None:
            return
        if not valid:
            text = "Send UTF-8: this line was not done"
            self._answer(self.send, "FAIL", parsed.command, "INVALID_UTF8", text)
        elif self.member is None:
            self.execute(parsed)
        elif parsed.command in {"PING", "PONG"}:
            if conversation.heartbeat(self.member):
                self.execute(parsed)
        else:
            conversation.submit(self.member, self.execute, parsed, size=len(line))

    def line_too_long(self) -> None:
        if self._may_continue(""):
            self._answer(self._refuse_line, True)

    def eof_received(self) -> bool | None:
        super().eof_received()
        if self.member is None:
            return None
        # Flood control may still hold lines of the peer, for example of a file in a pipe.
        conversation.finish(self.member, "", "Connection closed")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel_timers()
        if self.member is None:
            self.server.discharge(self.origin)
        else:
            self.member.leave(parting_reason(exc))

    def shutdown_requested(self) -> None:
        self.server.hub.close("The server is stopping")
        if self.member is None:
            self.refuse_client("The server is stopping")

    # Called by the member

    def deliver(self, batch: Batch, /) -> None:
        """Show ``batch`` to the peer."""
        first = batch.messages[0]
        if first.kind in _FOR_ONE_MEMBER or (first.kind is Kind.AWAY and first.target):
            for message in batch.messages:
                self._tell(message)
        elif lines := batch.rendered(self._render):
            self.write(lines)

    def close(self, reason: str, /) -> None:
        """Send ``reason`` to the peer, and close the connection."""
        self._cancel_timers()
        held, self.held = self.held, None
        self.transport.writelines(held or ())
        self.write_line("ERROR", f"Closing Link: {self.nick} ({reason})")
        self.transport.close()

    # For commands: answering

    @property
    def nick(self) -> str:
        """The client's name, or ``*`` as long as it has none."""
        return self.member.name if self.member is not None else self.nick_wanted or "*"

    def send(self, command: str, *params: str, source: str | None = None, tags: Tags = ()) -> None:
        """Send one message, after all that was said before. ``source``: None for the server."""
        if self.member is not None:
            self.member.catch_up()
        self.write_line(command, *params, source=source, tags=tags)

    def reply(self, numeric: Reply, *params: str) -> None:
        """Send a numeric with ``params``, and after them the words that belong to it, if it has
        some."""
        words = numerics.WORDS.get(numeric)
        if words is not None:
            params += (words,)
        self.send(numeric, self.nick, *params)

    def show(self, *messages: Message) -> None:
        """Send messages of the hub, after all that was said before."""
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
        if self.held is not None:
            self.held.append(lines)
        else:
            self.transport.write(lines)

    # For commands: registration

    def set_capabilities(self, capabilities: Iterable[str]) -> None:
        """Show what follows to the client as ``capabilities`` say."""
        if self.member is not None:
            self.member.catch_up()
        self.capabilities = frozenset(capabilities)
        self._render = self.server.renderer(self.capabilities)

    def registered(self, member: Member) -> None:
        """From now on this is the connection of ``member``."""
        self.member = member
        self.server.discharge(self.origin)
        self.server.most = max(self.server.most, len(self.server.hub.members))
        if self._registration is not None:
            self._registration.cancel()
            self._registration = None
        self._expect_life()

    def refuse_client(self, reason: str) -> None:
        """Close the connection of a client, which may not have registered yet."""
        if self.member is not None:
            self.member.dismiss(reason, reason)
        else:
            self.close(reason)

    def execute(self, line: Line) -> None:
        """Do what ``line`` asks for."""
        command = self._commands.get(line.command)
        if self.member is None and (command is None or not command.early):
            self.reply(Reply.NOTREGISTERED)
        elif command is None:
            self.reply(Reply.UNKNOWNCOMMAND, line.command)
        elif len(line.params) < command.least:
            self.reply(Reply.NEEDMOREPARAMS, line.command)
        else:
            try:
                command.run(self, line)
            except ChatError as exc:
                self.refuse(exc, line)

    # Helpers of the callbacks above

    def _may_continue(self, line: str) -> bool:
        """Return whether to look at ``line``; if not, its sender is a client that is refused."""
        if self.member is not None:
            return not self.member.gone
        if not self._early_lines and speaks_http(line):
            self.refuse_client(NOT_HTTP)
            return False
        self._early_lines += 1
        if self._early_lines > MAX_EARLY_LINES:
            self.refuse_client("Too many lines before registration")
            return False
        return True

    def _answer(self, function: Callable[..., object], *args: object) -> None:
        """Answer a line that is none: after flood control, if there is a member."""
        if self.member is None:
            function(*args)
        else:
            conversation.submit(self.member, function, *args)

    def _refuse_line(self, too_long: bool) -> None:
        if too_long:
            self.reply(Reply.INPUTTOOLONG)
        else:
            self.reply(Reply.UNKNOWNCOMMAND, "*")

    def _tell(self, message: Message) -> None:
        """Show a message that is for this member alone, and names it on IRC."""
        match message.kind:
            case Kind.ENTERED:
                self.write(self._render((message._replace(kind=Kind.JOINED),)))
            case Kind.AWAY:
                self.write_line(Reply.AWAY, self.nick, message.sender, message.text)
            case _:
                self.write_line("NOTICE", self.nick, message.text)

    def _expect_life(self) -> None:
        """Send a PING after a silence."""
        server = self.server
        self._asked = False
        self._idle = IdleTimer(server.reactor, server.ping_interval, self._ask_for_life)

    def _ask_for_life(self) -> None:
        server = self.server
        self._asked = True
        self._idle = IdleTimer(server.reactor, server.ping_timeout, self._expired)
        self.send("PING", server.name)

    def _expired(self) -> None:
        server = self.server
        silence = server.ping_interval + server.ping_timeout
        self.refuse_client(f"Ping timeout: {silence:g} seconds")

    def _heard(self, idle: IdleTimer) -> None:
        if self._asked:
            idle.cancel()
            self._expect_life()
        else:
            idle.touch()

    def _cancel_timers(self) -> None:
        for timer in (self._registration, self._idle):
            if timer is not None:
                timer.cancel()
        self._registration = self._idle = None


def room_of(channel: str) -> str:
    """Return the name of the room that is ``channel``. Raises ChatError if that is no channel."""
    if not channel.startswith(CHANNEL_PREFIX):
        raise ChatError("No such channel", ErrorCode.NO_SUCH_ROOM)
    return channel.removeprefix(CHANNEL_PREFIX)


def _first(params: Iterable[str], *, channel: bool) -> str:
    found = [param for param in params if param.startswith(CHANNEL_PREFIX) is channel]
    return found[0].partition(" ")[0] if found and found[0] else "*"
