"""A message that has arrived, and the envelope that it came in."""

from __future__ import annotations

from dataclasses import dataclass, field

from .addresses import Address


@dataclass(slots=True)
class Envelope:
    """Who sends a message to whom, and how it came (RFC 5321 section 2.3.1). The header of the
    message may say something else."""

    sender: Address  #: ``Address("", "")`` for bounces
    recipients: list[Address] = field(default_factory=list)
    hello: str = ""  #: what the client calls itself in HELO, EHLO or LHLO
    peer: str = ""  #: the client's IP address; "" on a Unix socket
    user: str | None = None  #: whom AUTH has authenticated
    protocol: str = "SMTP"  #: the value after ``with`` in ``Received`` (RFC 3848, RFC 6531)
    cipher: str = ""  #: TLS's version and cipher; "" without TLS
    body: str = "7BIT"  #: what MAIL says: 7BIT or 8BITMIME
    smtputf8: bool = False  #: whether addresses or header may be beyond ASCII (RFC 6531)


@dataclass(frozen=True, slots=True)
class Message:
    """A complete message. ``content``: header and body; all lines end with CR LF."""

    envelope: Envelope
    content: bytes
