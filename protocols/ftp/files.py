"""Work on files and folders. Everything here blocks while the disk works, so it runs in threads."""

from __future__ import annotations

import errno
import os
import stat
import sys
from typing import Final

from ..rooted import Names, OpenFile, Root
from .ascii import ToNetwork

SMALL: Final = 65536  # bytes; a file that is not larger is read when it is opened
_CHUNK: Final = 262_144  # bytes per read
_FOLDER_MODE: Final = 0o777  # of new folders; the umask takes away from it
_READ_AND_ENTER: Final = 0o500  # what the owner of a folder, the server, needs


def status_of(root: Root, names: Names) -> os.stat_result:
    """Return what is at ``names``; for a link, what it leads to. Raises OSError."""
    if names:
        with root.parent(names) as folder:
            status = os.stat(names[-1], dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISLNK(status.st_mode):
            return status
    file = OpenFile(root.open(names))
    try:
        return os.fstat(file.fd)
    finally:
        file.close()


def check_folder(root: Root, names: Names) -> None:
    """Raise OSError unless ``names`` lead to a folder that can be read."""
    os.close(root.open(names, os.O_DIRECTORY))


def check_regular(status: os.stat_result) -> None:
    """Raise PermissionError unless ``status`` is a regular file's: others have no size, and reading
    them may wait for ever."""
    if not stat.S_ISREG(status.st_mode):
        raise PermissionError(errno.EPERM, "Not a regular file")


def _check_regular_or_folder(status: os.stat_result) -> None:
    if not stat.S_ISDIR(status.st_mode):
        check_regular(status)


class SourceFile(OpenFile):
    """A regular file to send. ``size``: when it was opened. Raises OSError."""

    __slots__ = ("size",)

    def __init__(self, root: Root, names: Names) -> None:
        super().__init__(root.open(names))
        try:
            status = os.fstat(self.fd)
            check_regular(status)
            self.size = status.st_size
        except BaseException:
            self.close()
            raise


def open_source(root: Root, names: Names) -> bytes | SourceFile:
    """Open a regular file to send. Return its content if it is small: calling a thread several
    times for it would cost more than reading it. Raises OSError."""
    file = SourceFile(root, names)
    if file.size > SMALL:
        return file
    try:
        return os.pread(file.fd, SMALL + 1, 0)
    finally:
        file.close()


class FileReader:
    """Reads ``file`` from ``offset`` to the size that it had when it was opened, piece by piece."""

    def __init__(self, file: SourceFile, offset: int) -> None:
        self._file = file
        self._offset = offset

    def read(self) -> bytes:
        """Return the next piece; empty at the end. Raises OSError."""
        data = os.pread(
            self._file.fd, max(min(_CHUNK, self._file.size - self._offset), 0), self._offset
        )
        self._offset += len(data)
        if not data and self._offset < self._file.size:
            raise OSError(errno.EIO, "The file became shorter")
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class TextReader(FileReader):
    """Reads a file as TYPE A sends it, without the first ``skip`` bytes of that."""

    def __init__(self, file: SourceFile, skip: int) -> None:
        super().__init__(file, 0)
        self._converter = ToNetwork()
        self._skip = skip

    def read(self) -> bytes:
        while data := super().read():
            data = self._converter.convert(data)
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            if skipped < len(data):
                return data[skipped:]
        return b""


# -- names -----------------------------------------------------------------------------------------


def make_folder(root: Root, names: Names) -> None:
    """Make a folder. Raises OSError."""
    with root.parent(names) as folder:
        os.mkdir(names[-1], _FOLDER_MODE, dir_fd=folder)


def remove_folder(root: Root, names: Names) -> None:
    """Remove an empty folder. Raises OSError."""
    with root.parent(names) as folder:
        os.rmdir(names[-1], dir_fd=folder)


def delete(root: Root, names: Names) -> None:
    """Delete a file, or a link. Raises OSError."""
    with root.parent(names) as folder:
        status = os.stat(names[-1], dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):  # macOS reports EPERM
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        os.unlink(names[-1], dir_fd=folder)


def check_exists(root: Root, names: Names) -> None:
    """Raise OSError if there is nothing at ``names``. A link counts, wherever it leads."""
    with root.parent(names) as folder:
        os.stat(names[-1], dir_fd=folder, follow_symlinks=False)


def rename(root: Root, old: Names, new: Names) -> None:
    """Rename a file, a folder or a link. Raises OSError."""
    with root.parent(old) as source, root.parent(new) as target:
        os.rename(old[-1], new[-1], src_dir_fd=source, dst_dir_fd=target)


def change_mode(root: Root, names: Names, mode: int) -> None:
    """Set the permissions of a regular file or a folder, but not those of the root. A folder stays
    readable: otherwise the client could not undo this, and the quota would not count what is in it.
    Raises OSError."""
    if not names:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
    file = OpenFile(root.open(names))
    try:
        status = os.fstat(file.fd)
        _check_regular_or_folder(status)
        if stat.S_ISDIR(status.st_mode) and mode & _READ_AND_ENTER != _READ_AND_ENTER:
            raise PermissionError(errno.EPERM, "The owner must be able to read and enter a folder")
        os.fchmod(file.fd, mode)
    finally:
        file.close()


def change_time(root: Root, names: Names, seconds: int) -> None:
    """Set the time of the last modification of a regular file or a folder, in seconds since the
    epoch. Raises OSError."""
    file = OpenFile(root.open(names))
    try:
        status = os.fstat(file.fd)
        _check_regular_or_folder(status)
        os.utime(file.fd, (status.st_atime, seconds))
    finally:
        file.close()


def size_as_text(root: Root, names: Names, limit: int) -> int:
    """Return the bytes that TYPE A sends for a file. Raises OSError, and ValueError if it has more
    than ``limit`` bytes."""
    file = SourceFile(root, names)
    try:
        if file.size > limit:
            raise ValueError("The file is too large to compute its size in ASCII")
        reader = TextReader(file, 0)
        return sum(map(len, iter(reader.read, b"")))
    finally:
        file.close()


def size_of(root: Root, names: Names) -> int:
    """Return the bytes of a regular file. Raises OSError."""
    status = status_of(root, names)
    check_regular(status)
    return status.st_size


# -- the page cache --------------------------------------------------------------------------------

_SAMPLE: Final = 131_072  # bytes; the least that Linux reads ahead
_NOWAIT: Final = getattr(os, "RWF_NOWAIT", None)
_UNKNOWN: Final = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)


def is_cached(fd: int, offset: int, count: int) -> bool:
    """Whether sending these bytes would probably not wait for the disk. This itself never waits.

    Linux tells since 4.14 (preadv2(2), RWF_NOWAIT). Elsewhere the answer is no."""
    if _NOWAIT is None:
        return False
    byte = bytearray(1)
    last = offset + count - 1
    try:
        for place in (*range(offset, last, _SAMPLE), last):
            os.preadv(fd, [byte], place, _NOWAIT)
    except BlockingIOError:
        return False
    except OSError as exc:
        if exc.errno in _UNKNOWN:
            return False
        raise
    return True


def read_ahead(fd: int, offset: int, count: int) -> None:
    """Read these bytes, so that the system keeps them in memory. Raises OSError."""
    end = offset + count
    if sys.platform == "linux":
        os.posix_fadvise(fd, offset, count, os.POSIX_FADV_WILLNEED)
    buffer = bytearray(_CHUNK)
    while offset < end:
        size = os.preadv(fd, [memoryview(buffer)[: end - offset]], offset)
        if not size:
            return  # the file became shorter: sending it reports that
        offset += size
