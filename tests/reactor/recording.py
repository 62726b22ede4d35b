"""What tests of connections have in common: a protocol that remembers what it was told and minds
the grammar, waiting for what must happen, and doing without the garbage collector."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reactor import Loop, Protocol, StreamTransport

DEADLINE = 20.0  # seconds; only reached by what is broken


class Recorder(Protocol):
    """Remembers its calls. ``Recorder(data_received=hook)`` also calls ``hook(recorder, data)``,
    and returns what that returns; so for the other callbacks.

    ``violations`` lists what broke the grammar of ``Protocol``."""

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
            self.calls.append(name)  # consecutive pieces of data count as one call

    def _hook(self, name: str, *args: Any) -> Any:
        hook = self.hooks.get(name)
        return hook(self, *args) if hook is not None else None


def until(reactor: Loop, condition: Callable[[], object]) -> None:
    """Run turns until ``condition()`` holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        reactor.run_once(0.1)


@contextmanager
def no_collection() -> Iterator[None]:
    """Within the block, what has no cycles is freed, and nothing else."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
