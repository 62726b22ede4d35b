"""A file server: FTP (RFC 959, RFC 1123) with TLS (RFC 4217) and today's extensions.

A conversation takes two kinds of connections: ``session.py`` is the control connection, on which
``commands/`` answers; ``data.py`` opens a connection for each transfer, which ``downloads.py`` or
``uploads.py`` serves. All that touches the disk is in ``files.py`` and ``listing.py``, and runs in
threads.
"""

from .accounts import Account, Accounts
from .limits import FTPLimits
from .server import FTPServer

__all__ = ["Account", "Accounts", "FTPLimits", "FTPServer"]
