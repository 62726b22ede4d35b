"""A loop that seems to have the descriptors of views.json: real transports and listeners, whose
attributes are set without a socket."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reactor import ERROR, HANGUP, READ, WRITE, DescriptorTraffic, Listener, Traffic
from reactor.transports.stream import StreamTransport
from reactor.transports.tls import TLSTransport
from reactor.wakeup import Wakeup

VIEWS = json.loads((Path(__file__).parent / "views.json").read_text())
_MASKS = {"R": READ, "W": WRITE, "E": ERROR, "H": HANGUP}
_OPEN, _CLOSING = 0, 2


def loop_with_rows() -> tuple[Any, Traffic]:
    """The loop, and an observer that knows the traffic."""
    traffic = Traffic()
    handlers = {row["fd"]: _owner(row)._on_ready for row in VIEWS["rows"]}
    for row in VIEWS["rows"]:
        if row["received"] is not None:
            traffic.descriptors[row["fd"]] = _traffic(row)
    loop = SimpleNamespace(_handlers=handlers, _open=[], time=lambda: VIEWS["now"])
    return loop, traffic


def _owner(row: dict[str, Any]) -> Any:
    if row["kind"] == "wake-up":
        return _instance(Wakeup)
    if row["kind"] == "listener":
        return _listener(row)
    cls = TLSTransport if row["kind"] == "TLS" else StreamTransport
    transport = _instance(cls)
    transport._fd = row["fd"]
    transport._interest = _mask(row["interest"])
    transport._peername = _address(row["peer"])
    transport._protocol = None if row["protocol"] is None else type(row["protocol"], (), {})()
    transport._paused = row["writing_paused"]
    transport._state = _CLOSING if row["closing"] else _OPEN
    transport._waiting = bytes(row["queued"]) if row["queued"] else None
    transport._low_water, transport._high_water = row["low_water"], row["high_water"]
    transport.max_write_buffer = row["limit"] - row["high_water"]
    if cls is TLSTransport:
        transport._handshake_timer = None
    return transport


def _listener(row: dict[str, Any]) -> Any:
    listener: Any = _instance(Listener)
    address = _address(row["address"])
    listener.sockets = (SimpleNamespace(fileno=lambda: row["fd"], getsockname=lambda: address),)
    listener.connections = row["connections"]
    listener._accepting = not row["paused"]
    listener._factory = type(row["protocol"], (), {})
    return listener


def _instance(cls: Any) -> Any:
    """An instance with a handler, without calling ``__init__``."""
    made = type(cls.__name__, (cls,), {"_on_ready": lambda self, mask: None})
    return made.__new__(made)


def _address(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    return host, int(port)


def _mask(letters: str | None) -> int:
    return sum(_MASKS[letter] for letter in letters or "")


def _traffic(row: dict[str, Any]) -> DescriptorTraffic:
    traffic = DescriptorTraffic(row["opened"])
    traffic.received, traffic.sent = row["received"], row["sent"]
    traffic.last_event, traffic.last_time = _mask(row["last_event"]), row["last_time"]
    return traffic
