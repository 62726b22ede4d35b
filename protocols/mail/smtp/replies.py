"""Replies of an SMTP server: a code, an enhanced status code (RFC 3463) and text."""

from __future__ import annotations

from typing import Final


class Reply:
    """A reply, such as ``Reply(550, "5.1.1", "No such user")``.

    ``status``: the enhanced status code; "" in replies that have none (RFC 2034 section 4: the
    greeting, the replies to EHLO, and 3xx). ``text`` may have several lines. Only ASCII goes to the
    client, as it may not know SMTPUTF8; other characters and control characters are escaped.
    ``data``: what is sent. Raises ``ValueError`` if code and status contradict each other."""

    __slots__ = ("code", "data", "status", "text")

    def __init__(self, code: int, status: str, text: str) -> None:
        if not 200 <= code <= 599:
            raise ValueError(f"a reply's code is from 200 to 599, not {code!r}")
        if status and status[0] != str(code)[0]:
            raise ValueError(f"a reply with code {code} cannot have status {status!r}")
        self.code = code
        self.status = status
        self.text = text
        lines = [_printable(f"{status} {line}" if status else line) for line in text.split("\n")]
        last = lines.pop()
        rendered = [f"{code}-{line}\r\n" for line in lines]
        self.data = "".join([*rendered, f"{code} {last}\r\n"]).encode("ascii")

    @property
    def is_positive(self) -> bool:
        """Whether the command has succeeded (2xx), or goes on (3xx)."""
        return self.code < 400

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reply) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"Reply({self.code}, {self.status!r}, {self.text!r})"


def _printable(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in line)


OK: Final = Reply(250, "2.0.0", "OK")
SENDER_OK: Final = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK: Final = Reply(250, "2.1.5", "Recipient OK")
STORED: Final = Reply(250, "2.0.0", "Message accepted")
START_DATA: Final = Reply(354, "", "End the message with a dot on a line of its own")
START_TLS: Final = Reply(220, "2.0.0", "Begin TLS")
AUTHENTICATED: Final = Reply(235, "2.7.0", "Authentication succeeded")
CANNOT_VERIFY: Final = Reply(252, "2.5.0", "Cannot verify users; try to send a message")

BAD_COMMAND: Final = Reply(500, "5.5.2", "Unknown command")
LINE_TOO_LONG: Final = Reply(500, "5.5.2", "The line is too long")
BARE_LINE_END: Final = Reply(500, "5.5.2", "Lines must end with CR LF, and have no other CR or LF")
NOT_UTF8: Final = Reply(500, "5.5.2", "The command is not valid UTF-8")
NO_ARGUMENTS: Final = Reply(501, "5.5.4", "This command has no arguments")
NOT_IMPLEMENTED: Final = Reply(502, "5.5.1", "This command is not implemented")
NO_HELLO: Final = Reply(503, "5.5.1", "Begin with EHLO or HELO")
NO_LHLO: Final = Reply(503, "5.5.1", "Begin with LHLO")
NO_MAIL: Final = Reply(503, "5.5.1", "Send MAIL first")
NESTED_MAIL: Final = Reply(503, "5.5.1", "There is a sender already; RSET begins again")
NO_RECIPIENTS: Final = Reply(503, "5.5.1", "There is no valid recipient")
IN_CHUNKS: Final = Reply(503, "5.5.1", "BDAT has begun this message, and must end it")
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3", "Too many recipients; send the others later")
NO_RELAY: Final = Reply(550, "5.7.1", "This server does not deliver for that domain")
NOT_HERE: Final = Reply(502, "5.5.1", "This server has no TLS")
TLS_ALREADY: Final = Reply(503, "5.5.1", "TLS is in use already")
NEEDS_SMTPUTF8: Final = Reply(553, "5.6.7", "This address needs SMTPUTF8")
NEEDS_TLS: Final = Reply(538, "5.7.11", "Authentication needs TLS: send STARTTLS first")
NEEDS_AUTH: Final = Reply(530, "5.7.0", "Authentication is required")

BAD_SEQUENCE: Final = Reply(554, "5.5.0", "Wait for 354 before sending the message")
NOT_SMTP: Final = Reply(554, "5.5.0", "This is a mail server, not a web server")
EARLY_TALKER: Final = Reply(554, "5.5.0", "You sent data before the greeting")
BARE_CONTENT: Final = Reply(
    550, "5.6.0", "The message has a CR or LF that is not part of CR LF; it was not accepted"
)
LONG_CONTENT: Final = Reply(550, "5.6.0", "The message has a line that is too long")
TOO_LARGE: Final = Reply(552, "5.3.4", "The message is too large")
NO_MEMORY: Final = Reply(452, "4.3.1", "Too much mail is arriving; try again later")
DISK_FULL: Final = Reply(452, "4.3.1", "The disk is full; try again later")
NOT_STORED: Final = Reply(451, "4.3.0", "The message could not be stored; try again later")

TIMED_OUT: Final = Reply(421, "4.4.2", "Too slow; closing the connection")
TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", "Too many errors; closing the connection")
TOO_MANY_COMMANDS: Final = Reply(421, "4.7.0", "Too many commands without mail; closing")
TOO_MANY_MESSAGES: Final = Reply(
    421, "4.7.0", "Too many messages on this connection; connect again for more"
)
TINY_CHUNKS: Final = Reply(421, "4.7.0", "Too many small chunks; closing the connection")
TOO_MANY_CONNECTIONS: Final = Reply(421, "4.7.0", "Too many connections; try again later")
STOPPING: Final = Reply(421, "4.3.2", "The server is stopping; try again later")
