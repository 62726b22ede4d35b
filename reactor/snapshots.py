"""What a loop watches and waits for at one moment: descriptors, timers, callbacks, counters.

The functions change nothing and may be called from any thread. In another thread than the loop's,
what they return may be a moment old, and a descriptor that is closed meanwhile may be shown with
what is still known of it. The results contain only numbers, strings, lists, dicts and None, so that
they can be written as JSON."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from .descriptors import copied, kind_of, list_descriptors, show_address
from .interfaces import Closable
from .loop import Loop
from .naming import callback_name, owner_of, shorten, timer_kind
from .observed_loop import ObservedLoop
from .observer import DISPATCH, TIMEOUT, TIMERS, WAIT, mask_letters
from .pollers import WRITE, PollPoller, poll_all
from .timers import Handle, IdleTimer, Timer
from .traffic import Traffic
from .transports.base import BaseTransport
from .transports.datagram import DatagramTransport
from .transports.stream import StreamTransport


def snapshot(
    loop: Loop, traffic: Traffic | None = None, *, seconds: float = 10.0, most: int = 1000
) -> dict[str, Any]:
    """Everything: ``loop``, ``stats``, ``descriptors``, ``timers`` and ``callbacks``.

    ``traffic``: an observer of this loop, for what descriptors have received and sent.
    ``seconds``: how far to look ahead for timers. ``most``: entries in each list."""
    return {
        "loop": {
            "time": loop.time(),
            "now": loop.now,
            "poller": type(loop._poller).__name__,
            "running": loop.is_running(),
            "stopping": loop.is_stopping(),
            "catching_up": loop._catching_up,
            "debug": loop.get_debug(),
        },
        "stats": loop.stats.as_dict(),
        "descriptors": list(islice(list_descriptors(loop, traffic), most)),
        "descriptors_total": len(loop._handlers),
        "timers": list_timers(loop, seconds=seconds, most=most),
        "callbacks": list_callbacks(loop, most=most),
    }


# -- timers and callbacks --------------------------------------------------------------------------


def list_timers(
    loop: Loop, *, seconds: float = 10.0, most: int = 1000, count_idle: bool = True
) -> dict[str, Any]:
    """``next``: the timers that are due within ``seconds``, the earliest first, at most ``most`` of
    them. ``total``: how many are set; ``idle``: how many of these are idle timers, which takes a
    pass over all of them, None without ``count_idle``; ``cancelled``: entries that the heap still
    has."""
    now = loop.time()
    heap = loop.timers._heap.copy()
    soon = islice(_earliest(heap, now + seconds), most)
    return {
        "next": [_timer(timer, now) for timer in soon],
        "total": max(len(heap) - loop.timers._stale, 0),
        "idle": sum(
            isinstance(timer, IdleTimer) for _, number, timer in heap if timer._sequence == number
        )
        if count_idle
        else None,
        "cancelled": loop.timers._stale,
    }


def _earliest(heap: Sequence[tuple[float, int, Timer]], until: float) -> Iterator[Timer]:
    """The timers that are due by ``until``, in order. Looks at as few entries as possible: those
    below an entry in a heap are never earlier."""
    nearest = [(heap[0], 0)] if heap else []
    while nearest:
        (when, number, timer), position = heapq.heappop(nearest)
        if when > until:
            return
        if position >= 0:
            for below in (2 * position + 1, 2 * position + 2):
                if below < len(heap):
                    heapq.heappush(nearest, (heap[below], below))
        if timer._sequence != number:  # cancelled
            continue
        if timer._when > when:  # postponed
            heapq.heappush(nearest, ((timer._when, number, timer), -1))
        else:
            yield timer


def _timer(timer: Timer, now: float) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": callback_name(timer._callback),
        "kind": timer_kind(timer),
        "in": timer._when - now,
    }
    if isinstance(timer, IdleTimer):
        # When it will really expire: until then it sets itself again.
        expires_in = timer._last_activity + timer.timeout - now
        if math.isfinite(expires_in):  # otherwise never
            shown["expires_in"] = expires_in
    return shown


def list_callbacks(loop: Loop, *, most: int = 1000) -> dict[str, Any]:
    """``next``: the names of the callbacks that are queued, at most ``most`` of them. ``total``:
    how many there are."""
    queued = copied(lambda: list(loop._ready))
    return {"next": [_callback(handle) for handle in queued[:most]], "total": len(queued)}


def _callback(handle: Handle) -> str:
    callback = handle._callback
    return "cancelled" if callback is None else callback_name(callback)


# -- a paused loop ---------------------------------------------------------------------------------


def pending(loop: Loop, *, most: int = 1000) -> dict[str, Any]:
    """What is to come in the turn that a paused loop is in; see ``Stepper``. ``most``: entries of
    each kind.

    ``events``: before step 3, what the poller would report now, and before step 5 what it has
    reported, as ``[fd, mask]`` pairs with masks in letters. ``handlers``: who handles these events,
    by descriptor: ``handler``, ``kind``, ``protocol``, ``peer``, and for one that can write, the
    bytes ``queued``, which it sends then. ``timers``: before step 6, those that are due.
    ``callbacks``: the names of those that are queued. ``flushes``: the transports that were written
    to, which step 7 sends, with ``fd``, ``protocol``, ``peer`` and the bytes ``queued``. Datagrams
    are never there: they are sent when they are written, or when the system has room again.
    ``closes``: the descriptors to close."""
    observation = loop._observation if isinstance(loop, ObservedLoop) else None
    step = TIMEOUT if observation is None else observation.turn.step
    events: Sequence[tuple[int, int]] = ()
    if step <= WAIT:
        events = _ready_events(loop)
    elif observation is not None and step <= DISPATCH:
        events = observation.turn.events
    events = events[:most]
    now = loop.time()
    due: list[Timer] = []
    if step <= TIMERS and not loop._catching_up:
        due = list(islice(_earliest(loop.timers._heap.copy(), now), most))
    callbacks = copied(lambda: list(loop._ready))[:most]
    if observation is not None and (first := observation.first_callback) is not None:
        callbacks.insert(0, first)
    return {
        "events": [[fd, mask_letters(mask)] for fd, mask in events],
        "handlers": {
            str(fd): _handler(loop, fd, mask) for fd, mask in events if fd in loop._handlers
        },
        "timers": [_timer(timer, now) for timer in due],
        "callbacks": [_callback(handle) for handle in callbacks],
        "flushes": [_flush(transport) for transport in loop.written[:most]],
        "closes": [fd for closable in loop._released[:most] if (fd := _fileno(closable)) >= 0],
    }


def _ready_events(loop: Loop) -> list[tuple[int, int]]:
    """What the loop's poller would report. To ask does not change that: it is level-triggered."""
    poller: Any = loop._poller
    try:
        if isinstance(poller, PollPoller):
            # An object of poll() refuses two calls at the same time, so this needs its own.
            mine = PollPoller()
            for fd, mask in poller._masks.copy().items():
                mine.register(fd, mask)
            return mine.poll(0)
        return copied(lambda: poll_all(poller))
    except (OSError, ValueError):  # the loop was closed
        return []


