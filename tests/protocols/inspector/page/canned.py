"""A server for the page that sends what a test says, in a thread of this process."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.parse import parse_qsl

from protocols.http import HTTPServer, Limits, Request, Response
from protocols.page import EventStream, PageFiles
from reactor import Reactor

from ....tools.commands import ROOT
from ....tools.waiting import TIMEOUT
from .documents import HELLO, Document, table

PAGE = ROOT / "protocols" / "inspector" / "page"


class CannedInspector:
    """Serves the page, and the state that the test sets.

    ``rows``: descriptors of which each stream shows those that it asks for. ``requests``: what the
    page has posted to ``/control``, with the token. ``refusal``: what it is answered, if not ""."""

    def __init__(self, state: Document) -> None:
        self.state = state
        self.rows: list[Document] | None = None
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.views: list[dict[str, str]] = []
        self.refusal = ""
        self.is_busy = False  # refuses streams
        self.recording = b""
        self._streams: dict[EventStream, dict[str, str]] = {}
        self._id = 0
        self._reactor = Reactor()
        self._complaints: list[dict[str, Any]] = []
        self._reactor.set_exception_handler(lambda _, context: self._complaints.append(context))
        self._files = PageFiles(PAGE)
        server = HTTPServer(self._handle, limits=Limits(requests=100_000))
        listener = self._reactor.listen_tcp(server, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._reactor.run, daemon=True)
        self._thread.start()

    # -- for the test ------------------------------------------------------------------------------

    def show(self, state: Document) -> None:
        """Send a whole document to all pages."""
        self._call(self._show, state)

    def patch(self, patch: Document) -> None:
        """Send a patch. It is not applied here."""
        self._call(self._send, "patch", patch)

    def drop(self) -> None:
        """End the streams."""
        self._call(lambda: [stream.close() for stream in list(self._streams)])

    def stop(self) -> str:
        """Stop, and return what went wrong."""
        self._reactor.call_soon_threadsafe(self._reactor.stop)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()
        self._reactor.close()
        return "".join(map(str, self._complaints))

    # -- in the thread -----------------------------------------------------------------------------

    def _call(self, function: Any, *arguments: Any) -> None:
        done = threading.Event()

        def run() -> None:
            function(*arguments)
            done.set()

        self._reactor.call_soon_threadsafe(run)
        assert done.wait(TIMEOUT)

    def _show(self, state: Document) -> None:
        self.state = state
        for stream, view in self._streams.items():
            self._send_to(stream, "state", self._seen(view))

    def _send(self, event: str, data: Document) -> None:
        for stream in self._streams:
            self._send_to(stream, event, data)

    def _send_to(self, stream: EventStream, event: str, data: Document) -> None:
        self._id += 1
        stream.send(json.dumps(data), event, str(self._id))

    def _seen(self, view: dict[str, str]) -> Document:
        if self.rows is None:
            return self.state
        rows = self.rows
        if view.get("filter"):
            rows = [row for row in rows if view["filter"] in json.dumps(row)]
        if view.get("order") == "desc":
            rows = rows[::-1]
        shown = table(rows, first=int(view["first"]), count=int(view["count"]))
        everything = table(self.rows)
        shown |= {"total": everything["total"], "kinds": everything["kinds"]}
        return self.state | {"descriptors": shown}

    def _handle(self, request: Request) -> Response | None:
        view = dict(parse_qsl(request.query))
        if request.path in ("/events", "/loop.json") and ">" in view.get("filter", ""):
            return Response.text("queued> needs a number\n", 400)
        if request.path == "/events":
            if self.is_busy:
                return Response.text("Too many viewers\n", 503)
            self.views.append(view)
            stream = EventStream(request, on_closed=lambda: self._streams.pop(stream, None))
            self._streams[stream] = view
            self._send_to(stream, "hello", HELLO)
            self._send_to(stream, "state", self._seen(view))
            return None
        if request.path == "/loop.json":
            if self.is_busy:
                return Response.text("Too many viewers\n", 503)
            return Response.text(json.dumps({"hello": HELLO, "state": self.state}))
        if request.path == "/recording":
            return Response(self.recording, 200)
        if request.path == "/control":
            token = request.headers.get("x-inspector-token", "")
            request.read(lambda body: self._control(token, json.loads(body)))
            return None
        return self._files.answer(request)

    def _control(self, token: str, action: dict[str, Any]) -> Response:
        self.requests.append((token, action))
        if self.refusal:
            return Response.text(f"{self.refusal}\n", 409)
        return Response(b"", 204)
