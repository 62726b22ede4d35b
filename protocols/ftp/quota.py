"""How many bytes the files below a folder may have together."""

from __future__ import annotations

import errno
import os
import stat

from ..rooted import Root


class Quota:
    """Counts the bytes of a folder. ``limit``: in bytes; 0: none. ``stored``: by how many bytes
    uploads have made the folder larger so far, or smaller.

    The loop's thread calls all methods. Bytes are taken as they arrive, so that several uploads
    cannot exceed the limit together."""

    __slots__ = ("_uploads", "limit", "stored", "used")

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.used = 0
        self.stored = 0
        self._uploads = 0

    def needs_measuring(self) -> bool:
        """Whether to call ``measure`` before an upload begins. Others may change the folder too, so
        that is done whenever no other upload is in progress."""
        return self.limit > 0 and not self._uploads

    def begin(self, measured: int | None = None, since: int = 0) -> None:
        """An upload begins. ``measured``: what ``measure`` has returned; ``since``: what ``stored``
        was before. Uploads that have ended since then may have been measured or not, so they are
        added: the next measurement corrects that."""
        if measured is not None and not self._uploads:
            self.used = measured + max(self.stored - since, 0)
        self._uploads += 1

    def take(self, size: int) -> bool:
        """Count bytes that have arrived. Return False if there is no room for them."""
        if self.limit and self.used + size > self.limit:
            return False
        self.used += size
        return True

    def end(self, taken: int, stored: int) -> None:
        """An upload has ended that has taken ``taken`` bytes. ``stored``: by how many of them the
        folder is larger now; negative if it has replaced a larger file. Bytes that it has only
        overwritten or cut off are not subtracted: two uploads may do that to the same ones."""
        self.used = max(self.used - taken + stored, 0)
        self.stored += stored
        self._uploads -= 1


def measure(root: Root) -> int:
    """Return the bytes of all files below ``root``. Blocks while the disk works. Raises OSError if
    there is no descriptor left: what was not measured would not count."""
    total = 0
    pending: list[tuple[bytes, ...]] = [()]
    while pending:
        names = pending.pop()
        try:
            fd = root.open(names, os.O_DIRECTORY)
        except OSError as exc:  # removed meanwhile, or not ours to read
            if exc.errno in (errno.EMFILE, errno.ENFILE):
                raise
            continue
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        pending.append((*names, os.fsencode(entry.name)))
                    else:
                        total += status.st_size
        finally:
            os.close(fd)
    return total
