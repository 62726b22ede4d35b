"""Opening files below a folder, and none outside it.

Each component of a path is opened by itself, relative to the descriptor of the folder before it,
and never through a symbolic link. So the walk cannot leave the root, even if something is renamed
or linked meanwhile. This module resolves links itself, as long as they stay inside.

The functions block while the disk works. They can be called from several threads.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MAX_LINKS: Final = 16  # that are followed on the way to one file
# O_NONBLOCK: opening a FIFO would wait for its writer.
_SAFE: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC
_MAYBE_LINK: Final = frozenset({errno.ELOOP, errno.EMLINK, errno.ENOTDIR})

Names = tuple[bytes, ...]


class OpenFile:
    """An open descriptor, closed once."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def fileno(self) -> int:
        """The descriptor."""
        return self.fd

    def close(self, *_: object) -> None:
        """Close it; a second time, this does nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class Root:
    """The folder at ``path``. Raises ``OSError`` if it is not a folder.

    ``hidden``: whether a link may lead to names that begin with a dot, other than
    ``/.well-known``."""

    def __init__(self, path: str | os.PathLike[str], *, hidden: bool = False) -> None:
        self._hidden = hidden
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # If there are links on the way to the root, absolute links may name it in either way.
        name = os.fsencode(path)
        self._paths = (os.path.realpath(name), os.path.abspath(name))

    def open(self, names: Names, flags: int = os.O_RDONLY) -> int:
        """Open the file or folder that ``names`` lead to, and return its descriptor.

        ``names``: components, none of them empty, ``.``, ``..``, or with a slash or NUL in it. An
        empty tuple is the root itself. ``flags``: for ``os.open``, of a file that exists.
        Raises ``OSError``; a path that leads outside is not found."""
        flags |= _SAFE
        try:
            if len(names) == 1:
                return os.open(names[0], flags, dir_fd=self._fd)
            return self._walk(names, flags)
        except OSError as exc:
            if exc.errno not in _MAYBE_LINK:
                raise
        return self._walk(self._resolve(names), flags)

    @contextmanager
    def parent(self, names: Names) -> Iterator[int]:
        """Open the folder that contains the last one of ``names``, for calls with ``dir_fd``.
        Whether that last one exists does not matter; do not follow it if it is a link.

        Raises ``OSError`` as ``open``, and if ``names`` are empty: the root has no name."""
        if not names:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        folder = self.open(names[:-1], os.O_DIRECTORY)
        try:
            yield folder
        finally:
            os.close(folder)

    def close(self) -> None:
        """Close the folder; a second time, this does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        # Like a file, a folder is closed when it is garbage-collected.
        if hasattr(self, "_fd"):  # otherwise __init__ has failed
            self.close()

    def _walk(self, names: Names, flags: int = _FOLDER) -> int:
        if not names:
            return os.open(".", _FOLDER, dir_fd=self._fd)
        root = folder = self._fd
        try:
            for name in names[:-1]:
                above, folder = folder, os.open(name, _FOLDER, dir_fd=folder)
                if above != root:
                    os.close(above)
            return os.open(names[-1], flags, dir_fd=folder)
        finally:
            if folder != root:
                os.close(folder)

    def _resolve(self, names: Names) -> Names:
        """Resolve ``names``, link by link. ``_walk`` opens the result, without following links."""
        done: list[bytes] = []
        rest = list(reversed(names))
        links = 0
        while rest:
            name = rest.pop()
            if name in (b"", b"."):
                continue
            if name == b"..":
                if not done:
                    raise _not_found()
                done.pop()
                continue
            target = self._read_link(done, name)
            if target is None:
                done.append(name)
                continue
            links += 1
            if links > MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            if target.startswith(b"/"):
                target = self._inside(target)
                done.clear()
            rest += reversed(target.split(b"/"))
        inner = done[1:] if done[:1] == [b".well-known"] else done
        if not self._hidden and any(name.startswith(b".") for name in inner):
            raise _not_found()  # a link does not make a hidden file visible
        return tuple(done)

    def _read_link(self, folder_names: list[bytes], name: bytes) -> bytes | None:
        folder = self._walk(tuple(folder_names), _FOLDER)
        try:
            return os.readlink(name, dir_fd=folder)
        except OSError as exc:
            if exc.errno == errno.EINVAL:  # not a link
                return None
            raise
        finally:
            os.close(folder)

    def _inside(self, path: bytes) -> bytes:
        """The part of an absolute path that is below the root."""
        for root in self._paths:
            if path == root or path.startswith(root.rstrip(b"/") + b"/"):
                return path[len(root) :]
        raise _not_found()


def _not_found() -> OSError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
