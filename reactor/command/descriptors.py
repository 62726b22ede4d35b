"""The limit of open files: each connection is a descriptor, and many systems allow 1,024 at first.

That is the soft limit, kept low for programs that use select(). A process may raise its own up to
the hard limit. Its children inherit it, workers too."""

from __future__ import annotations

import resource
from typing import Final

SPARE: Final = 64  # descriptors for everything but connections: listeners, the poller, logs
SELECT_LIMIT: Final = 1024  # FD_SETSIZE: select() cannot watch higher descriptors


def room_for(connections: int, poller: str | None = None) -> int:
    """Raise the soft limit to what ``connections`` need, or as far as possible. Returns how many
    connections fit, at most ``connections``.

    A connection may need a second descriptor, for a file that is being sent or spooled. ``poller``
    as for ``Reactor``."""
    limit = _raise_to(2 * connections + SPARE)
    if poller == "select":
        limit = min(limit, SELECT_LIMIT)
    # One descriptor for each is enough: a listener pauses when there are none left.
    return connections if limit >= connections else max(limit - SPARE, 0)


def _raise_to(wanted: int) -> int:
    """Raise the soft limit to ``wanted``, or as far as possible; it is never lowered. Returns the
    new limit."""
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
            # macOS reports no hard limit, but refuses more than kern.maxfilesperproc.
            wanted //= 2
    return soft
