"""What a peer may make the HTTP server hold, and for how long. Every bound has its name here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds, rates in bytes a second. The status is what a request gets
    that goes over.

    The rates are Kestrel's (``MinRequestBodyDataRate``, ``MinResponseDataRate``: 240 bytes a
    second)."""

    request_line: int = 8192  #: method, target and version: 414
    head: int = 32768  #: request line and fields: 431
    fields: int = 100  #: header fields, and trailer fields: 431
    body: int = 16 << 20  #: 413
    requests: int = 10_000  #: on one connection; the last is answered with ``Connection: close``
    head_timeout: float = 10.0  #: from the first byte of a head, or the connection's start: 408
    keepalive_timeout: float = 15.0  #: between requests; then the connection is closed
    body_timeout: float = 10.0  #: over which ``body_rate`` is measured: 408
    body_rate: float = 240.0  #: below which a body is given up; 0: any byte will do
    write_timeout: float = 60.0  #: over which ``write_rate`` is measured
    write_rate: float = 240.0  #: below which a peer that reads a response is given up


# Not for users to change: nobody needs more, and less breaks nothing.

READ_AHEAD: Final = 16384  # bytes kept unread while a request is answered; then reading pauses
UNREAD_BODY: Final = 65536  # of a body that nobody reads are discarded; then the connection closes
LOGGED_LINE: Final = 1024  # of the request line of a refused request are in the access log
FRAMING: Final = 16384  # chunk extensions and trailer fields of one message: 431
# Seconds from the start of a head, or of a connection, to its end while the server stops. A request
# that was sent already arrives in that time; a browser's spare connections do not hold up the end.
LAST_HEAD: Final = 1.0
