"""What a loop watches and waits for at one moment: descriptors, timers, callbacks, counters.

The functions read the loop's own tables, so they are called in its thread: from a callback, an
observer, or ``Stepper.run``. Their results contain only numbers, strings, lists, dicts and None, so
that they can be written as JSON."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from .loop import Loop
from .naming import callback_name, cut, owner_of, shorten, timer_kind, unwrap
from .observer import Observer, Turn, mask_letters
from .pollers import READ
from .sockets.connector import Connector
from .sockets.listener import Listener
from .timers import IdleTimer, Timer
from .transports.base import BaseTransport
from .transports.datagram import HIGH_WATER as DATAGRAM_HIGH_WATER
from .transports.datagram import DatagramTransport
from .transports.linger import Lingering
from .transports.pipes import PipeTransport
from .transports.stream import StreamTransport
from .transports.tls import TLSTransport
from .wakeup import Wakeup

_LONGEST_ADDRESS: Final = 120  # characters; the path of a Unix socket can have 107

# A subclass before its base class.
_KINDS: Final = (
    (TLSTransport, "TLS"),
    (PipeTransport, "pipe"),
    (StreamTransport, "stream"),
    (DatagramTransport, "datagram"),
    (Listener, "listener"),
    (Connector, "connecting"),
    (Lingering, "lingering"),
    (Wakeup, "wake-up"),
)


class Traffic(Observer):
    """Counts the bytes of each descriptor, and when it was opened and last had an event. What was
    before the observation is not known.

    ``descriptors``: for each open descriptor that was seen so far, a ``DescriptorTraffic``."""

    def __init__(self) -> None:
        self.descriptors: dict[int, DescriptorTraffic] = {}

    def turn_ended(self, turn: Turn) -> None:
        descriptors = self.descriptors
        now = turn.times[-1]
        for fd in turn.opened:
            # A connection that was paused is registered again: then it is known already.
            descriptors.setdefault(fd, DescriptorTraffic(now))
        for call in turn._calls:
            fd, mask = call[3], call[4]
            if fd is None:
                continue
            if (traffic := descriptors.get(fd)) is None:
                if not mask:  # a callback after it was closed
                    continue
                traffic = descriptors[fd] = DescriptorTraffic(None)
            traffic.received += call[5]
            if mask:
                traffic.last_event = mask
                traffic.last_time = now
        for fd, sent, _ in turn._flushes:
            if (traffic := descriptors.get(fd)) is None:
                traffic = descriptors[fd] = DescriptorTraffic(None)
            traffic.sent += sent
        for fd in turn.closed:
            descriptors.pop(fd, None)


class DescriptorTraffic:
    """``opened``: when it was opened, None if that was before the observation. ``last_time``: of
    the last event, ``last_event`` its mask. Times are in seconds of the loop's clock. ``received``
    and ``sent``: bytes."""

    __slots__ = ("last_event", "last_time", "opened", "received", "sent")

    def __init__(self, opened: float | None) -> None:
        self.opened = opened
        self.last_event = 0
        self.last_time = opened
        self.received = 0
        self.sent = 0


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


# -- descriptors -----------------------------------------------------------------------------------


def list_descriptors(loop: Loop, traffic: Traffic | None = None) -> Iterator[dict[str, Any]]:
    """Each descriptor that is watched, or belongs to an open transport."""
    seen = set()
    for fd, handler in list(loop._handlers.items()):
        seen.add(fd)
        yield describe_descriptor(loop, fd, owner_of(handler), handler, traffic)
    for resource in list(loop._open):
        # Reading was paused when the peer left: such a transport is not watched.
        if isinstance(resource, BaseTransport) and resource._fd not in seen:
            yield describe_descriptor(loop, resource._fd, resource, None, traffic)


def describe_descriptor(
    loop: Loop, fd: int, owner: Any, handler: Any = None, traffic: Traffic | None = None
) -> dict[str, Any]:
    """One descriptor. ``owner``: the object that handles it.

    ``kind``: "stream", "TLS", "pipe", "datagram", "listener", "connecting", "lingering", "wake-up"
    or "other". ``interest``: "R", "W", both or neither; None if it is not known. ``last_event``:
    the same with "E" for an error and "H" for a hang-up. ``age`` and ``silence``: seconds since it
    was opened and since its last event. What is not known is None, and what a kind does not have is
    left out."""
    kind = next((kind for cls, kind in _KINDS if isinstance(owner, cls)), "other")
    shown: dict[str, Any] = {
        "fd": fd,
        "kind": kind,
        "protocol": None,
        "peer": None,
        "interest": _interest(owner),
    }
    if isinstance(owner, BaseTransport):
        shown |= _transport(owner)
    elif isinstance(owner, Listener):
        shown["protocol"] = callback_name(owner._factory)
        shown["address"] = next((_sockname(s) for s in owner.sockets if s.fileno() == fd), None)
        shown["connections"] = owner.connections
        shown["paused"] = not owner._accepting
    elif isinstance(owner, Connector):
        shown["peer"] = cut(owner.target, _LONGEST_ADDRESS)
    elif kind == "other" and handler is not None:
        shown["handler"] = callback_name(unwrap(handler))
    return shown | _traffic(loop, fd, traffic)


def _transport(transport: BaseTransport) -> dict[str, Any]:
    protocol = transport.get_protocol()
    shown: dict[str, Any] = {
        "protocol": None if protocol is None else shorten(type(protocol).__qualname__),
        "peer": _address(transport._peername),
        "closing": transport.is_closing(),
        "reading_paused": not transport._interest & READ,
    }
    if isinstance(transport, StreamTransport):
        low, high = transport.get_write_buffer_limits()
        shown |= {
            "queued": transport.get_write_buffer_size(),
            "unsent": transport.get_unsent_size(),
            "low_water": low,
            "high_water": high,
            "limit": high + transport.max_write_buffer,
            "writing_paused": transport._paused,
        }
    elif isinstance(transport, DatagramTransport):
        shown |= {
            "address": _sockname(transport._sock),
            "queued": transport.get_write_buffer_size(),
            "low_water": DATAGRAM_HIGH_WATER // 4,
            "high_water": DATAGRAM_HIGH_WATER,
            "limit": transport.max_write_buffer,
            "writing_paused": transport._paused,
        }
    return shown


def _traffic(loop: Loop, fd: int, traffic: Traffic | None) -> dict[str, Any]:
    seen = None if traffic is None else traffic.descriptors.get(fd)
    if seen is None:
        return dict.fromkeys(("received", "sent", "last_event", "age", "silence"))
    now = loop.time()
    return {
        "received": seen.received,
        "sent": seen.sent,
        "last_event": mask_letters(seen.last_event),
        "age": None if seen.opened is None else now - seen.opened,
        "silence": None if seen.last_time is None else now - seen.last_time,
    }


def _interest(owner: Any) -> str | None:
    if isinstance(owner, TLSTransport) and owner._handshake_timer is not None:
        return mask_letters(owner._handshake_mask)
    if isinstance(owner, BaseTransport):
        return mask_letters(owner._interest)
    if isinstance(owner, Listener):
        return "R" if owner._accepting else ""
    if isinstance(owner, Connector):
        return "W"
    return "R" if isinstance(owner, Lingering | Wakeup) else None


def _sockname(sock: Any) -> str | None:
    try:
        return _address(sock.getsockname())
    except OSError:
        return None


def _address(address: Any) -> str | None:
    """An address as users write it."""
    if address is None:
        return None
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = str(address[0]), address[1]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return cut(str(address), _LONGEST_ADDRESS)


# -- timers and callbacks --------------------------------------------------------------------------


def list_timers(loop: Loop, *, seconds: float = 10.0, most: int = 1000) -> dict[str, Any]:
    """``next``: the timers that are due within ``seconds``, the earliest first, at most ``most`` of
    them. ``total``: how many are set; ``idle``: how many of these are idle timers; ``cancelled``:
    entries that the heap still has."""
    now = loop.time()
    current = [timer for _, number, timer in loop.timers._heap if timer._sequence == number]
    soon = heapq.nsmallest(
        most, (t for t in current if t._when <= now + seconds), key=lambda timer: timer._when
    )
    return {
        "next": [_timer(timer, now) for timer in soon],
        "total": len(current),
        "idle": sum(isinstance(timer, IdleTimer) for timer in current),
        "cancelled": loop.timers._stale,
    }


def _timer(timer: Timer, now: float) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": callback_name(timer._callback),
        "kind": timer_kind(timer),
        "in": timer._when - now,
    }
    if isinstance(timer, IdleTimer):
        # When it will really expire: until then it sets itself again.
        shown["expires_in"] = timer._last_activity + timer.timeout - now
    return shown


def list_callbacks(loop: Loop, *, most: int = 1000) -> dict[str, Any]:
    """``next``: the names of the callbacks that are queued, at most ``most`` of them. ``total``:
    how many there are."""
    queued = list(loop._ready)
    names = [
        "cancelled" if handle._callback is None else callback_name(handle._callback)
        for handle in queued[:most]
    ]
    return {"next": names, "total": len(queued)}
