"""What a loop watches: its descriptors, and what is known of each.

The functions change nothing and may be called from any thread. In another thread than the loop's,
what they return may be a moment old, and a descriptor that is closed meanwhile may be shown with
what is still known of it.

To describe a descriptor takes some ten microseconds. Where there are thousands of them, sort and
filter the pairs of ``watched`` with ``sort_key``, which is much cheaper, and describe only those to
be shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import MethodType
from typing import Any, Final, TypeVar

from .loop import Loop
from .naming import callback_name, cut, owner_of, shorten, unwrap
from .observer import mask_letters
from .pollers import READ
from .sockets.connector import Connector
from .sockets.listener import Listener
from .traffic import Traffic
from .transports.base import BaseTransport
from .transports.datagram import HIGH_WATER as DATAGRAM_HIGH_WATER
from .transports.datagram import DatagramTransport
from .transports.linger import Lingering
from .transports.pipes import PipeTransport
from .transports.stream import StreamTransport
from .transports.tls import TLSTransport
from .wakeup import Wakeup

T = TypeVar("T")

_ATTEMPTS: Final = 100  # to copy something that another thread changes
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


def watched(loop: Loop) -> list[tuple[int, Any]]:
    """Each descriptor that is watched, or belongs to an open transport, with the object that
    handles it; None if that is a plain function."""
    handlers = copied(loop._handlers.copy)
    pairs = [
        (fd, handler.__self__ if type(handler) is MethodType else owner_of(handler))
        for fd, handler in handlers.items()
    ]
    # A transport whose peer left while reading was paused is not watched.
    pairs += [
        (resource._fd, resource)
        for resource in copied(lambda: list(loop._open))
        if isinstance(resource, BaseTransport) and resource._fd not in handlers
    ]
    return pairs


def sort_key(column: str, traffic: Traffic | None = None) -> Callable[[tuple[int, Any]], Any]:
    """A function for ``sorted(watched(loop), key=…)``: the value of a column of
    ``describe_descriptor`` for a pair, in a form that can be compared.

    ``column``: "fd", "kind", "protocol", "peer" (by address, then by port), "interest", "queued",
    "received", "sent", "opened" or "last_time". What is not known or does not exist comes first.
    Raises ``ValueError`` for another column."""
    if column in _TRAFFIC_KEYS:
        seen = {} if traffic is None else traffic.descriptors

        def of_traffic(pair: tuple[int, Any]) -> float:
            value = getattr(seen.get(pair[0]), column, None)
            return -1 if value is None else value

        return of_traffic
    try:
        return _KEYS[column]
    except KeyError:
        raise ValueError(f"there is no column {column!r}") from None


def list_descriptors(loop: Loop, traffic: Traffic | None = None) -> Iterator[dict[str, Any]]:
    """Each descriptor that is watched, or belongs to an open transport, as
    ``describe_descriptor`` shows it."""
    for fd, owner in watched(loop):
        yield describe_descriptor(loop, fd, owner, traffic)


def describe_descriptor(
    loop: Loop, fd: int, owner: Any, traffic: Traffic | None = None
) -> dict[str, Any]:
    """One descriptor. ``owner``: the object that handles it, as in ``watched``. ``traffic``: an
    observer of this loop, for what the descriptor has received and sent.

    ``kind``: "stream", "TLS", "pipe", "datagram", "listener", "connecting", "lingering", "wake-up"
    or "other". ``interest``: "R", "W", both or neither; None if it is not known. ``last_event``:
    the same with "E" for an error and "H" for a hang-up. ``opened`` and ``last_time``: when it was
    opened and when it had its last event, in seconds of the loop's clock. What is not known is
    None, and what a kind does not have is left out."""
    kind = kind_of(owner)
    shown: dict[str, Any] = {
        "fd": fd,
        "kind": kind,
        "protocol": None,
        "peer": None,
        "interest": interest_of(owner),
    }
    if isinstance(owner, BaseTransport):
        shown |= _transport(owner)
    elif isinstance(owner, Listener):
        shown["protocol"] = callback_name(owner._factory)
        sockets = tuple(owner.sockets)
        shown["address"] = next((_sockname(s) for s in sockets if s.fileno() == fd), None)
        shown["connections"] = owner.connections
        shown["paused"] = not owner._accepting
    elif isinstance(owner, Connector):
        shown["peer"] = cut(owner.target, _LONGEST_ADDRESS)
    elif kind == "other" and (handler := loop._handlers.get(fd)) is not None:
        shown["handler"] = callback_name(unwrap(handler))
    return shown | _traffic(fd, traffic)


def kind_of(owner: Any) -> str:
    """See ``describe_descriptor``."""
    cls: Any = type(owner)
    return _kind(cls)


@lru_cache(maxsize=200)  # a limit, because observed transports have classes of their own
def _kind(cls: type) -> str:
    return next((kind for base, kind in _KINDS if issubclass(cls, base)), "other")


def _transport(transport: BaseTransport) -> dict[str, Any]:
    protocol = transport.get_protocol()
    shown: dict[str, Any] = {
        "protocol": None if protocol is None else shorten(type(protocol).__qualname__),
        "peer": show_address(transport._peername),
        "closing": transport.is_closing(),
        "reading_paused": not transport._interest & READ,
    }
    if isinstance(transport, StreamTransport):
        low, high = transport.get_write_buffer_limits()
        shown |= {
            "queued": transport.get_write_buffer_size(),
            "unsent": transport.get_unsent_size(),
            "low_water": finite(low),
            "high_water": finite(high),
            "limit": finite(high + transport.max_write_buffer),
            "writing_paused": transport._paused,
        }
    elif isinstance(transport, DatagramTransport):
        shown |= {
            "address": _sockname(transport._sock),
            "queued": transport.get_write_buffer_size(),
            "low_water": DATAGRAM_HIGH_WATER // 4,
            "high_water": DATAGRAM_HIGH_WATER,
            "limit": finite(transport.max_write_buffer),
            "writing_paused": transport._paused,
        }
    return shown


def finite(value: float) -> float | None:
    """``value``; None if it is infinite, which JSON does not have."""
    return value if math.isfinite(value) else None


def _traffic(fd: int, traffic: Traffic | None) -> dict[str, Any]:
    seen = None if traffic is None else traffic.descriptors.get(fd)
    if seen is None:
        return dict.fromkeys(("received", "sent", "last_event", "opened", "last_time"))
    return {
        "received": seen.received,
        "sent": seen.sent,
        "last_event": mask_letters(seen.last_event),
        "opened": seen.opened,
        "last_time": seen.last_time,
    }


def interest_of(owner: Any) -> str | None:
    """What the poller watches for, in letters; see ``describe_descriptor``."""
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
        return show_address(sock.getsockname())
    except OSError:
        return None


def show_address(address: Any) -> str | None:
    """An address as users write it."""
    if address is None:
        return None
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = str(address[0]), address[1]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return cut(str(address), _LONGEST_ADDRESS)


def _protocol_key(pair: tuple[int, Any]) -> str:
    owner = pair[1]
    if isinstance(owner, BaseTransport):
        protocol = owner._protocol
        return "" if protocol is None else type(protocol).__qualname__
    return callback_name(owner._factory) if isinstance(owner, Listener) else ""


def _peer_key(pair: tuple[int, Any]) -> tuple[str, int]:
    peer = getattr(pair[1], "_peername", None)
    if isinstance(peer, tuple) and len(peer) >= 2 and isinstance(peer[1], int):
        return str(peer[0]), peer[1]
    return "" if peer is None else str(peer), 0


def _queued_key(pair: tuple[int, Any]) -> int:
    owner = pair[1]
    if isinstance(owner, StreamTransport | DatagramTransport):
        return owner.get_write_buffer_size()
    return -1


_TRAFFIC_KEYS: Final = {"received", "sent", "opened", "last_time"}
_KEYS: Final[dict[str, Callable[[tuple[int, Any]], Any]]] = {
    "fd": lambda pair: pair[0],
    "kind": lambda pair: kind_of(pair[1]),
    "protocol": _protocol_key,
    "peer": _peer_key,
    "interest": lambda pair: interest_of(pair[1]) or "",
    "queued": _queued_key,
}


def copied(copy: Callable[[], T]) -> T:
    """``copy()``, tried again if the loop's thread has changed the original meanwhile."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return copy()
        except RuntimeError:  # "mutated during iteration"
            continue
    return copy()
