"""What the sessions of a server share."""

from __future__ import annotations

import ssl
from typing import Any, Final

from reactor import Reactor
from reactor.sockets.addresses import LOOPBACK, AddressLimit, Networks

from ..passwords import PasswordChecks
from .accounts import Accounts
from .data import DataPorts
from .limits import FTPLimits
from .transferlog import TransferLog

BANNER: Final = "select-reactor FTP server"


class Shared:
    """See ``FTPServer`` for the parameters.

    ``sessions``: how many are open. ``checks``: checks the passwords."""

    def __init__(
        self,
        reactor: Reactor,
        accounts: Accounts,
        *,
        limits: FTPLimits | None = None,
        context: ssl.SSLContext | None = None,
        implicit: bool = False,
        require_tls: bool = False,
        require_close_notify: bool = False,
        ports: DataPorts | None = None,
        max_connections: int | None = None,
        max_connections_per_address: int | None = None,
        log: TransferLog | None = None,
        banner: str = BANNER,
    ) -> None:
        self.reactor = reactor
        self.accounts = accounts
        self.limits = limits or FTPLimits()
        self.context = context
        self.implicit = implicit
        self.require_tls = require_tls
        self.require_close_notify = require_close_notify
        self.ports = ports or DataPorts(
            reactor, most=self.limits.passive_ports, timeout=self.limits.data_timeout
        )
        self.log = log
        self.banner = banner
        self.checks = PasswordChecks(reactor, max_wrong=self.limits.wrong_passwords)
        self.sessions = 0
        self._max_connections = max_connections
        loopback = Networks(LOOPBACK)
        self._addresses = AddressLimit(max_connections_per_address, loopback.__contains__)

    def add(self, address: Any) -> str | None:
        """Count a session. Return why there cannot be one more, else None."""
        if self._max_connections is not None and self.sessions >= self._max_connections:
            return "There are too many connections: try again later"
        key = self._addresses.key(address)
        if key is not None:
            if self._addresses.is_reached(key):
                return "There are too many connections from your address"
            self._addresses.add(key)
        self.sessions += 1
        return None

    def remove(self, address: Any) -> None:
        """A session that was counted has ended."""
        self.sessions -= 1
        key = self._addresses.key(address)
        if key is not None:
            self._addresses.remove(key)
