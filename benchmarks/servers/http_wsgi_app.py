"""The WSGI application that all servers run: 13 bytes."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "13")]


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", HEADERS.copy())
    return [b"Hello, World!"]
