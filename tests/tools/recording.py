"""Protocols that record their calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reactor import DatagramProtocol, DatagramTransport, Protocol, StreamTransport


class Recorder(Protocol):
    """Records its calls. ``Recorder(data_received=hook)`` also calls ``hook(recorder, data)`` and
    returns the hook's result; the other callbacks take hooks in the same way.

    Attributes: ``calls``, the names of the callbacks, consecutive ``data_received`` once; ``data``,
    all bytes received; ``pieces``, the length of each call's data; ``lost``, the arguments of
    ``connection_lost``; ``violations``, each call that the grammar of ``Protocol`` forbids."""

    transport: StreamTransport

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        self.hooks = hooks
        self.calls: list[str] = []
        self.data = bytearray()
        self.pieces: list[int] = []
        self.lost: list[Exception | None] = []
        self.violations: list[str] = []

    def connection_made(self, transport: StreamTransport) -> None:
        self.transport = transport
        self._called("connection_made", self.calls == [])
        self._hook("connection_made")

    def data_received(self, data: bytes) -> None:
        self._called("data_received", self._open() and "eof_received" not in self.calls)
        if not data or type(data) is not bytes:
            self.violations.append(f"data_received({data!r})")
        self.data += data
        self.pieces.append(len(data))
        self._hook("data_received", data)

    def eof_received(self) -> bool | None:
        self._called("eof_received", self._open() and "eof_received" not in self.calls)
        return self._hook("eof_received")

    def pause_writing(self) -> None:
        self._called("pause_writing", self._open() and not self.paused)
        self._hook("pause_writing")

    def resume_writing(self) -> None:
        self._called("resume_writing", self._open() and self.paused)
        self._hook("resume_writing")

    def connection_lost(self, exc: Exception | None) -> None:
        self._called("connection_lost", self._open())
        self.lost.append(exc)
        self._hook("connection_lost", exc)

    @property
    def made(self) -> bool:
        return "connection_made" in self.calls

    @property
    def paused(self) -> bool:
        return self.calls.count("pause_writing") > self.calls.count("resume_writing")

    @property
    def eof(self) -> bool:
        return "eof_received" in self.calls

    def _open(self) -> bool:
        return self.calls[:1] == ["connection_made"] and "connection_lost" not in self.calls

    def _called(self, name: str, allowed: bool) -> None:
        if not allowed:
            self.violations.append(f"{name} after {self.calls}")
        elif name != "data_received" or self.calls[-1:] != ["data_received"]:
            self.calls.append(name)

    def _hook(self, name: str, *args: Any) -> Any:
        hook = self.hooks.get(name)
        return hook(self, *args) if hook is not None else None


class DatagramRecorder(DatagramProtocol):
    """Records its calls.

    Attributes: ``log``, ``"made"``, ``"pause"``, ``"resume"`` and ``("lost", exc)``; ``received``,
    pairs of data and address; ``errors``, the arguments of ``error_received``."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.received: list[tuple[bytes, Any]] = []
        self.errors: list[OSError] = []

    def connection_made(self, transport: DatagramTransport) -> None:
        super().connection_made(transport)
        self.log.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))

    def error_received(self, exc: OSError) -> None:
        self.errors.append(exc)

    def pause_writing(self) -> None:
        self.log.append("pause")

    def resume_writing(self) -> None:
        self.log.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.log.append(("lost", exc))
