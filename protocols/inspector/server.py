"""What the inspector serves.

===================  =============================================================================
``GET /``            the page and its files
``GET /events``      server-sent events: ``hello``, ``state``, then a ``patch`` at most ten times a
                     second, which is a JSON merge patch; see viewers.py and patches.py
``GET /loop.json``   ``{"hello": {…}, "state": {…}}``; see state.py
``GET /trace.json``  the newest turns as trace events, for https://ui.perfetto.dev
``GET /recording``   the newest recording, as lines of JSON; see reactor/recording.py
``POST /control``    a JSON object such as ``{"action": "pause"}``, with the field
                     ``X-Inspector-Token``; see control.py. The answer is 204, 400 if that is no
                     action, or 409 if the loop is not in a state for it
===================  =============================================================================

``/events`` and ``/loop.json`` take ``?sort=&order=&filter=&first=&count=``, which chooses the
descriptors (``View``). Errors are one line of text. access.py says who may do what. There are at
most 8 streams; another one is refused with 503. Those who ask for ``/loop.json`` or ``/trace.json``
often are answered later, see polls.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from protocols.http import HTTPError, Limits, Request, Response
from protocols.page import SECURITY, PageFiles

from .access import Access
from .control import Control, ControlError
from .downloads import send_files
from .polls import Polls
from .state import State
from .table import View
from .tracing import trace
from .viewers import Viewers, encode
from .watching import Watcher

#: For the server. A viewer that does not read loses its stream after ``write_timeout``.
LIMITS: Final = Limits(body=65536, requests=100_000, write_timeout=10.0)

_MAX_REQUEST: Final = 4096  # bytes of a request that controls the loop
_AGAIN: Final = 0.05  # seconds until the next look whether a recording is complete
_ATTEMPTS: Final = 40
_NO_STORE: Final = (("Cache-Control", "no-store"), *SECURITY)
_READ: Final = ("GET", "HEAD")
_JSON: Final = ("Content-Type", "application/json; charset=utf-8")

Handler = Callable[[Request], Response | None]


class Routes:
    """The handler of an ``HTTPServer``: ``Routes(…).handle``.

    ``hello()``: the fields of the event ``hello``."""

    def __init__(
        self,
        *,
        state: State,
        control: Control,
        watcher: Watcher,
        viewers: Viewers,
        polls: Polls,
        hello: Callable[[], dict[str, Any]],
        access: Access,
        files: PageFiles,
    ) -> None:
        self._state = state
        self._control = control
        self._watcher = watcher
        self._viewers = viewers
        self._polls = polls
        self._hello = hello
        self._access = access
        self._files = files
        self._routes: dict[str, tuple[tuple[str, ...], Handler]] = {
            "/events": (_READ, self._events),
            "/loop.json": (_READ, self._loop),
            "/trace.json": (_READ, self._trace),
            "/recording": (_READ, self._recording),
            "/control": (("POST",), self._post_control),
        }

    def handle(self, request: Request) -> Response | None:
        """Answer ``request``."""
        try:
            self._access.check_host(request)
            route = self._routes.get(request.path)
            if route is None:
                return self._files.answer(request)
            methods, handler = route
            if request.method not in methods:
                raise HTTPError(405, f"Only {' and '.join(methods)}.", _allow(methods))
            if methods is _READ:
                self._access.check_reading(request)
            return handler(request)
        except HTTPError as exc:
            return _refusal(exc)

    # -- reading -----------------------------------------------------------------------------------

    def _events(self, request: Request) -> None:
        view = _view(request)
        if request.method == "HEAD":
            request.start(200, (("Content-Type", "text/event-stream"), *_NO_STORE)).end()
        else:
            self._viewers.open(request, view)

    def _loop(self, request: Request) -> Response | None:
        view = _view(request)
        return self._polls.answer(request, view, lambda: self._make_snapshot(view))

    def _make_snapshot(self, view: View) -> Response:
        return _json({"hello": self._hello(), "state": self._state.document(view)})

    def _trace(self, request: Request) -> Response | None:
        return self._polls.answer(request, "trace", self._make_trace)

    def _make_trace(self) -> Response:
        hello = self._hello()
        turns = list(self._watcher.recent.turns)
        return _json(
            trace(turns, title=hello["title"], pid=hello["pid"]),
            ("Content-Disposition", 'attachment; filename="trace.json"'),
        )

    def _recording(self, request: Request, attempts: int = _ATTEMPTS) -> None:
        if self._control.is_writing():
            if not attempts:
                raise HTTPError(
                    409, "The loop works, and the recording is not complete: try again."
                )
            later = request.reactor.call_later(_AGAIN, self._try_recording, request, attempts - 1)
            request.on_lost(later.cancel)
            return
        paths = self._control.recording_files()
        if not paths:
            raise HTTPError(404, "There is no recording.")
        send_files(request, paths, self._hello()["title"])

    def _try_recording(self, request: Request, attempts: int) -> None:
        try:
            self._recording(request, attempts)
        except HTTPError as exc:
            request.respond(_refusal(exc))

    # -- control -----------------------------------------------------------------------------------

    def _post_control(self, request: Request) -> Response | None:
        self._access.check_control(request)
        if request.content_length is None:
            raise HTTPError(411, "The length of the body is missing.")
        request.read(self._perform, _MAX_REQUEST)
        return None

    def _perform(self, body: bytes) -> Response:
        try:
            action = json.loads(body)
            if not isinstance(action, dict):
                raise ValueError("expected an object")
        except (ValueError, RecursionError):
            return _refusal(HTTPError(400, "The body is no JSON object."))
        try:
            self._control.perform(action)
        except ControlError as exc:
            return _refusal(HTTPError(409, str(exc)))
        except ValueError as exc:
            return _refusal(HTTPError(400, str(exc)))
        self._state.refresh()
        return Response(b"", 204, _NO_STORE)


def _view(request: Request) -> View:
    try:
        return View.parse(request.query)
    except ValueError as exc:
        raise HTTPError(400, str(exc)) from None


def _json(document: dict[str, Any], *headers: tuple[str, str]) -> Response:
    body = encode(document).encode("utf-8", "replace")
    return Response(body, 200, (_JSON, *headers, *_NO_STORE))


def _refusal(error: HTTPError) -> Response:
    """One line of text. The server's error page has a style, which is not permitted here."""
    return Response.text(f"{error}\n", error.status, (*error.headers, *_NO_STORE))


def _allow(methods: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return (("Allow", ", ".join(methods)),)
