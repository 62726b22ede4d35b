"""FTPServer: makes the sessions."""

from __future__ import annotations

from .commands import COMMANDS
from .session import FTPSession
from .shared import Shared


class FTPServer(Shared):
    """Serves files to the users in ``accounts``. It is a factory of protocols::

        reactor.listen_tcp(FTPServer(reactor, accounts), "127.0.0.1", 2121)

    ``context``: for TLS, which clients begin with AUTH TLS; None: there is none. ``implicit``: the
    listener uses it for all connections. ``require_tls``: whether logins, transfers and listings
    without TLS are refused. ``require_close_notify``: whether an upload over TLS that ends without
    TLS's own end is refused: an attacker could have cut it. ``ports``: opens data connections.
    ``max_connections``, and ``max_connections_per_address``, which does not count this machine's
    own: None for any number. ``log``: gets a line for each transfer. ``banner``: what the greeting
    says."""

    def __call__(self) -> FTPSession:
        """Return the protocol for a new connection."""
        return FTPSession(self, COMMANDS)
