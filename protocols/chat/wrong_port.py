"""Clients that speak another protocol: TLS or HTTP. For ways in that take lines of text."""

from __future__ import annotations

import re
from typing import Final

NOT_TLS: Final = "This port speaks plain text, not TLS: connect without TLS"
NOT_HTTP: Final = "This is a chat, not a web server"

_TLS_HANDSHAKE: Final = b"\x16\x03"  # type and major version of a record (RFC 8446 section 5.1)
_HTTP_REQUEST = re.compile(r"[A-Z]+ \S+ HTTP/\d")


def speaks_tls(begun: bytes, data: bytes) -> bool:
    """Return whether ``begun`` and ``data``, a client's first bytes, begin a TLS handshake."""
    return (begun[:2] + data[:2])[:2] == _TLS_HANDSHAKE


def speaks_http(first_line: str) -> bool:
    """Return whether ``first_line`` of a client is an HTTP request line.

    A web page can have its browser POST anything to a local port. The request line comes first, so
    everything after it can be ignored.
    """
    return _HTTP_REQUEST.match(first_line) is not None
