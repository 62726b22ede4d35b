"""What all connections of an SMTP server share: its settings, and what it counts."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from protocols.passwords import Passwords

from ..connection import ServerState
from .addresses import Address
from .data import Memory
from .limits import Limits

_VALID_NAME: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def own_name() -> str:
    """This machine's name, for greetings and ``Received``."""
    name = socket.gethostname()  # not getfqdn, which may wait for a name server
    return name if _VALID_NAME.fullmatch(name) else "localhost"


@dataclass(frozen=True)
class Settings:
    """``hostname``: what the server calls itself. ``domains``: those whose mail is accepted, as
    names; None: any domain. ``lmtp``: speak LMTP (RFC 2033). ``tls``: a server's context, for
    STARTTLS. ``passwords``: of those who may authenticate. ``auth_any``: accept any name and
    password, to try clients. ``auth_insecure``: offer AUTH without TLS too. ``auth_required``:
    accept mail only after AUTH. ``greeting_delay``: seconds before the greeting; a client that
    sends something before it is refused. Raises ``ValueError`` for an invalid name."""

    hostname: str = field(default_factory=own_name)
    domains: Iterable[str] | None = None
    limits: Limits = field(default_factory=Limits)
    lmtp: bool = False
    tls: ssl.SSLContext | None = None
    passwords: Passwords = field(default_factory=Passwords)
    auth_any: bool = False
    auth_insecure: bool = False
    auth_required: bool = False
    greeting_delay: float = 0.0

    def __post_init__(self) -> None:
        if not _VALID_NAME.fullmatch(self.hostname):
            raise ValueError(f"not a host name: {self.hostname!r}")

    @cached_property
    def has_auth(self) -> bool:
        """Whether clients can authenticate."""
        return self.auth_any or bool(self.passwords)

    @cached_property
    def _domains(self) -> frozenset[str] | None:
        return None if self.domains is None else frozenset(map(_comparable, self.domains))

    def delivers_to(self, address: Address) -> bool:
        """Whether mail for this address is accepted. That for ``postmaster`` always is (RFC 5321
        section 4.5.1)."""
        domains = self._domains
        return domains is None or not address.domain or _comparable(address.domain) in domains


class Shared(ServerState):
    """What all connections of a server share: ``settings``, and what is counted. ``memory``: bytes
    of messages."""

    def __init__(self, settings: Settings) -> None:
        limits = settings.limits
        super().__init__(limits.connections, limits.connections_per_address, settings.passwords)
        self.settings = settings
        self.memory = Memory(limits.memory)


def _comparable(domain: str) -> str:
    """A domain as it is compared: U-labels and A-labels of a name are the same (RFC 5890)."""
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        try:
            return domain.encode("idna").decode("ascii")
        except UnicodeError:
            return domain
    return domain
