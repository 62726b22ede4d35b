"""The commands of POP3: a small function for each. Each returns the reply, or None if that comes
later."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from ..maildir import StoredMail
from .settings import POP3Shared

Command = Callable[["Client", list[str]], str | None]

_UNIQUE_ID: Final = re.compile(r"[!-~]{1,70}")  # RFC 1939 section 7
_FEW: Final = 4096  # bytes
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class Client(Protocol):
    """What commands need of a connection."""

    shared: POP3Shared
    user: str | None
    is_encrypted: bool
    maildrop: Maildrop

    def may_send_passwords(self) -> bool:
        """Whether USER is allowed."""

    def check_password(self, password: str) -> None:
        """Check the password of ``user``, open the mailbox, and reply."""

    def begin_tls(self) -> None:
        """Reply, and begin the handshake."""

    def send_mail(self, mail: StoredMail, lines: int | None) -> None:
        """Reply with the mail; with ``lines``, only its header and so many lines."""

    def delete_and_close(self) -> None:
        """Delete what is marked, reply, and close."""

    def say_goodbye(self, reply: str) -> None:
        """Reply, and close."""


class CommandFailed(Exception):
    """The reply is ``-ERR`` and this text."""


def capa(connection: Client, arguments: list[str]) -> str:
    """CAPA: the capabilities (RFC 2449)."""
    lines = ["TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE NEVER"]
    if connection.may_send_passwords():
        lines.append("USER")
    if connection.shared.settings.tls is not None and not connection.is_encrypted:
        lines.append("STLS")
    return _listing("Capabilities", lines)


def user(connection: Client, arguments: list[str]) -> str:
    """USER name."""
    _check(len(arguments) == 1, "Syntax: USER name")
    _check(connection.may_send_passwords(), "[SYS/PERM] Passwords need TLS: send STLS first")
    connection.user = arguments[0]
    return "+OK"


def pass_(connection: Client, arguments: list[str]) -> None:
    """PASS password; it may contain spaces (RFC 1939 section 7)."""
    _check(connection.user is not None, "Send USER first")
    connection.check_password(" ".join(arguments))


def stls(connection: Client, arguments: list[str]) -> None:
    """STLS: from now on, encrypted (RFC 2595)."""
    _check(connection.shared.settings.tls is not None, "This server has no TLS")
    _check(not connection.is_encrypted, "TLS is in use already")
    connection.begin_tls()


def quit_before(connection: Client, arguments: list[str]) -> None:
    """QUIT without a login."""
    connection.say_goodbye("+OK Bye")


def noop(connection: Client, arguments: list[str]) -> str:
    """NOOP: do nothing."""
    return "+OK"


def stat(connection: Client, arguments: list[str]) -> str:
    """STAT: how many mails there are, and their size."""
    mails = [mail for _, mail in connection.maildrop.present()]
    return f"+OK {len(mails)} {sum(mail.size for mail in mails)}"


def list_(connection: Client, arguments: list[str]) -> str:
    """LIST [number]: sizes."""
    if arguments:
        number, mail = _selected(connection, arguments)
        return f"+OK {number} {mail.size}"
    lines = [f"{number} {mail.size}" for number, mail in connection.maildrop.present()]
    return _listing(f"{len(lines)} mails", lines)


def uidl(connection: Client, arguments: list[str]) -> str:
    """UIDL [number]: names that stay the same in all sessions."""
    if arguments:
        number, mail = _selected(connection, arguments)
        return f"+OK {number} {unique_id(mail)}"
    lines = [f"{number} {unique_id(mail)}" for number, mail in connection.maildrop.present()]
    return _listing("Unique identifiers", lines)


def retr(connection: Client, arguments: list[str]) -> None:
    """RETR number: the mail."""
    _, mail = _selected(connection, arguments)
    connection.send_mail(mail, None)


def top(connection: Client, arguments: list[str]) -> None:
    """TOP number lines: the header, and so many lines of the body."""
    _check(
        len(arguments) == 2 and bool(_NUMBER.fullmatch(arguments[1])), "Syntax: TOP number lines"
    )
    _, mail = _selected(connection, arguments[:1])
    connection.send_mail(mail, int(arguments[1]))


def dele(connection: Client, arguments: list[str]) -> str:
    """DELE number: mark it; QUIT deletes it."""
    number, _ = _selected(connection, arguments)
    connection.maildrop.deleted.add(number)
    return "+OK Will be deleted"


def rset(connection: Client, arguments: list[str]) -> str:
    """RSET: no mail is marked any more."""
    connection.maildrop.deleted.clear()
    return "+OK"


def quit_(connection: Client, arguments: list[str]) -> None:
    """QUIT: delete the marked mails."""
    connection.delete_and_close()


BEFORE_LOGIN: Final[Mapping[str, Command]] = {
    "CAPA": capa,
    "USER": user,
    "PASS": pass_,
    "STLS": stls,
    "QUIT": quit_before,
}
AFTER_LOGIN: Final[Mapping[str, Command]] = {
    "CAPA": capa,
    "STAT": stat,
    "LIST": list_,
    "UIDL": uidl,
    "RETR": retr,
    "TOP": top,
    "DELE": dele,
    "NOOP": noop,
    "RSET": rset,
    "QUIT": quit_,
}


class Maildrop:
    """The mails as they were at the login, and the numbers of those that QUIT will delete."""

    def __init__(self, mails: list[StoredMail]) -> None:
        self.mails = mails
        self.deleted: set[int] = set()

    def present(self) -> list[tuple[int, StoredMail]]:
        """Numbers and mails, without those that are marked."""
        numbered = enumerate(self.mails, 1)
        return [(number, mail) for number, mail in numbered if number not in self.deleted]


def unique_id(mail: StoredMail) -> str:
    """The name for UIDL: the file's, without the sizes."""
    name = mail.identity.partition(",")[0]
    if _UNIQUE_ID.fullmatch(name):
        return name
    return hashlib.sha256(os.fsencode(mail.identity)).hexdigest()


def top_of(content: bytes, lines: int) -> bytes:
    """The header of a mail, the empty line, and so many lines of the body."""
    begin = content.find(b"\r\n\r\n") + 4
    if begin < 4:
        return content
    # Halves are counted, because finding millions of lines one by one takes seconds.
    end = len(content)
    while end - begin > _FEW:
        middle = (begin + end) // 2
        count = content.count(b"\n", begin, middle)
        if count >= lines:
            end = middle
        else:
            begin, lines = middle, lines - count
    for _ in range(lines):
        next_begin = content.find(b"\n", begin) + 1
        if not next_begin:
            return content
        begin = next_begin
    return content[:begin]


def _listing(title: str, lines: list[str]) -> str:
    return "\r\n".join([f"+OK {title}", *lines, "."])


def _selected(connection: Client, arguments: list[str]) -> tuple[int, StoredMail]:
    _check(len(arguments) == 1 and bool(_NUMBER.fullmatch(arguments[0])), "Expected a number")
    number = int(arguments[0])
    maildrop = connection.maildrop
    _check(0 < number <= len(maildrop.mails), "No such mail")
    _check(number not in maildrop.deleted, "This mail is marked for deletion")
    return number, maildrop.mails[number - 1]


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise CommandFailed(message)
