"""A folder of mails in the format Maildir: each mail is a file, and no file is shown half-written.

A mail is written to ``tmp``, synced, and renamed into ``new``; then ``new`` is synced. Programs
such as mutt move the mails that they have seen to ``cur``. Lines in the files end with LF, as
everywhere on Unix. The methods here wait for the disk: call them in threads."""

from __future__ import annotations

import itertools
import logging
import os
import re
import socket
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

logger = logging.getLogger(__name__)

_FOLDERS: Final = ("tmp", "new", "cur")
_FOLDER_MODE: Final = 0o700  # mail is private
_FILE_MODE: Final = 0o600
# What the format says about files that a program has left in tmp when it was killed.
_STALE: Final = 36 * 3600.0  # seconds

# Dovecot's fields in a file's name: its size, and its size with CR LF as in POP3 and IMAP.
_SIZES: Final = re.compile(r",S=[0-9]+,W=([0-9]+)")
_BLOCK: Final = 1 << 20  # bytes
# How often a mail is looked for, if another program changes its flags, and so its name, meanwhile.
_ATTEMPTS: Final = 3


class DeletionError(OSError):
    """Mails that could not be deleted, with the error of one of them. ``deleted``: the others."""

    def __init__(self, error: OSError, deleted: list[str]) -> None:
        super().__init__(error.errno, error.strerror, error.filename)
        self.deleted = deleted


class StoredMail(NamedTuple):
    """A mail in a Maildir. ``identity``: unique in the folder, and the same after the mail was
    seen; letters, digits and ``.,=-_``. ``size``: bytes, with CR LF at the end of lines.
    ``received``: seconds since the epoch. ``seen``: whether a program has marked it as read."""

    identity: str
    size: int
    received: float
    seen: bool = False


class NewMail(NamedTuple):
    """A mail to be written. ``identity``: see ``Maildir.new_identity``; ``head``: what is added in
    front of ``content``. Lines of ``head`` end with LF, those of ``content`` with CR LF."""

    identity: str
    head: bytes
    content: bytes


