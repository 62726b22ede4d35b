"""WSGI applications, served in memory and on real sockets."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from protocols.http import HTTPServer, Limits
from protocols.http.wsgi.gateway import WSGIHandler
from reactor import Reactor
from reactor.testing import StreamPeer, VirtualReactor

from .http import EPOCH
from .waiting import TIMEOUT

PLAIN = [("Content-Type", "text/plain")]


class InMemory:
    """An application in the loop, on connections in memory and in virtual time."""

    def __init__(self, app: Any, limits: Limits | None = None, **options: Any) -> None:
        self.errors: list[dict[str, Any]] = []
        self.reactor = VirtualReactor()
        self.reactor.set_exception_handler(lambda _, context: self.errors.append(context))
        handler = WSGIHandler(app, self.reactor, threads=0, **options)
        self.bodies = handler.bodies
        self.server = HTTPServer(
            handler, limits=limits, clock=lambda: EPOCH + self.reactor.time(), server_name=""
        )

    def connect(self, **options: Any) -> StreamPeer:
        return self.reactor.connect(self.server, **options)

    def send(self, data: bytes, chunk: int | None = None) -> bytes:
        """What comes back for ``data`` on a new connection."""
        peer = self.connect()
        peer.send(data, chunk)
        self.reactor.settle()
        return peer.read()

    def get(self, target: str = "/", *fields: str, method: str = "GET") -> bytes:
        lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields, "", ""]
        return self.send("\r\n".join(lines).encode("latin-1"))

    def close(self) -> None:
        self.reactor.close()


class Served:
    """An application on a real port; the loop runs in another thread."""

    def __init__(
        self,
        app: Any,
        threads: int,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self.errors: list[dict[str, Any]] = []
        self.reactor = Reactor(clock=clock)
        self.reactor.set_exception_handler(lambda _, context: self.errors.append(context))
        handler = WSGIHandler(app, self.reactor, threads=threads, **options)
        self.supervisor = handler.supervisor
        self.bodies = handler.bodies
        server = HTTPServer(handler, limits=limits, server_name="")
        self.address = self.reactor.listen_tcp(server, "127.0.0.1", 0).addresses[0][:2]
        self.url = f"http://127.0.0.1:{self.address[1]}"
        self._thread = threading.Thread(target=self.reactor.run)
        self._thread.start()

    def connect(self) -> HTTPConnection:
        return HTTPConnection(*self.address, timeout=TIMEOUT)

    def connect_raw(self, receive_buffer: int | None = None) -> socket.socket:
        sock = socket.socket()
        sock.settimeout(TIMEOUT)
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(self.address)
        return sock

    def in_loop(self, function: Callable[[], Any]) -> Any:
        """Call ``function`` in the loop after all that is queued now. Returns its result."""
        done = threading.Event()
        results = []

        def call() -> None:
            results.append(function())
            done.set()

        self.reactor.call_soon_threadsafe(call)
        assert done.wait(TIMEOUT)
        return results[0]

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition()`` is true; the loop evaluates it again and again."""
        deadline = time.monotonic() + TIMEOUT
        while not self.in_loop(condition):
            assert time.monotonic() < deadline

    def run_timers(self) -> None:
        """Wait until all timers have run that are due now."""
        done = threading.Event()
        self.in_loop(lambda: self.reactor.call_at(self.reactor.time(), done.set))
        assert done.wait(TIMEOUT)

    def get(self, target: str = "/", method: str = "GET", body: Any = None, **fields: str) -> Any:
        """The response to one request: status, fields and body."""
        connection = self.connect()
        try:
            connection.request(method, target, body, fields)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def stop(self, grace: float = TIMEOUT) -> None:
        if self._thread.is_alive():
            self.reactor.call_soon_threadsafe(self.reactor.stop, grace)
            self._thread.join(TIMEOUT)
            assert not self._thread.is_alive()
        self.reactor.close()


class Hanging:
    """An application that hangs until ``go_on`` is set, except for ``/quick``.

    ``where``: "call", "first" (before the first piece), "later" (after it), "close", or "never".
    ``entered``: a semaphore that is released when it begins to hang."""

    def __init__(self, where: str = "call") -> None:
        self.where = where
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.closed = threading.Event()
        self.calls = 0

    def hang_here(self) -> None:
        self.entered.release()
        assert self.go_on.wait(TIMEOUT)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.calls += 1
        if environ["PATH_INFO"] == "/quick":
            start_response("200 OK", PLAIN)
            return [b"quick"]
        if self.where == "call":
            self.hang_here()
        start_response("200 OK", PLAIN)
        return self

    def __iter__(self) -> Iterator[bytes]:
        if self.where == "first":
            self.hang_here()
        yield b"one"
        if self.where == "later":
            self.hang_here()
        yield b"two"

    def close(self) -> None:
        if self.where == "close":
            self.hang_here()
        self.closed.set()


class Answer:
    """A response as Python's HTTP client reads it. ``body`` is None if the connection ended before
    the body did."""

    def __init__(self, data: bytes, method: str, errors: list[dict[str, Any]]) -> None:
        self.data = data
        self.errors = [context["exception"] for context in errors]
        self.status = 0
        self.body: bytes | None = None
        if data:
            response = HTTPResponse(_Socket(data), method=method)
            response.begin()
            self.status = response.status
            self.headers = response.headers
            try:
                self.body = response.read()
            except (IncompleteRead, HTTPException):
                self.body = None


class _Socket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
