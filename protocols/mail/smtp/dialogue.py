"""The dialogue of one SMTP or LMTP connection, without input and output.

What arrives goes to ``receive``. What happens then is a call of the ``Host``: a reply to send, a
message that is complete. Where the host needs time, for the disk, a password or a handshake, the
dialogue waits and keeps what the client has sent in the meantime. The commands themselves are in
``commands.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from . import replies
from .addresses import Address
from .data import ChunkLines, ChunkReader, Content, DataReader, Discarded, Memory
from .limits import AUTH_LINE, COMMAND_LINE
from .message import Envelope, Message
from .replies import Reply
from .settings import Settings

# The reply for all recipients, or in LMTP one for each.
Outcome = Reply | Mapping[Address, Reply]

# A command: called with the dialogue and the text after the command's name.
Command = Callable[["Dialogue", str], None]

# A browser that a web page has POST to this port (cross-protocol scripting).
_HTTP: Final = frozenset({"GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"})


class Host(Protocol):
    """What a dialogue needs of its connection."""

    def send_reply(self, reply: Reply) -> None:
        """Send it."""

    def close(self) -> None:
        """Send what is queued, and close the connection."""

    def sender_given(self, address: Address) -> Reply | None:
        """MAIL names this sender. Returns a reply to refuse it, None to accept it."""

    def recipient_given(self, address: Address) -> Reply | None:
        """RCPT names this recipient. Returns a reply to refuse it, None to accept it."""

    def message_complete(self, message: Message) -> None:
        """Take the message, and then call ``Dialogue.finish``."""

    def check_password(self, name: str, password: str) -> None:
        """Check it, and then call ``Dialogue.authenticated``."""

    def start_tls(self) -> None:
        """Begin the handshake after what is queued; then call ``Dialogue.tls_started``."""


class Dialogue:
    """``commands``: by name, in capitals. ``memory``: what all connections share."""

    def __init__(
        self,
        host: Host,
        settings: Settings,
        memory: Memory,
        commands: Mapping[str, Command],
        peer: str,
    ) -> None:
        self.host = host
        self.settings = settings
        self.limits = settings.limits
        self.peer = peer
        self.cipher = ""  # TLS's version and cipher, when it is in use
        self.hello = ""  # the client's name; "" before HELO, EHLO and LHLO
        self.extended = False  # whether it has sent EHLO or LHLO
        self.user: str | None = None
        self.wrong_passwords = 0
        self.envelope: Envelope | None = None  # after MAIL
        self.chunks: ChunkLines | None = None  # after the first BDAT
        self.more_follows = False  # whether data arrived together with the current command
        self.auth_step: Callable[[bytes], None] | None = None  # takes the next line of AUTH
        self.paused = False  # by the host, while the client does not read
        self.closed = False
        self.excess = 0  # recipients of this message that were too many
        self.handled = 0  # commands and contents that are complete
        self._memory = memory
        self._commands = commands
        self._unread = b""
        self._reader: DataReader | ChunkReader | Discarded | None = None
        self._at_end: Callable[[], None] = _nothing  # what follows when _reader is done
        self._content: Content | None = None
        self._waiting = False  # for the host
        self._skipping = False  # the rest of a line that is too long
        self._errors = 0
        self._since_message = 0  # commands
        self._messages = 0

    # -- input -------------------------------------------------------------------------------------

    @property
    def is_waiting(self) -> bool:
        """Whether nothing more is read at the moment."""
        return self._waiting or self.paused or self.closed

    @property
    def waits_for_host(self) -> bool:
        """Whether the host has been asked for something, and has not answered yet."""
        return self._waiting

    @property
    def is_idle(self) -> bool:
        """Whether the client has begun nothing that it expects a reply to."""
        return not self._waiting and self._reader is None and self.envelope is None

    @property
    def reads_content(self) -> bool:
        """Whether a message is being received."""
        return self._reader is not None and not self._waiting

    @property
    def has_unread(self) -> bool:
        """Whether something has arrived that is not handled yet."""
        return bool(self._unread)

    @property
    def content_size(self) -> int:
        """How many bytes of the message have arrived."""
        return 0 if self._content is None else self._content.size

    @property
    def refusal(self) -> Reply | None:
        """Why the message that is being received will not be accepted."""
        return None if self._content is None else self._content.refusal

    def receive(self, data: bytes) -> None:
        """The client has sent ``data``."""
        self._unread += data
        self.proceed()

    def proceed(self) -> None:
        """Read what has arrived. The host calls this when it is ready again."""
        while self._unread and not self.is_waiting:
            if self._reader is None:
                if not self._read_commands():
                    return
            else:
                self._read_content(self._reader)

    def _read_commands(self) -> bool:
        """Handle the complete lines; returns False if the last one has no end yet."""
        data, position = self._unread, 0
        self._unread = b""
        while self._reader is None and not self.is_waiting:
            end = data.find(b"\n", position) + 1
            if not end:
                self._unread = self._partial_line(data[position:])
                return False
            line, position = data[position:end], end
            self.more_follows = position < len(data)
            if self._skipping:
                self._skipping = False
                self._refuse_long_line()
            else:
                self._handle_line(line)
        if not self.closed:
            self._unread = data[position:] + self._unread
        return True

    def _partial_line(self, line: bytes) -> bytes:
        if self._skipping or len(line) > self._max_line():
            self._skipping = True
            return b""
        return line

    def _max_line(self) -> int:
        return COMMAND_LINE if self.auth_step is None else AUTH_LINE

    def _handle_line(self, line: bytes) -> None:
        self.handled += 1
        if len(line) > self._max_line():
            self._refuse_long_line()
        elif line[-2:] != b"\r\n" or line.find(b"\r", 0, -2) >= 0:
            self.refuse(replies.BARE_LINE_END)
        elif self.auth_step is not None:
            step, self.auth_step = self.auth_step, None
            step(line[:-2])
        else:
            try:
                text = line.decode()
            except UnicodeDecodeError:
                self.refuse(replies.NOT_UTF8)
                return
            name, _, argument = text[:-2].partition(" ")
            self._handle_command(name.upper(), argument.strip(" "))

    def _refuse_long_line(self) -> None:
        self.auth_step = None
        self.refuse(replies.LINE_TOO_LONG)

    def _handle_command(self, name: str, argument: str) -> None:
        command = self._commands.get(name)
        self._since_message += 1
        if self._since_message > self.limits.commands and name not in ("RCPT", "BDAT", "DATA"):
            self.say_goodbye(replies.TOO_MANY_COMMANDS)
        elif command is not None:
            command(self, argument)
        elif name in _HTTP:
            self.say_goodbye(replies.NOT_SMTP)
        else:
            self.refuse(replies.BAD_COMMAND)

    def _read_content(self, reader: DataReader | ChunkReader | Discarded) -> None:
        data, self._unread = self._unread, b""
        rest = reader.feed(data)
        if rest is not None:
            self._unread = rest
            self._reader = None
            self.handled += 1
            self._at_end()
        elif self._content is not None and self._content.size > 2 * self.limits.size:
            # The client ignores the limit that EHLO has told it.
            self.say_goodbye(replies.TOO_LARGE)

    # -- replies -----------------------------------------------------------------------------------

    def reply(self, reply: Reply) -> None:
        """Send a reply that is not an error."""
        self.host.send_reply(reply)

    def refuse(self, reply: Reply) -> None:
        """Send an error; after too many of them, close."""
        self._errors += 1
        if self._errors > self.limits.errors:
            reply = replies.TOO_MANY_ERRORS
        if reply.code == 421:
            self.say_goodbye(reply)
        else:
            self.host.send_reply(reply)

    def say_goodbye(self, reply: Reply) -> None:
        """Send the last reply and close. What is incomplete is forgotten."""
        if not self.closed:
            self.host.send_reply(reply)
            self.end()
            self.host.close()

    def end(self) -> None:
        """The connection is over: forget everything, except a message that is being stored."""
        self.closed = True
        self._unread = b""
        if not self._waiting:
            self.reset()

    # -- a message ---------------------------------------------------------------------------------

    def begin_message(self, envelope: Envelope) -> None:
        """MAIL has named the sender."""
        self._messages += 1
        if self._messages > self.limits.messages:
            self.say_goodbye(replies.TOO_MANY_MESSAGES)
        else:
            self.envelope = envelope
            self.reply(replies.SENDER_OK)

    def begin_content(self) -> Content:
        """The client begins to send the message."""
        self._content = Content(self.limits.size, self.limits.line, self._memory)
        return self._content

    def read_data(self) -> None:
        """Read what follows DATA."""
        self._reader = DataReader(self.begin_content(), self.limits.line)
        self._at_end = self.end_content

    def read_chunk(self, size: int, at_end: Callable[[], None]) -> None:
        """Read what follows BDAT, and then call ``at_end``. Without ``chunks``, it is discarded."""
        reader = Discarded(size) if self.chunks is None else ChunkReader(self.chunks, size)
        if size:
            self._reader, self._at_end = reader, at_end
        else:
            at_end()

    def end_content(self) -> None:
        """The message is complete."""
        content, envelope = self._content, self.envelope
        assert content is not None
        assert envelope is not None
        self._since_message = 0
        if content.refusal is None:
            self._waiting = True
            self.host.message_complete(Message(envelope, content.whole()))
        else:
            self._errors += 1
            self._reply_to_each(content.refusal)
            self.reset()

    def finish(self, outcome: Outcome) -> None:
        """The host has taken the message, or refused it."""
        self._waiting = False
        if not self.closed:
            self._reply_to_each(outcome)
        self.reset()

    def _reply_to_each(self, outcome: Outcome) -> None:
        """In LMTP each recipient gets a reply (RFC 2033 section 4.2)."""
        recipients: Iterable[Address] = ()
        if self.envelope is not None:
            recipients = self.envelope.recipients
        if isinstance(outcome, Reply):
            for _ in recipients if self.settings.lmtp else (None,):
                self.host.send_reply(outcome)
        elif self.settings.lmtp:
            for recipient in recipients:
                self.host.send_reply(outcome[recipient])
        else:
            raise TypeError("only LMTP can answer each recipient")

    def reset(self) -> None:
        """Forget the sender, the recipients and the content."""
        self.envelope = None
        self.chunks = None
        self.excess = 0
        self._reader = None
        self._at_end = _nothing
        content, self._content = self._content, None
        if content is not None:
            content.release()

    # -- what the host does ------------------------------------------------------------------------

    def wait_for_password(self, name: str, password: str) -> None:
        """Let the host check a password."""
        self._waiting = True
        self.host.check_password(name, password)

    def authenticated(self, user: str, refusal: Reply | None) -> None:
        """The host has checked the password of ``user``. ``refusal``: None if it is right."""
        self._waiting = False
        if self.closed:
            return
        if refusal is None:
            self.user = user
            self.reply(replies.AUTHENTICATED)
            return
        self.wrong_passwords += 1
        if self.wrong_passwords >= self.limits.wrong_passwords:
            self.host.send_reply(refusal)
            self.say_goodbye(replies.TOO_MANY_ERRORS)
        else:
            self.refuse(refusal)

    def wait_for_tls(self) -> None:
        """Let the host begin the handshake. What the client has sent together with STARTTLS is
        discarded: it was not encrypted, so anyone could have added it (CVE-2011-0411)."""
        self._waiting = True
        self.host.start_tls()

    def tls_started(self, cipher: str) -> None:
        """The handshake is done. Everything that the client said before is forgotten (RFC 3207
        section 4.2)."""
        self._waiting = False
        self._unread = b""
        self.cipher = cipher
        self.hello = ""
        self.extended = False
        self.user = None
        self.reset()


def _nothing() -> None:
    pass
