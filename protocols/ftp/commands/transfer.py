"""Files in both directions: RETR, STOR, STOU, APPE, REST, ABOR."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable
from functools import partial
from typing import Final

from ...rooted import Names, Root
from ..ascii import ToLocal, ToNetwork
from ..downloads import BytesDownload, Download, FileDownload, PieceDownload
from ..files import FileReader, SourceFile, TextReader, open_source
from ..paths import show_path
from ..quota import measure
from ..session import Command, FTPSession, Takes
from ..targets import ContinuedFile, NewFile, TargetFile
from ..transfers import describe
from ..uploads import Upload, discard

Opened = tuple[TargetFile, int | None]  # and the bytes of the folder, if they were measured


# -- to the client ---------------------------------------------------------------------------------


def _retr(session: FTPSession, argument: str) -> None:
    offset, session.offset = session.offset, 0
    if not session.is_ready_for_data():
        return
    names = session.path(argument)
    session.in_thread(
        open_source, session.require_account().root, names,
        then=lambda source: _send(session, names, source, offset), unused=_close,
    )  # fmt: skip


def _close(source: bytes | SourceFile) -> None:
    if isinstance(source, SourceFile):
        source.close()


def _send(session: FTPSession, names: Names, source: bytes | SourceFile, offset: int) -> None:
    size = ""
    if not session.text:
        left = (len(source) if isinstance(source, bytes) else source.size) - offset
        if left < 0:
            _close(source)
            session.reply(554, "The file is shorter than the offset")
            return
        size = f" ({left} bytes)"
    session.start(_download(session, source, offset), f"Sending {show_path(names)}{size}", names)


def _download(session: FTPSession, source: bytes | SourceFile, offset: int) -> Download:
    reactor, timeout = session.server.reactor, session.server.limits.data_timeout
    if isinstance(source, bytes):
        data = ToNetwork().convert(source) if session.text else source
        return BytesDownload(reactor, timeout, data[offset:])
    if session.text:
        return PieceDownload(reactor, timeout, TextReader(source, offset))
    if session.protected:
        return PieceDownload(reactor, timeout, FileReader(source, offset))
    return FileDownload(reactor, timeout, source, offset)


# -- from the client -------------------------------------------------------------------------------


def _stor(session: FTPSession, argument: str) -> None:
    offset, session.offset = session.offset, 0
    if not session.is_ready_for_data():
        return
    names = session.path(argument)
    text = session.text
    if offset:
        _store(session, names, lambda root: ContinuedFile(root, names, offset, text))
    else:
        _store(session, names, lambda root: NewFile(root, names))


def _appe(session: FTPSession, argument: str) -> None:
    session.offset = 0
    if session.is_ready_for_data():
        names = session.path(argument)
        _store(session, names, lambda root: ContinuedFile(root, names, None, False))


def _stou(session: FTPSession, argument: str) -> None:
    session.offset = 0
    if session.is_ready_for_data():
        # RFC 1123 section 4.1.2.9: the reply says which name it is.
        names = session.path(f"{argument or 'upload'}.{secrets.token_hex(6)}")
        text = f"FILE: {show_path(names)}"
        _store(session, names, lambda root: NewFile(root, names), text)


def _store(
    session: FTPSession, names: Names, open_target: Callable[[Root], TargetFile], text: str = ""
) -> None:
    if not names:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    account = session.require_account()
    quota = account.quota
    measures, since = quota.needs_measuring(), quota.stored

    def open_and_measure() -> Opened:
        target = open_target(account.root)
        try:
            return target, measure(account.root) if measures else None
        except BaseException:
            target.discard()
            raise

    def receive(opened: Opened) -> None:
        target, measured = opened
        quota.begin(measured, since)
        _receive(session, names, text, target)

    session.in_thread(
        open_and_measure,
        then=receive,
        unused=lambda opened: discard(session.reactor, opened[0]),
        failed=partial(_cannot_store, session),
    )


def _receive(session: FTPSession, names: Names, text: str, target: TargetFile) -> None:
    """Begin an upload to ``target``, which the quota has counted."""
    limits = session.server.limits
    upload = Upload(
        session.server.reactor,
        limits.data_timeout,
        target,
        quota=session.require_account().quota,
        max_size=limits.upload,
        converter=ToLocal() if session.text else None,
        require_close_notify=session.server.require_close_notify,
        success=text or "Transfer complete",
    )
    session.start(upload, text or f"Receiving {show_path(names)}", names, upload=True)


def _cannot_store(session: FTPSession, error: OSError | ValueError) -> None:
    if not isinstance(error, OSError):
        session.reply(554, str(error))  # RFC 3659 section 5.2
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        session.reply(452, describe(error))
    elif error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
        session.reply(553, describe(error))
    else:
        session.fail(error)


# -- both ------------------------------------------------------------------------------------------


def _rest(session: FTPSession, argument: str) -> None:
    if not argument.isascii() or not argument.isdecimal() or len(argument) > 18:
        session.reply(501, "Expected a number")
    else:
        session.offset = int(argument)
        session.reply(350, f"The next transfer begins at {session.offset}")


def _abor(session: FTPSession, argument: str) -> None:
    if session.transfer is not None:
        session.transfer.end(426, "The transfer was aborted")
    session.close_port()
    session.reply(226, "Nothing is being transferred now")


def _allo(session: FTPSession, argument: str) -> None:
    session.reply(202, "Space need not be allocated")


COMMANDS: Final = {
    "RETR": Command(_retr, Takes.ARGUMENT),
    "STOR": Command(_stor, Takes.ARGUMENT, writes=True),
    "STOU": Command(_stou, Takes.OPTIONAL, writes=True),
    "APPE": Command(_appe, Takes.ARGUMENT, writes=True),
    "REST": Command(_rest, Takes.ARGUMENT),
    "ABOR": Command(_abor, urgent=True),
    "ALLO": Command(_allo, Takes.ARGUMENT),
}
