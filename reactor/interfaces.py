"""What the loop needs of the objects that it runs."""

from collections.abc import Callable
from typing import Protocol

Handler = Callable[[int], object]  # is called with the mask of a ready descriptor


class Stoppable(Protocol):
    """Something open that keeps a stopping reactor running until it has ended: a connection, a
    listener, a pool of threads."""

    def request_shutdown(self) -> None: ...
    def abort(self) -> None: ...


class Flushable(Protocol):
    """Something written to in this turn. ``flush`` sends what is queued and returns the number of
    bytes sent."""

    def flush(self) -> int: ...
    def abort(self) -> None: ...


class Closable(Protocol):
    """Something with a descriptor to close, such as a socket."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...
