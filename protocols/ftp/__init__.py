"""A file server: FTP (RFC 959, RFC 1123) with TLS (RFC 4217) and today's extensions.

A client has a control connection for commands and replies, and a data connection for each transfer.
This is the way of one file, from RETR to 226:

1. ``EPSV`` (``commands/parameters.py``): ``DataPorts.passive`` listens (``data.py``). The session
   keeps the ``PassivePort`` for the next transfer.
2. ``RETR`` arrives: ``Dialogue.data_received`` queues the line, and ``run_waiting`` takes it when
   no other command is running (``dialogue.py``). ``FTPSession.run_line`` finds the command
   (``session.py``), here ``_retr`` (``commands/transfer.py``).
3. ``_retr`` has a thread open the file (``files.py``). Further commands wait until ``_send`` has
   the result and makes a ``Download`` of it (``downloads.py``).
4. ``FTPSession.start`` replies 150 and calls ``Transfer.begin`` (``transfers.py``). That opens the
   port: the client has connected, or we wait for it. ``connections.py`` starts the connection, with
   TLS if the client wants it. Small files take a shortcut: ``PassivePort.send_now``.
5. ``Transfer.connection_made`` calls ``opened``, and the download gives the transport the file, a
   window at a time; then ``finish``.
6. ``Transfer.end`` closes everything and calls ``FTPSession._transfer_ended``: that logs, replies
   226, and lets the commands run that have waited.

``STOR`` goes the same way, with ``targets.py`` and ``uploads.py`` instead of ``files.py`` and
``downloads.py``. All that touches the disk runs in threads (``threads.py``).
"""

from .accounts import Account, Accounts
from .limits import FTPLimits
from .server import FTPServer

__all__ = ["Account", "Accounts", "FTPLimits", "FTPServer"]
