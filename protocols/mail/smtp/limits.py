"""Limits: how much the mail server accepts from a client, and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. The code at the end is that of the reply when the limit is
    exceeded; after 421 the connection is closed."""

    size: int = 32 << 20  #: of a message: 552
    #: of all messages that are arriving or being stored: 452 for the one that began to arrive first
    memory: int = 256 << 20
    line: int = 1000  #: of a line in a message, with CR LF (RFC 5321 section 4.5.3.1.6): 550
    recipients: int = 100  #: of a message: 452
    messages: int = 1000  #: on one connection: 421
    errors: int = 20  #: commands that fail, on one connection: 421
    commands: int = 100  #: between two messages, without RCPT, DATA and BDAT: 421
    connections: int = 1000  #: at a time: 421
    connections_per_address: int = 20  #: at a time, except from this machine; 0: no limit: 421
    # RFC 5321 section 4.5.3.2.7: a server should wait for at least 5 minutes.
    command_timeout: float = 300.0  #: for a complete command: 421
    # Section 4.5.3.2.5 gives a client 3 minutes for a block of the message.
    data_timeout: float = 180.0  #: in which ``data_rate`` is measured: 421
    data_rate: float = 100.0  #: bytes a second at which a message must arrive: 421
    wrong_passwords: int = 3  #: on one connection: 421


# Not configurable.

# Bytes of a command with CR LF. RFC 5321 section 4.5.3.1.4 has 512, and extensions add to it.
COMMAND_LINE: Final = 2048
AUTH_LINE: Final = 12288  # bytes of a line within AUTH (RFC 4954 section 4)
# Seconds without data after which a refused message counts as complete. A client that ends it with
# LF "." LF waits for the reply, and would otherwise wait until data_timeout.
REFUSED_TIMEOUT: Final = 10.0
# Recipients beyond ``recipients`` that a message may name, as a multiple of it: 452. More get 421.
EXCESS: Final = 10
# With more chunks than this (BDAT), a message must have that many bytes for each: 421.
FREE_CHUNKS: Final = 100
MEAN_CHUNK: Final = 512
