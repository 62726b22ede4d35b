"""The limit of open files: each connection is a descriptor, and many systems allow 1,024 at first.

That is the soft limit, kept low for programs that use select(). Up to the hard limit any process
may raise its own, and its children, workers too, inherit it."""

from __future__ import annotations

import resource
from typing import Final

SPARE: Final = 64  # descriptors for all but connections: listeners, the poller, logs, threads
SELECT_LIMIT: Final = 1024  # FD_SETSIZE: select() cannot watch what is beyond


def room_for(connections: int, poller: str | None = None) -> int:
    """Raise the soft limit towards what so many connections need; returns how many there is room
    for, at most ``connections``.

    A connection may need a second descriptor for a file that is being sent or spooled. ``poller``
    as for ``Reactor``."""
    limit = _raise_to(2 * connections + SPARE)
    if poller == "select":
        limit = min(limit, SELECT_LIMIT)
    # A few too few are no reason to complain: the listener pauses when there are no descriptors.
    return connections if limit >= connections else max(limit - SPARE, 0)


def _raise_to(wanted: int) -> int:
    """Returns the limit that there is in the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    while soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
        except (OSError, ValueError):
            # macOS says that there is no hard limit, and refuses more than kern.maxfilesperproc.
            wanted //= 2
    return soft
