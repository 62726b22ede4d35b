"""Serves a handler on the reactor, on the port that the last argument names. All settings are the
defaults, except that connections stay open during a benchmark."""

from __future__ import annotations

import sys
from collections.abc import Callable

from protocols.http import HTTPServer, Limits
from protocols.http.server import Handler
from reactor import Reactor

LIMITS = Limits(keepalive_timeout=3600, requests=1_000_000_000)


def serve(make_handler: Callable[[Reactor], Handler]) -> None:
    reactor = Reactor()
    server = HTTPServer(make_handler(reactor), limits=LIMITS)
    reactor.listen_tcp(server, "127.0.0.1", int(sys.argv[-1]))
    reactor.run()
