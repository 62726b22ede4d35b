"""Folders and their listings."""

from __future__ import annotations

from functools import partial
from typing import Final

from ...rooted import Names
from ..downloads import BytesDownload, Download, PieceDownload
from ..files import check_folder, status_of
from ..listing import Entry, FactLine, LongListing, list_folder, list_path, read_at_most
from ..paths import quote_path, show_path
from ..session import Command, FTPSession, Takes
from ..transfers import describe

MAX_STAT_LINES: Final = 1000  # on the control connection, where the client cannot abort them


def _cwd(session: FTPSession, argument: str) -> None:
    _enter(session, session.path(argument))


def _cdup(session: FTPSession, argument: str) -> None:
    _enter(session, session.folder[:-1])


def _enter(session: FTPSession, names: Names) -> None:
    def entered(_: None) -> None:
        session.folder = names
        session.reply(250, f"The folder is {show_path(names)}")

    session.in_thread(check_folder, session.require_account().root, names, then=entered)


def _pwd(session: FTPSession, argument: str) -> None:
    session.reply(257, f"{quote_path(session.folder)} is the current folder")


# -- on a data connection --------------------------------------------------------------------------


def _list(session: FTPSession, argument: str) -> None:
    _send_listing(session, argument, only_names=False)


def _nlst(session: FTPSession, argument: str) -> None:
    _send_listing(session, argument, only_names=True)


def _send_listing(session: FTPSession, argument: str, *, only_names: bool) -> None:
    if session.is_ready_for_data():
        options, path = _split_options(argument)
        hidden = "a" in options or "A" in options
        session.in_thread(
            partial(list_path, only_names=only_names),
            session.require_account().root, session.path(path), path, hidden,
            then=partial(_send, session), unused=_close,
        )  # fmt: skip


def _split_options(argument: str) -> tuple[str, str]:
    """Return the options of ``ls`` that many clients send, and the path after them."""
    options = ""
    while argument.startswith("-"):
        word, _, argument = argument.partition(" ")
        options += word[1:]
    return options, argument


def _mlsd(session: FTPSession, argument: str) -> None:
    def failed(error: OSError | ValueError) -> None:
        # RFC 3659 section 7.2.1: 501 for what is not a folder
        session.reply(501 if isinstance(error, NotADirectoryError) else 550, describe(error))

    if session.is_ready_for_data():
        session.in_thread(
            list_folder, session.require_account().root, session.path(argument), _facts(session),
            then=partial(_send, session), failed=failed, unused=_close,
        )  # fmt: skip


def _send(session: FTPSession, listing: bytes | LongListing) -> None:
    reactor, timeout = session.server.reactor, session.server.limits.data_timeout
    download: Download
    if isinstance(listing, bytes):
        download = BytesDownload(reactor, timeout, listing)
    else:
        download = PieceDownload(reactor, timeout, listing)
    session.start(download, "Here comes the listing")


def _close(listing: bytes | LongListing) -> None:
    if isinstance(listing, LongListing):
        listing.close()


def _facts(session: FTPSession) -> FactLine:
    return FactLine(session.facts, session.require_account().writable)


# -- on the control connection ---------------------------------------------------------------------


def _mlst(session: FTPSession, argument: str) -> None:
    names = session.path(argument)
    line = _facts(session)

    def found(text: str) -> None:
        session.reply(250, "Facts:", f"{text} {show_path(names)}", "End")

    root = session.require_account().root
    session.in_thread(lambda: line.text(Entry(b"", status_of(root, names))), then=found)


def _stat(session: FTPSession, argument: str) -> None:
    if not argument:
        _show_state(session)
        return
    if session.account is None:
        session.reply(530, "Log in with USER and PASS first")
        return
    options, path = _split_options(argument)
    names = session.path(path)
    hidden = "a" in options
    root = session.account.root

    def read() -> tuple[bool, list[str]]:
        is_folder = Entry(b"", status_of(root, names)).is_folder
        return is_folder, read_at_most(list_path(root, names, path, hidden), MAX_STAT_LINES)

    def found(result: tuple[bool, list[str]]) -> None:
        is_folder, lines = result
        session.reply(212 if is_folder else 213, f"Status of {show_path(names)}:", *lines, "End")

    session.in_thread(read, then=found)


def _show_state(session: FTPSession) -> None:
    lines = [f"Connected from {session.peer}{' with TLS' if session.is_secure() else ''}"]
    if session.account is not None:
        lines.append(f"Logged in as {session.account.name or 'anonymous'}")
    lines.append(f"TYPE {'A' if session.text else 'I'}, STRU F, MODE S")
    if session.transfer is not None:
        lines.append(f"Transfer in progress: {session.transfer.size} bytes so far")
    session.reply(211, f"{session.server.banner}:", *lines, "End")


COMMANDS: Final = {
    "CWD": Command(_cwd, Takes.ARGUMENT),
    "XCWD": Command(_cwd, Takes.ARGUMENT),
    "CDUP": Command(_cdup),
    "XCUP": Command(_cdup),
    "PWD": Command(_pwd),
    "XPWD": Command(_pwd),
    "LIST": Command(_list, Takes.OPTIONAL),
    "NLST": Command(_nlst, Takes.OPTIONAL),
    "MLSD": Command(_mlsd, Takes.OPTIONAL),
    "MLST": Command(_mlst, Takes.OPTIONAL),
    "STAT": Command(_stat, Takes.OPTIONAL, login=False, urgent=True),
}
