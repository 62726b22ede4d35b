"""WSGIHandler: an application as a handler of the HTTP server."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import HTTPError
from .call import Application
from .environ import make_environ
from .inline import InlineCall
from .input import Spool
from .overflow import SpoolBudget
from .supervision import Supervisor
from .threaded import ThreadedCall

if TYPE_CHECKING:
    from reactor import Reactor

    from ..request import Request
    from ..response import Response

logger = logging.getLogger(__name__)

WARNING_INTERVAL: Final = 10.0  # seconds


class WSGIHandler:
    """Answers requests by calling a WSGI application::

        reactor.listen_tcp(HTTPServer(WSGIHandler(app, reactor)), "127.0.0.1", 8080)

    ``threads``: how many threads run the application; with 0 it runs in the loop. ``max_queued``:
    requests that may wait for a thread; more are answered with 503. ``spool_size``: bytes of a
    request's body that are kept in memory; a longer one goes to a temporary file. ``max_bodies``:
    bytes that the bodies of all requests together may have, in memory and in files; a request
    beyond that is answered with 503. ``max_spool``: bytes of all streamed responses together that
    may wait in temporary files for slow clients.
    ``request_timeout``: seconds without progress after which a call in a thread is abandoned; 0:
    never. ``on_exhausted()`` is called when more than ``threads`` threads hang (see
    ``Supervisor``). ``multiprocess``: whether other processes run the same application. ``debug``:
    show tracebacks to clients."""

    def __init__(
        self,
        app: Application,
        reactor: Reactor,
        *,
        threads: int = 4,
        max_queued: int = 1000,
        spool_size: int = 1 << 20,
        max_bodies: int = 1 << 30,
        max_spool: int = 1 << 30,
        request_timeout: float = 60.0,
        on_exhausted: Callable[[], object] | None = None,
        multiprocess: bool = False,
        debug: bool = False,
    ) -> None:
        self._app = app
        self._spool_size = spool_size
        self.bodies = SpoolBudget(max_bodies)  #: of the requests that are not answered yet
        self._flags = {}
        if threads > 1:
            self._flags["wsgi.multithread"] = True
        if multiprocess:
            self._flags["wsgi.multiprocess"] = True
        self._debug = debug
        self._reactor = reactor
        self._refused = 0  # requests since the last warning about them
        self._next_warning = float("-inf")
        self.supervisor: Supervisor | None = None  #: of the threads, if there are any
        if threads:
            self.supervisor = Supervisor(
                reactor,
                threads,
                max_queued=max_queued,
                timeout=request_timeout,
                max_spool=max_spool,
                on_exhausted=on_exhausted,
            )
        self._is_simple = not threads and not self._flags

    def __call__(self, request: Request) -> Response | None:
        """Answer ``request``, once its body has been read."""
        head = request.head
        if not head.fields.has_body:
            environ = make_environ(request)
            if self._is_simple:  # as _run() does it, without the call
                return InlineCall(request, None).run(self._app, environ, self._debug)
            return self._run(request, environ, None)
        spool = Spool(self._spool_size, self.bodies)
        request.on_lost(spool.close)
        request.stream(spool.write, partial(self._received, request, spool))
        return None

    def _received(self, request: Request, spool: Spool) -> Response | None:
        try:
            environ = make_environ(request)
        except HTTPError:
            spool.close()
            raise
        environ["wsgi.input"] = spool.rewind()
        environ["CONTENT_LENGTH"] = str(spool.size)  # the head of a chunked one does not say it
        return self._run(request, environ, spool)

    def _run(
        self, request: Request, environ: dict[str, Any], body: Spool | None
    ) -> Response | None:
        if self._flags:
            environ.update(self._flags)
        supervisor = self.supervisor
        if supervisor is None:
            return InlineCall(request, body).run(self._app, environ, self._debug)
        try:
            ThreadedCall(request, body, supervisor, self._debug).begin(self._app, environ)
        except (queue.Full, RuntimeError) as exc:  # too many calls wait; no thread can be started
            if body is not None:
                body.close()
            self._warn(exc)
            raise HTTPError(503, "The server is busy.", (("Retry-After", "1"),)) from exc
        return None

    def _warn(self, exc: Exception) -> None:
        """Log that requests are refused, once in a while."""
        self._refused += 1
        now = self._reactor.now
        if now >= self._next_warning:
            logger.warning("%d requests were refused with 503: %s", self._refused, exc)
            self._refused = 0
            self._next_warning = now + WARNING_INTERVAL
