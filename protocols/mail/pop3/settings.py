"""What all connections of a POP3 server share: its settings, and what it counts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Final

from protocols.passwords import Passwords

from ..connection import ServerState
from ..store import MailStore
from .turns import Turns

MAX_LINE: Final = 255  # bytes of a command with CR LF (RFC 2449 section 4)


@dataclass(frozen=True, slots=True)
class POP3Limits:
    """Times in seconds."""

    connections: int = 1000  #: at a time
    connections_per_address: int = 20  #: at a time, except from this machine; 0: no limit
    errors: int = 20  #: commands that fail, on one connection
    idle_timeout: float = 600.0  #: for a command; RFC 1939 section 3 asks for ten minutes
    login_timeout: float = 180.0  #: from the connection, or STLS, to the right password
    wrong_passwords: int = 3  #: on one connection


@dataclass(frozen=True)
class POP3Settings:
    """``hostname``: what the server calls itself. ``tls``: a server's context, for STLS.
    ``passwords``: of those who may read the mail; ``auth_any``: everyone may, with any name and
    password. ``auth_insecure``: accept passwords without TLS. ``exclusive``: only one session at a
    time can have the mailbox open, as RFC 1939 section 4 asks; others get ``[IN-USE]``."""

    hostname: str
    limits: POP3Limits = field(default_factory=POP3Limits)
    tls: ssl.SSLContext | None = None
    passwords: Passwords = field(default_factory=Passwords)
    auth_any: bool = False
    auth_insecure: bool = False
    exclusive: bool = False


class POP3Shared(ServerState):
    """``store``: the mail. ``session``: the one that has the mailbox for itself. ``turns``: of
    listings."""

    def __init__(self, store: MailStore, settings: POP3Settings) -> None:
        limits = settings.limits
        super().__init__(limits.connections, limits.connections_per_address, settings.passwords)
        self.store = store
        self.settings = settings
        self.session: object | None = None
        self.turns = Turns()
