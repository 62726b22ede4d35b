"""A stream of server-sent events to a page (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from protocols.http import Request

from .files import SECURITY

_HEADERS: Final = (
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("X-Accel-Buffering", "no"),  # nginx would collect the events before it passes them on
    *SECURITY,
)
#: Seconds without an event, after which a comment is sent. Proxies close what is silent for longer,
#: and a client that has vanished is noticed.
KEEP_ALIVE: Final = 15.0


class EventStream:
    """The response to ``request``, which never ends by itself.

    The server's ``Limits.write_rate`` disconnects a client that does not read. Until then, do not
    send while ``paused``: skip the event, or combine it with the next one.

    ``retry``: seconds after which a browser whose connection is lost connects again. ``on_closed``
    is called once, when the client has left."""

    def __init__(
        self,
        request: Request,
        *,
        retry: float = 1.0,
        on_closed: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_closed = on_closed
        self._writer = request.start(200, _HEADERS)
        request.on_lost(self._lost)
        self._writer.write(b"retry: %d\n\n" % (retry * 1000))
        self._keep_alive = request.reactor.call_later(KEEP_ALIVE, self._comment)

    @property
    def paused(self) -> bool:
        """Whether the client reads more slowly than we send."""
        return self._writer.paused

    @property
    def is_closed(self) -> bool:
        """Whether it has ended, or the client has left."""
        return self._writer.is_closed

    def send(self, data: str, event: str = "", id: str = "") -> None:
        """Send an event. ``event``: its type, "message" if empty. ``id``: what a browser returns as
        ``Last-Event-ID`` when it connects again. Both must be on one line."""
        lines = [f"{name}: {value}" for name, value in (("event", event), ("id", id)) if value]
        lines += [f"data: {line}" for line in data.split("\n")]
        self._write("\n".join(lines) + "\n\n")

    def close(self) -> None:
        """End the response. A browser connects again."""
        self._keep_alive.cancel()
        self._writer.end()

    def _write(self, text: str) -> None:
        if not self._writer.is_closed:
            self._keep_alive.reschedule(KEEP_ALIVE)
            self._writer.write(text.encode("utf-8", "replace"))

    def _comment(self) -> None:
        self._write(":\n\n")

    def _lost(self) -> None:
        self._keep_alive.cancel()
        self._on_closed()
