"""Limits: how much the HTTP server accepts from a client, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, rates in bytes a second. The number at the end is the
    status of the response to a request that exceeds the limit.

    The rates are Kestrel's (``MinRequestBodyDataRate``, ``MinResponseDataRate``: 240 bytes a
    second)."""

    request_line: int = 8192  #: method, target and version: 414
    head: int = 32768  #: request line and fields: 431
    fields: int = 100  #: header fields, and trailer fields: 431
    body: int = 16 << 20  #: 413
    requests: int = 10_000  #: on one connection; the last is answered with ``Connection: close``
    head_timeout: float = 10.0  #: since a head's first byte, or the connection's start: 408
    keepalive_timeout: float = 15.0  #: between requests; then the connection is closed
    body_timeout: float = 10.0  #: over which ``body_rate`` is measured: 408
    body_rate: float = 240.0  #: at which a body must arrive; 0: any progress is enough: 408
    write_timeout: float = 60.0  #: over which ``write_rate`` is measured
    write_rate: float = 240.0  #: at which a client must read; otherwise it is disconnected


# Not configurable.

READ_AHEAD: Final = 16384  # bytes kept while a request is answered; then reading pauses
UNREAD_BODY: Final = 65536  # bytes of an unwanted body that are discarded; then it closes
LOGGED_LINE: Final = 1024  # bytes of a refused request line that go to the access log
FRAMING: Final = 16384  # bytes of chunk extensions and trailer fields in one message: 431
# Seconds for a head while the server stops, since its first byte or the connection's start. A
# request that is on its way arrives in that time, and a browser's spare connections do not delay
# the end for long.
LAST_HEAD: Final = 1.0
