"""What the loop needs of the things that it runs, which it knows by these methods alone."""

from typing import Protocol


class Endpoint(Protocol):
    """Something open that keeps a stopping reactor running until it is done: a connection, a
    listener, a pool of threads."""

    def request_shutdown(self) -> None: ...
    def abort(self) -> None: ...


class Flushable(Protocol):
    """Something written to in this turn. ``flush`` sends it, and returns how many bytes it was."""

    def flush(self) -> int: ...
    def abort(self) -> None: ...


class Closable(Protocol):
    """Something with a descriptor to give back, a socket for one."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...
