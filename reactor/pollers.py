"""Pollers: the operating system's ways to find out which descriptors are ready.

There are four system calls for this: epoll (Linux), kqueue (BSD, macOS), poll and select
(everywhere). Each class here wraps one of them in the same methods, so that the loop does not
depend on the system:

    register(fd, mask)    start watching a descriptor
    modify(fd, mask)      watch it for something else
    unregister(fd)        stop watching; always before the descriptor is closed
    poll(timeout)         wait, and return a list of (fd, mask) pairs

All are *level-triggered*: a descriptor is reported in every turn for as long as it is ready. A mask
consists of READ and WRITE. A reported mask may also have ERROR and HANGUP, which are always
watched. A report is a hint, never a promise: between the report and the read another process may
have taken the data, so the system call after it may still fail with EAGAIN, "not now"."""

import errno
import math
import os
import select
from contextlib import suppress
from typing import Any, Protocol

# The numbers are those of epoll and poll on Linux, so that these two pollers translate nothing.
READ = 0x001
WRITE = 0x004
ERROR = 0x008
HANGUP = 0x010

# Untyped, because type checkers know that epoll exists on Linux only, and kqueue on BSD and macOS.
_system: Any = select

# The longest single wait, in seconds. epoll and poll count milliseconds in a C int, which is at
# most 24.8 days. Waking once a day costs nothing.
MAX_WAIT = 86_400.0

_SELECT_LIMIT = 1024  # FD_SETSIZE: the bits in C's fd_set. Python does not export it.


class Poller(Protocol):
    """What the loop needs of a poller. All descriptors are plain integers.

    ``register`` raises ``ValueError`` for a descriptor that this poller cannot watch. ``poll``
    takes seconds: ``None`` waits forever, 0 does not wait, and other values are rounded *up* to the
    system's unit, so that a timer is never early and a wait of half a millisecond does not become a
    busy loop.

    A poller whose ``poll`` may leave out some of the ready descriptors also has ``poll_all()``,
    which returns all of them without waiting. After a stall the loop uses it to find out which
    descriptors have nothing left to read."""

    def register(self, fd: int, mask: int) -> None:
        """Watch ``fd``. Raises ``FileExistsError`` if it is watched already."""

    def modify(self, fd: int, mask: int) -> None:
        """Watch ``fd``, which is registered, for another mask; 0 leaves ``ERROR`` and
        ``HANGUP``."""

    def unregister(self, fd: int) -> None:
        """Stop watching ``fd``."""

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        """Wait, for at most ``timeout`` seconds. Returns ``(fd, mask)`` for each descriptor that is
        ready; none after a time-out."""
        raise NotImplementedError

    def close(self) -> None:
        """Release what the poller holds. No method is called after this."""


def _milliseconds(timeout: float | None) -> int:
    """Seconds as whole milliseconds, rounded up (python/asyncio#106); -1, "forever", for None
    only."""
    if timeout is None:
        return -1
    if timeout <= 0:
        return 0
    return math.ceil(min(timeout, MAX_WAIT) * 1000)


class EpollPoller:
    """Linux. The kernel keeps the list of descriptors, so the cost of a wait depends on how many
    are ready, not on how many are watched.

    epoll watches the *open file*, not its number. A duplicate in a forked child keeps the file
    registered after our close, so the loop always unregisters before it closes (libuv#1099). epoll
    refuses regular files (EPERM), for example as standard input. Such a file never blocks, so it is
    reported as ready in every turn."""

    def __init__(self) -> None:
        self._epoll = _system.epoll()
        self._registered = 0  # descriptors in the epoll set, for poll_all()
        self._always_ready: dict[int, int] = {}

    def register(self, fd: int, mask: int) -> None:
        try:
            self._epoll.register(fd, mask)
        except PermissionError:
            if fd in self._always_ready:
                raise FileExistsError(
                    errno.EEXIST, f"descriptor {fd} is already registered"
                ) from None
            self._always_ready[fd] = mask
        else:
            self._registered += 1

    def modify(self, fd: int, mask: int) -> None:
        if fd in self._always_ready:
            self._always_ready[fd] = mask
        else:
            self._epoll.modify(fd, mask)

    def unregister(self, fd: int) -> None:
        if self._always_ready.pop(fd, None) is None:
            self._registered -= 1
            with suppress(OSError):  # somebody else has closed it: then epoll has forgotten it
                self._epoll.unregister(fd)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if self._always_ready:
            always = [(fd, mask) for fd, mask in self._always_ready.items() if mask]
            if always:
                return [*always, *self._epoll.poll(0)]
        if timeout is not None:
            timeout = _milliseconds(timeout) / 1000
        # At most 1,023 of them, select.FD_SETSIZE - 1, which is Python's default.
        ready: list[tuple[int, int]] = self._epoll.poll(timeout)
        return ready

    def poll_all(self) -> list[tuple[int, int]]:
        """All descriptors that are ready, however many, without waiting."""
        always = [(fd, mask) for fd, mask in self._always_ready.items() if mask]
        return [*always, *self._epoll.poll(0, max(self._registered, 1))]

    def close(self) -> None:
        self._epoll.close()


