"""What is open on a loop, and how a loop shuts down: everything open is asked to close, and what is
still open after the grace period is aborted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .errors import FATAL
from .interfaces import Stoppable
from .timers import Timer


class StoppingLoop(Protocol):
    """What a shutdown needs of a loop."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> object: ...
    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer: ...
    def call_exception_handler(self, context: dict[str, Any]) -> None: ...
    def stop(self) -> None: ...


class OpenResources:
    """Everything open on ``loop``, in the order of opening, which is the order of closing.

    ``shutdown``: the shutdown in progress, or None."""

    def __init__(self, loop: StoppingLoop) -> None:
        self._loop = loop
        self._resources: dict[Stoppable, None] = {}  # a dict, because it keeps the order
        self.shutdown: Shutdown | None = None

    def add(self, resource: Stoppable) -> None:
        """``resource`` has been opened."""
        self._resources[resource] = None
        if self.shutdown is not None:
            self._loop.call_soon(self.shutdown.request, resource)

    def remove(self, resource: Stoppable) -> None:
        """``resource`` is closed."""
        self._resources.pop(resource, None)
        if self.shutdown is not None:
            self.shutdown.check()

    def shut_down(self, grace: float) -> None:
        """Ask everything to close. Stop the loop when it is closed, or after ``grace`` seconds. Has
        no effect during a shutdown."""
        if self.shutdown is None:
            self.shutdown = Shutdown(self._loop, self, grace)
            self.shutdown.begin()

    def end_shutdown(self) -> None:
        """The loop has stopped."""
        if self.shutdown is not None:
            self.shutdown.end()
            self.shutdown = None

    def abort_all(self) -> None:
        """Close everything without sending what is queued."""
        for resource in list(self._resources):
            self.call(resource.abort, resource)

    def call(self, method: Callable[[], object], resource: Stoppable) -> None:
        """Call a method of ``resource``. If it raises, report that and continue."""
        try:
            method()
        except FATAL:
            raise
        except BaseException as exc:
            self._loop.call_exception_handler(
                {"message": "shutdown failed:", "exception": exc, "transport": resource}
            )

    def __contains__(self, resource: object) -> bool:
        return resource in self._resources

    def __iter__(self) -> Iterator[Stoppable]:
        return iter(self._resources)

    def __len__(self) -> int:
        return len(self._resources)


class Shutdown:
    """One shutdown, from ``stop(grace)`` to the end of ``run()``."""

    def __init__(self, loop: StoppingLoop, open_resources: OpenResources, grace: float) -> None:
        self._loop = loop
        self._open = open_resources
        self._has_ended = False
        self._deadline = loop.call_later(grace, self._grace_over)

    def begin(self) -> None:
        """Ask everything open to close."""
        for resource in list(self._open):
            self.request(resource)
        self.check()

    def request(self, resource: Stoppable) -> None:
        """Ask ``resource`` to close, if it is still open."""
        if resource in self._open:
            self._open.call(resource.request_shutdown, resource)

    def check(self) -> None:
        """Stop the loop if nothing is open, after the callbacks that are queued already."""
        if not self._open:
            self._loop.call_soon(self._stop_if_closed)

    def end(self) -> None:
        """The loop has stopped."""
        self._has_ended = True
        self._deadline.cancel()

    def _stop_if_closed(self) -> None:
        if not self._open:  # otherwise a callback has opened something
            self._stop()

    def _grace_over(self) -> None:
        self._open.abort_all()
        self._loop.call_soon(self._stop)  # after the calls of connection_lost, queued just now

    def _stop(self) -> None:
        if not self._has_ended:
            self._loop.stop()
