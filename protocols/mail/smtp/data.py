"""The content of a message as it arrives: after DATA, or in the chunks of BDAT.

Only CR LF "." CR LF ends the data. Servers that also take an LF or CR alone for a line's end let a
client hide a second message in the first (SMTP smuggling, CVE-2023-51764 to 51766). Here a content
with such an LF or CR is refused as a whole. What is accepted consists of lines that end with CR LF,
so every reader agrees where they end."""

from __future__ import annotations

from typing import Final

from . import replies
from .limits import FREE_CHUNKS, MEAN_CHUNK
from .replies import Reply

_END: Final = b"\r\n.\r\n"
# Python needs more memory for a small piece than for its bytes. So many of them become one.
_SMALL: Final = 256  # bytes
_MANY: Final = 256


class Memory:
    """Counts the bytes of all messages that are arriving or being stored. ``limit``: the most;
    ``used``: now.

    When there is no room, the message that has been arriving for the longest time is refused. Most
    messages arrive within seconds. So clients that fill the memory and then send slowly cannot keep
    the others out."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self._arriving: dict[Content, None] = {}  # the oldest first

    def add(self, content: Content) -> None:
        """``content`` begins to arrive."""
        self._arriving[content] = None

    def remove(self, content: Content) -> None:
        """``content`` is complete, or given up."""
        self._arriving.pop(content, None)

    def make_room(self, size: int, wanting: Content) -> bool:
        """Let there be ``size`` bytes for ``wanting``; returns False if that is impossible."""
        while self.used + size > self.limit:
            oldest = next(iter(self._arriving))  # at least ``wanting`` is there
            if oldest is wanting:
                return False
            oldest.refuse(replies.NO_MEMORY)
        return True


class Content:
    """Collects the content of one message, and checks it.

    ``max_size``: bytes; ``max_line``: bytes of a line, with CR LF. ``refusal``: the reply for a
    content that is not accepted, else None. From a refusal on, nothing is kept. ``size``: bytes
    received, of refused content too."""

    def __init__(self, max_size: int, max_line: int, memory: Memory) -> None:
        self.size = 0
        self.refusal: Reply | None = None
        self._max_size = max_size
        self._max_line = max_line
        self._memory = memory
        self._held = 0
        self._pieces: list[bytes] = []
        self._joined = 0  # pieces that consist of others
        self._small = 0  # small pieces after them
        memory.add(self)

    def add_lines(self, lines: bytes) -> None:
        """Add complete lines, without the dots that were added for the transport."""
        size = len(lines)
        self.size += size
        if self.refusal is not None:
            return
        texts = lines.split(b"\r\n")
        ends = len(texts) - 1
        if lines.count(b"\n") != ends or lines.count(b"\r") != ends:
            self.refuse(replies.BARE_CONTENT)
        elif max(map(len, texts)) + 2 > self._max_line:
            self.refuse(replies.LONG_CONTENT)
        elif self.size > self._max_size:
            self.refuse(replies.TOO_LARGE)
        elif self._memory.used + size > self._memory.limit and not self._memory.make_room(
            size, self
        ):
            self.refuse(replies.NO_MEMORY)
        else:
            self._pieces.append(lines)
            self._held += size
            self._memory.used += size
            if size < _SMALL:
                self._join_small()

    def _join_small(self) -> None:
        """A small piece was added."""
        self._small += 1
        if self._small == _MANY:
            self._small = 0
            self._pieces[self._joined :] = [b"".join(self._pieces[self._joined :])]
            self._joined += 1

    def refuse(self, why: Reply) -> None:
        """Discard what has arrived, and what will."""
        if self.refusal is None:
            self.refusal = why
        self.release()

    def whole(self) -> bytes:
        """All that was added. Nothing more arrives; until ``release``, it uses its memory."""
        self._memory.remove(self)
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def release(self) -> None:
        """The content is no longer needed."""
        self._memory.remove(self)
        self._pieces = []
        self._joined = self._small = 0
        self._memory.used -= self._held
        self._held = 0


class DataReader:
    """Reads what follows DATA into ``content``."""

    def __init__(self, content: Content, max_line: int) -> None:
        self.content = content
        self._max_line = max_line
        self._partial = b""  # the beginning of a line

    def feed(self, data: bytes) -> bytes | None:
        """Read ``data``. Returns None, or what follows the end of the data."""
        data = self._partial + data  # begins where a line begins
        if data[:3] == b".\r\n":
            return data[3:]
        end = data.find(_END)
        if end >= 0:
            self.content.add_lines(_unstuffed(data[: end + 2]))
            return data[end + 5 :]
        lines_end = data.rfind(b"\r\n") + 2
        if lines_end > 1:
            self.content.add_lines(_unstuffed(data[:lines_end]))
            data = data[lines_end:]
        # One more, as the dot of dot-stuffing does not count (RFC 5321 section 4.5.3.1.6).
        if len(data) > self._max_line + 1:
            data = self._refuse_line(data)
        self._partial = data
        return None

    def _refuse_line(self, line: bytes) -> bytes:
        """A line without an end is too long. Returns what stands for it from now on."""
        self.content.size += len(line)
        bare = b"\n" in line or b"\r" in line[:-1]
        self.content.refuse(replies.BARE_CONTENT if bare else replies.LONG_CONTENT)
        return b"x\r" if line.endswith(b"\r") else b"x"


class ChunkReader:
    """Reads the chunk of ``size`` bytes that follows BDAT into ``content`` (RFC 3030). A line may
    begin in one chunk and end in the next: ``lines``, the same for all chunks of a message, joins
    them."""

    def __init__(self, lines: ChunkLines, size: int) -> None:
        self._lines = lines
        self._left = size

    def feed(self, data: bytes) -> bytes | None:
        """Read ``data``. Returns None, or what follows the chunk."""
        left = self._left
        self._left = left - len(data)
        self._lines.feed(data[:left])
        return None if self._left > 0 else data[left:]


class ChunkLines:
    """Divides the chunks of a message into lines for its ``content``. ``chunks``: how many there
    are."""

    def __init__(self, content: Content, max_line: int) -> None:
        self.content = content
        self.chunks = 0
        self._max_line = max_line
        self._partial = b""

    def feed(self, data: bytes) -> None:
        """Add a part of a chunk."""
        data = self._partial + data
        lines_end = data.rfind(b"\r\n") + 2
        if lines_end > 1:
            self.content.add_lines(data[:lines_end])
            data = data[lines_end:]
        if len(data) > self._max_line:
            self.content.size += len(data)
            self.content.refuse(replies.LONG_CONTENT)
            data = b""
        self._partial = data

    def are_tiny(self) -> bool:
        """Whether the chunks cost more work than the message is worth."""
        return self.chunks > FREE_CHUNKS and self.content.size < self.chunks * MEAN_CHUNK

    def end(self) -> None:
        """The last chunk is complete. If the last line has no end, it gets one."""
        if self._partial:
            self.content.add_lines(self._partial + b"\r\n")
            self._partial = b""


class Discarded:
    """Reads a chunk of ``size`` bytes whose BDAT was refused."""

    def __init__(self, size: int) -> None:
        self._left = size

    def feed(self, data: bytes) -> bytes | None:
        """As ``ChunkReader.feed``."""
        left = self._left
        self._left = left - len(data)
        return None if self._left > 0 else data[left:]


def _unstuffed(lines: bytes) -> bytes:
    """Remove the dot with which a line begins (RFC 5321 section 4.5.2)."""
    if lines[:1] == b".":
        lines = lines[1:]
    return lines.replace(b"\r\n.", b"\r\n") if b"\r\n." in lines else lines
