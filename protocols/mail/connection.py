"""What the connections of SMTP and of POP3 have in common: limits on how many there are, TLS that
begins later, and passwords."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from ssl import SSLContext
from typing import Any, Final, cast

from protocols.passwords import PasswordChecks, Passwords
from protocols.starttls import start_tls
from reactor import Protocol, Reactor, StreamTransport, ThreadCall
from reactor.sockets.addresses import LOOPBACK, AddressLimit, Networks, subscriber

logger = logging.getLogger(__name__)

_THIS_MACHINE: Final = Networks(LOOPBACK)
MAX_WRONG: Final = 20  # wrong passwords of an address in ten minutes; then it is locked out
# Connections beyond the limit that a listener accepts, so that they are told why they are closed.
VISITORS: Final = 100
BUSY_TIMEOUT: Final = 20.0  # seconds that a password waits to be checked
_BUSY_PAUSE: Final = 0.1  # seconds between two attempts to have a password checked


class ServerState:
    """What all connections of a server share.

    ``limit``: the most connections; ``limit_per_address``: of one address, 0 for no limit. This
    machine's own connections count for no address. ``passwords``: of those who may log in.
    ``connections``: those that are open, with those that are one too many and only get a reply."""

    def __init__(self, limit: int, limit_per_address: int, passwords: Passwords) -> None:
        self.connections = 0
        self.passwords = passwords
        self._limit = limit
        self._per_address = AddressLimit(limit_per_address or None, _THIS_MACHINE.__contains__)
        self._checks: PasswordChecks | None = None

    def enter(self, peer: Any) -> tuple[bool, bytes | None]:
        """Count a connection from the socket address ``peer``. Returns whether it may be served,
        and what ``leave`` needs."""
        self.connections += 1
        key = self._per_address.key(peer)
        if key is not None:
            if self._per_address.is_reached(key):
                return False, None
            self._per_address.add(key)
        return self.connections <= self._limit, key

    def leave(self, key: bytes | None) -> None:
        """A connection has closed."""
        self.connections -= 1
        if key is not None:
            self._per_address.remove(key)

    def checks(self, reactor: Reactor) -> PasswordChecks:
        """Where passwords are checked."""
        if self._checks is None:
            self._checks = PasswordChecks(reactor, max_wrong=MAX_WRONG)
        return self._checks


class Verdict(Enum):
    """What has come of a password."""

    RIGHT = auto()
    WRONG = auto()
    LOCKED = auto()  # its address has sent too many wrong ones
    BUSY = auto()  # it was not checked within BUSY_TIMEOUT


class MailConnection(Protocol):
    """A connection of a server with the state ``shared``. ``transport``: the current one, as TLS
    replaces it."""

    def __init__(self, shared: ServerState) -> None:
        self._shared = shared
        self._peer = ""  # the client's IP address; "" on a Unix socket
        self._counted = False
        self._address_key: bytes | None = None
        self._starting_tls = False  # until the handshake is done

    @property
    def reactor(self) -> Reactor:
        """The reactor that the connection belongs to."""
        return cast(Reactor, self.transport.reactor)

    def _enter(self, transport: StreamTransport) -> bool:
        """The connection begins. Returns whether it may be served."""
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._counted = True
        may_be_served, self._address_key = self._shared.enter(peer)
        return may_be_served

    def _leave(self) -> None:
        """The connection has ended. Only the first call counts."""
        if self._counted:
            self._counted = False
            self._shared.leave(self._address_key)

    # -- STARTTLS ----------------------------------------------------------------------------------

    def _start_tls(self, context: SSLContext) -> None:
        """Begin the handshake. Then ``connection_made`` is called again; or, if the handshake
        fails, ``connection_lost``."""
        self._starting_tls = True
        try:
            self.transport = start_tls(
                self.transport, self, context, on_result=self._handshake_ended
            )
        except (OSError, ValueError) as exc:
            self._handshake_ended(exc)

    def _handshake_ended(self, exc: Exception | None) -> None:
        if exc is not None:  # then no transport calls connection_lost
            self.connection_lost(exc)

    # -- passwords ---------------------------------------------------------------------------------

    def _verify(self, name: str, password: str, on_end: Callable[[Verdict], object]) -> None:
        """Check the password of ``name`` in a thread, and call ``on_end(verdict)``: also if the
        connection has closed meanwhile."""
        self._begin_check(name, password, on_end, self.reactor.now + BUSY_TIMEOUT)

    def _begin_check(
        self, name: str, password: str, on_end: Callable[[Verdict], object], end: float
    ) -> None:
        checks = self._shared.checks(self.reactor)
        address = subscriber(self._peer) if self._peer else b""
        if checks.is_locked(address):
            on_end(Verdict.LOCKED)
        elif self.transport.is_closing() or self.reactor.now > end:
            on_end(Verdict.BUSY)
        elif checks.is_busy(address):
            self.reactor.call_later(_BUSY_PAUSE, self._begin_check, name, password, on_end, end)
        else:
            checked = partial(self._checked, name, on_end)
            checks.start(address, self._shared.passwords, name, password, checked)

    def _checked(
        self, name: str, on_end: Callable[[Verdict], object], call: ThreadCall[bool]
    ) -> None:
        if call.exception() is None and call.result():
            on_end(Verdict.RIGHT)
        else:
            logger.warning("wrong password for %.64r from %s", name, self._peer or "a local socket")
            on_end(Verdict.WRONG)
