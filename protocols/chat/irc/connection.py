"""One connection of IRC: its lines, its registration, its PINGs. It is also its member's sink.

What a command does is not here: ``IRCConnection`` finds it in a table. The table's functions get
the connection, and answer with the methods of ``output.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from reactor import IdleTimer, StreamTransport, Timer

from .. import conversation
from ..member import Member
from ..messages import ChatError, ErrorCode
from ..origins import origin_of
from ..partings import parting_reason
from ..wrong_port import NOT_HTTP, NOT_TLS, speaks_http, speaks_tls
from .grammar import MAX_LINE, MAX_TAGS, Line, LineError, parse_line
from .numerics import Reply
from .output import Output
from .render import CHANNEL_PREFIX
from .shared import Shared
from .user_modes import UserMode

STEPS_PER_TOKEN: Final = 500  # of a command, for one token of flood control

MAX_EARLY_LINES: Final = 100  # that a client may send before it is registered


class Command(NamedTuple):
    """One row of the table. ``run`` is called with the connection and the line.

    ``min_params``: with fewer parameters, the answer is 461. ``early``: whether the command is
    allowed before registration, when ``connection.member`` is None.
    """

    run: Callable[[IRCConnection, Line], object]
    min_params: int = 0
    early: bool = False


class IRCConnection(Output):
    """One connection. ``commands``: the table of commands.

    Read-only: ``origin``, for ``Hub.join``.

    Registration: ``nick_wanted``, ``user`` and ``realname`` are what the client has sent;
    ``negotiating`` is True between CAP LS and CAP END; ``cap_version`` is the version of CAP that
    the client supports.

    ``modes``: of the user. ``signed_on``: when the client registered, in seconds since the epoch.
    ``wrong_passwords``: how many it has sent.
    """

    __slots__ = (
        "_commands",
        "_early_lines",
        "_idle",
        "_ping_sent",
        "_registration",
        "_valid",
        "cap_version",
        "modes",
        "negotiating",
        "origin",
        "realname",
        "signed_on",
        "user",
        "wrong_passwords",
    )

    max_line_length = MAX_TAGS + MAX_LINE

    def __init__(self, server: Shared, commands: Mapping[str, Command]) -> None:
        super().__init__(server)
        self._commands = commands
        self.origin: bytes | None = None
        self.user = ""
        self.realname = ""
        self.cap_version = 301
        self.negotiating = False
        self.modes = UserMode.NONE
        self.signed_on = 0.0
        self.wrong_passwords = 0
        self._early_lines = 0
        self._valid = True  # whether the last line was UTF-8
        self._registration: Timer | None = None
        self._idle: IdleTimer | None = None
        self._ping_sent = False  # whether the client has a PING to answer

    # Called by the transport

    def connection_made(self, transport: StreamTransport) -> None:
        super().connection_made(transport)
        server = self.server
        self.origin = origin_of(transport.get_extra_info("peername"))
        if not server.add_unregistered(self.origin):
            self.close("There are too many connections from your address: try again later")
            return
        self._registration = server.reactor.call_later(
            server.registration_timeout, self.refuse_client, "Registration timed out"
        )

    def plaintext_reply(self, transport: StreamTransport) -> bytes:
        return b"ERROR :This port uses TLS: connect with TLS\r\n"

    def data_received(self, data: bytes) -> None:
        if self._idle is not None:
            self._touch(self._idle)
        elif not self._early_lines and speaks_tls(self._partial, data):
            self.refuse_client(NOT_TLS)
            return
        # "\r" alone ends a line as well.
        super().data_received(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))

    def decode_line(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._valid = False
            return line.decode(errors="replace")

    def line_received(self, line: str) -> None:
        valid, self._valid = self._valid, True
        if not self._may_continue(line):
            return
        try:
            parsed = parse_line(line)
        except LineError as exc:
            self._submit(self._refuse_line, exc.too_long)
            return
        if parsed is None:  # a blank line; many of them take time all the same
            if self.member is not None:
                conversation.heartbeat(self.member)
        elif not valid:
            text = "Send UTF-8: this line was ignored"
            params = "FAIL", parsed.command, "INVALID_UTF8", text
            self._submit(self.answer, parsed, self.send, *params)
        elif self.member is None:
            self.execute(parsed)
        elif parsed.command in {"PING", "PONG"}:
            if conversation.heartbeat(self.member):
                self.execute(parsed)
        else:
            conversation.submit(self.member, self.execute, parsed, size=len(line))

    def line_too_long(self) -> None:
        if self._may_continue(""):
            self._submit(self._refuse_line, True)

    def eof_received(self) -> bool | None:
        super().eof_received()
        if self.member is None:
            return None
        # Flood control may still hold lines of the peer, for example of a file in a pipe.
        conversation.finish(self.member, "", "Connection closed")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.set_modes(UserMode.NONE)
        self._cancel_timers()
        if self.member is None:
            self.server.remove_unregistered(self.origin)
        else:
            self.member.leave(parting_reason(exc))

    def shutdown_requested(self) -> None:
        self.server.hub.close("The server is stopping")
        if self.member is None:
            self.refuse_client("The server is stopping")

    # Called by the member

    def close(self, reason: str, /) -> None:
        """Send ``reason`` to the peer, and close the connection."""
        self._cancel_timers()
        self.release()
        self.write_line("ERROR", f"Closing Link: {self.nick} ({reason})")
        self.transport.close()

    # For commands: registration

    def registered(self, member: Member) -> None:
        """Make this the connection of ``member``."""
        self.member = member
        self.signed_on = self.server.hub.clock()
        self.server.remove_unregistered(self.origin)
        self.server.peak_members = max(self.server.peak_members, len(self.server.hub.members))
        if self._registration is not None:
            self._registration.cancel()
            self._registration = None
        self._start_ping_timer()

    def refuse_client(self, reason: str) -> None:
        """Close the connection of a client, which may not have registered yet."""
        if self.member is not None:
            self.member.dismiss(reason, reason)
        else:
            self.close(reason)

    def set_modes(self, modes: UserMode) -> None:
        """Change the modes of the user."""
        for mode in UserMode:
            self.server.modes[mode] += (mode in modes) - (mode in self.modes)
        self.modes = modes

    def charge(self, steps: int) -> None:
        """Have flood control delay what the client sends next, as a command took ``steps``: about
        3 us each, so that a member who asks for long lists leaves the loop to the others."""
        if self.member is not None:
            conversation.charge(self.member, steps / STEPS_PER_TOKEN)

    # For commands: running them

    def execute(self, line: Line) -> None:
        """Run the command in ``line``, after the commands before it."""
        if self._waiting is not None:
            self._waiting.append(line)
        else:
            self.answer(line, self._execute, line)

    def pause_commands(self) -> None:
        """Stop reading, and queue commands until ``resume_commands`` is called."""
        self._waiting = []
        self.transport.pause_reading()

    def resume_commands(self) -> None:
        """Run the queued commands, and read again."""
        lines, self._waiting = self._waiting or [], None
        self.transport.resume_reading()
        for line in lines:
            if self.member is None or self.member.gone:
                break
            self.execute(line)

    def _execute(self, line: Line) -> None:
        command = self._commands.get(line.command)
        if self.member is None and (command is None or not command.early):
            self.reply(Reply.NOTREGISTERED)
        elif command is None:
            self.reply(Reply.UNKNOWNCOMMAND, line.command)
        elif len(line.params) < command.min_params:
            self.reply(Reply.NEEDMOREPARAMS, line.command)
        else:
            try:
                command.run(self, line)
            except ChatError as exc:
                self.refuse(exc, line)

    # Helpers of the callbacks above

    def _may_continue(self, line: str) -> bool:
        """Return whether to process ``line``. If not, refuse the client or ignore the line."""
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

    def _submit(self, function: Callable[..., object], *args: object) -> None:
        """Call ``function(*args)``, which answers an invalid line.

        For a member, flood control decides when.
        """
        if self.member is None:
            function(*args)
        else:
            conversation.submit(self.member, function, *args)

    def _refuse_line(self, too_long: bool) -> None:
        if too_long:
            self.reply(Reply.INPUTTOOLONG)
        else:
            self.reply(Reply.UNKNOWNCOMMAND, "*")

    def _start_ping_timer(self) -> None:
        """Send a PING after ``ping_interval`` seconds of silence."""
        server = self.server
        self._ping_sent = False
        self._idle = IdleTimer(server.reactor, server.ping_interval, self._send_ping)

    def _send_ping(self) -> None:
        server = self.server
        self._ping_sent = True
        self._idle = IdleTimer(server.reactor, server.ping_timeout, self._expired)
        self.send("PING", server.name)

    def _expired(self) -> None:
        server = self.server
        silence = server.ping_interval + server.ping_timeout
        self.refuse_client(f"Ping timeout: {silence:g} seconds")

    def _touch(self, idle: IdleTimer) -> None:
        if self._ping_sent:
            idle.cancel()
            self._start_ping_timer()
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
