"""Users: their passwords, their folders, and what they may do."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..passwords import PasswordHash, Passwords, PasswordsError, account_lines
from ..rooted import Root
from .quota import Quota

ANONYMOUS: Final = frozenset({"anonymous", "ftp"})  # RFC 1635


@dataclass(frozen=True)
class AccountLine:
    """One ``NAME:HASH[:DIR][:rw]``. ``folder``: None for the root of the server."""

    name: str
    hash: PasswordHash
    folder: str | None
    writable: bool


@dataclass(frozen=True)
class Account:
    """A user who can log in. ``name``: empty for anonymous users."""

    name: str
    root: Root
    writable: bool
    quota: Quota = field(default_factory=Quota)


class Accounts:
    """The users who can log in. ``anonymous``: the account of clients without a password; None:
    they are refused."""

    def __init__(
        self,
        users: Iterable[tuple[Account, PasswordHash]] = (),
        anonymous: Account | None = None,
    ) -> None:
        users = tuple(users)
        self.anonymous = anonymous
        self.passwords = Passwords({account.name: hash_ for account, hash_ in users})
        self._users = {account.name: account for account, _ in users}

    def is_anonymous(self, name: str) -> bool:
        """Whether ``name`` needs no password."""
        return self.anonymous is not None and name.lower() in ANONYMOUS and name not in self._users

    def user(self, name: str) -> Account:
        """Return the account of a user whose password was right. Raises KeyError."""
        return self._users[name]


def parse_account(text: str) -> AccountLine:
    """Return what ``NAME:HASH[:DIR][:rw]`` says. Raises ValueError."""
    name, *rest = text.split(":")
    if not name or not name.isprintable() or len(name) > 64 or not rest:
        raise ValueError("expected NAME:HASH[:DIR][:rw]")
    hash_ = PasswordHash.parse(rest[0])
    rest = rest[1:]
    writable = rest[-1:] == ["rw"]
    if writable:
        rest.pop()
    folder = ":".join(rest) if rest else None
    if folder is not None and not folder:
        raise ValueError("DIR is empty")
    return AccountLine(name, hash_, folder, writable)


def read_accounts(path: Path) -> list[AccountLine]:
    """Return the users in the file at ``path``: a line ``NAME:HASH[:DIR][:rw]`` for each.

    Blank lines, and lines that begin with ``#``, are ignored. Raises PasswordsError for an invalid
    line, and OSError if the file cannot be read."""
    accounts = []
    for number, line in account_lines(path):
        try:
            accounts.append(parse_account(line))
        except ValueError as exc:
            raise PasswordsError(f"{path}, line {number}: {exc}") from None
    return accounts


def open_accounts(
    lines: Iterable[AccountLine],
    folder: str | None,
    *,
    anonymous: bool,
    writable: bool,
    quota: int = 0,
) -> Accounts:
    """Open the folders of all accounts. Users of the same folder share its quota.

    ``folder``: of anonymous users, and of accounts without one; None: there is none.
    ``writable``: whether everyone may write, also anonymous users. ``quota``: in bytes; 0: none.
    Raises PasswordsError if an account has no folder or a name is there twice, and OSError if a
    folder cannot be opened."""
    opened: dict[str, tuple[Root, Quota]] = {}

    def open_account(name: str, path: str, may_write: bool) -> Account:
        key = os.path.realpath(path)
        if key not in opened:
            opened[key] = (Root(path, hidden=True), Quota(quota))
        root, shared_quota = opened[key]
        return Account(name, root, may_write, shared_quota)

    users: dict[str, tuple[Account, PasswordHash]] = {}
    for line in lines:
        path = folder if line.folder is None else os.path.join(folder or "", line.folder)
        if path is None:
            raise PasswordsError(f"the user {line.name} needs a folder: give --root or a DIR")
        if line.name in users:
            raise PasswordsError(f"the user {line.name} is there twice")
        account = open_account(line.name, path, line.writable or writable)
        users[line.name] = (account, line.hash)
    guest = None
    if anonymous:
        if folder is None:
            raise PasswordsError("anonymous users need a folder: --root DIR")
        guest = open_account("", folder, writable)
    return Accounts(users.values(), guest)
