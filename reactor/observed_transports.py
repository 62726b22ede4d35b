"""How transports are observed: subclasses that report what is sent, and what sockets carry.

While a loop is observed, its open transports are instances of subclasses that are made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .errors import FATAL
from .flushing import Report, flush_failed
from .interfaces import Flushable, Stoppable
from .observer import Turn
from .sampling import Sampling
from .stats import Stats
from .traffic import DescriptorTraffic
from .transports.base import BaseTransport
from .transports.datagram import DatagramTransport


class Reports(Protocol):
    """Where transports report: the turn that is running, the names of handlers by descriptor, bytes
    of datagrams received, and how many bytes to keep of what each descriptor receives and sends in
    a turn."""

    turn: Turn
    handler_names: dict[int, str]
    datagram_bytes: int
    light: Sampling | None
    payload: int


class ObservedTransports:
    """The observing subclasses of the transports and sockets of one loop."""

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._transports: dict[type, type] = {}
        self._sockets: dict[type, type] = {}

    def observe(self, resource: Stoppable) -> None:
        """Let ``resource`` report what it sends, if it is a transport."""
        if isinstance(resource, BaseTransport):
            if not hasattr(type(resource), "_plain"):
                _become(resource, self._transports, self._transport_class)
            if self._reports.payload and not hasattr(type(resource._sock), "_plain"):
                _become(resource._sock, self._sockets, self._socket_class)

    def restore_socket(self, resource: Stoppable) -> None:
        """Keep nothing any more of what the socket of ``resource`` carries."""
        if isinstance(resource, BaseTransport):
            restore(resource._sock)

    def restore(self, resource: Stoppable) -> None:
        """Make ``resource`` what it was before."""
        if isinstance(resource, BaseTransport):
            restore(resource._sock)
            restore(resource)

    def flush_all(
        self,
        written: list[Flushable],
        stats: Stats,
        report: Report,
        counted: Mapping[int, DescriptorTraffic],
    ) -> None:
        """What ``flushing.flush_all`` does, for observed transports. It reports what they send
        without their observing ``flush()``, which would be one more call for each message.

        ``counted``: descriptors for which it is only added up, in a light turn."""
        append = self._reports.turn._flushes.append
        transports: Any = iter(written.copy())
        written.clear()
        total = 0
        known: Any = None
        flush: Any = None
        is_observed = False
        try:
            for transport in transports:
                if type(transport) is not known:  # mostly all are of one class
                    known = type(transport)
                    is_observed = hasattr(known, "_plain")
                    flush = (known._plain if is_observed else known).flush
                try:
                    sent: int = flush(transport)
                except FATAL:
                    raise
                except BaseException as exc:
                    flush_failed(transport, exc, report)
                    continue
                total += sent
                if is_observed:
                    if (traffic := counted.get(transport._fd)) is not None:
                        traffic.sent += sent
                        continue
                    left = 0 if transport._waiting is None else transport.get_unsent_size()
                    append((transport._fd, sent, left))
        finally:
            stats.bytes_sent += total
            written.extend(transports)  # after an interrupt, the rest

    def _transport_class(self, cls: Any) -> dict[str, Any]:
        if issubclass(cls, DatagramTransport):
            return self._datagram_class(cls)
        reports, send = self._reports, cls.flush

        def flush(transport: Any) -> int:
            sent: int = send(transport)
            left = 0 if transport._waiting is None else transport.get_unsent_size()
            reports.turn._flushes.append((transport._fd, sent, left))
            return sent

        def set_protocol(transport: Any, protocol: Any) -> None:
            cls.set_protocol(transport, protocol)
            reports.handler_names.pop(transport._fd, None)

        return {"flush": flush, "set_protocol": set_protocol}

    def _datagram_class(self, cls: Any) -> dict[str, Any]:
        reports, plain_send, plain_received = self._reports, cls._send, cls._received

        def _send(transport: Any, data: bytes, addr: Any) -> bool:
            stats = transport._reactor.stats
            before = stats.datagrams_sent
            done: bool = plain_send(transport, data, addr)
            sent = len(data) if stats.datagrams_sent != before else 0
            left = transport.get_write_buffer_size()
            reports.turn._flushes.append((transport._fd, sent, left))
            return done

        def _received(transport: Any, data: bytes, addr: Any) -> None:
            if reports.light is None:
                reports.datagram_bytes += len(data)
            else:
                reports.light.received(transport._fd, len(data))
            plain_received(transport, data, addr)

        return {"_send": _send, "_received": _received}

    # -- payload -----------------------------------------------------------------------------------

    def _socket_class(self, cls: Any) -> dict[str, Any]:
        reports = self._reports

        def keep(which: str, sock: Any, data: Any) -> None:
            kept = getattr(reports.turn, which)
            if type(kept) is not dict:
                setattr(reports.turn, which, kept := {})
            so_far = kept.get(fd := sock.fileno(), b"")
            if len(so_far) < reports.payload:
                kept[fd] = so_far + bytes(memoryview(data)[: reports.payload - len(so_far)])

        def recv(sock: Any, size: int) -> bytes:
            data: bytes = cls.recv(sock, size)
            keep("received_data", sock, data)
            return data

        def recvfrom(sock: Any, size: int) -> tuple[bytes, Any]:
            data, addr = cls.recvfrom(sock, size)
            keep("received_data", sock, data)
            return data, addr

        def send(sock: Any, data: Any, *flags: int) -> int:
            sent: int = cls.send(sock, data, *flags)
            keep("sent_data", sock, memoryview(data)[:sent])
            return sent

        def sendto(sock: Any, data: Any, addr: Any) -> int:
            sent: int = cls.sendto(sock, data, addr)
            keep("sent_data", sock, data)
            return sent

        def sendmsg(sock: Any, pieces: Any, *rest: Any) -> int:
            sent: int = cls.sendmsg(sock, pieces, *rest)
            for piece in pieces:
                keep("sent_data", sock, memoryview(piece)[:sent])
            return sent

        methods = (recv, recvfrom, send, sendto, sendmsg)
        return {method.__name__: method for method in methods if hasattr(cls, method.__name__)}


def _become(
    instance: Any, classes: dict[type, type], methods: Callable[[type], dict[str, Any]]
) -> None:
    """Make ``instance`` an instance of a subclass of its class, with ``methods``."""
    cls = type(instance)
    if cls not in classes:
        # No additional slots: otherwise __class__ could not be assigned.
        members = {"__slots__": (), "__module__": cls.__module__, "_plain": cls}
        classes[cls] = type(cls.__name__, (cls,), {**members, **methods(cls)})
    instance.__class__ = classes[cls]


def restore(instance: Any) -> None:
    """The opposite of that."""
    instance.__class__ = getattr(type(instance), "_plain", type(instance))
