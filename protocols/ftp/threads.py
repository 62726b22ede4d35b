"""Calls in threads, for all that touches the disk."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, Final, TypeVar

from reactor import Reactor, ThreadCall

T = TypeVar("T")

_RETRY: Final = 0.1  # seconds


def in_thread(
    reactor: Reactor,
    function: Callable[..., T],
    *args: Any,
    then: Callable[[ThreadCall[T]], object],
) -> None:
    """Run ``function(*args)`` in a thread, then ``then(call)`` in the loop. If too many calls wait
    for a thread, this one waits too; sessions have one call each."""
    try:
        call = reactor.run_in_thread(function, *args)
    except queue.Full:
        reactor.call_later(_RETRY, lambda: in_thread(reactor, function, *args, then=then))
    else:
        call.add_done_callback(then)


def ignore_result(_: ThreadCall[Any]) -> None:
    """For calls whose result does not matter."""
