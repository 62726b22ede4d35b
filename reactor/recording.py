"""Recording the turns of a loop in a file, one line of JSON for each, and reading them.

*The files.* When ``FILE`` would become larger than its limit, it is renamed to ``FILE.1``, in the
place of the one before, and a new ``FILE`` begins. Each file begins with a line that has a
*snapshot* of the loop, so that a recording can be replayed although older turns are lost. The same
happens to a file of an earlier run.

*The lines.* Keys that would be empty are left out. Times are seconds of the loop's clock, durations
are microseconds::

    {"recording": 1, "run": "…", "wall": 1700000000.0, "time": 12.5, "snapshot": {…}}
    {"turn": 7, "times": [12.5, …], "timeout": 0.5, "reason": "timer", "timer": "Chat.expire",
     "events": [[8, "R"]], "calls": [["event", "Echo.data_received", 42, 8, "R", 64]],
     "flushes": [[8, 64, 0]], "opened": [{…}], "modified": [[8, "RW"]], "unregistered": [5],
     "closed": [7], "changed": {"8": {"queued": 9}}, "stats": {"accepted": 3},
     "errors": ["…"], "ended_by": "…",
     "received_data": {"8": "…"}, "sent_data": {"8": "…"}, "more": 12}
    {"wall": 1700000001.0, "time": 13.5, "snapshot": {…}}

``recording`` is the version of the format, ``run`` identifies the run, ``wall`` is the time of day
in seconds since 1970. ``times``: when each of the eight steps began, and when the turn ended. A
call: kind, name, duration, descriptor or null, event, bytes received, whether the timer was set
again; trailing values that are 0, null, "" or false are left out. A flush: descriptor, bytes sent,
bytes that still wait.

*Descriptors.* ``opened`` has objects as in the snapshot, ``closed`` numbers. ``modified``: each
change of what a descriptor is watched for. ``unregistered``: descriptors that are not watched any
more and belong to no open transport. ``changed``: by descriptor, what is different in its object at
the end of the turn, and neither calls nor flushes tell: its interest, a write queue that has grown,
a pause, another protocol, a listener's connections. ``stats``: the new values of counters that do
not follow from the turn. Data is decoded as Latin-1, so that each character is one byte. ``more``:
entries that were left out to limit the size.

*Snapshots.* What turns do not tell, such as the timers that are set, is in snapshots between them,
which a replay can also begin with. There is one each second, if a turn ends, and when the loop
begins to stop. They take at most 5 % of the time; and of the size at most half, or 8 KiB for each
second. A snapshot shows at most 1,000 descriptors at the beginning of a file, and 200 later. If
there are more (``descriptors_total``), the others are as they were before.

*What is lost.* Turns are kept in memory until there are 64 KiB or a second has passed, and written
when the recording ends. Only a process that is killed (SIGKILL) loses them. Writing to a slow disk
delays the loop."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from .changes import Changes
from .descriptors import describe_descriptor
from .errors import careful_logger
from .loop import Loop
from .naming import owner_of
from .observed_loop import remove_observer
from .observer import Turn, mask_letters
from .snapshots import snapshot
from .traffic import Traffic

logger = careful_logger(__name__)

VERSION: Final = 1
MAX_SIZE: Final = 64 << 20  # bytes of a file
MIN_SIZE: Final = 64 << 10  # bytes; a file must have room for a snapshot and some turns
MOST: Final = 100  # entries in each list of a turn
_MOST_IN_SNAPSHOT: Final = 1000
_MOST_IN_KEYFRAME: Final = 200  # in a snapshot between two turns
_KEYFRAME_AFTER: Final = 1.0  # seconds
_KEYFRAME_SHARE: Final = 0.05  # of the time
_KEYFRAME_RATE: Final = 8192  # bytes for each second, which snapshots may take in any case
_BUFFER: Final = 65536  # bytes
_WRITE_AFTER: Final = 1.0  # seconds

_dumps = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class Recorder(Traffic):
    """Records the turns of one loop in the file ``path``; add it with ``Reactor.add_observer``.
    ``remove_observer``, ``close()`` or the end of the loop ends the recording.

    ``max_size``: bytes; there are two files of at most this size. ``payload``: see ``Observer``.
    ``turns``: the number of turns that were recorded.

    Any thread may make a recorder. It is added and removed in the loop's thread, for example by
    ``call_soon_threadsafe``, or by ``Stepper.run`` during a pause.

    An error in writing, such as a full disk, is logged in one line and ends the recording. Raises
    ``OSError`` if the file cannot be made or is not a regular file, ``ValueError`` if ``max_size``
    is less than 64 KiB."""

    def __init__(self, path: str | Path, *, max_size: int = MAX_SIZE, payload: int = 0) -> None:
        super().__init__()
        if max_size < MIN_SIZE:
            raise ValueError(f"a recording needs at least {MIN_SIZE} bytes, not {max_size}")
        self.path = Path(path)
        self.max_size = max_size
        self.payload = payload
        self.turns = 0
        self._process = os.getpid()
        self._run = f"{self._process}-{time.time_ns()}"
        self._loop: Loop | None = None
        self._changes: Changes | None = None
        self._lines: list[bytes] = []
        self._size = 0  # bytes of the lines
        self._offset = 0  # bytes in the file
        self._write_at = 0.0
        self._keyframe_at = 0.0  # not before this time
        self._keyframe_size = 0  # bytes of the newest one that are not balanced by turns yet
        self._last_keyframe = 0.0  # when it was made
        self._stopping = False
        self._fd = self._open()

    def _open(self) -> int:
        if self.path.exists():
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise OSError(f"{self.path} is not a regular file")
            self.path.replace(self._older)
        self._offset = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        return os.open(self.path, flags, 0o600)  # it shows addresses and perhaps data

    @property
    def _older(self) -> Path:
        return _older(self.path)

    def attached(self, loop: Loop) -> None:
        self._loop = loop
        self._changes = Changes(loop)
        self._begin_file(loop)

    def detached(self, loop: Loop) -> None:
        self.close()

    def turn_ended(self, turn: Turn) -> None:
        super().turn_ended(turn)
        loop = self._loop
        if loop is None:
            return
        changes = {} if self._changes is None else self._changes.of(turn)
        line = self._line(loop, turn.trimmed(MOST), changes)
        if len(line) > self.max_size // 4:  # much payload
            line = self._line(loop, turn.trimmed(0), changes)
        if self._offset + self._size + len(line) > self.max_size:
            self._rotate(loop)
        self._append(line)
        self.turns += 1
        self._keyframe_size -= len(line)
        if turn.times[-1] >= self._keyframe_at or loop.is_stopping() is not self._stopping:
            self._add_keyframe(loop, turn.times[-1])
        if self._size >= _BUFFER or turn.times[-1] >= self._write_at or turn.ended_by:
            self._write_at = turn.times[-1] + _WRITE_AFTER
            self._write()

    def close(self) -> None:
        """Write what is left, and end the recording. Has no effect if it has ended."""
        self._write()
        self._end()

    def __del__(self) -> None:
        # Like a file, it writes what is left when it is garbage-collected.
        if hasattr(self, "_fd"):  # otherwise __init__ has failed
            self._loop = None
            self.close()

    # -- writing -----------------------------------------------------------------------------------

    def _append(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    def _write(self) -> None:
        if self._fd < 0:
            return
        if os.getpid() != self._process:  # a child after a fork: the file is the parent's
            self._end()
            return
        data = memoryview(b"".join(self._lines))
        try:
            # At a position that changes only when all is written. So if a signal interrupts this
            # with an exception, the next call writes the same bytes again to the same place.
            written = 0
            while written < len(data):
                written += os.pwrite(self._fd, data[written:], self._offset + written)
        except OSError as exc:
            self._failed(exc)
        else:
            self._offset, self._lines, self._size = self._offset + len(data), [], 0

    def _rotate(self, loop: Loop) -> None:
        self._write()
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        try:
            self._fd = self._open()
        except OSError as exc:
            self._failed(exc)
        else:
            self._begin_file(loop)

    def _failed(self, exc: OSError) -> None:
        logger.error("the recording in %s ends: %s", self.path, exc.strerror or exc)
        if self._fd >= 0:
            try:
                os.ftruncate(self._fd, self._offset)  # remove the part of a line
            except OSError as error:
                logger.debug("truncate: %s", error)
        self._end()

    def _end(self) -> None:
        fd, self._fd = self._fd, -1
        loop, self._loop, self._changes = self._loop, None, None
        self._lines, self._size = [], 0
        if fd >= 0:
            os.close(fd)
        if loop is not None:
            remove_observer(loop, self)

    # -- the format --------------------------------------------------------------------------------

    def _begin_file(self, loop: Loop) -> None:
        # The snapshot must leave room for turns.
        most = min(_MOST_IN_SNAPSHOT, self.max_size // 4096)
        self._append(self._snapshot(loop, most, recording=VERSION, run=self._run))
        self._keyframe_at = loop.time() + _KEYFRAME_AFTER
        self._keyframe_size = 0
        self._last_keyframe = loop.time()

    def _add_keyframe(self, loop: Loop, now: float) -> None:
        stopping = loop.is_stopping()
        self._keyframe_at = now + _KEYFRAME_AFTER
        waited = now - self._last_keyframe
        if self._keyframe_size > waited * _KEYFRAME_RATE and stopping is self._stopping:
            return
        began = time.perf_counter()
        line = self._snapshot(loop, min(_MOST_IN_KEYFRAME, self.max_size // 4096))
        took = time.perf_counter() - began
        self._keyframe_at = now + max(_KEYFRAME_AFTER, took / _KEYFRAME_SHARE)
        self._keyframe_size = len(line)
        self._last_keyframe = now
        self._stopping = stopping
        if self._offset + self._size + len(line) <= self.max_size:
            self._append(line)

    def _snapshot(self, loop: Loop, most: int, **more: Any) -> bytes:
        times = {"wall": time.time(), "time": loop.time()}
        return _encode({**more, **times, "snapshot": snapshot(loop, self, most=most)})

    def _line(self, loop: Loop, turn: Turn, changes: dict[str, Any]) -> bytes:
        line: dict[str, Any] = {
            "turn": turn.number,
            "times": [round(when, 6) for when in turn.times],
        }
        if turn.timeout is not None:
            line["timeout"] = round(turn.timeout, 6)
        line["reason"] = turn.reason
        for name in ("timer", "closed", "errors", "ended_by", "more"):
            if value := getattr(turn, name):
                line[name] = value
        if turn.events:
            line["events"] = [(fd, mask_letters(mask)) for fd, mask in turn.events]
        if turn._calls:
            line["calls"] = [_call(call) for call in turn._calls]
        if turn._flushes:
            line["flushes"] = turn._flushes
        if turn.modified:
            line["modified"] = [(fd, mask_letters(mask)) for fd, mask in turn.modified]
        if turn.opened:
            handlers = loop._handlers
            line["opened"] = [
                describe_descriptor(loop, fd, owner_of(handlers[fd]), self)
                for fd in turn.opened
                if fd in handlers
            ]
        line |= changes
        for name in ("received_data", "sent_data"):
            if data := getattr(turn, name):
                line[name] = {str(fd): piece.decode("latin-1") for fd, piece in data.items()}
        return _encode(line)


def _encode(line: dict[str, Any]) -> bytes:
    return _dumps(line).encode("utf-8", "replace") + b"\n"  # a name may have a lone surrogate


def _call(call: tuple[Any, ...]) -> list[Any]:
    kind, name, took, fd, mask, *rest = call
    values = [kind, name, round(took * 1e6), fd, mask_letters(mask), *rest]
    while not values[-1]:
        values.pop()
    return values


def _older(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


# -- reading ---------------------------------------------------------------------------------------


def read_recording(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a recording, as dicts, the older file first if it is of the same run. A line
    that is not complete, as a killed process leaves it, ends the file.

    Raises ``OSError``, and ``ValueError`` if it is not a recording, or of a later version."""
    path = Path(path)
    run = _run_of(path)
    if run is None:
        raise ValueError(f"{path} is not a recording of version {VERSION}")
    older = _older(path)
    if older.is_file() and _run_of(older) == run:
        yield from _lines(older)
    yield from _lines(path)


def _run_of(path: Path) -> str | None:
    """What identifies the run, or None if the file is not a recording."""
    header = next(_lines(path), {})
    return str(header["run"]) if header.get("recording") == VERSION else None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for line in file:
            try:
                value = json.loads(line)
            except ValueError:
                return
            if not isinstance(value, dict) or not line.endswith(b"\n"):
                return
            yield value
