"""The header fields that the final delivery adds in front of a message (RFC 5321 section 4.4)."""

from __future__ import annotations

import re
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from .smtp.message import Envelope

_MAX_LINE: Final = 76
# What could end a comment of the field, or the field.
_UNSAFE: Final = re.compile(r"[^ -'*-\[\]-~\u0080-\U0010ffff]")


def trace_fields(envelope: Envelope, hostname: str, identity: str, when: float) -> bytes:
    """``Return-Path``, ``Delivered-To`` for each recipient, and ``Received``. Lines end with LF.

    ``hostname``: of this server; ``identity``: the message's, unique on this server; ``when``:
    seconds since the epoch. ``Received`` names the recipient only if there is one: with several,
    each would learn of those in Bcc (RFC 5321 section 7.2)."""
    lines = [f"Return-Path: <{envelope.sender}>\n"]
    lines += [f"Delivered-To: {recipient}\n" for recipient in envelope.recipients]
    peer = _literal(envelope.peer)
    lines.append(f"Received: from {_UNSAFE.sub('?', envelope.hello)} ({peer})\n")
    if envelope.cipher:
        lines.append(f"\t(using {_UNSAFE.sub('?', envelope.cipher)})\n")
    if envelope.user:
        lines.append("\t(authenticated)\n")
    lines.append(f"\tby {hostname} with {envelope.protocol} id {identity}")
    if len(envelope.recipients) == 1:
        lines.append(f"\n\tfor <{envelope.recipients[0]}>")
    lines.append(f"; {_date(int(when))}\n")
    return "".join(lines).encode()


def _literal(peer: str) -> str:
    if not peer:
        return "local"
    return f"[IPv6:{peer}]" if ":" in peer else f"[{peer}]"


@lru_cache(maxsize=1)
def _date(seconds: int) -> str:
    """The date in the local zone. One text serves all messages of a second."""
    return formatdate(seconds, localtime=True)
