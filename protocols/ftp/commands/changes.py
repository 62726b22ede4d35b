"""Changes of files and folders other than by transfers: MKD, RMD, DELE, RNFR, RNTO, MFMT, SITE."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from ..dates import format_time, parse_time
from ..files import (
    change_mode,
    change_time,
    check_exists,
    delete,
    make_folder,
    remove_folder,
    rename,
)
from ..paths import quote_path, show_path
from ..session import Command, FTPSession, Takes

_MODE: Final = re.compile(r"[0-7]{3,4}").fullmatch


def _mkd(session: FTPSession, argument: str) -> None:
    names = session.path(argument)
    session.in_thread(
        make_folder, session.require_account().root, names,
        then=lambda _: session.reply(257, f"{quote_path(names)} was made"),
    )  # fmt: skip


def _rmd(session: FTPSession, argument: str) -> None:
    session.in_thread(
        remove_folder, session.require_account().root, session.path(argument),
        then=lambda _: session.reply(250, "The folder was removed"),
    )  # fmt: skip


def _dele(session: FTPSession, argument: str) -> None:
    session.in_thread(
        delete, session.require_account().root, session.path(argument),
        then=lambda _: session.reply(250, "The file was deleted"),
    )  # fmt: skip


def _rnfr(session: FTPSession, argument: str) -> None:
    names = session.path(argument)
    session.renaming = None

    def found(_: None) -> None:
        session.renaming = names
        session.reply(350, "Send the new name with RNTO")

    session.in_thread(check_exists, session.require_account().root, names, then=found)


def _rnto(session: FTPSession, argument: str) -> None:
    old, session.renaming = session.renaming, None
    if old is None:
        session.reply(503, "Send RNFR first")
        return
    session.in_thread(
        rename, session.require_account().root, old, session.path(argument),
        then=lambda _: session.reply(250, "It was renamed"),
        failed=partial(_cannot_rename, session),
    )  # fmt: skip


def _cannot_rename(session: FTPSession, error: OSError | ValueError) -> None:
    if not isinstance(error, OSError):
        raise error
    session.fail(error, 553)  # RFC 959 section 5.4


def _mfmt(session: FTPSession, argument: str) -> None:
    text, _, path = argument.partition(" ")
    try:
        seconds = parse_time(text)
    except ValueError:
        path = ""
    if not path:
        session.reply(501, "Expected YYYYMMDDHHMMSS and a path")
        return
    names = session.path(path)
    session.in_thread(
        change_time, session.require_account().root, names, seconds,
        then=lambda _: session.reply(213, f"Modify={format_time(seconds)}; {show_path(names)}"),
    )  # fmt: skip


def _site(session: FTPSession, argument: str) -> None:
    name, _, rest = argument.partition(" ")
    if name.upper() == "CHMOD":
        _chmod(session, rest)
    elif name.upper() == "HELP":
        session.reply(214, "SITE CHMOD MODE PATH: sets permissions")
    else:
        session.reply(504, "Only SITE CHMOD and SITE HELP are possible")


def _chmod(session: FTPSession, argument: str) -> None:
    account = session.require_account()
    mode, _, path = argument.partition(" ")
    if not _MODE(mode) or not path or int(mode, 8) > 0o777:
        session.reply(501, "Expected an octal mode up to 777 and a path")
    elif not account.writable:
        session.reply(550, "You may not write here")
    else:
        session.in_thread(
            change_mode, account.root, session.path(path), int(mode, 8),
            then=lambda _: session.reply(200, "The permissions were set"),
        )  # fmt: skip


COMMANDS: Final = {
    "MKD": Command(_mkd, Takes.ARGUMENT, writes=True),
    "XMKD": Command(_mkd, Takes.ARGUMENT, writes=True),
    "RMD": Command(_rmd, Takes.ARGUMENT, writes=True),
    "XRMD": Command(_rmd, Takes.ARGUMENT, writes=True),
    "DELE": Command(_dele, Takes.ARGUMENT, writes=True),
    "RNFR": Command(_rnfr, Takes.ARGUMENT, writes=True),
    "RNTO": Command(_rnto, Takes.ARGUMENT, writes=True),
    "MFMT": Command(_mfmt, Takes.ARGUMENT, writes=True),
    "SITE": Command(_site, Takes.ARGUMENT),
}
