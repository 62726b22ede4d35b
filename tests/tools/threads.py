"""Code in another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reactor import Reactor

from .waiting import TIMEOUT


def raised_in_thread(function: Callable[[], object]) -> BaseException | None:
    """Call ``function`` in another thread, and return what it raised, or None."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as exc:
            raised.append(exc)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return raised[0] if raised else None


@contextmanager
def running(reactor: Reactor) -> Iterator[Reactor]:
    """Within the block the loop runs in another thread. After it the reactor is closed."""
    thread = threading.Thread(target=reactor.run)
    thread.start()
    try:
        yield reactor
    finally:
        reactor.call_soon_threadsafe(reactor.stop, 0.0)
        thread.join(TIMEOUT)
        assert not thread.is_alive()
        reactor.close()
