"""Applications, served in memory and on real sockets."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ....tools.sockets import read_to_end
from ....tools.wsgi import Answer, Hanging, InMemory, Served


@pytest.fixture
def in_memory() -> Iterator[Callable[..., InMemory]]:
    """``in_memory(app).get("/path")`` returns the bytes of the response."""
    opened: list[InMemory] = []

    def make(app: Any, **options: Any) -> InMemory:
        opened.append(InMemory(app, **options))
        return opened[-1]

    yield make
    for gateway in opened:
        gateway.close()


@pytest.fixture
def serve_app() -> Iterator[Callable[..., Served]]:
    """``serve_app(app, threads=4)`` runs until the end of the test."""
    opened: list[Served] = []

    def start(app: Any, threads: int = 4, **options: Any) -> Served:
        opened.append(Served(app, threads, **options))
        return opened[-1]

    yield start
    for served in opened:
        served.stop()


@pytest.fixture(params=[0, 4], ids=["inline", "threaded"])
def serve_both(request: pytest.FixtureRequest, serve_app: Any) -> Callable[..., Served]:
    """``serve_app`` with the application in the loop, and in threads."""
    return lambda app, **options: serve_app(app, request.param, **options)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    app = Hanging()
    yield app
    app.go_on.set()


@pytest.fixture(params=["inline", "threaded"])
def ask(request: pytest.FixtureRequest, in_memory: Any, serve_app: Any) -> Callable[..., Answer]:
    """``ask(app, "/path", method="POST", body=b"...")`` is an ``Answer``, in either mode."""

    def send(
        app: Any,
        target: str = "/",
        *fields: str,
        method: str = "GET",
        body: bytes = b"",
        version: str = "1.1",
        **options: Any,
    ) -> Answer:
        lines = [f"{method} {target} HTTP/{version}", "Host: a", "Connection: close", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        data = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
        if request.param == "inline":
            gateway = in_memory(app, **options)
            return Answer(gateway.send(data), method, gateway.errors)
        served = serve_app(app, threads=2, **options)
        with served.connect_raw() as sock:
            sock.sendall(data)
            received = read_to_end(sock)
        served.stop()
        return Answer(received, method, served.errors)

    return send
