"""A fake inspector, the program at the terminal, and the network between them, in virtual time."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import pyte

from protocols.http import HTTPServer, Request, Response
from protocols.inspector.terminal.cells import Look
from protocols.inspector.terminal.client import Address, InspectorClient
from protocols.inspector.terminal.descriptors import View
from protocols.inspector.terminal.screen import Screen
from protocols.inspector.terminal.top import Top
from protocols.page import EventStream
from reactor.testing import StreamPeer, VirtualReactor

from .documents import HELLO, state

JSON = [("Content-Type", "application/json")]
RECORDING = b'{"recording":1}\n'


class FakeInspector:
    """Answers requests with canned documents. ``answers``: what a path answers instead."""

    def __init__(self) -> None:
        self.hello: Any = HELLO
        self.state = state
        self.total = 30
        self.changes: dict[str, Any] = {}
        self.streams: list[EventStream] = []
        self.views: list[dict[str, str]] = []  # that were asked for
        self.actions: list[dict[str, Any]] = []
        self.fields: list[dict[str, str]] = []  # of requests
        self.answers: dict[str, Response] = {}
        self.server = HTTPServer(self._handle)

    def _handle(self, request: Request) -> Response | None:
        path = request.path
        self.fields.append(request.headers.by_name())
        if path in self.answers:
            return self.answers[path]
        if path == "/events":
            self._stream(request)
            return None
        if path == "/loop.json":
            document = {"hello": self.hello, "state": self.document(self._view(request))}
            return Response(json.dumps(document).encode(), 200, JSON)
        if path == "/control":
            request.read(lambda body: self._perform(request, body))
            return None
        if path == "/recording":
            return Response(RECORDING, 200, [("Content-Type", "application/jsonl")])
        return Response.text("Not found", 404)

    def _perform(self, request: Request, body: bytes) -> None:
        self.actions.append(json.loads(body))
        request.respond(Response(b"", 204))

    def _view(self, request: Request) -> dict[str, str]:
        view = {name: values[0] for name, values in parse_qs(request.query).items()}
        self.views.append(view)
        return view

    def document(self, view: dict[str, str]) -> dict[str, Any]:
        count = int(view["count"])
        first = min(int(view["first"]), max(0, self.total - count))
        return self.state(self.total, first, count, **self.changes)

    def _stream(self, request: Request) -> None:
        document = self.document(self._view(request))
        stream = EventStream(request, on_closed=lambda: self._closed(stream))
        self.streams.append(stream)
        stream.send(json.dumps(self.hello), "hello", "1")
        stream.send(json.dumps(document), "state", "2")

    def _closed(self, stream: EventStream) -> None:
        if stream in self.streams:
            self.streams.remove(stream)

    def show(self, total: int) -> None:
        """From now on there are so many descriptors."""
        self.total = total
        document = self.document(self.views[-1])["descriptors"]
        for stream in self.streams:
            stream.send(json.dumps({"descriptors": document}), "patch", "3")

    def patch(self, **changes: Any) -> None:
        """The document changes, for all viewers."""
        self.changes |= changes
        for stream in self.streams:
            stream.send(json.dumps(changes), "patch", "3")


class PyteScreen(Screen):
    """A screen that pyte emulates."""

    def __init__(self, reactor: VirtualReactor, columns: int, rows: int) -> None:
        super().__init__(reactor)
        self.shown = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.shown)
        self.writes: list[bytes] = []
        self.is_open = False

    @property
    def size(self) -> tuple[int, int]:
        return self.shown.columns, self.shown.lines

    @contextmanager
    def opened(self) -> Iterator[None]:
        self.is_open = True
        yield

    def resize(self, columns: int, rows: int) -> None:
        self.shown.resize(rows, columns)
        self._resized()

    def _write(self, data: bytes) -> None:
        self.writes.append(data)
        self.stream.feed(data)


class _Attempt:
    """A connection, as ``Reactor.connect_tcp`` returns it."""

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """``running``: whether the inspector can be reached."""

    def __init__(
        self,
        columns: int = 100,
        rows: int = 30,
        *,
        look: Look | None = None,
        view: View | None = None,
        token: str = "",
        start: bool = True,
    ) -> None:
        self.reactor = VirtualReactor()
        self.reactor.connect_tcp = self._connect  # type: ignore[assignment, method-assign]
        self.inspector = FakeInspector()
        self.running = True
        self.attempts = 0
        self._pairs: list[tuple[StreamPeer, StreamPeer]] = []
        self.screen = PyteScreen(self.reactor, columns, rows)
        self.client = InspectorClient(self.reactor, Address("192.0.2.7", 8990), token, None)
        self.top = Top(
            self.reactor,
            self.client,
            view or View(),
            interval=0.25,
            look=look or Look(),
            screen=self.screen,
        )
        if start:
            self.start()

    def start(self) -> None:
        self.top.start()
        self.advance(0.5)

    def _connect(
        self, factory: Any, host: str, port: int, *, on_failure: Any, timeout: float, tls: Any
    ) -> _Attempt:
        self.attempts += 1
        attempt = _Attempt()

        def connected() -> None:
            if attempt.cancelled:
                return
            if not self.running:
                on_failure(ConnectionRefusedError(111, "Connection refused"))
                return
            server = self.reactor.connect(self.inspector.server)
            self._pairs.append((self.reactor.connect(factory), server))

        self.reactor.call_soon(connected)
        return attempt

    def settle(self) -> None:
        while True:
            self.reactor.settle()
            if not self._carry():
                return

    def advance(self, seconds: float) -> None:
        self.settle()
        for _ in range(round(seconds / 0.05)):
            self.reactor.advance(0.05)
            self.settle()

    def crash(self) -> None:
        """The watched program ends."""
        self.running = False
        for client, _ in self._pairs:
            client.reset(errno.ECONNRESET)
        self._pairs.clear()
        self.inspector.streams.clear()

    def press(self, keys: str, seconds: float = 0.5) -> None:
        """The user presses keys, and then time passes."""
        self.screen.keys_received(keys.encode())
        self.advance(seconds)

    @property
    def lines(self) -> list[str]:
        """What the screen shows."""
        return [line.rstrip() for line in self.screen.shown.display]

    def line(self, text: str) -> str:
        """The line with ``text``."""
        return next(line for line in self.lines if text in line)

    @property
    def fds(self) -> list[int]:
        """The descriptors in the table."""
        heads = next(n for n, line in enumerate(self.lines) if "FD" in line and "RW" in line)
        words = [line.split()[:1] for line in self.lines[heads + 1 : -1]]
        return [int(word[0]) for word in words if word and word[0].isdecimal()]

    def _carry(self) -> bool:
        busy = False
        for pair in tuple(self._pairs):
            for one, other in (pair, pair[::-1]):
                if data := one.read():
                    other.send(data)
                    busy = True
            for one, other in (pair, pair[::-1]):
                if one.closed and pair in self._pairs:
                    self._pairs.remove(pair)
                    if one is pair[0]:
                        other.reset()
                    else:
                        other.close()
                    busy = True
        return busy
