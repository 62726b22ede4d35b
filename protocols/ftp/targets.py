"""Files that receive uploads. Everything here blocks while the disk works, so it runs in threads.

A new file has no name until all of it has arrived. So nobody fetches half a file, and if the server
is killed the system frees what had arrived (``O_TMPFILE``, open(2)). Where that is not possible,
the file has a hidden name until then."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
from contextlib import suppress
from typing import Final

from ..rooted import Names, OpenFile, Root
from .ascii import ToNetwork
from .files import check_regular
from .paths import TEMPORARY

_FILE_MODE: Final = 0o666  # of new files; the umask takes away from it
_CHUNK: Final = 262_144  # bytes per read
_NEW: Final = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_O_TMPFILE: Final[int | None] = getattr(os, "O_TMPFILE", None)  # Linux has it
_O_PATH: Final[int] = getattr(os, "O_PATH", os.O_NONBLOCK)  # Linux has it: for fstat only
_OPEN_FILES: Final = "/proc/self/fd/{}"  # where a file without a name is found, to give it one


class TargetFile:
    """A file that receives an upload. ``start``: the bytes before it that stay. ``old_size``: the
    bytes of the older file that it has replaced. ``kept``: the bytes that the folder has more if
    the upload fails now."""

    start = 0
    old_size = 0
    kept = 0

    def write(self, data: bytes) -> None:
        """Append ``data``. Raises OSError."""
        raise NotImplementedError

    def finish(self) -> None:
        """All has arrived: the file gets its name. Raises OSError."""
        raise NotImplementedError

    def discard(self) -> None:
        """The upload has failed."""
        raise NotImplementedError

    def unlink(self) -> None:
        """The upload has failed, but a thread still uses this: only remove what nobody sees."""


class NewFile(TargetFile):
    """Gets its name when it is complete, and replaces what has the name then. Raises OSError."""

    def __init__(self, root: Root, names: Names) -> None:
        self._root = root
        self._names = names
        # It stays open, so that the temporary file is found even if the folder is renamed.
        self._folder = OpenFile(root.open(names[:-1], os.O_DIRECTORY))
        try:
            mode = self._mode_of_old(names)
            self._temporary, self._file = _create(self._folder.fd)
        except BaseException:
            self._folder.close()
            raise
        try:
            if mode != _FILE_MODE:
                os.fchmod(self._file.fd, mode)
        except BaseException:
            self.discard()
            raise

    def _mode_of_old(self, names: Names) -> int:
        """Look at what this file will replace. Returns the permissions that it gets."""
        try:
            old = os.stat(names[-1], dir_fd=self._folder.fd, follow_symlinks=False)
        except FileNotFoundError:
            return _FILE_MODE
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(old.st_mode):
            return _FILE_MODE
        # Replacing a file needs only a folder that can be written. A file that its owner has made
        # read-only stays.
        os.close(self._root.open(names, os.O_WRONLY))
        return stat.S_IMODE(old.st_mode) & 0o777

    def write(self, data: bytes) -> None:
        _write(self._file.fd, data)

    def finish(self) -> None:
        try:
            if self._temporary is not None:
                self._file.close()  # some file systems report only now that the disk is full
            # Where the path leads now: what is at the old place may be outside the root.
            with self._root.parent(self._names) as folder, _replacing:
                old = _open_old(folder, self._names[-1])
                try:
                    self._name(folder)
                    # Otherwise it was renamed meanwhile, or has other names.
                    if old is not None and not (status := os.fstat(old.fd)).st_nlink:
                        self.old_size = status.st_size
                finally:
                    if old is not None:
                        old.close()
        except OSError:
            self.discard()
            raise
        self._file.close()
        self._folder.close()

    def _name(self, folder: int) -> None:
        """Give the file its name in ``folder``."""
        name = self._names[-1]
        if self._temporary is not None:
            os.rename(self._temporary, name, src_dir_fd=self._folder.fd, dst_dir_fd=folder)
            return
        file = _OPEN_FILES.format(self._file.fd)
        try:
            os.link(file, name, dst_dir_fd=folder, follow_symlinks=True)
        except FileExistsError:
            temporary = _temporary_name()  # a link replaces nothing, a rename does
            os.link(file, temporary, dst_dir_fd=folder, follow_symlinks=True)
            try:
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise

    def discard(self) -> None:
        self._file.close()
        self.unlink()
        self._folder.close()

    def unlink(self) -> None:
        if self._temporary is not None and (folder := self._folder.fd) >= 0:
            with suppress(OSError):  # the folder was removed, and this file with it
                os.unlink(self._temporary, dir_fd=folder)


# One upload at a time replaces a file, so that the quota counts the file's bytes as free only once.
_replacing: Final = threading.Lock()


def _open_old(folder: int, name: bytes) -> OpenFile | None:
    """Open the file that will be replaced, to see afterwards whether it is gone."""
    with suppress(OSError):
        if stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            flags = _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
            return OpenFile(os.open(name, flags, dir_fd=folder))
    return None


def _create(folder: int) -> tuple[bytes | None, OpenFile]:
    """Create a file in ``folder``. Return its name, None if it has none, and the file."""
    if _O_TMPFILE is not None:
        with suppress(OSError):  # not on this file system; other errors come again below
            file = OpenFile(
                os.open(".", os.O_WRONLY | _O_TMPFILE | os.O_CLOEXEC, _FILE_MODE, dir_fd=folder)
            )
            if os.path.lexists(_OPEN_FILES.format(file.fd)):
                return None, file
            file.close()  # there is no /proc, as in some chroots
    name = _temporary_name()
    return name, OpenFile(os.open(name, os.O_WRONLY | _NEW, _FILE_MODE, dir_fd=folder))


def _temporary_name() -> bytes:
    return TEMPORARY + secrets.token_hex(8).encode()


class ContinuedFile(TargetFile):
    """A file that APPE continues, or STOR after REST. What arrives is in it at once. While several
    clients append to one file, each piece goes to its end.

    ``offset``: where the data goes, None for the end. In ``text``, an offset counts the bytes that
    TYPE A sends. Raises OSError, and ValueError if there is no such offset."""

    def __init__(self, root: Root, names: Names, offset: int | None, text: bool) -> None:
        self._cut = offset is not None
        self._file = OpenFile(
            _open_to_append(root, names) if offset is None else root.open(names, os.O_RDWR)
        )
        try:
            status = os.fstat(self._file.fd)
            check_regular(status)
            self._old_end = status.st_size
            if offset is None:
                offset = status.st_size
            elif text:
                offset = _local_offset(self._file.fd, offset)
            if offset > status.st_size:
                raise ValueError("The file is shorter than the offset")
            self.start = offset
            os.lseek(self._file.fd, offset, os.SEEK_SET)
        except BaseException:
            self._file.close()
            raise

    def write(self, data: bytes) -> None:
        try:
            _write(self._file.fd, data)
        finally:  # with what others have appended meanwhile: the next measurement corrects that
            self.kept = max(os.lseek(self._file.fd, 0, os.SEEK_CUR) - self._old_end, 0)

    def finish(self) -> None:
        if self._cut:  # the rest was of the older file
            os.ftruncate(self._file.fd, os.lseek(self._file.fd, 0, os.SEEK_CUR))
        self._file.close()

    def discard(self) -> None:
        self._file.close()


def _open_to_append(root: Root, names: Names) -> int:
    flags = os.O_RDWR | os.O_APPEND
    with suppress(FileNotFoundError):
        return root.open(names, flags)
    with suppress(FileExistsError), root.parent(names) as folder:
        return os.open(names[-1], flags | _NEW, _FILE_MODE, dir_fd=folder)
    return root.open(names, flags)  # another client has just created it


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _local_offset(fd: int, sent: int) -> int:
    """Return the offset in the file at which TYPE A has sent ``sent`` bytes."""
    converter = ToNetwork()
    offset = 0
    while sent > 0:
        data = os.pread(fd, min(_CHUNK, sent), offset)
        if not data:
            raise ValueError("The file is shorter than the offset")
        converted = len(converter.convert(data))
        if converted <= sent:
            sent -= converted
            offset += len(data)
            continue
        # The place is in this piece. Each byte of the file becomes one or two.
        converter = ToNetwork()
        if offset:
            converter.convert(os.pread(fd, 1, offset - 1))
        for index in range(len(data)):
            if sent <= 0:
                break
            sent -= len(converter.convert(data[index : index + 1]))
            offset += 1
    if sent < 0:
        raise ValueError("The offset is between CR and LF")
    return offset