class Maildir:
    """The Maildir at ``path``, which is made if there is none. Raises ``OSError``."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._tmp, self._new, self._cur = (os.path.join(path, name) for name in _FOLDERS)
        self._make_folders()
        self._listed: dict[str, StoredMail] = {}  # by the last mails(), by identity
        self._in_cur: dict[str, str] = {}  # the names of files in cur, as last seen, by identity
        self._numbers = itertools.count(1)
        # "/" and ":" cannot be in a name, and "," begins the sizes.
        self._host = re.sub(r"[^A-Za-z0-9.-]", "_", socket.gethostname()) or "localhost"
        self._process = os.getpid()
        self._remove_stale()

    def _make_folders(self) -> None:
        is_new = not self.path.exists()
        for folder in (self._tmp, self._new, self._cur):
            os.makedirs(folder, _FOLDER_MODE, exist_ok=True)
        # Syncing new keeps the mails in it, but not new itself (fsync(2)).
        _sync_folder(os.fspath(self.path))
        if is_new:
            with suppress(PermissionError):  # a folder in which we may write, but not list
                _sync_folder(os.fspath(self.path.parent))

    def new_identity(self, now: float) -> str:
        """A name that no other mail has: the time, this process and a number. ``now``: seconds
        since the epoch."""
        micros = int(now * 1e6)
        number = next(self._numbers)
        # Mails of a second are sorted by the rest of the name, so all microseconds have six digits.
        return (
            f"{micros // 1_000_000}.M{micros % 1_000_000:06}P{self._process}Q{number}.{self._host}"
        )

    def write(self, mails: Sequence[NewMail]) -> list[StoredMail | OSError]:
        """Write all mails, or as many as possible. When this returns, they are on the disk.

        Returns what was stored, or the error, for each of them."""
        # All are written before the first is synced: then one commit of the file system's journal
        # serves them all.
        files = [self._write_file(mail) for mail in mails]
        results = [
            file if isinstance(file, OSError) else self._finish_file(*file) for file in files
        ]
        stored = [result for result in results if isinstance(result, StoredMail)]
        try:
            if stored:
                _sync_folder(self._new)
        except OSError as exc:
            # They may be lost after a power failure, so the senders must not be told otherwise.
            for mail in stored:
                _remove(os.path.join(self._new, mail.identity))
            return [exc for _ in mails]
        return results

    def _write_file(self, mail: NewMail) -> tuple[int, StoredMail] | OSError:
        """Write the file in ``tmp``; returns its descriptor too."""
        data = mail.head + mail.content.replace(b"\r\n", b"\n")
        size = len(mail.head) + mail.head.count(b"\n") + len(mail.content)
        name = f"{mail.identity},S={len(data)},W={size}"
        path = os.path.join(self._tmp, name)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE)
        except OSError as exc:
            return exc
        try:
            _write_all(fd, data)
            _start_writing(fd)
        except OSError as exc:
            os.close(fd)
            _remove(path)
            return exc
        return fd, StoredMail(name, size, int(mail.identity.partition(".")[0]))

    def _finish_file(self, fd: int, mail: StoredMail) -> StoredMail | OSError:
        """Sync the file, and move it to ``new``."""
        path = os.path.join(self._tmp, mail.identity)
        try:
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(path, os.path.join(self._new, mail.identity))
        except OSError as exc:
            _remove(path)
            return exc
        return mail

    def mails(self) -> list[StoredMail]:
        """All mails, the oldest first. One that another program moves meanwhile is there once.

        A mail that was listed before is the same object again."""
        known, mails, in_cur = self._listed, {}, {}
        for folder in (self._new, self._cur):
            for entry in os.scandir(folder):
                mail = _describe(entry, known)
                if mail is not None:
                    mails[mail.identity] = mail
                    if folder is self._cur:
                        in_cur[mail.identity] = entry.name
        self._listed, self._in_cur = mails, in_cur
        return sorted(mails.values(), key=lambda mail: (mail.received, mail.identity))

    def open(self, identity: str) -> BinaryIO:
        """Open the file of a mail. Its lines end with LF, or with CR LF if another program has
        stored it so. Raises ``FileNotFoundError`` if there is none, and other ``OSError``."""
        for path in self._paths(identity):
            with suppress(FileNotFoundError):
                return open(path, "rb")
        raise FileNotFoundError(f"there is no mail {identity}")

    def read(self, identity: str) -> bytes:
        """The mail, with CR LF at the end of lines. Raises as ``open`` does."""
        with self.open(identity) as file:
            return file.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")

    def read_beginnings(self, identities: Iterable[str], size: int) -> dict[str, bytes]:
        """The first ``size`` bytes of these mails, with CR LF at the end of lines; without those
        that are gone or cannot be read."""
        flagged: dict[str, str] | None = None
        found = {}
        for identity in filter(_is_identity, identities):
            path = os.path.join(self._new, identity)
            if not os.path.exists(path):
                flagged = self._flagged() if flagged is None else flagged
                path = flagged.get(identity, path)
            with suppress(OSError), open(path, "rb") as file:
                data = file.read(size)
                found[identity] = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return found

    def modified(self) -> tuple[int, int]:
        """Changes when mails come and go: the times of the folders, in nanoseconds. Raises
        ``OSError``."""
        return os.stat(self._new).st_mtime_ns, os.stat(self._cur).st_mtime_ns

    def delete(self, identities: Iterable[str]) -> list[str]:
        """Remove these mails; returns those that were there. Raises ``DeletionError`` when the
        others are removed, if one cannot be."""
        deleted: list[str] = []
        failures: list[OSError] = []

        def unlink(paths: Iterable[tuple[str, str]]) -> list[str]:
            """Returns the mails that are not where they were expected."""
            elsewhere = []
            for identity, path in paths:
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    elsewhere.append(identity)
                except OSError as exc:
                    failures.append(exc)
                else:
                    deleted.append(identity)
            return elsewhere

        wanted = filter(_is_identity, identities)
        elsewhere = unlink((identity, os.path.join(self._new, identity)) for identity in wanted)
        try:
            for _ in range(_ATTEMPTS):  # its flags may be changed meanwhile
                if not elsewhere:
                    break
                flagged = self._flagged()
                elsewhere = unlink(
                    (identity, flagged[identity]) for identity in elsewhere if identity in flagged
                )
        except OSError as exc:  # the folder cannot be listed
            failures.append(exc)
        if failures:
            raise DeletionError(failures[0], deleted) from failures[0]
        return deleted

    def mark_seen(self, identity: str) -> None:
        """Mark a mail as read, as other programs do. Raises ``FileNotFoundError`` if there is none,
        and other ``OSError``."""
        for path in self._paths(identity):
            _, _, flags = os.path.basename(path).partition(":2,")
            if "S" in flags and os.path.exists(path):
                return
            flags = "".join(sorted({*flags, "S"}))
            name = f"{identity}:2,{flags}"
            with suppress(FileNotFoundError):
                os.rename(path, os.path.join(self._cur, name))
                self._in_cur[identity] = name
                return
        raise FileNotFoundError(f"there is no mail {identity}")

    def _paths(self, identity: str) -> Iterator[str]:
        """Where the mail may be. ``cur`` is listed only if it is not where it was last seen:
        listing thousands of mails takes milliseconds."""
        if _is_identity(identity):
            yield os.path.join(self._new, identity)
            name = self._in_cur.get(identity)
            if name is not None:
                yield os.path.join(self._cur, name)
            for _ in range(_ATTEMPTS):
                path = self._flagged().get(identity)
                if path is None:
                    return
                yield path

    def _flagged(self) -> dict[str, str]:
        """The paths of the mails in ``cur`` by identity: their flags are a part of their names."""
        self._in_cur = {entry.name.partition(":")[0]: entry.name for entry in os.scandir(self._cur)}
        return {identity: os.path.join(self._cur, name) for identity, name in self._in_cur.items()}

    def _remove_stale(self) -> None:
        with suppress(OSError):
            for entry in os.scandir(self._tmp):
                if time.time() - entry.stat().st_mtime > _STALE:
                    _remove(entry.path)


def _is_identity(text: str) -> bool:
    """Whether it can be the name of a mail: clients send them, and may try a path."""
    return bool(text) and text[0] != "." and "/" not in text and "\0" not in text


def _describe(entry: os.DirEntry[str], known: Mapping[str, StoredMail]) -> StoredMail | None:
    """None for a file that is no mail, or no longer there. ``known``: mails that need no second
    look, as a mail does not change."""
    if entry.name.startswith("."):
        return None
    identity, _, flags = entry.name.partition(":2,")
    seen = "S" in flags
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        mail = known.get(identity)
        if mail is not None:
            return mail if mail.seen == seen else mail._replace(seen=seen)
        match = _SIZES.search(identity)
        size = int(match[1]) if match else _size_as_sent(entry)
        seconds = identity.partition(".")[0]
        received = float(seconds) if seconds.isdecimal() else entry.stat().st_mtime
    except FileNotFoundError:
        return None
    return StoredMail(identity, size, received, seen)


def _size_as_sent(entry: os.DirEntry[str]) -> int:
    """With CR LF at the end of each line, the last one too. Raises ``FileNotFoundError``; a file
    that cannot be read has its size on the disk, so that it does not hide the other mails."""
    size, last = 0, b""
    try:
        with open(entry.path, "rb") as file:
            while block := file.read(_BLOCK):
                size += len(block) + block.count(b"\n") - (last + block).count(b"\r\n")
                last = block[-1:]
    except FileNotFoundError:
        raise
    except OSError as exc:
        logger.warning("cannot read a mail: %s", exc)
        return entry.stat().st_size
    return size if last in (b"", b"\n") else size + 2


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    if written < len(data):  # the disk is nearly full, or a signal has arrived
        rest = memoryview(data)
        while written < len(data):
            written += os.write(fd, rest[written:])


def _start_writing(fd: int) -> None:
    """Let the system begin to write the file, without waiting. On Linux it does so when it is told
    that the file is not needed in memory (posix_fadvise(2))."""
    if sys.platform == "linux":
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _remove(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)
