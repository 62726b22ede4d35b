"""Those who watch: each viewer has a stream of server-sent events, with what has changed.

The first event is ``hello``, the second the whole ``state``, and then each ``patch`` is the
difference to what was sent last (``patches.py``). A viewer that reads slowly gets fewer patches,
and each of them is larger: nothing is queued for it."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from typing import Any, Final

from protocols.http import HTTPError, Request
from protocols.page import EventStream
from reactor import Reactor, Timer

from .patches import difference
from .table import View

logger = logging.getLogger(__name__)

MOST: Final = 8  # viewers at a time
INTERVAL: Final = 0.1  # seconds between two events at least
# What this thread computes, the watched loop has to wait for (the GIL). So all viewers together get
# about 2 % of the time.
_REST: Final = 48.0  # times as long as an update took
_LONGEST: Final = 5.0  # seconds

_encode: Final = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
).encode

Document = dict[str, Any]


def encode(document: Document) -> str:
    """``document`` as JSON, with null for numbers that JSON does not have: infinity, for example as
    the time of a timer."""
    try:
        return _encode(document)
    except ValueError:
        return _encode(_finite(document))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Viewers:
    """All viewers.

    ``document(view)`` returns the state, ``hello()`` what a stream begins with.
    ``changed(number)`` is called when a viewer has come or left. ``cpu_time`` returns seconds of
    this thread. ``breathe``: see ``Slices``."""

    def __init__(
        self,
        reactor: Reactor,
        document: Callable[[View], Document],
        hello: Callable[[], Document],
        *,
        changed: Callable[[int], object] = lambda number: None,
        cpu_time: Callable[[], float] = time.thread_time,
        breathe: Callable[[], object] = lambda: None,
    ) -> None:
        self._breathe = breathe
        self._reactor = reactor
        self._document = document
        self._hello = hello
        self._changed = changed
        self._cpu_time = cpu_time
        self._viewers: list[_Viewer] = []
        self._timer: Timer | None = None  # while there are viewers
        self._closed = False

    def __len__(self) -> int:
        return len(self._viewers)

    def open(self, request: Request, view: View) -> None:
        """Answer ``request`` with a stream. Raises ``HTTPError`` 503 if there are too many."""
        if self._closed or len(self._viewers) >= MOST:
            why = "The inspector is closing." if self._closed else f"{MOST} viewers watch already."
            raise HTTPError(503, why, (("Retry-After", "5"),))
        if self._timer is None:
            self._timer = self._reactor.call_later(INTERVAL, self._tick)
        viewer = _Viewer(request, view, self._left, self._breathe)
        self._viewers.append(viewer)
        self._changed(len(self._viewers))
        viewer.greet(self._hello())
        self._update(viewer, {})

    def close(self) -> None:
        """End all streams, and accept no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for viewer in self._viewers:
            viewer.stream.close()
        self._viewers.clear()

    def _left(self, viewer: _Viewer) -> None:
        if viewer in self._viewers:
            self._viewers.remove(viewer)
            self._changed(len(self._viewers))

    def _tick(self) -> None:
        if not self._viewers:
            self._timer = None
            return
        before = self._cpu_time()
        documents: dict[View, Document] = {}
        for viewer in list(self._viewers):
            if not viewer.stream.paused:
                self._update(viewer, documents)
        rest = (self._cpu_time() - before) * _REST
        delay = min(max(INTERVAL, rest), _LONGEST)
        self._timer = self._reactor.call_later(delay, self._tick)

    def _update(self, viewer: _Viewer, documents: dict[View, Document]) -> None:
        """``documents``: those of this moment, by the view."""
        try:
            document = documents.get(viewer.view)
            if document is None:
                document = documents[viewer.view] = self._document(viewer.view)
            viewer.update(document)
        except Exception:
            logger.exception("the inspector cannot show the state")
            viewer.stream.close()
            self._left(viewer)


class _Viewer:
    """One of them. ``left(viewer)`` is called when the client has left."""

    def __init__(
        self,
        request: Request,
        view: View,
        left: Callable[[_Viewer], object],
        breathe: Callable[[], object],
    ) -> None:
        self.view = view
        self._breathe = breathe
        self.stream = EventStream(request, on_closed=lambda: left(self))
        self._sent: Document | None = None
        self._number = 0

    def greet(self, hello: Document) -> None:
        self._send("hello", hello)

    def update(self, document: Document) -> None:
        """Send what has changed."""
        self._breathe()
        if self._sent is None:
            self._send("state", document)
        elif patch := difference(self._sent, document):
            self._send("patch", patch)
        self._sent = document

    def _send(self, event: str, data: Document) -> None:
        self._number += 1
        self._breathe()
        self.stream.send(encode(data), event, str(self._number))
