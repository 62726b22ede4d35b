"""How a response is framed: how its body ends, and the fields that say so (RFC 9112 section 6)."""

from __future__ import annotations

from typing import Final

from .head import RequestHead

#: Responses with these statuses have no body (RFC 9110 section 6.4.1).
BODILESS: Final = (101, 204, 304)

# How the end of a body is shown.
LENGTH: Final = 0  # its length was announced
CHUNKED: Final = 1
UNTIL_CLOSE: Final = 2  # to an HTTP/1.0 client
NOTHING: Final = 3  # to HEAD, and with 204 and 304: there is no body


def length_field(size: int) -> bytes:
    """The ``Content-Length`` field as the last one of a head, with the empty line behind it."""
    return b"Content-Length: %d\r\n\r\n" % size


LENGTH_FIELDS: Final = tuple(map(length_field, range(1024)))  #: looked up in half the time


def frame(head: RequestHead, status: int, content_length: int | None) -> tuple[int, bytes]:
    """How the body of a response to ``head`` is framed, and the field that says so.

    ``content_length``: bytes; None if it is not known."""
    field = b"" if content_length is None else b"Content-Length: %d\r\n" % content_length
    if status in BODILESS:
        return NOTHING, b""
    if head.method == "HEAD":
        return NOTHING, field
    if content_length is not None:
        return LENGTH, field
    if head.minor == 0:
        return UNTIL_CLOSE, b""
    return CHUNKED, b"Transfer-Encoding: chunked\r\n"
