"""The access log: a line for each request, in the format that Apache calls *combined*.

Lines are gathered, and written after a second or 64 KiB, a batch in one ``write`` to a file opened
for appending: so several processes can share one file, and no line is torn. What cannot be written,
as the disk is full or whoever read it has gone, is dropped and counted, and said once: a log must
not stop the server. For the same reason nothing here waits for a slow reader of a pipe."""

from __future__ import annotations

import logging
import os
import re
import select
import stat
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .cache import FIFOCache
from .proxies import TrustedProxies

if TYPE_CHECKING:
    from reactor import Loop, Timer

    from .fields import Fields
    from .request import Request

logger = logging.getLogger(__name__)

BATCH: Final = 65536  # bytes that are gathered
INTERVAL: Final = 1.0  # seconds that they wait
MOST_WAITING: Final = 1 << 20  # bytes, for a pipe that is full; what comes then is dropped
# A pipe that is ready for writing takes so much without waiting, and in one piece (pipe(7)).
_PIECE: Final = getattr(select, "PIPE_BUF", 512)
_MODE: Final = 0o640  # who asked for what is not everybody's affair
_REMEMBERED: Final = 512
_REMEMBERED_SIZE: Final = 2048  # characters

# Not strftime's, which are the locale's.
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_UNSAFE: Final = re.compile(r'[^ -~]|["\\]')


class AccessLog:
    """Appends to ``path``; "-" is standard output. Give it to ``HTTPServer`` as ``access_log``.

    ``proxies``: who is believed about the client. ``clock``: seconds since the epoch. ``dropped``
    is the number of lines that were lost. Raises ``OSError`` if the file cannot be opened."""

    def __init__(
        self,
        reactor: Loop,
        path: str,
        *,
        proxies: TrustedProxies | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.dropped = 0
        self._reactor = reactor
        self._path = path
        self._clock = clock
        self._client = (proxies or TrustedProxies()).client
        self._lines: list[str] = []
        self._size = 0
        self._timer: Timer | None = None
        self._time = ""  # between brackets, good until _time_expires
        self._time_expires = float("-inf")
        self._tails: FIFOCache[Fields, str] = FIFOCache(_REMEMBERED, _REMEMBERED_SIZE)
        self._failing = False
        self._blocked = False  # whether a pipe was full when last tried
        self._torn = False  # whether the last line that was written lacks its end
        self._fd = -1
        self._open()

    def write(self, request: Request, status: int, size: int) -> None:
        """Add a line. ``size``: bytes of the response's body."""
        now = self._reactor.now
        if now >= self._time_expires:
            self._refresh_time(now)
        head = request.head
        if head.method:
            line = f"{head.method} {escape(head.target)} HTTP/1.{head.minor}"
        else:  # it was refused, and the target is what came of the request line
            line = escape(head.target) or "-"
        tail = self._tails.get(head.fields) or self._describe(head.fields)
        client = self._client(request) or "-"
        text = f'{client} - - {self._time} "{line}" {status} {size} {tail}\n'
        if self._size + len(text) > MOST_WAITING:
            self._drop(1, "nobody takes it")
            return
        self._lines.append(text)
        self._size += len(text)
        if self._timer is None:
            self._timer = self._reactor.call_later(INTERVAL, self._on_timer)
        elif self._size >= BATCH and not self._blocked:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._lines:
            return
        lines, self._lines, self._size = self._lines, [], 0
        if self._torn:
            lines.insert(0, "\n")
        written = self._write_file(lines) if self._is_file else self._write_pipe(lines)
        if written == len(lines) and self._failing:
            self._failing = False
            logger.warning("access log: goes on; %d lines were lost so far", self.dropped)

    def reopen(self) -> None:
        """Open the file anew, as it was renamed. If that fails, the old one is kept."""
        self.flush()
        if self._path == "-":
            return
        old = self._fd
        try:
            self._open()
        except OSError as exc:
            logger.error("access log: cannot open %s again: %s", self._path, exc.strerror)
            return
        os.close(old)
        self._torn = False

    def close(self) -> None:
        """Write what was gathered, and close the file."""
        if self._fd < 0:
            return
        self.flush()
        if self._lines:
            self._drop(len(self._lines), "nobody takes it")
            self._lines = []
        if self._timer is not None:
            self._timer.cancel()
        if self._path != "-":
            os.close(self._fd)
        self._fd = -1

    # -- lines -------------------------------------------------------------------------------------

    def _describe(self, fields: Fields) -> str:
        """The two fields at the end."""
        referer = escape(fields.headers.get("referer") or "-")
        agent = escape(fields.headers.get("user-agent") or "-")
        tail = f'"{referer}" "{agent}"'
        if fields.is_kept:
            self._tails.keep(fields, tail, len(tail))
        return tail

    def _refresh_time(self, now: float) -> None:
        seconds = self._clock()
        self._time_expires = now + 1.0 - seconds % 1.0
        local = time.localtime(seconds)
        month = _MONTHS[3 * local.tm_mon - 3 : 3 * local.tm_mon]
        self._time = time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", local)

    # -- the file ----------------------------------------------------------------------------------

    def _open(self) -> None:
        if self._path == "-":
            fd = 1
        else:
            # O_NONBLOCK is for a FIFO: to open it would wait for a reader, and so would writing.
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(self._path, flags, _MODE)
        self._is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        self._fd = fd

    def _on_timer(self) -> None:
        self._timer = None
        self.flush()
        if self._lines and self._timer is None:
            self._timer = self._reactor.call_later(INTERVAL, self._on_timer)

    def _write_file(self, lines: list[str]) -> int:
        """Returns how many of ``lines`` were written; the others are lost."""
        data = "".join(lines).encode("ascii")
        why = "no room left"
        try:
            written = os.write(self._fd, data)
        except OSError as exc:
            written = 0
            why = exc.strerror or str(exc)
        if written:
            self._torn = data[written - 1 : written] != b"\n"
        if written == len(data):
            return len(lines)
        whole = data.count(b"\n", 0, written)
        self._drop(len(lines) - whole, why)
        return whole

    def _write_pipe(self, lines: list[str]) -> int:
        """The same, for what may be full; those that it does not take wait for another time."""
        poller = select.poll()
        poller.register(self._fd, select.POLLOUT)
        pending = "".join(lines).encode("ascii")
        before = pending.count(b"\n")
        try:
            while pending:
                if not poller.poll(0):
                    break
                end = pending.rfind(b"\n", 0, _PIECE) + 1 or _PIECE
                pending = pending[os.write(self._fd, pending[:end]) :]
        except BlockingIOError:
            pass
        except OSError as exc:
            self._drop(pending.count(b"\n"), exc.strerror or str(exc))
            return before - pending.count(b"\n")
        self._blocked = bool(pending)
        rest = pending.decode("ascii")
        self._lines = rest.splitlines(keepends=True)
        self._size = len(rest)
        return before - len(self._lines)

    def _drop(self, number: int, why: str) -> None:
        self.dropped += number
        if not self._failing:
            self._failing = True
            logger.error("access log: lines are lost: %s", why)


def escape(text: str) -> str:
    """``text`` without quotation marks, backslashes, control characters and what is beyond ASCII:
    each is written as ``\\xHH``, as nginx does. So nobody ends a field or a line, or speaks to the
    terminal of whoever reads it (uvicorn's CVE-2020-7694)."""
    return _UNSAFE.sub(_hexadecimal, text) if _UNSAFE.search(text) else text


def _hexadecimal(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02X}" for byte in match[0].encode("latin-1", "replace"))
