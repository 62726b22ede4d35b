"""The commands of POP3: a small function for each. Each returns the reply, as a text or in pieces,
or None if that comes later."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Final, Protocol

from ..maildir import StoredMail
from .settings import POP3Shared

Command = Callable[["Client", list[str]], str | Iterator[str] | None]

_UNIQUE_ID: Final = re.compile(r"[!-~]{1,70}")  # RFC 1939 section 7
_PIECE: Final = 500  # lines of a listing that are made at a time
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
    return "\r\n".join(["+OK Capabilities", *lines, "."])


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
    return f"+OK {connection.maildrop.count} {connection.maildrop.size}"


def list_(connection: Client, arguments: list[str]) -> str | Iterator[str]:
    """LIST [number]: sizes."""
    if arguments:
        number, mail = _selected(connection, arguments)
        return f"+OK {number} {mail.size}"
    maildrop = connection.maildrop
    lines = (f"{number} {mail.size}" for number, mail in maildrop.present())
    return _listing(f"{maildrop.count} mails", lines)


def uidl(connection: Client, arguments: list[str]) -> str | Iterator[str]:
    """UIDL [number]: names that stay the same in all sessions."""
    if arguments:
        number, mail = _selected(connection, arguments)
        return f"+OK {number} {unique_id(mail)}"
    maildrop = connection.maildrop
    lines = (f"{number} {unique_id(mail)}" for number, mail in maildrop.present())
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
    connection.maildrop.mark(number)
    return "+OK Will be deleted"


def rset(connection: Client, arguments: list[str]) -> str:
    """RSET: no mail is marked any more."""
    connection.maildrop.unmark_all()
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
    """The mails as they were at the login. ``deleted``: the numbers of those that QUIT will delete;
    ``count``, ``size``: of the others."""

    def __init__(self, mails: list[StoredMail]) -> None:
        self.mails = mails
        self._whole_size = sum(mail.size for mail in mails)
        self.unmark_all()

    def present(self) -> Iterator[tuple[int, StoredMail]]:
        """Numbers and mails, without those that are marked."""
        for number, mail in enumerate(self.mails, 1):
            if number not in self.deleted:
                yield number, mail

    def mark(self, number: int) -> None:
        """Mark a mail that is not marked."""
        self.deleted.add(number)
        self.count -= 1
        self.size -= self.mails[number - 1].size

    def unmark_all(self) -> None:
        """No mail is marked."""
        self.deleted: set[int] = set()
        self.count = len(self.mails)
        self.size = self._whole_size


def unique_id(mail: StoredMail) -> str:
    """The name for UIDL: the file's, without the sizes."""
    name = mail.identity.partition(",")[0]
    if _UNIQUE_ID.fullmatch(name):
        return name
    return hashlib.sha256(os.fsencode(mail.identity)).hexdigest()


def _listing(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A reply with these lines, in pieces."""
    whole = chain([f"+OK {title}"], lines, ["."])
    while piece := list(islice(whole, _PIECE)):
        yield "\r\n".join(piece)


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