class PollPoller:
    """poll(2). It takes any descriptor number, but each wait passes the whole list to the
    kernel."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._masks: dict[int, int] = {}

    def register(self, fd: int, mask: int) -> None:
        if fd in self._masks:  # poll would replace the mask silently
            raise FileExistsError(errno.EEXIST, f"descriptor {fd} is already registered")
        self._poll.register(fd, mask)
        self._masks[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        self._poll.modify(fd, mask)
        self._masks[fd] = mask

    def unregister(self, fd: int) -> None:
        self._poll.unregister(fd)
        del self._masks[fd]

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        return self._poll.poll(_milliseconds(timeout))

    def close(self) -> None:
        self._masks.clear()


class SelectPoller:
    """select(2), the oldest. It exists everywhere and cannot watch descriptor 1024 or above."""

    def __init__(self) -> None:
        self._readers: set[int] = set()
        self._writers: set[int] = set()
        self._watched: set[int] = set()

    def register(self, fd: int, mask: int) -> None:
        if not 0 <= fd < _SELECT_LIMIT:
            raise ValueError(
                f"the select poller cannot watch descriptor {fd}: its limit is "
                f"{_SELECT_LIMIT - 1}; use another poller"
            )
        if fd in self._watched:
            raise FileExistsError(errno.EEXIST, f"descriptor {fd} is already registered")
        self._watched.add(fd)
        self._set(fd, mask)

    def modify(self, fd: int, mask: int) -> None:
        if fd not in self._watched:
            raise FileNotFoundError(errno.ENOENT, f"descriptor {fd} is not registered")
        self._set(fd, mask)

    def unregister(self, fd: int) -> None:
        self._watched.remove(fd)
        self._set(fd, 0)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is not None:
            timeout = _milliseconds(timeout) / 1000
        try:
            readable, writable, _ = select.select(self._readers, self._writers, (), timeout)
        except OSError as exc:
            if exc.errno != errno.EBADF:
                raise
            # The program has closed a descriptor that is watched. Its handler's system call fails.
            return [(fd, ERROR) for fd in self._readers | self._writers if not _is_open(fd)]
        ready = dict.fromkeys(readable, READ)
        for fd in writable:
            ready[fd] = ready.get(fd, 0) | WRITE
        return list(ready.items())

    def close(self) -> None:
        self._readers.clear()
        self._writers.clear()
        self._watched.clear()

    def _set(self, fd: int, mask: int) -> None:
        (self._readers.add if mask & READ else self._readers.discard)(fd)
        (self._writers.add if mask & WRITE else self._writers.discard)(fd)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


class KqueuePoller:
    """BSD and macOS. Reading and writing are separate *filters*; their events are merged into one
    pair per descriptor."""

    def __init__(self) -> None:
        self._kqueue = _system.kqueue()
        self._masks: dict[int, int] = {}

    def register(self, fd: int, mask: int) -> None:
        if fd in self._masks:
            raise FileExistsError(errno.EEXIST, f"descriptor {fd} is already registered")
        self._change(fd, 0, mask)
        self._masks[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        self._change(fd, self._masks[fd], mask)
        self._masks[fd] = mask

    def unregister(self, fd: int) -> None:
        mask = self._masks.pop(fd)
        with suppress(OSError):  # somebody else has closed it: then kqueue has forgotten it
            self._change(fd, mask, 0)

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is not None:
            timeout = _milliseconds(timeout) / 1000
        # Room for both filters of each descriptor; never 0, which would return at once.
        events = self._kqueue.control(None, max(2 * len(self._masks), 1), timeout)
        ready: dict[int, int] = {}
        for event in events:
            mask = READ if event.filter == _system.KQ_FILTER_READ else WRITE
            if event.flags & _system.KQ_EV_EOF and event.fflags:
                mask |= ERROR  # fflags is the socket's error; 0 means an ordinary end
            ready[event.ident] = ready.get(event.ident, 0) | mask
        return list(ready.items())

    def close(self) -> None:
        self._kqueue.close()
        self._masks.clear()

    def _change(self, fd: int, old: int, new: int) -> None:
        changes = [
            _system.kevent(fd, filter_, _system.KQ_EV_ADD if new & bit else _system.KQ_EV_DELETE)
            for bit, filter_ in ((READ, _system.KQ_FILTER_READ), (WRITE, _system.KQ_FILTER_WRITE))
            if (old ^ new) & bit
        ]
        if changes:
            self._kqueue.control(changes, 0, 0)


# Best first, and only those that the system has.
POLLERS: dict[str, type[Poller]] = {
    name: poller
    for name, poller in (
        ("epoll", EpollPoller),
        ("kqueue", KqueuePoller),
        ("poll", PollPoller),
        ("select", SelectPoller),
    )
    if hasattr(select, name)
}


def make_poller(name: str | None = None) -> Poller:
    """Make the poller called ``name``, a key of ``POLLERS``, or by default the best one.

    Raises ``ValueError`` for a name that is unknown or not available on this system."""
    if name is None:
        name = next(iter(POLLERS))
    try:
        return POLLERS[name]()
    except KeyError:
        raise ValueError(
            f"no poller {name!r} on this system; there is {', '.join(POLLERS)}"
        ) from None


def poll_all(poller: Poller) -> list[tuple[int, int]]:
    """All descriptors that are ready, without waiting."""
    everything = getattr(poller, "poll_all", None)
    return poller.poll(0) if everything is None else everything()