def _handler(loop: Loop, fd: int, mask: int) -> dict[str, Any]:
    handler = loop._handlers.get(fd)
    owner = owner_of(handler)
    protocol = owner.get_protocol() if isinstance(owner, BaseTransport) else None
    shown: dict[str, Any] = {
        "handler": None if handler is None else callback_name(handler),
        "kind": kind_of(owner),
        "protocol": None if protocol is None else shorten(type(protocol).__qualname__),
        "peer": _peer(owner),
    }
    if mask & WRITE and (queued := _queued(owner)):
        shown["queued"] = queued
    return shown


def _flush(transport: Any) -> dict[str, Any]:
    protocol = getattr(transport, "_protocol", None)
    return {
        "fd": getattr(transport, "_fd", None),
        "protocol": None if protocol is None else shorten(type(protocol).__qualname__),
        "peer": _peer(transport),
        "queued": _queued(transport),
    }


def _queued(owner: Any) -> int | None:
    """Bytes that a transport is going to send."""
    if isinstance(owner, StreamTransport):
        return owner.get_unsent_size()
    return owner.get_write_buffer_size() if isinstance(owner, DatagramTransport) else None


def _peer(owner: Any) -> str | None:
    return show_address(owner._peername) if isinstance(owner, BaseTransport) else None


def _fileno(closable: Closable) -> int:
    try:
        return closable.fileno()
    except (OSError, ValueError):  # it is closed already
        return -1
