"""HTTPServer: makes the connections, and holds what they share."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from typing import Final

from .cache import FIFOCache
from .connection import HTTPConnection
from .dates import CachedDate
from .head import HeadParser
from .interfaces import RequestLog
from .limits import Limits
from .proxies import TrustedProxies
from .request import Handler
from .response import Header, render_head
from .turns import Turns

__all__ = ["HTTPServer", "Handler"]

# Handlers answer with the same fields again and again, so the rendered heads are cached.
_REMEMBERED: Final = 512  # heads of responses
_REMEMBERED_SIZE: Final = 2048  # bytes of one


class HTTPServer:
    """An HTTP/1.1 server: a factory of protocols for ``Reactor.listen_tcp`` and the like::

        def handler(request):
            return Response.text("Hello, World!")

        reactor.listen_tcp(HTTPServer(handler), "127.0.0.1", 8080)

    ``handler(request)`` is called in the loop's thread, see ``Request``. ``limits``: see
    ``Limits``. ``access_log``: its ``write`` is called for each response. ``proxies``: the proxies
    that are trusted to name the client. ``debug``: show tracebacks to clients. ``allow_connect``:
    let requests with the method CONNECT reach the handler. ``clock``: returns the time of day, in
    seconds since the epoch. ``server_name``: the value of the ``Server`` field; "" omits the field.
    Raises ``ValueError`` for a name that is not valid."""

    def __init__(
        self,
        handler: Handler,
        *,
        limits: Limits | None = None,
        access_log: RequestLog | None = None,
        proxies: TrustedProxies | None = None,
        debug: bool = False,
        allow_connect: bool = False,
        clock: Callable[[], float] = time.time,
        server_name: str = "select-reactor",
    ) -> None:
        self.handler = handler
        self.limits = limits or Limits()
        # Attributes, for speed: every request needs these three.
        self.keepalive_timeout = self.limits.keepalive_timeout
        self.max_head = self.limits.head
        self.max_requests = self.limits.requests
        self.access_log = access_log
        self.proxies = proxies or TrustedProxies()
        self.debug = debug
        self.allow_connect = allow_connect
        self.parser = HeadParser(self.limits)
        self.turns = Turns()
        self._date = CachedDate(clock, partial(formatdate, usegmt=True))
        self._rendered: FIFOCache[tuple[int, tuple[Header, ...]], bytes]
        self._rendered = FIFOCache(_REMEMBERED, _REMEMBERED_SIZE)
        self._server_field = (("Server", server_name),) if server_name else ()
        render_head(200, self._server_field)

    def __call__(self) -> HTTPConnection:
        """Return the protocol for a new connection."""
        return HTTPConnection(self)

    def render(self, status: int, headers: tuple[Header, ...], now: float) -> bytes:
        """The head of a response, except the fields for the connection and the length. ``now``: the
        loop's time. Raises ``ValueError`` or ``TypeError``, see ``render_head``."""
        if now >= self._date.expires:
            self._refresh_date(now)
        return self._rendered.get((status, headers)) or self._render(status, headers)

    def _render(self, status: int, headers: tuple[Header, ...]) -> bytes:
        names = [name.lower() for name, _ in headers]
        rendered = render_head(
            status, headers if "server" in names else (*headers, *self._server_field)
        )
        if "date" not in names:
            rendered += f"Date: {self._date.text}\r\n".encode()
        self._rendered.offer((status, headers), rendered, len(rendered))
        return rendered

    def date(self, now: float) -> int:
        """The value of the ``Date`` field, in seconds since the epoch. ``now``: the loop's time."""
        if now >= self._date.expires:
            self._refresh_date(now)
        return self._date.seconds

    def _refresh_date(self, now: float) -> None:
        self._date.refresh(now)
        self._rendered.clear()  # all of them contain the date
